"""What a net costs: the tables of the study, a closed formula, torch's own counter."""

from functools import cache

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from strata.nets.cifar_resnet import cifar_resnet
from strata.nets.counting import cost, multiply_adds
from strata.nets.disentangler import Disentangler
from strata.nets.task_net import TaskNet

IMAGE = (3, 32, 32)


@pytest.mark.parametrize(
    ("depth", "parameters", "millions"),
    [
        (8, "0.075", "12.24"),
        (14, "0.173", "26.40"),
        (20, "0.270", "40.55"),
        (32, "0.464", "68.86"),
        (44, "0.659", "97.17"),
    ],
)
def test_the_targets_have_the_counts_of_the_table(depth, parameters, millions):
    found = cost(cifar_resnet(depth, 10, generator=None), IMAGE)
    assert f"{found.parameters / 1e6:.3f}" == parameters
    assert f"{found.multiply_adds / 1e6:.2f}" == millions


CHAIN = {
    1: ("1.66", "0.308", "0.078"),
    2: ("4.76", "0.761", "0.192"),
    4: ("10.96", "1.667", "0.418"),
    8: ("23.35", "3.479", "0.871"),
    16: ("48.14", "7.102", "1.777"),
    32: ("97.71", "14.350", "3.589"),
}
"""Blocks of a stage: million parameters, and 10^9 multiply-adds at full and at half width."""


@cache
def chain(blocks, base=128):
    return cost(Disentangler(blocks, 64, base=base, generator=None), IMAGE)


@pytest.mark.parametrize("blocks", CHAIN)
def test_the_disentanglers_have_the_counts_of_the_table_and_of_the_closed_formula(blocks):
    found, half = chain(blocks), chain(blocks, base=64).multiply_adds
    numbers = (found.parameters / 1e6, found.multiply_adds / 1e9, half / 1e9)
    printed = [f"{x:.{p}f}" for x, p in zip(numbers, (2, 3, 3), strict=True)]
    assert tuple(printed) == CHAIN[blocks]
    # The stem, the outputs, and 3 m - 1 times what a block of the first stage takes.
    ends, block = 32**2 * 27 * 128 + 8**2 * 512 * 64, 32**2 * 9 * 128**2
    assert found.multiply_adds == ends + block * (3 * blocks - 1)
    assert found.relus == 3 * blocks + 1
    assert (round(ends / 1e9, 4), round(block / 1e9, 3)) == (0.0056, 0.151)


def test_the_net_that_learns_a_task_and_the_whole_chain():
    found = chain(6)
    assert f"{found.parameters / 1e6:.1f}" == "17.2"
    assert f"{found.multiply_adds / 1e6:.1f}" == "2572.6"
    assert found.relus == 19
    whole = sum(chain(blocks).multiply_adds for blocks in CHAIN)
    assert f"{whole / 1e9:.2f}" == "27.67"


@pytest.mark.parametrize(
    ("layers", "printed", "digits"),
    [(0, "0.51", 2), (2, "5.2", 1), (8, "19.4", 1), (26, "61.8", 1), (80, "189", 0)],
)
def test_the_tasks_have_the_counts_of_the_table(layers, printed, digits):
    found = multiply_adds(TaskNet(layers, generator=None), IMAGE)
    assert f"{found / 1e6:.{digits}f}" == printed
    assert found == 32**2 * 9 * (3 * 16 + layers * 16**2) + 8**2 * 16 * 64


def test_a_net_that_is_really_run_takes_this_work_by_the_counter_of_torch():
    generator = torch.Generator().manual_seed(0)
    for net in (
        cifar_resnet(14, 10, widths=(3, 5, 8), generator=generator),
        Disentangler(2, 7, base=4, stem="large", generator=generator),
        TaskNet(3, generator=generator),
        nn.Conv2d(3, 6, 3, groups=3, stride=2),
    ):
        x = torch.zeros(2, 3, 32, 32)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net(x)
        assert counter.get_total_flops() == 2 * 2 * multiply_adds(net, (3, 32, 32))


def test_relus_are_counted_as_often_as_they_are_applied():
    relu = nn.ReLU()
    net = nn.Sequential(nn.Linear(3, 3), relu, nn.Linear(3, 2), relu)
    found = cost(net, (3,))
    assert (found.relus, found.activations, found.parameters) == (2, 5, 20)


def test_the_net_is_left_as_it_was():
    net = cifar_resnet(8, 10, widths=(2, 3, 4), generator=torch.Generator().manual_seed(0))
    before = {name: entry.clone() for name, entry in net.state_dict().items()}
    assert cost(net, (3, 8, 8), part="features").outputs == (4, 2, 2)
    assert net.training
    assert all(torch.equal(entry, before[name]) for name, entry in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())


def test_a_layer_whose_work_is_unknown_is_refused():
    with pytest.raises(TypeError, match=r"1 \(ConvTranspose2d\) is unknown"):
        cost(nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(3, 2, 2)), (3, 4, 4))
    with pytest.raises(TypeError, match="the net"):
        cost(nn.Bilinear(2, 2, 2), (2,))
