"""Jacobians, ranks and null directions, on maps whose own are known."""

import numpy as np
import pytest
import torch

from strata.measures.jacobian import gap_rank, input_jacobian, null_part, row_space
from strata.measures.jacobian_products import Products, products, ritz_values, unseen_part
from strata.nets.mlp import MLP
from strata.seeding import torch_generator


def net(*widths: int) -> MLP:
    made = MLP(widths, generator=torch_generator("test", *widths), dtype=torch.float64)
    return made.requires_grad_(False)


def vector(size: int, name: str = "vector") -> torch.Tensor:
    return torch.randn(size, generator=torch_generator(name, size), dtype=torch.float64)


def matrix(rows: int, columns: int) -> torch.Tensor:
    return vector(rows * columns, "matrix").view(rows, columns)


@pytest.mark.parametrize("widths", [(7, 9, 4), (4, 9, 7)])
@pytest.mark.parametrize("block", [1, 3, 64])
def test_the_jacobian_is_that_of_central_differences(widths, block):
    f, x = net(*widths), vector(widths[0])
    found = input_jacobian(f, x, block=block)
    h = 1e-6
    steps = torch.eye(len(x), dtype=torch.float64) * h
    differences = ((f(x + steps) - f(x - steps)) / (2 * h)).T
    assert found.shape == (widths[-1], widths[0])
    assert torch.allclose(found, differences, atol=1e-7)


def test_the_jacobian_of_a_composition_is_the_product():
    f, g, x = net(5, 8), net(8, 6), vector(5)
    whole = input_jacobian(lambda v: g(f(v)), x)
    parts = input_jacobian(g, f(x[None])[0]) @ input_jacobian(f, x)
    assert torch.allclose(whole, parts)


def test_axes_of_an_image_are_flattened():
    x = vector(12).view(3, 2, 2)
    pooled = input_jacobian(lambda v: torch.nn.functional.avg_pool2d(v, 2), x)
    assert pooled.shape == (3, 12)
    assert torch.equal(pooled.sum(1), torch.ones(3, dtype=torch.float64))
    assert torch.equal(input_jacobian(lambda v: v, x), torch.eye(12, dtype=torch.float64))


def test_a_jacobian_needs_one_row_a_row():
    with pytest.raises(ValueError, match="one input"):
        input_jacobian(lambda x: x.repeat(2, 1), vector(3))
    with pytest.raises(ValueError, match="block"):
        input_jacobian(lambda x: x, vector(3), block=0)


def test_the_rank_of_a_product_is_the_narrowest_width_and_the_gap_shows_it():
    product = matrix(20, 6) @ matrix(6, 15)
    found = gap_rank(np.linalg.svd(product.numpy(), compute_uv=False))
    assert found.rank == 6
    assert found.kept > 1e-3
    assert found.dropped < 1e-14


def test_ranks_at_the_ends_of_the_scale():
    assert gap_rank([0.0, 0.0]).rank == 0
    assert gap_rank([3.0, 3.0]).dropped == 0
    assert gap_rank([1.0, 1e-3], threshold=1e-2).rank == 1


@pytest.mark.parametrize(
    ("values", "word"),
    [([1.0, 2.0], "fall"), ([1.0, -1.0], "fall"), ([], "vector"), ([np.nan], "vector")],
)
def test_what_is_no_spectrum_is_refused(values, word):
    with pytest.raises(ValueError, match=word):
        gap_rank(values)
    with pytest.raises(ValueError, match="threshold"):
        gap_rank([1.0], threshold=0)


def test_null_parts_are_not_seen_and_the_rest_is_all_there_is():
    m = matrix(4, 9)
    basis, values = row_space(m)
    directions = matrix(5, 9)
    unseen = null_part(basis, directions)
    assert len(basis) == 4
    assert np.allclose(values, np.linalg.svd(m.numpy(), compute_uv=False))
    assert (m @ unseen.T).abs().max() < 1e-13
    assert torch.allclose(null_part(basis, unseen), unseen), "a projection"
    assert torch.allclose(
        (unseen**2).sum() + ((directions - unseen) ** 2).sum(), (directions**2).sum()
    )


def test_directions_of_another_length_have_no_null_part():
    with pytest.raises(ValueError, match="numbers"):
        null_part(row_space(matrix(2, 3))[0], vector(4))


def test_products_are_those_with_the_jacobian():
    f, x = net(6, 8, 5), vector(6)
    formed, found = input_jacobian(f, x), products(f, x)
    assert torch.allclose(found.push(vector(6, "v")), formed @ vector(6, "v"))
    assert torch.allclose(found.pull(vector(5, "u")), formed.T @ vector(5, "u"))


def of_matrix(m: torch.Tensor) -> Products:
    return Products(lambda v: m @ v, lambda u: m.T @ u)


def test_ritz_values_are_bounded_by_singular_values_and_reach_them():
    m = matrix(30, 20)
    true = torch.linalg.svdvals(m).numpy()
    few, all_of_them = (ritz_values(of_matrix(m), vector(20), steps) for steps in (6, 20))
    assert len(few) == 6
    assert (few <= true[:6] * (1 + 1e-12)).all()
    assert few[-1] >= true[-1]
    assert np.allclose(all_of_them, true)


def test_ritz_values_stop_where_nothing_is_left():
    assert np.allclose(ritz_values(of_matrix(torch.eye(5).double()), vector(5), 4), [1.0])
    with pytest.raises(ValueError, match="zero"):
        ritz_values(of_matrix(matrix(3, 3)), torch.zeros(3).double(), 2)
    with pytest.raises(ValueError, match="steps"):
        ritz_values(of_matrix(matrix(3, 3)), vector(3), 0)


def test_the_unseen_part_is_the_null_part_and_shrinks_on_the_way():
    m, direction = matrix(6, 14), vector(14)
    basis, _ = row_space(m)
    seen = [float((m @ unseen_part(of_matrix(m), direction, k)).norm()) for k in (1, 3, 30)]
    assert seen == sorted(seen, reverse=True)
    found = unseen_part(of_matrix(m), direction, 30)
    assert torch.allclose(found, null_part(basis, direction), atol=1e-9)
    with pytest.raises(ValueError, match="steps"):
        unseen_part(of_matrix(m), direction, 0)
