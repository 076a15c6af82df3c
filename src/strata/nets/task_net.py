"""The random net of known depth whose feature is the task: Task-n of the paper."""

import torch
from torch import Tensor, nn

from strata.nets.residual import draw_


class TaskNet(nn.Module):
    """A frozen random net with n ReLUs between the image and the feature to be learned.

    A 3x3 convolution, n times a ReLU and a 3x3 convolution, all of one width and of stride 1;
    then the maximum over each 4x4 window and a 1x1 convolution. No biases, no normalisations, no
    shortcuts. Because of the maximum even n = 0 is not linear.

    Parameters
    ----------
    layers
        n, the ReLUs: 0 or more.
    outputs
        Channels of the feature.
    width
        Channels of the 3x3 convolutions.
    generator
        Source of the weights, on the CPU; the global state is not touched. None: a net on the
        device ``meta``, which has shapes and no numbers.

    Raises
    ------
    ValueError
        If there are fewer than 0 layers, or a number of channels is less than 1.

    Notes
    -----
    Ren et al. 2021 (arXiv 2006.15920), section 4 and the authors' code. The net is in evaluation
    mode and asks for no gradients.

    Examples
    --------
    >>> net = TaskNet(2, generator=torch.Generator().manual_seed(0))
    >>> net(torch.zeros(5, 3, 32, 32)).shape
    torch.Size([5, 64, 8, 8])
    """

    def __init__(
        self,
        layers: int,
        *,
        outputs: int = 64,
        width: int = 16,
        generator: torch.Generator | None,
    ) -> None:
        super().__init__()
        if layers < 0 or min(outputs, width) < 1:
            raise ValueError(
                f"layers are at least 0, outputs and width 1, not {layers}, {outputs} and {width}"
            )
        # On the device meta the constructors draw nothing from the global state.
        with torch.device("meta"):
            self.convolutions = nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False))
            for _ in range(layers):
                self.convolutions.append(nn.ReLU(inplace=True))
                self.convolutions.append(nn.Conv2d(width, width, 3, padding=1, bias=False))
            self.pool = nn.MaxPool2d(4)
            self.output = nn.Conv2d(width, outputs, 1, bias=False)
        if generator is not None:
            draw_(self, generator)
        self.requires_grad_(False).eval()

    def forward(self, images: Tensor) -> Tensor:
        """Map images (n, 3, h, w) to features (n, outputs, h / 4, w / 4), sides rounded down."""
        return self.output(self.pool(self.convolutions(images)))
