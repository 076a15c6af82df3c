"""Descent on the input of a linear net, against what is known of it."""

import pytest
import torch

from strata.measures.inversion import blurred_inversion
from strata.measures.jacobian import null_part, row_space
from strata.measures.linear_inversion import sign_descent, squares_descent
from strata.seeding import torch_generator


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch_generator("test", *shape), dtype=torch.float64)


def test_it_is_the_descent_of_the_general_inversion():
    m, a, start = normal(5, 8), normal(2, 8), normal(2, 8) + 1
    left, steps, distances = sign_descent(
        m, start - a, steps=30, rates=(0.01, 0.01), weight=0.2, checks=(10,)
    )
    found = blurred_inversion(
        lambda x: x @ m.T, a, start, rates=0.01, steps=30, weight=0.2, sigmas=None, checks=(10,)
    )
    assert torch.allclose(a + left, found.images)
    assert steps.tolist() == found.steps.tolist() == [0, 10, 30]
    assert torch.allclose(distances[0], found.inputs)
    assert torch.allclose(distances[1], found.embedding)


def test_what_the_matrix_does_not_see_stays():
    m, d = normal(4, 10), normal(3, 10)
    basis, _ = row_space(m)
    left, _, distances = sign_descent(m, d, steps=400)
    assert torch.allclose(null_part(basis, left), null_part(basis, d))
    assert (distances[0, :, -1] >= null_part(basis, d).norm(dim=1) - 1e-12).all()
    assert (distances[1, :, -1] < 0.05 * distances[1, :, 0]).all()


def test_rates_fall_evenly():
    """One number and J = 1: each step is its size, until the sign turns."""
    left, _, _ = sign_descent(
        torch.ones(1, 1), torch.tensor([[10.0]]), steps=3, rates=(1.0, 0.5), weight=1.0
    )
    assert left.item() == pytest.approx(10 - (1 + 0.75 + 0.5))


def test_descent_on_squares_is_what_its_formula_says():
    m, d = normal(6, 4), normal(2, 4)
    _, values, right = torch.linalg.svd(m, full_matrices=False)
    stepped = d.clone()
    for _ in range(7):
        stepped = stepped - (stepped @ m.T) @ m / values[0] ** 2
    assert torch.allclose(squares_descent(right, values, d, 7), stepped)
    assert torch.allclose(squares_descent(right, 5 * values, d, 7), stepped), "no scale"


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="columns"):
        sign_descent(normal(3, 4), normal(1, 5), steps=1)
    with pytest.raises(ValueError, match="rates"):
        sign_descent(normal(3, 4), normal(1, 4), steps=1, rates=(0.1, 0.2))
    with pytest.raises(ValueError, match="largest"):
        squares_descent(torch.eye(2), torch.tensor([1.0, 2.0]), torch.ones(1, 2), 1)
    with pytest.raises(ValueError, match="steps"):
        sign_descent(normal(3, 4), normal(1, 4), steps=0)
