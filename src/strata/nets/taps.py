"""What the 16 residual blocks of a ResNet-50 compute, branch by branch.

Block l computes f_{l+1} = relu(shortcut(f_l) + main(f_l)). The shortcut is the identity but in
the first block of each stage, where it is a 1x1 convolution with batch normalisation.
"""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.hooks import RemovableHandle

from strata.nets.resnet import Precision, autocast, blocks, standardised

PARTS = ("stream", "main", "shortcut", "penultimate")


@dataclass(frozen=True)
class Activations:
    """What a net computes for n images, float32, on the CPU.

    Attributes
    ----------
    stream
        f_1 ... f_16: the residual stream after each block, after the addition and the ReLU; each
        (n, channels * grid * grid), or the maps (n, channels, height, width).
    main
        The output of the main branch of each block, before the addition; same shapes.
    shortcut
        The other summand, projected where the block projects; same shapes. On maps,
        ``stream[l] == relu(main[l] + shortcut[l])``.
    penultimate
        The maps after the last block (n, channels, height, width), not pooled.
    pooled
        Their mean over positions (n, channels), the input of the last layer.
    logits
        (n, classes).

    What was not asked for is an empty tuple, or None.
    """

    stream: tuple[Tensor, ...]
    main: tuple[Tensor, ...]
    shortcut: tuple[Tensor, ...]
    penultimate: Tensor | None
    pooled: Tensor
    logits: Tensor


def activations(
    net: nn.Module,
    images: Tensor,
    *,
    parts: Collection[str] = PARTS,
    grid: int | None = 1,
    batch_size: int = 256,
    dtype: Precision = "float32",
) -> Activations:
    """Run images through a net of `resnet50` and keep what its blocks compute.

    Batch normalisation uses the running statistics, whatever mode the net is in; the net is left
    as it was. Pooling is done in float32, batch by batch, so that full maps are never held.

    Parameters
    ----------
    net
        On any device.
    images
        (n, 3, h, w), taken as by `standardised`.
    parts
        Which of `PARTS` to keep; `pooled` and `logits` are always kept.
    grid
        Pool the maps of the blocks to grid x grid means: 1 is global average pooling, which
        forgets positions; 2 keeps quadrants. Where the side of a map is no multiple of the grid,
        the cells overlap by a row. None keeps the maps.
    batch_size
        Images at a time; another number may change the last bits.
    dtype
        ``bfloat16`` rounds inside the net, to about three digits.

    Raises
    ------
    ValueError
        If there is no image, a part or the dtype is unknown, `batch_size` is less than 1, the
        images have the wrong shape, or the grid is finer than a map.
    TypeError
        If the images are neither uint8 nor floats.

    Notes
    -----
    Memory: 4 n (grid^2) (sum of the channels of the blocks) bytes a branch; the sum is 236 times
    the width of the net, 15,104 at width 64.

    Examples
    --------
    >>> from strata.nets.resnet import resnet50
    >>> net = resnet50(10, stem="small", width=8, generator=torch.Generator().manual_seed(0))
    >>> found = activations(net, torch.zeros(5, 3, 32, 32), grid=2)
    >>> len(found.stream), found.stream[0].shape, found.penultimate.shape
    (16, torch.Size([5, 128]), torch.Size([5, 256, 2, 2]))
    """
    if unknown := set(parts) - set(PARTS):
        raise ValueError(f"unknown parts {sorted(unknown)}, use some of {PARTS}")
    if batch_size < 1 or not len(images) or (grid is not None and grid < 1):
        raise ValueError(f"{len(images)} images, batch_size {batch_size}, grid {grid}: too few")
    device = net.fc.weight.device
    context = autocast(dtype, device)
    modes = {module: module.training for module in net.modules()}
    taps = _Taps(net, parts, grid, len(images))
    try:
        net.eval()
        for low in range(0, len(images), batch_size):
            taps.rows = slice(low, low + batch_size)
            x = standardised(images[taps.rows].to(device))
            with torch.no_grad(), context:
                taps.keep("logits", 0, net(x))
    finally:
        taps.close()
        for module, mode in modes.items():
            module.training = mode
    return taps.found()


class _Taps:
    """Hooks that copy at once what passes: torchvision's blocks add and rectify in place."""

    def __init__(
        self, net: nn.Module, parts: Collection[str], grid: int | None, images: int
    ) -> None:
        self.rows = slice(0, 0)
        self._parts, self._grid, self._images = parts, grid, images
        self._arrays: dict[tuple[str, int], Tensor] = {}
        self._handles: list[RemovableHandle] = []
        for place, block in enumerate(blocks(net)):
            self._tap(block, "stream", place)
            self._tap(block.bn3, "main", place)
            if block.downsample is not None:
                self._tap(block.downsample, "shortcut", place)
            elif "shortcut" in parts:
                self._handles.append(
                    block.register_forward_pre_hook(
                        lambda _, inputs, place=place: self.keep(
                            "shortcut", place, self._cells(inputs[0])
                        )
                    )
                )
        self._handles.append(net.layer4.register_forward_hook(self._keep_last))

    def _tap(self, module: nn.Module, part: str, place: int) -> None:
        if part in self._parts:
            self._handles.append(
                module.register_forward_hook(
                    lambda _, __, output: self.keep(part, place, self._cells(output))
                )
            )

    def _keep_last(self, module: nn.Module, inputs: tuple[Tensor], maps: Tensor) -> None:
        if "penultimate" in self._parts:
            self.keep("penultimate", 0, maps)
        self.keep("pooled", 0, maps.float().mean((2, 3)))

    def _cells(self, maps: Tensor) -> Tensor:
        if self._grid is None:
            return maps
        if self._grid > min(maps.shape[2:]):
            raise ValueError(f"a grid of {self._grid} is finer than maps {tuple(maps.shape[2:])}")
        return F.adaptive_avg_pool2d(maps.float(), self._grid).flatten(1)

    def keep(self, part: str, place: int, values: Tensor) -> None:
        """Copy the values of the present rows; returns None, which lets the net go on."""
        if (part, place) not in self._arrays:
            self._arrays[part, place] = torch.empty(
                (self._images, *values.shape[1:]), device="meta" if values.is_meta else "cpu"
            )
        self._arrays[part, place][self.rows] = values.to(self._arrays[part, place])

    def found(self) -> Activations:
        """Sort what was kept."""
        branches = {
            part: tuple(a for (p, _), a in self._arrays.items() if p == part) for part in PARTS
        }
        last = branches.pop("penultimate")
        pooled, logits = self._arrays["pooled", 0], self._arrays["logits", 0]
        return Activations(
            **branches, penultimate=last[0] if last else None, pooled=pooled, logits=logits
        )

    def close(self) -> None:
        """Take the hooks off."""
        for handle in self._handles:
            handle.remove()
