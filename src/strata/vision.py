"""The one door to torchvision, which opens beside a CPU build of torch too.

The package index may serve a CUDA build of torchvision. Beside a CPU build of torch its compiled
operators are not loaded, and the import fails with ``operator torchvision::nms does not exist``,
because torchvision describes the shapes of two operators when it is imported. Declaring these two
is enough: models, feature extraction, data sets and transforms are pure Python. ``ops.nms`` and
the decoding of images in ``torchvision.io`` stay out of order: use PIL.
"""

import importlib
from types import ModuleType

import torch

_OPERATORS = ("nms", "qnms")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
# The declarations live as long as this object is referenced.
_declared: torch.library.Library | None = None


def import_torchvision() -> ModuleType:
    """Return the module torchvision, after declaring its missing operators on a CPU torch.

    May be called any number of times. On a CUDA build of torch, or where the operators are
    there, nothing is declared.

    Raises
    ------
    ImportError
        If torchvision is not installed.
    """
    global _declared
    if _declared is None and torch.version.cuda is None:
        missing = [name for name in _OPERATORS if not hasattr(torch.ops.torchvision, name)]
        if missing:
            _declared = torch.library.Library("torchvision", "FRAGMENT")
            for name in missing:
                _declared.define(f"{name}{_SCHEMA}")
    return importlib.import_module("torchvision")
