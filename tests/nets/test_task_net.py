"""The random nets that set the tasks: their formula, what they cannot be, initial weights."""

import pytest
import torch
from relu_paths import longest
from torch.nn import functional as F

from strata.nets.counting import cost
from strata.nets.task_net import TaskNet


def task(layers, seed=0, **options):
    return TaskNet(layers, generator=torch.Generator().manual_seed(seed), **options)


def images(n=3, side=8, seed=1):
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_the_net_is_its_formula(layers):
    net, x = task(layers), images()
    first, *middle, last = net.state_dict().values()
    assert len(middle) == layers
    z = F.conv2d(x, first, padding=1)
    for weight in middle:
        z = F.conv2d(z.relu(), weight, padding=1)
    windows = z.unflatten(3, (2, 4)).unflatten(2, (2, 4)).amax((3, 5))
    torch.testing.assert_close(net(x), torch.einsum("ncij,kc->nkij", windows, last[..., 0, 0]))


@pytest.mark.parametrize("layers", [0, 2, 8, 26, 80])
def test_the_papers_tasks_have_so_many_relus_and_the_shape_of_the_feature(layers):
    net = TaskNet(layers, generator=None)
    found = cost(net, (3, 32, 32))
    assert (found.relus, found.outputs) == (layers, (64, 8, 8))
    x = torch.empty(1, 3, 32, 32, device="meta", requires_grad=True)
    assert longest(net(x)) == layers
    assert found.parameters == 9 * 3 * 16 + layers * 9 * 16**2 + 16 * 64


@pytest.mark.parametrize("layers", [0, 4])
def test_a_task_is_homogeneous_and_not_linear(layers):
    net, x, y = task(layers), images(seed=1), images(seed=2)
    torch.testing.assert_close(net(2.5 * x), 2.5 * net(x))
    assert not torch.allclose(net(x + y), net(x) + net(y), atol=0.01)
    assert not torch.allclose(net(-x), -net(x), atol=0.01)


def test_it_is_frozen_and_comes_from_the_generator_only():
    before = torch.get_rng_state()
    one, same, other = task(2), task(2), task(2, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert not one.training
    assert not any(p.requires_grad for p in one.parameters())
    for a, b, c in zip(one.parameters(), same.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


@pytest.mark.parametrize(
    "bad", [{"layers": -1}, {"layers": 1, "width": 0}, {"layers": 1, "outputs": 0}]
)
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match="at least 0"):
        TaskNet(**bad, generator=None)
