"""The branches of the residual blocks against the blocks taken apart by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from strata.nets.resnet import blocks, resnet50, standardised
from strata.nets.taps import PARTS, activations


@pytest.fixture(scope="module")
def net():
    """A net with all its gammas, biases and statistics in use."""
    generator = torch.Generator().manual_seed(0)
    net = resnet50(10, stem="small", width=8, generator=generator)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5, generator=generator)
                module.bias.normal_(0, 0.3, generator=generator)
                module.running_mean.normal_(0, 0.3, generator=generator)
                module.running_var.uniform_(0.5, 1.5, generator=generator)
    return net.eval()


@pytest.fixture(scope="module")
def images():
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (7, 3, 32, 32), dtype=torch.uint8, generator=generator)


@pytest.fixture(scope="module")
def maps(net, images):
    return activations(net, images, grid=None)


def test_the_stream_is_the_rectified_sum_of_the_branches(maps):
    assert len(maps.stream) == len(maps.main) == len(maps.shortcut) == 16
    for stream, main, shortcut in zip(maps.stream, maps.main, maps.shortcut, strict=True):
        assert torch.equal(stream, F.relu(main + shortcut))
        assert main.min() < 0 < main.max()


def test_the_shortcut_is_the_stream_before_or_its_projection(net, maps):
    for i, block in enumerate(blocks(net)):
        if block.downsample is None:
            assert torch.equal(maps.shortcut[i], maps.stream[i - 1])
        elif i:
            with torch.no_grad():
                projected = block.downsample(maps.stream[i - 1])
            torch.testing.assert_close(maps.shortcut[i], projected)


def test_the_main_branch_is_three_convolutions_of_the_stream_before(net, maps):
    for i, block in enumerate(blocks(net)):
        if i:
            with torch.no_grad():
                h = F.relu(block.bn1(block.conv1(maps.stream[i - 1])))
                h = F.relu(block.bn2(block.conv2(h)))
                torch.testing.assert_close(maps.main[i], block.bn3(block.conv3(h)))


def test_the_end_is_what_the_net_says(net, images, maps):
    with torch.no_grad():
        torch.testing.assert_close(maps.logits, net(standardised(images)))
        torch.testing.assert_close(maps.logits, net.fc(maps.pooled))
    assert torch.equal(maps.penultimate, maps.stream[-1])
    assert maps.penultimate.shape == (7, 256, 2, 2)
    torch.testing.assert_close(maps.pooled, maps.penultimate.mean((2, 3)))


@pytest.mark.parametrize("part", ["stream", "main", "shortcut"])
def test_pooling_is_the_mean_of_each_cell(net, images, maps, part):
    for grid in (1, 2):
        pooled = getattr(activations(net, images, grid=grid), part)
        for full, cells in zip(getattr(maps, part), pooled, strict=True):
            n, channels, side, _ = full.shape
            shape = (n, channels, grid, side // grid, grid, side // grid)
            torch.testing.assert_close(cells, full.view(shape).mean((3, 5)).flatten(1))


def test_the_batch_size_matters_by_rounding_only(net, images):
    one, other = (activations(net, images, batch_size=size) for size in (3, 100))
    pairs = [(one.logits, other.logits), (one.penultimate, other.penultimate)]
    for part in ("stream", "main", "shortcut"):
        pairs += zip(getattr(one, part), getattr(other, part), strict=True)
    for a, b in pairs:
        assert (a - b).norm() < 1e-5 * b.norm()


def test_only_what_is_asked_for_is_kept(net, images, maps):
    none = activations(net, images, parts=())
    assert (none.stream, none.main, none.shortcut, none.penultimate) == ((), (), (), None)
    torch.testing.assert_close(none.logits, maps.logits)
    for part in PARTS:
        only = activations(net, images, parts=[part], grid=None)
        for other in PARTS:
            kept = getattr(only, other)
            assert bool(kept is not None and len(kept)) == (other == part)


def test_the_net_is_left_as_it_was(net, images, maps):
    before = {name: entry.clone() for name, entry in net.state_dict().items()}
    net.train()
    net.layer2[1].bn2.eval()
    modes = {name: module.training for name, module in net.named_modules()}
    found = activations(net, images, grid=None)
    with pytest.raises(ValueError, match="finer"):
        activations(net, images, grid=3)
    assert {name: module.training for name, module in net.named_modules()} == modes
    net.eval()
    assert torch.equal(found.stream[-1], maps.stream[-1])
    for module in net.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    for name, entry in net.state_dict().items():
        assert torch.equal(entry, before[name])


def test_a_block_is_only_its_shortcut_at_the_start(images):
    fresh = resnet50(10, stem="small", width=8, generator=torch.Generator().manual_seed(0))
    found = activations(fresh, images, grid=None)
    for stream, main, shortcut in zip(found.stream, found.main, found.shortcut, strict=True):
        assert (main == 0).all()
        assert torch.equal(stream, F.relu(shortcut))


def test_bfloat16_rounds_inside_and_answers_in_float32(net, images, maps):
    rounded = activations(net, images, grid=None, dtype="bfloat16")
    for part in ("stream", "main", "shortcut"):
        for a, b in zip(getattr(rounded, part), getattr(maps, part), strict=True):
            assert a.dtype == torch.float32
            assert 0 < (a - b).norm() / b.norm() < 0.05
    assert rounded.logits.dtype == torch.float32
    assert torch.equal(rounded.pooled, rounded.penultimate.mean((2, 3)))


def test_a_net_without_numbers_has_the_shapes():
    sketch = resnet50(1000, generator=None)
    found = activations(sketch, torch.empty(3, 3, 224, 224, device="meta"), grid=2)
    assert [s.shape[1] for s in found.stream] == [
        4 * c for c, depth in ((256, 3), (512, 4), (1024, 6), (2048, 3)) for _ in range(depth)
    ]
    assert sum(s.shape[1] for s in found.stream) == 4 * 236 * 64
    assert found.penultimate.shape == (3, 2048, 7, 7)
    assert found.logits.is_meta


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parts": ["residual"]}, "unknown parts"),
        ({"grid": 0}, "too few"),
        ({"grid": 3}, "finer than maps"),
        ({"batch_size": 0}, "too few"),
        ({"dtype": "float16"}, "'float32' or 'bfloat16'"),
        ({"images": torch.zeros(0, 3, 32, 32)}, "too few"),
        ({"images": torch.zeros(2, 1, 32, 32)}, "height, width"),
    ],
)
def test_bad_requests_are_refused(net, images, change, message):
    with pytest.raises(ValueError, match=message):
        activations(net, **{"images": images, **change})
