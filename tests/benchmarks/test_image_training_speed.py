"""A step of the image loop against a plain PyTorch loop with the same net, images and rates."""

import copy

import pytest
import torch
from benching import in_turns, size
from flops import flops
from torch.nn import functional as F

from strata.nets.resnet import resnet50, standardised
from strata.training.image_loop import ImageLoop, ImageSchedule

pytestmark = pytest.mark.benchmark

BATCH, WIDTH = 64, size(16, 8)
LOSS_OFF = {"float32": 1e-4, "bfloat16": 0.05}


class Plain:
    """The loop of a tutorial: channels first, in float32, the optimiser's own default."""

    def __init__(self, net, schedule):
        self.net = copy.deepcopy(net).to(memory_format=torch.contiguous_format).train()
        self.optimizer = torch.optim.SGD(
            self.net.parameters(),
            lr=schedule.lr,
            momentum=schedule.momentum,
            weight_decay=schedule.weight_decay,
            nesterov=True,
        )

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.net(x), y)
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())


@pytest.mark.parametrize("dtype", LOSS_OFF)
def test_a_step_of_a_resnet(dtype, bench_record, bench_compare):
    generator = torch.Generator().manual_seed(0)
    net = resnet50(10, stem="small", width=WIDTH, generator=generator)
    images = torch.randint(0, 256, (BATCH, 3, 32, 32), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 10, (BATCH,), generator=generator)
    schedule = ImageSchedule(epochs=2, batch_size=BATCH, lr=1e-3, dtype=dtype)
    loop, plain = ImageLoop(net, images, labels, schedule, 0), Plain(net, schedule)
    x, batch = standardised(images).contiguous(), torch.arange(BATCH)
    first, expected = float(loop.step(batch)[0]), plain.step(x, labels)
    difference = abs(first / expected - 1)
    least, _ = in_turns(
        size(5, 1), ours=lambda: loop.step(batch), theirs=lambda: plain.step(x, labels)
    )
    faster = least["theirs"] / least["ours"]
    bench_compare(
        f"images-{dtype}",
        size=f"{BATCH} images of 32 px, ResNet-50 of width {WIDTH}",
        dtype=dtype,
        ours=least["ours"],
        theirs=least["theirs"],
        difference=difference,
        operations=flops(lambda: loop.step(batch)),
    )
    bench_record(
        f"step of a ResNet-50 of width {WIDTH}, {BATCH} images of 32 px, {dtype}",
        **{
            "plain PyTorch, float32 (ms)": 1e3 * least["theirs"],
            "here (ms)": 1e3 * least["ours"],
            "times faster": faster,
            "relative difference of the first loss": difference,
        },
    )
    assert difference < LOSS_OFF[dtype]
    if dtype == "float32":  # whether bfloat16 is fast depends on the processor
        assert faster >= 1.1
