"""Nets whose kernel the rule for linear layers would get wrong are refused, by name."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from strata.measures.ntk import empirical_ntk, layerwise_ntk

X = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """Two linear layers, run by the function that is given."""

    def __init__(self, run, **modules):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 2)
        for name, module in modules.items():
            self.add_module(name, module)
        self.run = run

    def forward(self, x):
        return self.run(self, x)


def plain(net, x):
    return net.b(torch.tanh(net.a(x)))


def with_parameter():
    net = Net(plain)
    net.scale = nn.Parameter(torch.ones(1))
    return net


def with_extra_parameter_in_a_linear_layer():
    net = Net(plain)
    net.a.scale = nn.Parameter(torch.ones(1))
    return net


def with_shared_weight():
    net = Net(lambda net, x: net.b(net.c(net.a(x))), c=nn.Linear(3, 3))
    net.c.weight = net.a.weight
    return net


def with_spectral_norm():
    net = Net(plain)
    parametrizations.spectral_norm(net.a)
    return net


class CustomLinear(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


REFUSED = {
    "parameter of the net itself": (with_parameter, TypeError, r"'' \(Net\).*scale"),
    "more in a linear layer": (with_extra_parameter_in_a_linear_layer, TypeError, "'a'.*scale"),
    "subclass": (lambda: Net(plain, c=CustomLinear(3, 3)), TypeError, "'c'.*CustomLinear"),
    "parametrized": (with_spectral_norm, TypeError, "'a'.*ParametrizedLinear|parametrizations"),
    "convolution": (lambda: Net(plain, c=nn.Conv1d(1, 1, 1)), TypeError, r"'c' \(Conv1d\)"),
    "layer norm": (lambda: Net(plain, c=nn.LayerNorm(3)), TypeError, r"'c' \(LayerNorm\)"),
    "prelu": (lambda: Net(plain, c=nn.Sequential(nn.PReLU())), TypeError, r"'c.0' \(PReLU\)"),
    "affine batch norm": (lambda: Net(plain, c=nn.BatchNorm1d(3)).eval(), TypeError, "BatchNorm"),
    "batch norm": (
        lambda: Net(lambda net, x: net.b(net.c(net.a(x))), c=nn.BatchNorm1d(3, affine=False)),
        ValueError,
        r"'c' \(BatchNorm1d\) is in training mode",
    ),
    "dropout": (lambda: Net(plain, c=nn.Dropout(0.5)), ValueError, "'c'.*training mode"),
    "shared weight": (with_shared_weight, ValueError, "'a' and 'c' share a parameter"),
    "layer used twice": (
        lambda: Net(lambda net, x: net.b(net.a(net.a(x)))),
        ValueError,
        "'a' is used more than once",
    ),
    "layer not used": (
        lambda: Net(plain, c=nn.Linear(3, 3)),
        ValueError,
        "'c' is not called",
    ),
    "weight used as a function": (
        lambda: Net(lambda net, x: net.b(nn.functional.linear(x, net.a.weight))),
        ValueError,
        "'a' is not called",
    ),
    "tied weight": (
        lambda: Net(lambda net, x: net.b(torch.tanh(net.a(x)) @ net.a.weight)),
        ValueError,
        "the weight of layer 'a' is also used outside",
    ),
    "tied bias": (
        lambda: Net(lambda net, x: net.b(torch.tanh(net.a(x)) + net.a.bias)),
        ValueError,
        "the bias of layer 'a' is also used outside",
    ),
    "tokens": (
        lambda: Net(lambda net, x: net.b(net.a(x[:, None, :])).squeeze(1)),
        ValueError,
        r"'a' got an input of shape \(6, 1, 3\)",
    ),
    "rows folded into the batch": (
        lambda: Net(lambda net, x: net.b(net.a(torch.cat([x, x])))[: len(x)]),
        ValueError,
        r"'a' got an input of shape \(12, 3\)",
    ),
    "sum over the rows before": (
        lambda: Net(lambda net, x: plain(net, x).cumsum(0)),
        ValueError,
        "influence each other",
    ),
    "sum over the rows after": (
        lambda: Net(lambda net, x: plain(net, x).flip(0).cumsum(0).flip(0)),
        ValueError,
        "influence each other",
    ),
    "inputs centred by the batch": (
        lambda: Net(lambda net, x: plain(net, x - x.mean(0))),
        ValueError,
        "influence each other",
    ),
    "centred by the batch": (
        lambda: Net(lambda net, x: net.b((h := net.a(x)) - h.mean(0))),
        ValueError,
        "influence each other",
    ),
    "functional batch norm": (
        lambda: Net(
            lambda net, x: net.b(nn.functional.batch_norm(net.a(x), None, None, training=True))
        ),
        ValueError,
        "influence each other",
    ),
    "scalar output": (
        lambda: Net(lambda net, x: plain(net, x)[:, 0]),
        ValueError,
        r"to shape \(6,\), not \(n, outputs\)",
    ),
    "no parameters": (nn.Tanh, ValueError, "no linear layer"),
}


def test_the_plain_net_is_accepted():
    assert empirical_ntk(Net(plain), X).shape == (6, 6)


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("measure", [empirical_ntk, layerwise_ntk])
def test_it_is_refused(case, measure):
    make, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        measure(make(), X)


def test_batch_norm_is_refused_before_its_statistics_move():
    norm = nn.BatchNorm1d(3, affine=False)
    with pytest.raises(ValueError, match="training mode"):
        empirical_ntk(Net(lambda net, x: net.b(net.c(net.a(x))), c=norm), X)
    assert norm.num_batches_tracked == 0


def test_a_layer_that_no_output_depends_on_has_a_zero_kernel():
    net = Net(lambda net, x: net.b(x) + 0 * net.a(x).detach()[:, :2])
    assert not dict(layerwise_ntk(net, X))["a"].any()


def test_dead_units_are_no_reason_to_refuse():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    net[0].bias.data.fill_(-100)
    kernels = dict(layerwise_ntk(net, X))
    assert not kernels["0"].any()
    torch.testing.assert_close(kernels["2"], torch.full((6, 6), 2.0))
