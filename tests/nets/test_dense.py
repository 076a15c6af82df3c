"""Stacks of dense nets against one net at a time, and against the formula written out."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from strata.nets.dense import DenseStack


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def stack(*seeds: int, blocks: int = 3, **options: object) -> DenseStack:
    return DenseStack(6, 8, 4, blocks=blocks, generators=generators(*seeds), **options)


def by_hand(net: DenseStack, i: int, x: torch.Tensor) -> torch.Tensor:
    """Net i of a stack, in training mode, with torch's own normalisation on (n, features)."""

    def normalised(z: torch.Tensor) -> torch.Tensor:
        return (z - z.mean(0)) / (z.var(0, unbiased=False) + 1e-5).sqrt()

    z = torch.relu(normalised(x @ net.weights[0][i].T))
    for weight in list(net.weights)[1:]:
        z = torch.relu(normalised(z @ weight[i].T) + (z if net.skips else 0))
    return z @ net.last[i].T + net.bias[i, :, 0]


@pytest.mark.parametrize("skips", [True, False])
@pytest.mark.parametrize("blocks", [0, 1, 4])
def test_a_stack_computes_each_net_by_the_formula(skips: bool, blocks: int) -> None:
    net = stack(0, 1, 2, blocks=blocks, skips=skips)
    x = torch.randn(3, 20, 6, generator=torch.Generator().manual_seed(5))
    out = net(x)
    for i in range(3):
        torch.testing.assert_close(out[i], by_hand(net, i, x[i]), rtol=1e-4, atol=1e-5)


def test_a_net_starts_alike_in_any_stack() -> None:
    x = torch.randn(1, 20, 6)
    together, alone = stack(3, 4), stack(4)
    torch.testing.assert_close(together(x.expand(2, -1, -1))[1], alone(x)[0])


def test_nets_do_not_see_each_other() -> None:
    net = stack(0, 1)
    x = torch.randn(2, 10, 6, requires_grad=True)
    net(x)[0].sum().backward()
    assert x.grad[0].abs().sum() > 0
    assert not x.grad[1].any()


def test_evaluation_uses_running_statistics() -> None:
    net = stack(0)
    x = torch.randn(1, 2000, 6)
    for _ in range(100):
        net(x)
    net.eval()
    torch.testing.assert_close(net(x)[0], by_hand(net, 0, x[0]), rtol=0.02, atol=0.02)
    torch.testing.assert_close(net(x[:, :1]), net(x)[:, :1])


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    stack(0, 1)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("blocks", [0, 3, 6])
def test_there_is_a_relu_a_block_and_one_for_the_stem(
    blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    relu = torch.relu
    monkeypatch.setattr(torch, "relu", lambda z: calls.append(1) or relu(z))
    net = stack(0, blocks=blocks)
    net(torch.zeros(1, 5, 6))
    assert len(calls) == net.relus == blocks + 1


def test_order_one_without_its_relu_is_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "relu", lambda z: z)
    net = stack(0, blocks=5).eval()
    a, b = torch.randn(2, 1, 7, 6)
    zero = net(torch.zeros(1, 7, 6))
    torch.testing.assert_close(net(a + b), net(a) + net(b) - zero, rtol=1e-3, atol=1e-4)


def test_a_normalised_output_has_mean_0_and_variance_1() -> None:
    out = stack(0, 1, normalised=True)(torch.randn(2, 500, 6))
    torch.testing.assert_close(out.mean(1), torch.zeros(2, 4), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.var(1, unbiased=False), torch.ones(2, 4), atol=1e-3, rtol=0)


def test_taking_over_copies_what_both_have_and_nothing_else() -> None:
    shallow, deep = stack(0, 1, blocks=1), stack(2, 3, blocks=3)
    untouched = [weight.clone() for weight in list(deep.weights)[2:]]
    shallow(torch.randn(2, 30, 6))
    assert deep.copy_shallower_(shallow) is deep
    for name, value in shallow.state_dict().items():
        assert torch.equal(deep.state_dict()[name], value), name
    for before, after in zip(untouched, list(deep.weights)[2:], strict=True):
        assert torch.equal(before, after)
    with torch.no_grad():
        shallow.last.zero_()
    assert deep.last.abs().sum() > 0


def test_a_deeper_net_cannot_be_taken_over() -> None:
    with pytest.raises(ValueError, match="no deeper ones"):
        stack(0, blocks=1).copy_shallower_(stack(0, blocks=2))
    with pytest.raises(ValueError, match="same sizes"):
        stack(0, 1, blocks=1).copy_shallower_(stack(0, blocks=1))


@pytest.mark.parametrize(
    "sizes", [(0, 8, 4, 1), (6, 0, 4, 1), (6, 8, 0, 1), (6, 8, 4, -1)], ids=str
)
def test_impossible_sizes_are_refused(sizes: tuple[int, int, int, int]) -> None:
    *widths, blocks = sizes
    with pytest.raises(ValueError, match="sizes are positive"):
        DenseStack(*widths, blocks=blocks, generators=generators(0))


def test_an_empty_stack_and_foreign_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match="nets 1 or more"):
        DenseStack(6, 8, 4, blocks=1, generators=[])
    with pytest.raises(ValueError, match=r"inputs must be \(2, n, d\)"):
        stack(0, 1)(torch.zeros(3, 5, 6))


def test_the_normalisation_is_torchs_own() -> None:
    z = torch.randn(2, 4, 30)
    own = DenseStack(6, 4, 4, blocks=0, generators=generators(0, 1)).norms[0]
    theirs = torch.stack([F.batch_norm(part.T, None, None, training=True).T for part in z])
    torch.testing.assert_close(own(z), theirs)
    assert isinstance(own, nn.Module)
