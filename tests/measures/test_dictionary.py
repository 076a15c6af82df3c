"""NMF and non-negative codes: known factors, optimality, invariances, scikit-learn and scipy."""

import warnings

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.optimize import nnls as scipy_nnls
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

from strata.measures import nonnegative
from strata.measures.codes import kkt_residual, nnls, relative_error
from strata.measures.dictionary import classwise_nmf, nmf

DTYPES = [torch.float32, torch.float64]
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def activations(n, d, rank, rng, noise=0.1):
    """ReLU of a sparse signed mixture and noise: what a penultimate layer gives."""
    codes = rng.exponential(size=(n, rank)) * (rng.random((n, rank)) < 0.2)
    mixed = codes @ rng.standard_normal((rank, d)) / np.sqrt(0.2 * rank)
    return torch.from_numpy(np.maximum(mixed + noise * rng.standard_normal((n, d)), 0))


def separable(n, d, rank, rng):
    """Atoms with a neuron of their own each, codes with an image of their own each."""
    atoms = rng.random((rank, d)) * (rng.random((rank, d)) < 0.5)
    atoms[:, :rank] = np.eye(rank)
    codes = rng.random((n, rank)) * (rng.random((n, rank)) < 0.5)
    codes[:rank] = np.eye(rank)
    return torch.from_numpy(codes), torch.from_numpy(atoms)


def matched(found, true):
    """For each true atom the one found that is nearest, by cosine."""
    true = true / true.norm(dim=1, keepdim=True)
    cosines = (true @ found.T).numpy()
    columns = linear_sum_assignment(-cosines)[1]
    return columns, cosines[range(len(true)), columns]


def seeded(seed):
    return torch.Generator().manual_seed(seed)


# -- NMF: known factors and optimality -------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rank", [1, 4, 8])
def test_a_separable_factorisation_is_found_exactly(rank, seed, rng):
    codes, atoms = separable(80, 24, rank, rng)
    found = nmf(codes @ atoms, rank, generator=seeded(seed), tol=1e-12, max_iter=2000)
    columns, cosines = matched(found.atoms, atoms)
    assert cosines.min() > 1 - 1e-9
    # The atoms have length 1, so the codes have taken on the lengths of the true atoms.
    expected = codes * atoms.norm(dim=1)
    torch.testing.assert_close(found.codes[:, columns], expected, rtol=0, atol=1e-6)
    assert found.objective[-1] < 1e-12 * (codes @ atoms).square().sum()


def test_one_atom_is_the_leading_singular_pair(rng):
    # Perron and Frobenius: the best rank-one approximation of a non-negative matrix is one.
    a = torch.from_numpy(rng.random((40, 15)))
    left, values, right = torch.linalg.svd(a, full_matrices=False)
    found = nmf(a, 1, tol=1e-14)
    torch.testing.assert_close(found.atoms[0], right[0].abs(), rtol=0, atol=1e-6)
    torch.testing.assert_close(found.codes[:, 0], values[0] * left[:, 0].abs(), rtol=0, atol=1e-5)
    assert found.objective[-1] == pytest.approx(values[1:].square().sum().item(), rel=1e-9)


@each_dtype
@pytest.mark.parametrize(("n", "d", "k"), [(300, 40, 10), (200, 30, 100), (100, 200, 70)])
def test_the_objective_falls_and_is_that_of_the_factors(n, d, k, dtype, rng):
    a = activations(n, d, 12, rng).to(dtype)
    found = nmf(a, k, tol=0, max_iter=20)
    assert len(found.objective) == 20
    assert not found.converged
    assert (np.diff(found.objective) < 1e-6 * found.objective[0]).all()
    direct = (a.double() - found.codes.double() @ found.atoms.double()).square().sum().item()
    assert found.objective[-1] == pytest.approx(
        direct, rel=1e-4 if dtype is torch.float32 else 1e-9
    )
    assert found.atoms.dtype == found.codes.dtype == dtype
    assert found.codes.min() >= 0
    assert found.atoms.min() >= 0
    lengths = found.atoms.norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones_like(lengths))


def test_both_factors_are_optimal_given_the_other(rng):
    a = activations(150, 20, 6, rng)
    found = nmf(a, 6, tol=1e-13, max_iter=5000)
    assert found.converged
    assert kkt_residual(a, found.codes, found.atoms).max() < 1e-3
    assert kkt_residual(a.T, found.atoms.T, found.codes.T).max() < 1e-3
    torch.testing.assert_close(nnls(a, found.atoms), found.codes, rtol=0, atol=1e-2)


@pytest.mark.parametrize(("n", "d", "k"), [(600, 64, 16), (200, 60, 30), (60, 15, 25)])
def test_the_objective_is_that_of_scikit_learn_within_a_percent(n, d, k, rng):
    # The best of some starts each, as local minima differ by more than that.
    a = activations(n, d, 20, rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        peers = [NMF(k, random_state=0, init=init).fit(a.numpy()) for init in (None, "random")]
    found = min(nmf(a, k, generator=seeded(seed)).objective[-1] for seed in range(4))
    assert found < 1.01 * min(peer.reconstruction_err_**2 for peer in peers)


def test_a_round_lowers_the_objective_at_any_relaxation(rng):
    a = torch.from_numpy(rng.random((9, 30)))
    gram, linear = a @ a.T, a @ torch.from_numpy(rng.random((30, 5)))
    for relaxation in (0.1, 1.0, 1.5, 1.99):
        z = torch.from_numpy(rng.random((9, 5)))
        values = []
        for _ in range(30):
            values.append((z * (gram @ z / 2 - linear)).sum(dim=0))
            nonnegative.sweep(z, linear, gram, relaxation)
        assert (torch.stack(values).diff(dim=0) < 1e-12).all()


@pytest.mark.parametrize("size", [1, 63, 64, 65, 130])
def test_blocks_are_coordinate_descent_one_coordinate_at_a_time(size, rng):
    a = torch.from_numpy(rng.random((size, 200)))
    gram, linear = a @ a.T, a @ torch.from_numpy(rng.standard_normal((200, 3)))
    z = torch.from_numpy(rng.random((size, 3)))
    expected = z.clone()
    for j in range(size):
        slope = gram[j] @ expected - linear[j]
        expected[j] = (expected[j] - 1.5 * slope / gram[j, j]).clamp(min=0)
    nonnegative.sweep(z, linear, gram)
    torch.testing.assert_close(z, expected, rtol=0, atol=1e-11)


def one_at_a_time(a, d, iterations):
    """Over-relaxed coordinate descent from like codes, on single entries and without lengths."""
    d = d / d.norm(dim=1, keepdim=True)
    whole = d.sum(dim=0)
    z = (a @ whole / (whole @ whole))[:, None].repeat(1, len(d))
    for iteration in range(iterations):
        if iteration:
            for j in range(len(d)):
                step = 1.5 * z[:, j] @ (a - z @ d) / (z[:, j] @ z[:, j]).clamp(min=1e-300)
                d[j] = (d[j] + step).clamp(min=0)
        for j in range(len(d)):
            step = (1.5 if iteration else 1.0) * (a - z @ d) @ d[j] / (d[j] @ d[j])
            z[:, j] = (z[:, j] + step).clamp(min=0)
    return z, d


@pytest.mark.parametrize("iterations", [1, 2, 3, 10])
def test_the_descent_is_that_of_single_coordinates(iterations, rng):
    a = activations(25, 10, 4, rng)
    z, d = one_at_a_time(a, a[:5] + 0.1, iterations)
    found = nmf(a, a[:5] + 0.1, tol=0, max_iter=iterations)
    lengths = d.norm(dim=1)
    torch.testing.assert_close(found.atoms, d / lengths[:, None], rtol=0, atol=1e-9)
    torch.testing.assert_close(found.codes, z * lengths, rtol=0, atol=1e-9)


# -- NMF: invariances ------------------------------------------------------------------------------


@each_dtype
@pytest.mark.parametrize("scale", [1e-30, 2.0**-40, 3.7, 1e15])
def test_scaling_the_activations_scales_the_codes(scale, dtype, rng):
    a = activations(60, 12, 5, rng).to(dtype)
    one, other = nmf(a, 5, max_iter=20), nmf(scale * a, 5, max_iter=20)
    tolerance = (
        {"rtol": 1e-2, "atol": 1e-3} if dtype is torch.float32 else {"rtol": 0, "atol": 1e-9}
    )
    torch.testing.assert_close(other.atoms, one.atoms, **tolerance)
    torch.testing.assert_close(other.codes / scale, one.codes, **tolerance)
    np.testing.assert_allclose(other.objective / scale**2, one.objective, rtol=1e-4)


def test_the_order_of_images_neurons_and_atoms_does_not_matter(rng):
    a = activations(50, 14, 5, rng)
    start = a[:6] + 0.1
    rows, columns, order = (torch.from_numpy(rng.permutation(n)) for n in (50, 14, 6))
    expected = nmf(a, start, tol=1e-10, max_iter=30)
    found = nmf(a[rows][:, columns], start[:, columns], tol=1e-10, max_iter=30)
    torch.testing.assert_close(found.atoms, expected.atoms[:, columns], rtol=0, atol=1e-9)
    torch.testing.assert_close(found.codes, expected.codes[rows], rtol=0, atol=1e-9)
    # Atoms take turns, so their order changes the path, but not where a path has ended.
    end = nmf(a, start, tol=1e-14, max_iter=5000)
    again = nmf(a, end.atoms[order], tol=1e-9)
    assert again.objective[-1] == pytest.approx(end.objective[-1], rel=1e-4)
    torch.testing.assert_close(again.atoms, end.atoms[order], rtol=0, atol=2e-2)


def test_the_batch_does_not_matter(rng):
    a = activations(101, 16, 6, rng)
    expected = nmf(a, 8, max_iter=15)
    for batch in (9, 50, 100, 101):
        found = nmf(a, 8, max_iter=15, batch=batch)
        torch.testing.assert_close(found.atoms, expected.atoms, rtol=0, atol=1e-8)
        torch.testing.assert_close(found.codes, expected.codes, rtol=0, atol=1e-8)


def test_the_seed_decides_and_the_default_is_a_seed(rng):
    a = activations(80, 10, 5, rng)
    expected = nmf(a, 5)
    for found in (nmf(a, 5), nmf(a, 5, generator=seeded(0)), nmf(a.tolist(), 5)):
        assert torch.equal(found.atoms, expected.atoms)
        assert torch.equal(found.codes, expected.codes)
    assert not torch.equal(nmf(a, 5, generator=seeded(1)).atoms, expected.atoms)


def test_the_inputs_stay_as_they_are(rng):
    a = activations(30, 8, 3, rng).requires_grad_()
    start = a.detach()[:4] + 1
    before = a.detach().clone(), start.clone()
    found = nmf(a, start)
    nnls(a, start)
    assert torch.equal(a, before[0])
    assert torch.equal(start, before[1])
    assert not found.codes.requires_grad


# -- NMF: rows and atoms of no use -----------------------------------------------------------------


def test_rows_of_zeros_get_codes_of_zero_and_no_atom(rng):
    a = activations(40, 10, 4, rng)
    a[5:25] = 0
    found = nmf(a, 20)
    assert not found.codes[5:25].any()
    assert not found.dead.any()
    with pytest.raises(ValueError, match=r"k must be an int in 1\.\.20, not 21"):
        nmf(a, 21)


def test_atoms_that_start_alike_part(rng):
    codes, atoms = separable(60, 12, 4, rng)
    a = codes @ atoms
    found = nmf(a, a.mean(dim=0).expand(4, -1), tol=1e-12, max_iter=3000)
    assert not found.dead.any()
    assert found.objective[-1] < 1e-6 * a.square().sum()


def test_no_row_is_left_out_by_a_draw_that_misses_its_kind():
    # Three kinds of rows, orthogonal to each other: six draws often hold two of them only.
    a = torch.eye(3, dtype=torch.float64).repeat_interleave(torch.tensor([50, 40, 10]), dim=0)
    for seed in range(10):
        assert nmf(a, 6, generator=seeded(seed), tol=1e-6).objective[-1] < 1e-6


def test_an_atom_that_nothing_uses_starts_anew(rng):
    codes, atoms = separable(60, 12, 4, rng)
    a = codes @ atoms
    a[:, -1] = 0
    useless = torch.zeros(1, 12, dtype=a.dtype)
    useless[0, -1] = 1  # orthogonal to all rows
    start = torch.cat([a[4:7] + 0.01 * a.mean(dim=0), useless])
    found = nmf(a, start, tol=1e-12, max_iter=3000)
    assert not found.dead.any()
    assert found.objective[-1] < 1e-9 * a.square().sum()
    # Its first new start: what the worst row has beyond its fit by the atoms of that moment.
    z, d = one_at_a_time(a, start, 1)
    worst = (a - z @ d).norm(dim=1).argmax()
    for j in range(3):
        d[j] = (d[j] + 1.5 * z[:, j] @ (a - z @ d) / (z[:, j] @ z[:, j])).clamp(min=0)
    left = (a - z @ d)[worst].clamp(min=0)
    again = nmf(a, start, tol=0, max_iter=2)
    torch.testing.assert_close(again.atoms[3], left / left.norm(), rtol=0, atol=1e-9)


def test_atoms_without_any_use_are_reported_dead(rng):
    # Rank one is fitted by one atom, and nothing is left for what is orthogonal to it.
    row = torch.tensor([[1.0, 2.0, 0.0]], dtype=torch.float64)
    start = torch.cat([row, torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)])
    found = nmf(torch.from_numpy(rng.random((9, 1)) + 1) @ row, start)
    assert found.dead.tolist() == [False, True]
    assert found.converged
    torch.testing.assert_close(found.atoms.norm(dim=1), torch.ones(2, dtype=torch.float64))
    assert torch.isfinite(found.codes).all()


# -- class-wise dictionaries -----------------------------------------------------------------------


def test_a_class_wise_dictionary_is_one_of_each_class(rng):
    a, y = activations(90, 12, 5, rng), torch.from_numpy(rng.permutation([7, 2, 5] * 30))
    found = classwise_nmf(a, y, 4, generator=seeded(3))
    assert found.owners.tolist() == [2] * 4 + [5] * 4 + [7] * 4
    generator, total = seeded(3), 0.0
    for i, label in enumerate([2, 5, 7]):
        one = nmf(a[y == label], 4, generator=generator)
        block = slice(4 * i, 4 * i + 4)
        assert torch.equal(found.atoms[block], one.atoms)
        assert torch.equal(found.codes[y == label, block], one.codes)
        assert not found.codes[y != label, block].any()
        total += one.objective[-1]
    assert found.objective[-1] == pytest.approx(total, rel=1e-12)
    assert (np.diff(found.objective) <= 0).all()
    assert found.converged
    # With atoms of all classes an image is fitted at least as well.
    codes = nnls(a, found.atoms)
    assert relative_error(a, codes, found.atoms) < relative_error(a, found.codes, found.atoms)


def test_class_wise_faults_name_the_class(rng):
    a = torch.from_numpy(rng.random((6, 3)))
    with pytest.raises(ValueError, match=r"class 4: k must be an int in 1\.\.2, not 3"):
        classwise_nmf(a, [1, 1, 1, 1, 4, 4], 3)
    for labels in ([1, 2], [1.0] * 6, np.ones((6, 1), int)):
        with pytest.raises(ValueError, match="labels must be 6 ints"):
            classwise_nmf(a, labels, 1)
    with pytest.raises(ValueError, match="atoms must be a positive int"):
        classwise_nmf(a, [1] * 6, 0)


# -- codes -----------------------------------------------------------------------------------------


def test_codes_by_hand():
    # Outside the cone of the atoms the nearest point lies on its border.
    atoms = [[1.0, 0.0], [1.0, 1.0]]
    x = [[3.0, 1.0], [0.0, 2.0], [1.0, -5.0], [-1.0, -1.0], [0.0, 0.0]]
    expected = [[2.0, 1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    np.testing.assert_allclose(nnls(x, atoms), expected, atol=1e-12)


@each_dtype
@pytest.mark.parametrize("kind", ["activations", "signed", "near twins", "common offset", "square"])
def test_unique_codes_are_those_of_scipy(kind, dtype, rng):
    x = activations(60, 48, 15, rng)
    if kind == "signed":
        x, atoms = torch.from_numpy(rng.standard_normal((2, 40, 48)))
    elif kind == "near twins":  # cosines above 0.99, as in class-wise dictionaries
        atoms = activations(15, 48, 15, rng)
        atoms = torch.cat([atoms, atoms + 0.05 * torch.from_numpy(rng.random((15, 48)))])
    elif kind == "common offset":  # one direction holds nearly all of the Gram matrix
        atoms, x = 10 + torch.from_numpy(rng.random((30, 48))), x + 5
    else:
        atoms = activations(48 if kind == "square" else 30, 48, 15, rng)
    x, atoms = x.to(dtype), atoms.to(dtype)
    assert torch.linalg.matrix_rank(atoms.double()) == len(atoms)
    expected = [scipy_nnls(atoms.double().numpy().T, row)[0] for row in x.double().numpy()]
    found = nnls(x, atoms)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    if dtype is torch.float64:
        np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("inside", [False, True], ids=["activations", "inside the cone"])
def test_more_atoms_than_neurons_give_the_objective_of_scipy(inside, rng):
    # The codes need not be unique here, so only what they reach is compared.
    atoms = activations(90, 24, 12, rng)
    x = torch.from_numpy(rng.random((40, 90))) @ atoms if inside else activations(40, 24, 12, rng)
    codes = nnls(x, atoms)
    assert kkt_residual(x, codes, atoms).max() < 1e-8
    reached = (x - codes @ atoms).norm(dim=1).numpy()
    expected = [scipy_nnls(atoms.numpy().T, row)[1] for row in x.numpy()]
    np.testing.assert_allclose(reached, expected, atol=1e-7 * x.norm(dim=1).max())


@pytest.mark.parametrize("k", [1, 30, 200])
def test_the_optimality_conditions_hold(k, rng):
    x, atoms = activations(50, 60, 20, rng), activations(k, 60, 20, rng)
    codes = nnls(x, atoms)
    slope = (codes @ atoms - x) @ atoms.T
    assert codes.min() >= 0
    assert slope.min() > -1e-7
    assert (codes * slope).abs().max() < 1e-7
    assert kkt_residual(x, codes, atoms).max() < 1e-9


def test_the_residual_is_not_small_elsewhere(rng):
    x, atoms = activations(20, 30, 10, rng), activations(10, 30, 10, rng)
    codes = nnls(x, atoms)
    for wrong in (codes + 0.01, codes * 1.01, torch.zeros_like(codes), codes - 0.01):
        assert kkt_residual(x, wrong, atoms).max() > 1e-4
    expected = kkt_residual(x, codes + 0.01, atoms)
    scaled = kkt_residual(1e9 * x, 1e12 * (codes + 0.01), 1e-3 * atoms)
    torch.testing.assert_close(scaled, expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("start", ["nothing", "all", "noise"])
def test_the_guess_of_the_active_sets_does_not_matter(start, rng, monkeypatch):
    x, atoms = activations(40, 50, 20, rng), activations(35, 50, 20, rng)
    expected = nnls(x, atoms)

    def guess(z, *_):
        z[:] = {"nothing": 0.0, "all": 0.1}.get(start, 0.0)
        if start == "noise":
            z[:] = torch.from_numpy(rng.random(z.shape) - 0.5).clamp(min=0)

    monkeypatch.setattr(nonnegative, "sweep", guess)
    torch.testing.assert_close(nnls(x, atoms), expected, rtol=0, atol=1e-8)


def test_an_ill_conditioned_dictionary_is_solved(rng):
    # Hilbert's matrix of order 10: the Gram matrix has a condition number of 1e26.
    i = torch.arange(10, dtype=torch.float64)
    atoms, x = 1 / (i + i[:, None] + 1), torch.from_numpy(rng.random((50, 10)))
    codes = nnls(x, atoms)
    reached = (x - codes @ atoms).norm(dim=1).numpy()
    expected = [scipy_nnls(atoms.numpy(), row)[1] for row in x.numpy()]
    np.testing.assert_allclose(reached, expected, atol=1e-9)


def test_duplicate_atoms_share_a_code(rng):
    x, atoms = activations(30, 40, 10, rng), activations(12, 40, 10, rng)
    codes = nnls(x, torch.cat([atoms, atoms, 2 * atoms]))
    assert codes.min() >= 0
    shared = codes[:, :12] + codes[:, 12:24] + 2 * codes[:, 24:]
    torch.testing.assert_close(shared, nnls(x, atoms), rtol=0, atol=1e-6)


def test_rows_and_atoms_of_zeros_get_codes_of_zero(rng):
    x, atoms = activations(10, 20, 5, rng), activations(8, 20, 5, rng)
    x[3], atoms[2] = 0, 0
    codes = nnls(x, atoms)
    assert not codes[3].any()
    assert not codes[:, 2].any()
    rest = [j for j in range(8) if j != 2]
    torch.testing.assert_close(codes[:, rest], nnls(x, atoms[rest]), rtol=0, atol=1e-9)
    assert not nnls(x, torch.zeros(2, 20)).any()


def test_codes_move_with_the_scale_and_order_of_images_and_atoms(rng):
    x, atoms = activations(30, 40, 12, rng), activations(15, 40, 12, rng)
    expected = nnls(x, atoms)
    for a, b in ((1e-200, 1.0), (1e200, 1e150), (3.0, 1e-100)):
        torch.testing.assert_close(nnls(a * x, b * atoms) / a * b, expected, rtol=1e-9, atol=1e-9)
    lengths = torch.from_numpy(10.0 ** rng.integers(-9, 9, 15))
    found = nnls(x, lengths[:, None] * atoms) * lengths
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-8)
    rows, columns, order = (torch.from_numpy(rng.permutation(n)) for n in (30, 40, 15))
    moved = nnls(x[rows][:, columns], atoms[order][:, columns])
    torch.testing.assert_close(moved, expected[rows][:, order], rtol=0, atol=1e-8)


def test_batch_and_company_do_not_change_the_codes(rng):
    x, atoms = activations(30, 40, 12, rng), activations(25, 40, 12, rng)
    expected = nnls(x, atoms)
    assert torch.equal(nnls(x, atoms), expected)
    for batch in (1, 7, 29):
        torch.testing.assert_close(nnls(x, atoms, batch=batch), expected, rtol=0, atol=1e-9)
    torch.testing.assert_close(nnls(x[20:21], atoms), expected[20:21], rtol=0, atol=1e-9)


def test_containers_and_dtypes(rng):
    x, atoms = rng.integers(0, 9, (10, 6)), rng.integers(0, 9, (4, 6))
    expected = nnls(torch.from_numpy(x).double(), torch.from_numpy(atoms).double())
    for dtype in (torch.int64, torch.bfloat16, torch.float16, torch.float32):
        found = nnls(torch.from_numpy(x).to(dtype), torch.from_numpy(atoms).to(dtype))
        assert found.dtype == (torch.float64 if dtype is torch.int64 else torch.float32)
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-6)
    assert torch.equal(nnls(x[::-1].tolist(), atoms), nnls(x[::-1], atoms))


def test_codes_that_miss_the_tolerance_are_said(rng, monkeypatch):
    x, atoms = activations(5, 30, 10, rng), activations(20, 30, 10, rng)
    monkeypatch.setattr(nonnegative, "_SYSTEMS", 1)
    monkeypatch.setattr(nonnegative, "_SWEEPS", 1)
    with pytest.warns(UserWarning, match="the codes are optimal up to"):
        nnls(x, atoms)
    monkeypatch.undo()
    with pytest.warns(UserWarning, match="not 1.0e-30"):
        nnls(x, atoms, tol=1e-30)


# -- fidelity --------------------------------------------------------------------------------------


def test_the_relative_error_by_hand_and_by_the_objective(rng):
    assert relative_error([[3.0, 0.0], [0.0, 4.0]], [[1.0], [0.0]], [[3.0, 0.0]]) == 0.8
    a = activations(5000, 6, 3, rng)
    found = nmf(a, 3)
    expected = np.sqrt(found.objective[-1] / a.square().sum().item())
    assert relative_error(a, found.codes, found.atoms) == pytest.approx(expected, rel=1e-9)
    tiny = relative_error(1e-200 * a, 1e-200 * found.codes, found.atoms)
    assert tiny == pytest.approx(expected, rel=1e-9)
    assert relative_error(a, 0 * found.codes, found.atoms) == 1


# -- faults ----------------------------------------------------------------------------------------

BAD = [
    ([[1.0, -0.5]], "must not be negative, but go down to -0.5"),
    ([[1.0, np.nan]], "holds NaN or infinite"),
    ([[1.0, np.inf]], "holds NaN or infinite"),
    (np.ones((0, 2)), "must be a matrix and not empty"),
    ([1.0, 2.0], "must be a matrix and not empty"),
    (np.ones((2, 2, 2)), "must be a matrix and not empty"),
    ([[1j, 1.0]], "is complex"),
]


@pytest.mark.parametrize(("bad", "message"), BAD)
def test_bad_matrices_are_refused(bad, message):
    good = np.ones((1, 2))
    calls = [lambda: nmf(bad, 1), lambda: nmf(good, bad), lambda: classwise_nmf(bad, [1], 1)]
    if "negative" not in message:  # least squares and its error are defined for either sign
        calls += [lambda: nnls(bad, good), lambda: nnls(good, bad)]
        calls += [lambda: relative_error(bad, [[1.0]], good), lambda: kkt_residual(good, bad, good)]
    for call in calls:
        with pytest.raises(ValueError, match=message):
            call()


def test_shapes_that_do_not_fit_are_refused():
    two, three = np.ones((4, 2)), np.ones((4, 3))
    with pytest.raises(ValueError, match="x has 2 columns, atoms have 3"):
        nnls(two, three)
    with pytest.raises(ValueError, match="atoms have 3 columns, activations 2"):
        nmf(two, three)
    with pytest.raises(ValueError, match=r"codes must have shape \(4, 4\), not \(4, 3\)"):
        kkt_residual(two, three, two)
    for wrong in ((two, two, two), (two, np.ones((4, 4)), three), (two, np.ones((3, 4)), two)):
        with pytest.raises(ValueError, match="do not fit"):
            relative_error(*wrong)


@pytest.mark.parametrize("k", [0, -1, 5, True, 2.0])
def test_a_number_of_atoms_beyond_the_rows_is_refused(k):
    with pytest.raises(ValueError, match=r"k must be an int in 1\.\.4"):
        nmf(np.ones((4, 3)), k)
    with pytest.raises(ValueError, match=r"k must be an int in 1\.\.4, not 5"):
        nmf(np.ones((4, 3)), np.ones((5, 3)))


def test_other_faults_are_refused():
    ones = np.ones((4, 3))
    for name in ("batch", "max_iter"):
        for value in (0, -2, 1.5, True):
            with pytest.raises(ValueError, match=f"{name} must be a positive int"):
                nmf(ones, 1, **{name: value})
    with pytest.raises(ValueError, match="batch must be a positive int"):
        nnls(ones, ones, batch=0)
    with pytest.raises(ValueError, match="tol must not be negative"):
        nmf(ones, 1, tol=-1e-9)
    for tol in (0.0, np.nan):
        with pytest.raises(ValueError, match="tol must be positive"):
            nnls(ones, ones, tol=tol)
    with pytest.raises(ValueError, match="all activations are zero"):
        nmf(0 * ones, 1)
    with pytest.raises(ValueError, match="all activations are zero"):
        relative_error(0 * ones, np.ones((4, 1)), np.ones((1, 3)))
    with pytest.raises(ValueError, match="an atom to start from is zero"):
        nmf(ones, [[0.0, 0.0, 0.0]])
