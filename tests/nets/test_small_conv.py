"""The small convolutional net: shapes, the formula of its maps, its initial weights."""

import pytest
import torch
from torch.nn import functional as F

from strata.nets.small_conv import SmallConv
from strata.seeding import torch_generator
from strata.training import Schedule, train


def made(blocks: int = 4, seed: int = 0, **changes: object) -> SmallConv:
    return SmallConv(blocks, generator=torch_generator("test", seed), size=16, **changes)


def test_each_map_is_the_convolution_of_the_rectified_map_before():
    net = made(dtype=torch.float64)
    x = torch.randn(3, 3, 16, 16, generator=torch_generator("x"), dtype=torch.float64)
    maps, h = net.preactivations(x), x
    for place, layer in enumerate(net.convolutions):
        stride = 2 if place < 2 else 1
        expected = F.conv2d(h, layer.weight, layer.bias, stride=stride, padding=1)
        assert torch.equal(maps[place], expected)
        h = expected.clamp(min=0)
    logits = h.reshape(3, -1) @ net.output.weight.T + net.output.bias
    assert torch.allclose(maps[-1], logits, atol=1e-12)
    assert torch.equal(net(x), maps[-1])


@pytest.mark.parametrize("blocks", [2, 3, 6])
def test_every_depth_reads_out_equally_many_numbers(blocks: int):
    net = made(blocks)
    assert len(net.preactivations(torch.zeros(1, 3, 16, 16))) == blocks + 1
    assert net.output.in_features == 16 * 4 * 4


def test_the_maps_keep_their_size_at_the_start():
    """Variance 2 / fan_in: a rectified map has the same mean square as the one before."""
    net = made(6, channels=64)
    x = torch.randn(20, 3, 16, 16, generator=torch_generator("x"))
    with torch.no_grad():
        sizes = [z[:, :, 1:-1, 1:-1].square().mean().item() for z in net.preactivations(x)[1:-1]]
    assert all(0.3 < size / sizes[0] < 3 for size in sizes)


def test_weights_come_from_the_generator_alone():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first, again, other = made(), made(), made(seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(map(torch.equal, first.parameters(), again.parameters()))
    assert not torch.equal(first.output.weight, other.output.weight)


def test_it_learns_what_lies_where():
    """A bright pixel left or right: nothing that a mean over positions could tell."""
    x = torch.zeros(64, 3, 16, 16)
    side = torch.arange(64) % 2
    rows = torch.randint(2, 14, (64,), generator=torch_generator("rows"))
    x[torch.arange(64), :, rows, 3 + 9 * side] = 3.0
    net = made(2)
    trained = train(net, x, side, Schedule(lr=1e-2, epochs=15, batch_size=16), seed=0).net
    assert (trained(x).argmax(1) == side).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [({"blocks": 1}, "blocks"), ({"channels": 0}, "channels"), ({"size": 18}, "multiple of 4")],
)
def test_what_cannot_be_built_is_refused(change: dict, message: str):
    given = {"blocks": 2, "size": 16, "generator": torch_generator("test")}
    with pytest.raises(ValueError, match=message):
        SmallConv(**given | change)
