"""The counting of operations: by hand, and for the hot loops from their formulas."""

from functools import partial

import pytest
import torch
from flops import flops
from torch import nn
from torch.nn import functional as F

from strata.measures.cka import cka_map
from strata.measures.dictionary import nmf
from strata.measures.inversion import adam_inversion
from strata.measures.ntk import empirical_ntk
from strata.nets.counting import multiply_adds
from strata.nets.mlp import MLP
from strata.nets.resnet import resnet50
from strata.training import Schedule, train_many
from strata.training.image_loop import ImageLoop, ImageSchedule

A, B, C = torch.rand(3, 5), torch.rand(5, 7), torch.rand(3, 7)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda: A @ B, 2 * 3 * 5 * 7),
        (lambda: torch.mm(A, B, out=torch.empty(3, 7)), 2 * 3 * 5 * 7),
        (lambda: torch.addmm(C, A, B), 2 * 3 * 5 * 7),
        (lambda: C.clone().addmm_(A, B), 2 * 3 * 5 * 7),
        (lambda: torch.bmm(A.expand(4, 3, 5), B.expand(4, 5, 7)), 4 * 2 * 3 * 5 * 7),
        (lambda: torch.zeros(4, 3, 7).baddbmm_(A.expand(4, 3, 5), B.expand(4, 5, 7)), 840),
        # 6 x 6 places of 4 channels, each from 3 x 3 places of 2 channels
        (lambda: F.conv2d(torch.rand(1, 2, 8, 8), torch.rand(4, 2, 3, 3)), 2 * 36 * 4 * 18),
        (lambda: (A + A, A * A, A.relu(), A.sum(), torch.linalg.eigh(A @ A.T)), 2 * 3 * 3 * 5),
    ],
    ids=["mm", "out", "addmm", "addmm_", "bmm", "baddbmm_", "convolution", "no products"],
)
def test_products_and_convolutions_count_and_nothing_else(function, expected):
    assert flops(function) == expected


def test_the_kernel_takes_two_products_a_layer_for_each_block_from_the_diagonal():
    net = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2))
    x, block, outputs = torch.rand(16, 3), 4, 2
    # 3, 6 and 10 blocks: of their second difference, passes through the net are no part.
    low, middle, high = (
        flops(lambda n=n: empirical_ntk(net, x[:n], block=block)) for n in (8, 12, 16)
    )
    both = sum((a + 1) + outputs * b for a, b in ((3, 6), (6, 2)))
    assert high - 2 * middle + low == 2 * block * block * both


def test_similarity_takes_half_of_the_kernels_and_of_their_products():
    n, m, d = 40, 3, 30
    layers = list(torch.rand(m, n, d, dtype=torch.float64))
    kernels, between = 2 * n * n * d * m, 2 * n * n * m * m  # one panel: nothing is spared
    assert flops(lambda: cka_map(layers)) == kernels + between


def test_an_iteration_of_the_factorisation():
    n, d, k = 50, 12, 10
    a = torch.rand(n, d)
    few, more = (flops(lambda m=m: nmf(a, k, tol=0.0, max_iter=m)) for m in (2, 3))
    # Codes: D D^T, D A^T, a round; residual, Z Z^T, Z R; atoms: G D, a round.
    codes = k * k * d + k * d * n + k * k * n + n * k * d + k * k * n + k * n * d
    assert more - few == 2 * (codes + k * k * d + k * k * d)


def test_a_step_of_training_takes_three_passes_but_for_the_gradient_of_the_inputs():
    widths, nets, n = [2, 5, 4, 2], 3, 16
    made = [MLP(widths, generator=torch.Generator().manual_seed(i)) for i in range(nets)]
    x, y = torch.rand(nets, n, 2), torch.arange(n).expand(nets, n) % 2
    schedule = Schedule(lr=0.1, epochs=1, batch_size=8)
    steps = flops(partial(train_many, made, x, y, schedule, seeds=range(nets)))
    forward = 2 * n * nets * multiply_adds(made[0], (2,))
    assert steps == 3 * forward - 2 * n * nets * 2 * 5


def test_a_step_of_a_resnet_takes_three_passes_but_for_the_gradient_of_the_images():
    net = resnet50(10, stem="small", width=2, generator=torch.Generator().manual_seed(0))
    images = torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8)
    schedule = ImageSchedule(epochs=1, batch_size=4, lr=0.1)
    loop = ImageLoop(net, images, torch.zeros(4, dtype=torch.int64), schedule, 0)
    step = flops(lambda: loop.step(torch.arange(4)))
    forward = 2 * 4 * multiply_adds(net, (3, 16, 16))
    first = 2 * 4 * multiply_adds(net.conv1, (3, 16, 16))
    assert step == 3 * forward - first


def test_a_step_of_an_inversion_takes_two_passes():
    # No weight has a gradient, the images do.
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3)).requires_grad_(False)
    a, start = torch.rand(2, 5, 3, 8, 8)
    few, more = (flops(lambda s=s: adam_inversion(net, a, start, steps=s)) for s in (1, 2))
    assert more - few == 2 * 2 * 5 * multiply_adds(net, (3, 8, 8))
