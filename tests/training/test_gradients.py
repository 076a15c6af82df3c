"""The gradient written out against autograd's, and what both count."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from strata.nets.mlp import ACTIVATIONS, MLP, StackedMLP
from strata.training.gradients import ModuleGradient, StackGradient


def _problem(m, n, widths, activation, dtype=torch.float64):
    generator = torch.Generator().manual_seed(m * 1000 + n)
    nets = [MLP(widths, generator=generator, activation=activation, dtype=dtype) for _ in range(m)]
    x = torch.randn(m, n, widths[0], generator=generator, dtype=dtype)
    return nets, x, torch.randint(widths[-1], (m, n), generator=generator)


def _autograd(net, x, y):
    logits = net(x)
    loss = F.cross_entropy(logits, y)
    slopes = torch.autograd.grad(loss, list(net.parameters()))
    wrong = int((logits.argmax(1) != y).sum())
    return torch.cat([s.flatten() for s in slopes]), loss.detach(), wrong


@settings(max_examples=40, deadline=None)
@given(
    m=st.integers(1, 4),
    n=st.integers(2, 9),
    widths=st.lists(st.integers(2, 6), min_size=2, max_size=5),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
)
def test_both_gradients_are_those_of_autograd(m, n, widths, activation):
    nets, x, y = _problem(m, n, widths, activation)
    orders = [torch.arange(n).roll(i + 1) for i in range(m)]
    stack = StackGradient(StackedMLP(nets), x, y)
    stack.shuffle(orders)
    losses, wrong = stack.batch(1, n)
    mistakes = stack.mistakes()
    for i, (net, order) in enumerate(zip(nets, orders, strict=True)):
        slope, loss, errors = _autograd(net, x[i][order[1:]], y[i][order[1:]])
        torch.testing.assert_close(stack.weights.grad[i], slope, rtol=1e-10, atol=1e-13)
        torch.testing.assert_close(losses[i], loss)
        assert (wrong[i], mistakes[i]) == (errors, _autograd(net, x[i], y[i])[2])
        alone = ModuleGradient(net, x[i], y[i])
        alone.shuffle([order])
        (alone_loss,), (alone_wrong,) = alone.batch(1, n)
        torch.testing.assert_close(alone.weights.grad[0], slope)
        torch.testing.assert_close(alone_loss, loss)
        assert (alone_wrong, alone.mistakes()[0]) == (errors, mistakes[i])


def test_a_gradient_replaces_the_last_one():
    nets, x, y = _problem(2, 6, [2, 3, 2], "relu")
    for gradient in (StackGradient(StackedMLP(nets), x, y), ModuleGradient(nets[0], x[0], y[0])):
        gradient.batch(0, 6)
        first = gradient.weights.grad.clone()
        gradient.batch(0, 3)
        assert not torch.equal(gradient.weights.grad, first)
        gradient.batch(0, 6)
        assert torch.equal(gradient.weights.grad, first)


def test_kept_nets_keep_their_data_and_order():
    nets, x, y = _problem(3, 8, [2, 4, 3], "tanh")
    orders = [torch.arange(8).roll(i) for i in range(3)]
    whole = StackGradient(StackedMLP(nets), x, y)
    whole.shuffle(orders)
    losses, wrong = whole.batch(0, 4)
    slopes = whole.weights.grad.clone()
    mask = torch.tensor([True, False, True])
    whole.keep(mask)
    kept_losses, kept_wrong = whole.batch(0, 4)
    torch.testing.assert_close(whole.weights.grad, slopes[mask])
    torch.testing.assert_close(kept_losses, losses[mask])
    assert torch.equal(kept_wrong, wrong[mask])
    assert len(whole.mistakes()) == 2


def test_a_net_without_signal_has_the_loss_of_guessing():
    nets, x, y = _problem(1, 6, [2, 3, 4], "relu")
    stack = StackedMLP(nets)
    with torch.no_grad():
        stack.flat.zero_()
    losses, _ = StackGradient(stack, x, y).batch(0, 6)
    torch.testing.assert_close(losses, torch.tensor([4.0], dtype=torch.float64).log())


def test_any_module_without_buffers_will_do():
    x, y = torch.randn(5, 1, 4, 4, generator=torch.Generator().manual_seed(0)), torch.arange(5) % 2
    with torch.random.fork_rng():
        net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    gradient = ModuleGradient(net, x, y)
    gradient.batch(0, 5)
    torch.testing.assert_close(gradient.weights.grad[0], _autograd(net, x, y)[0])
    with pytest.raises(ValueError, match="without buffers"):
        ModuleGradient(nn.Sequential(nn.BatchNorm1d(2)), x, y)
    with pytest.raises(ValueError, match="cannot be dropped"):
        gradient.keep(torch.tensor([False]))
