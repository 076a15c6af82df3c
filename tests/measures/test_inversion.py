"""Inversion: on linear maps, where its outcome is known, and step by step."""

import math

import pytest
import torch

from strata.measures.inversion import adam_inversion, best_rates, blurred_inversion, distances
from strata.measures.smoothing import blur
from strata.vision import import_torchvision


def drawn(*shape, seed=0, dtype=torch.float64):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def linear(rows, columns, seed=1):
    """A linear map of inputs (n, columns), and its matrix (rows, columns)."""
    matrix = drawn(rows, columns, seed=seed) - 0.5
    return (lambda x: x @ matrix.T), matrix


def test_an_orthogonal_map_is_inverted_by_both():
    rotation, _ = torch.linalg.qr(drawn(6, 6))
    a, start = drawn(3, 6, seed=2), torch.full((3, 6), 0.7, dtype=torch.float64)
    adam = adam_inversion(lambda x: x @ rotation, a, start, steps=300)
    descent = blurred_inversion(
        lambda x: x @ rotation, a, start, rates=1e-2, steps=600, sigmas=None
    )
    for found in (adam, descent):
        torch.testing.assert_close(found.images, a, atol=5e-3, rtol=0)
        # An orthogonal map keeps distances.
        torch.testing.assert_close(found.embedding, found.inputs)


def test_plain_descent_keeps_what_the_map_does_not_see_and_adam_does_not():
    embed, matrix = linear(3, 8)
    a, start = drawn(2, 8, seed=2), drawn(2, 8, seed=3)
    unseen = torch.eye(8, dtype=torch.float64) - torch.linalg.pinv(matrix) @ matrix
    found = blurred_inversion(embed, a, start, rates=1e-2, steps=500, sigmas=None)
    torch.testing.assert_close(found.images @ unseen, start @ unseen)
    # What is left of the distance is the unseen part of the start, exactly.
    left = ((start - a) @ unseen).norm(dim=1)
    torch.testing.assert_close(found.inputs[:, -1], left, rtol=0.01, atol=0)
    adam = adam_inversion(embed, a, start, steps=300)
    assert (adam.embedding[:, -1] < 5e-3).all()
    assert ((adam.images - start) @ unseen).norm() > 0.05


def test_the_first_steps_are_those_of_the_formulas():
    embed, matrix = linear(4, 4)
    a, start = drawn(1, 4, seed=2), drawn(1, 4, seed=3)
    one = blurred_inversion(embed, a, start, rates=0.01, steps=1, sigmas=None)
    sign = (embed(start) - embed(a)).sign()
    torch.testing.assert_close(one.images, start - 0.01 * 0.15 * sign @ matrix)
    gradient = (embed(start) - embed(a)) @ matrix
    adam = adam_inversion(embed, a, start, steps=1, first_rate=0.02)
    torch.testing.assert_close(adam.images, start - 0.02 * gradient.sign(), atol=1e-6, rtol=0)


def test_a_blur_follows_each_step_and_narrows():
    a, start = drawn(1, 2, 5, 5, seed=2), drawn(1, 2, 5, 5, seed=3)
    found = blurred_inversion(lambda x: x, a, start, rates=0.1, steps=3, sigmas=(2.0, 1.0))
    x = start
    for sigma in (2.0, 1.5, 1.0):
        x = blur(x - 0.1 * 0.15 * (x - a).sign(), sigma)
    torch.testing.assert_close(found.images, x)


def test_no_problem_of_a_batch_sees_another():
    a, start = drawn(5, 7, seed=2), drawn(5, 7, seed=3)
    scale = torch.linspace(0.5, 3, 7, dtype=torch.float64)
    rates = torch.tensor([0.1, 0.2, 0.05, 1e3, 0.01], dtype=torch.float64)
    for invert in (
        lambda rows: adam_inversion(lambda x: x * scale, a[rows], start[rows], steps=20),
        lambda rows: blurred_inversion(
            lambda x: x * scale, a[rows], start[rows], rates=rates[rows], steps=20, sigmas=None
        ),
    ):
        together = invert(slice(None))
        for row in range(5):
            alone = invert(slice(row, row + 1))
            assert torch.equal(alone.images[0], together.images[row])
            assert torch.equal(alone.embedding[0], together.embedding[row])


def test_distances_are_taken_at_the_steps_asked_for_and_at_both_ends():
    embed, _ = linear(4, 4)
    a, start = drawn(2, 4, seed=2), drawn(2, 4, seed=3)
    found = adam_inversion(embed, a, start, steps=30, checks=(10, 20))
    assert found.steps.tolist() == [0, 10, 20, 30]
    assert found.embedding.shape == found.inputs.shape == (2, 4)
    torch.testing.assert_close(found.inputs[:, 0], distances(start, a))
    torch.testing.assert_close(found.embedding[:, -1], distances(embed(found.images), embed(a)))
    # Steps do not depend on whether somebody looks.
    assert torch.equal(adam_inversion(embed, a, start, steps=30).images, found.images)


def test_each_problem_gets_the_rate_that_served_it_best():
    a, start = torch.tensor([[0.5], [0.5]]), torch.tensor([[0.5 + 0.03], [0.5 + 3]])
    rates = best_rates(lambda x: x, a, start, (1e-2, 1.0), steps=20, sigmas=None)
    torch.testing.assert_close(rates, torch.tensor([1e-2, 1.0]))


def test_a_rate_that_runs_away_loses_for_its_own_problem_only():
    a, start = torch.tensor([[0.5], [0.0]]), torch.tensor([[0.6], [0.0]])
    # The second problem has its solution at the start, where the gradient is 0.
    rates = best_rates(lambda x: torch.exp(x * x), a, start, (1e-3, 1e4), steps=20, sigmas=None)
    assert rates[0] == pytest.approx(1e-3)
    with pytest.raises(ValueError, match="stays finite"):
        best_rates(lambda x: torch.exp(x * x), a, start, (1e4, 1e5), steps=20, sigmas=None)
    with pytest.raises(FloatingPointError, match="step 20"):
        blurred_inversion(lambda x: torch.exp(x * x), a, start, rates=1e4, steps=20, sigmas=None)


@pytest.mark.parametrize("sigma", [0.4, 1.0, 2.4])
def test_the_blur_is_that_of_torchvision(sigma):
    images = drawn(2, 3, 6, 7, dtype=torch.float32)
    import_torchvision()
    from torchvision.transforms.functional import gaussian_blur

    torch.testing.assert_close(blur(images, sigma), gaussian_blur(images, [3, 3], [sigma, sigma]))


def test_the_blur_keeps_what_is_even_and_has_the_kernel_of_its_formula():
    torch.testing.assert_close(
        blur(torch.full((1, 2, 4, 4), 0.3), 1.5), torch.full((1, 2, 4, 4), 0.3)
    )
    point = torch.zeros(1, 1, 5, 5, dtype=torch.float64)
    point[0, 0, 2, 2] = 1
    side = math.exp(-0.5)
    assert float(blur(point, 1.0)[0, 0, 1, 1]) == pytest.approx((side / (1 + 2 * side)) ** 2)
    with pytest.raises(ValueError, match="positive"):
        blur(point, 0.0)


def test_wrong_arguments_are_refused():
    embed, _ = linear(4, 4)
    a = drawn(2, 4)
    with pytest.raises(ValueError, match="one shape"):
        adam_inversion(embed, a, a[:1])
    with pytest.raises(ValueError, match="gray"):
        adam_inversion(lambda x: x[:, :0], a, a)
    with pytest.raises(ValueError, match="within"):
        adam_inversion(embed, a, a, steps=10, checks=(11,))
    with pytest.raises(ValueError, match="fall"):
        adam_inversion(embed, a, a, first_rate=1e-4, last_rate=1e-2)
    with pytest.raises(ValueError, match="positive"):
        blurred_inversion(embed, a, a, rates=-1.0)
    with pytest.raises(ValueError, match="no rate"):
        best_rates(embed, a, a, ())
