"""The piped kernel: what a net's second half is replaced by, held against other formulas."""

import numpy as np
import pytest
import torch

from strata.data.toy import TASKS, Toy
from strata.experiments.piped_kernel import RIDGE, piped_accuracies, tunnel_of
from strata.nets.mlp import ACTIVATIONS, MLP
from strata.seeding import torch_generator
from strata.training import Schedule, train

POINTS, TEST_POINTS = 80, 400
ONE_SAMPLE = 1 / TEST_POINTS


def small_net(activation: str = "relu", *, name: str = "net") -> MLP:
    return MLP(
        [2, 7, 6, 5, 2],
        generator=torch_generator(name),
        activation=activation,
        dtype=torch.float64,
    )


def generator(name: str = "fresh") -> torch.Generator:
    return torch_generator(name)


def inputs(net: MLP, x: np.ndarray) -> list[torch.Tensor]:
    """h_0 ... h_L."""
    with torch.no_grad():
        outputs = net.preactivations(torch.tensor(x))
    return [torch.tensor(x), *(ACTIVATIONS[net.activation](z) for z in outputs[:-1])]


def by_features(y: np.ndarray, phi: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Ridge regression by the normal equations of the features, not of the kernel."""
    ridge = RIDGE * (phi**2).sum(axis=1).mean()
    weights = np.linalg.solve(phi.T @ phi + ridge * np.eye(phi.shape[1]), phi.T @ y)
    return asked @ weights


@pytest.fixture(scope="module")
def sets():
    rng = np.random.default_rng(0)
    return tuple(TASKS["yin-yang"].sample(n, rng) for n in (2 * POINTS, TEST_POINTS))


@pytest.fixture(scope="module")
def net(sets):
    """A net that was trained for a moment, so that its tunnel is not like a fresh one."""
    toy = sets[0]
    y = torch.tensor(toy.classes)
    schedule = Schedule(lr=0.02, epochs=150)
    return train(small_net(), torch.tensor(toy.x), y, schedule, seed=0).net


@pytest.fixture(scope="module")
def found(net, sets):
    return piped_accuracies(net, *sets, points=POINTS, generator=generator())


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_a_tunnel_applied_where_it_was_cut_gives_the_nets_output(activation, sets):
    net = small_net(activation)
    with torch.no_grad():
        expected = net(torch.tensor(sets[1].x))
        for cut, h in enumerate(inputs(net, sets[1].x)):
            tunnel = tunnel_of(net, cut)
            assert len(tunnel.layers) == len(net.layers) - cut
            assert torch.equal(tunnel(h), expected), cut


def test_a_tunnel_is_a_copy():
    net = small_net()
    before = net.layers[3].weight.clone()
    with torch.no_grad():
        tunnel_of(net, 2).layers[1].weight.zero_()
    assert torch.equal(net.layers[3].weight, before)


def test_a_tunnel_leaves_the_global_state_of_torch_alone():
    state = torch.get_rng_state()
    tunnel_of(small_net(), 1)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("cut", [-1, 4, 5])
def test_a_cut_where_there_is_no_map_is_refused(cut):
    with pytest.raises(ValueError, match=rf"maps 0\.\.3, not {cut}"):
        tunnel_of(small_net(), cut)


def test_there_is_a_share_of_right_answers_for_every_cut(found):
    assert set(found) == {"piped_fresh", "piped_trained", "probe"}
    for name, shares in found.items():
        assert len(shares) == 4, name
        right = np.array(shares) * TEST_POINTS
        assert np.allclose(right, right.round()), name
        assert 0.5 < min(shares) <= max(shares) <= 1, name


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_last_cut_is_ridge_regression_on_the_last_hidden_layer(activation, sets):
    """The last map has the kernel <h, h'> + 1, whatever its weights: features h and a constant."""
    net, (seen, asked) = small_net(activation), sets
    found = piped_accuracies(net, seen, asked, points=POINTS, generator=generator())
    phi, phi_asked = (
        np.column_stack([inputs(net, x)[-1].numpy(), np.ones(len(x))])
        for x in (seen.x[:POINTS], asked.x)
    )
    answers = by_features(seen.y[:POINTS], phi, phi_asked)
    expected = float((np.sign(answers) == asked.y).mean())
    assert found["piped_fresh"][-1] == pytest.approx(expected, abs=ONE_SAMPLE)
    assert found["piped_trained"][-1] == pytest.approx(expected, abs=ONE_SAMPLE)


@pytest.mark.parametrize("cut", [0, 2])
def test_the_kernel_of_a_tunnel_is_ridge_regression_on_its_gradients(cut, net, sets, found):
    """The features are the derivatives of logit 0 of the trained tunnel, one by one."""
    seen, asked = sets
    tunnel = tunnel_of(net, cut)

    def gradients(x: np.ndarray) -> np.ndarray:
        rows = []
        for h in inputs(net, x)[cut]:
            grads = torch.autograd.grad(tunnel(h[None])[0, 0], tunnel.parameters())
            rows.append(torch.cat([g.flatten() for g in grads]).numpy())
        return np.array(rows)

    answers = by_features(seen.y[:POINTS], gradients(seen.x[:POINTS]), gradients(asked.x))
    expected = float((np.sign(answers) == asked.y).mean())
    assert found["piped_trained"][cut] == pytest.approx(expected, abs=ONE_SAMPLE)


def test_on_classes_that_a_line_separates_the_probe_of_the_input_is_perfect():
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, size=(900, 2))
    x = x[np.abs(x[:, 0] + x[:, 1]) > 0.3]
    y = np.where(x[:, 0] + x[:, 1] > 0, 1, -1)
    seen, asked = (Toy("line", x[rows], y[rows]) for rows in (slice(200), slice(200, None)))
    found = piped_accuracies(small_net(), seen, asked, points=200, generator=generator())
    assert found["probe"][0] == 1
    assert min(found["piped_fresh"][0], found["piped_trained"][0]) > 0.97


def test_only_the_first_points_of_the_training_set_are_used(net, sets, found):
    seen, asked = sets
    changed = Toy("changed", seen.x.copy(), seen.y.copy())
    changed.x[POINTS:] *= 3
    changed.y[POINTS:] *= -1
    assert piped_accuracies(net, changed, asked, points=POINTS, generator=generator()) == found
    changed.y[: POINTS // 2] *= -1
    assert piped_accuracies(net, changed, asked, points=POINTS, generator=generator()) != found


def test_exchanged_classes_are_told_apart_as_well(net, sets, found):
    mirrored = [Toy("mirrored", toy.x, -toy.y) for toy in sets]
    other = piped_accuracies(net, *mirrored, points=POINTS, generator=generator())
    for name, shares in found.items():
        assert other[name] == pytest.approx(shares, abs=2 * ONE_SAMPLE), name


def test_a_fresh_tunnel_knows_nothing_of_the_trained_one(net, sets, found):
    """With other weights after the cut only the kernel of the trained tunnel can change."""
    other = tunnel_of(net, 0)
    with torch.no_grad():
        for layer in other.layers[1:]:
            layer.weight.normal_(generator=generator("other"))
    changed = piped_accuracies(other, *sets, points=POINTS, generator=generator())
    for name in ("piped_fresh", "probe"):
        assert changed[name][:2] == found[name][:2], name
    assert changed["piped_trained"][0] != found["piped_trained"][0]


def test_the_fresh_tunnels_are_drawn_from_the_generator(net, sets, found):
    again = piped_accuracies(net, *sets, points=POINTS, generator=generator())
    assert again == found
    other = piped_accuracies(net, *sets, points=POINTS, generator=generator("other"))
    assert other["piped_fresh"][:3] != found["piped_fresh"][:3]
    for name in ("piped_trained", "probe"):
        assert other[name] == found[name], name
    assert other["piped_fresh"][3] == found["piped_fresh"][3], "the last map has one kernel"


def test_the_net_is_not_changed(net, sets):
    before = [p.clone() for p in net.parameters()]
    piped_accuracies(net, *sets, points=POINTS, generator=generator())
    assert all(torch.equal(p, q) for p, q in zip(net.parameters(), before, strict=True))
