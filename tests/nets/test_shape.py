"""What a net costs: published counts, counts by hand, torch's own counter, and nets really run."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from strata.nets.resnet import resnet50
from strata.nets.shape import net_shape
from strata.nets.taps import activations
from strata.training.images import flat_state


def by_hand(classes, width, size, stem):
    """Multiply-adds of the bottlenecks 3-4-6-3, from their definition."""
    kernel, side = (9, size) if stem == "small" else (49, size // 2)
    total = 3 * kernel * width * side**2
    side, inputs = side // 2, width  # after the max-pooling
    for stage, depth in enumerate((3, 4, 6, 3)):
        inner, outer = width * 2**stage, 4 * width * 2**stage
        for block in range(depth):
            before, side = side, side // 2 if block == 0 and stage > 0 else side
            total += inputs * inner * before**2 + (9 * inner**2 + inner * outer) * side**2
            if block == 0:
                total += inputs * outer * side**2
            inputs = outer
    return total + inputs * classes


def test_the_standard_net_has_its_known_counts():
    shape = net_shape(1000, stem="standard", width=64, size=224)
    assert shape.parameters == 25_557_032
    assert round(shape.multiply_adds / 1e9, 2) == 4.09
    assert round(shape.outputs / 1e6, 1) == 11.1
    assert shape.side == 7
    assert shape.stream == (256,) * 3 + (512,) * 4 + (1024,) * 6 + (2048,) * 3


@pytest.mark.parametrize("stem", ["standard", "small"])
@pytest.mark.parametrize(
    ("classes", "width", "size"), [(1000, 64, 224), (10, 8, 32), (16, 16, 64), (3, 5, 128)]
)
def test_work_is_counted_by_hand(classes, width, size, stem):
    found = net_shape(classes, stem=stem, width=width, size=size)
    assert found.multiply_adds == by_hand(classes, width, size, stem)


@pytest.mark.parametrize(("stem", "size"), [("small", 32), ("small", 40), ("standard", 64)])
def test_a_net_that_is_really_run_has_these_shapes_and_this_work(stem, size):
    shape = net_shape(10, stem=stem, width=8, size=size)
    net = resnet50(10, stem=stem, width=8, generator=torch.Generator().manual_seed(0)).eval()
    images = torch.zeros(2, 3, size, size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(images)
    assert counter.get_total_flops() == 2 * 2 * shape.multiply_adds
    found = activations(net, images)
    assert tuple(stream.shape[1] for stream in found.stream) == shape.stream
    assert found.penultimate.shape == (2, shape.stream[-1], shape.side, shape.side)
    assert len(flat_state(net)) == shape.state


def test_work_of_the_convolutions_grows_with_the_area_and_the_square_of_the_width():
    one, large = (net_shape(10, stem="small", width=16, size=s) for s in (32, 64))
    head = 512 * 10
    assert large.multiply_adds - head == 4 * (one.multiply_adds - head)
    assert (large.parameters, large.outputs) == (one.parameters, 4 * one.outputs)
    wide = net_shape(10, stem="small", width=32, size=32)
    stem = 3 * 9 * 16 * 32**2  # its 3 colours stay 3
    rest = one.multiply_adds - stem - head
    assert wide.multiply_adds == 4 * rest + 2 * stem + 2 * head
    assert wide.outputs == 2 * one.outputs
