"""The large targets: torchvision's own nets, cut before a ReLU."""

import math

import pytest
import torch
from relu_paths import longest
from torch import nn

from strata.nets.counting import cost
from strata.nets.fine_grained import fine_grained
from strata.vision import import_torchvision

models = import_torchvision().models
FEATURES = {
    "resnet18": (16, (512, 7, 7)),
    "resnet34": (32, (512, 7, 7)),
    "vgg16": (12, (512, 7, 7)),
    "vgg16-conv4-3": (9, (512, 28, 28)),
}
PUBLISHED = {
    "resnet18": (11_689_512, "1.81"),
    "resnet34": (21_797_672, "3.66"),
    "vgg16": (138_365_992, None),
    "vgg16-conv4-3": (138_365_992, "15.47"),
}
"""Parameters with 1000 classes and 10^9 multiply-adds, as torchvision's pages give them."""


@pytest.mark.parametrize("name", FEATURES)
def test_the_feature_has_its_shape_and_relus_before_it(name):
    net = fine_grained(name, 200, generator=None)
    assert all(entry.is_meta for entry in net.state_dict().values())
    found = cost(net, (3, 224, 224), part="features")
    assert (found.relus, found.outputs) == FEATURES[name]
    x = torch.empty(1, 3, 224, 224, device="meta")
    assert longest(net.features(x)) == FEATURES[name][0]


@pytest.mark.parametrize("name", FEATURES)
def test_the_published_counts(name):
    found = cost(fine_grained(name, 1000, generator=None), (3, 224, 224))
    assert found.parameters == PUBLISHED[name][0]
    assert PUBLISHED[name][1] in (None, f"{found.multiply_adds / 1e9:.2f}")
    assert found.outputs == (1000,)


def test_the_vgg_keeps_its_layers_but_a_stride_and_a_pooling():
    with torch.device("meta"):
        theirs = [repr(layer) for layer in models.vgg16_bn().features]
    cut = fine_grained("vgg16-conv4-3", 1000, generator=None)
    ours = [repr(layer) for layer in (*cut.body, cut.relu, *cut.tail)]
    relu = theirs.index(repr(nn.ReLU(inplace=True)))
    assert len(cut.body) == 32
    assert ours[:32] == theirs[:32]
    assert ours[33 : len(theirs)] == theirs[33:]
    fine = fine_grained("vgg16", 200, generator=None)
    assert fine.body[0].stride == (2, 2)
    assert [repr(layer) for layer in fine.body[1:]] == theirs[1:42]
    assert theirs[relu] == theirs[42]
    # Behind the ReLU only the classifier is left: no pooling to a smaller map.
    assert [type(layer) for layer in fine.tail] == [nn.AdaptiveAvgPool2d, nn.Flatten, nn.Sequential]
    assert sum(isinstance(layer, nn.MaxPool2d) for layer in fine.modules()) == 4


def narrow_vgg(num_classes):
    """Torchvision's VGG-16 with a hundredth of the parameters."""
    widths = [4, 4, "M", 4, 4, "M", *[8] * 3, "M", *[8] * 3, "M", *[8] * 3, "M"]
    net = models.vgg.VGG(models.vgg.make_layers(widths, batch_norm=True))
    last = nn.Linear(32, num_classes)
    net.classifier = nn.Sequential(nn.Linear(8 * 49, 32), nn.ReLU(True), nn.Dropout(), last)
    return net


@pytest.mark.parametrize("name", ["resnet18", "vgg16-conv4-3"])
def test_an_uncut_net_of_torchvision_says_the_same(name, monkeypatch):
    monkeypatch.setattr(models, "vgg16_bn", narrow_vgg)
    before = torch.get_rng_state()
    net = fine_grained(name, 10, generator=torch.Generator().manual_seed(0)).eval()
    assert torch.equal(torch.get_rng_state(), before)
    same, other = (
        fine_grained(name, 10, generator=torch.Generator().manual_seed(s)).state_dict()
        for s in (0, 1)
    )
    for key, entry in net.state_dict().items():
        assert torch.equal(entry, same[key])
        if key.startswith(("body.0.w", "tail")) and key.endswith("weight") and entry.ndim > 1:
            assert not torch.equal(entry, other[key])
    with torch.device("meta"):
        maker = models.vgg16_bn if name.startswith("vgg") else models.resnet18
        theirs = maker(num_classes=10).eval()
    entries = zip(theirs.state_dict(), net.state_dict().values(), strict=True)
    theirs.load_state_dict(dict(entries), assign=True)
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        feature = net.features(x)
        kept = feature.clone()
        torch.testing.assert_close(net(x), theirs(x))
        torch.testing.assert_close(net.head(feature), theirs(x))
    assert torch.equal(feature, kept)
    assert (feature < 0).any()
    check_distributions(net, resnet=name.startswith("resnet"))


def check_distributions(net, *, resnet):
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            n = module.weight.numel()
            variance = 2 / (module.out_channels * math.prod(module.kernel_size))
            # The sample variance of normals: five of its standard deviations.
            assert abs(module.weight.square().mean() / variance - 1) < 5 * math.sqrt(2 / n)
            assert module.bias is None or not module.bias.any()
        elif isinstance(module, nn.Linear) and resnet:
            for values in (module.weight, module.bias):
                share = values.detach().abs() * math.sqrt(module.in_features)
                assert share.max() <= 1
                assert abs(share.mean() - 0.5) < 5 * math.sqrt(1 / 12 / share.numel())
        elif isinstance(module, nn.Linear):
            n = module.weight.numel()
            assert abs(module.weight.square().mean() / 1e-4 - 1) < 5 * math.sqrt(2 / n)
            assert not module.bias.any()
        elif isinstance(module, nn.BatchNorm2d):
            assert (module.running_var == 1).all()


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        fine_grained("vgg16", 0, generator=None)
    with pytest.raises(ValueError, match="one of"):
        fine_grained("resnet50", 10, generator=None)
