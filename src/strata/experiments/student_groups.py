"""Students of a family of nets that are trained together: what every way to train them shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import torch
from pydantic import BaseModel, ConfigDict, field_validator
from torch import nn

from strata.data.fingerprint import fingerprint
from strata.experiments.component_data import Pool
from strata.nets.resnet import Precision
from strata.seeding import torch_generator
from strata.training.checkpoints import load_checkpoint, save_checkpoint
from strata.training.epochs import flat_state, load_state_
from strata.training.fitting import Budget


class StudentSettings(BaseModel):
    """How students are trained.

    Attributes
    ----------
    orders
        Numbers of ReLUs of the students, growing.
    seed
        Of the students and their batches.
    width
        Of the students.
    budget
        Of each student, the same at every order.
    dtype
        Of image students in training.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    orders: tuple[int, ...]
    seed: int = 0
    width: int
    budget: Budget
    dtype: Precision = "float32"

    @field_validator("orders")
    @classmethod
    def _growing(cls, orders: tuple[int, ...]) -> tuple[int, ...]:
        if list(orders) != sorted(set(orders)) or not orders:
            raise ValueError(f"orders must grow, not {orders}")
        return orders


class Group:
    """Those nets of a family whose students are trained together."""

    kind: ClassVar[str]
    """What is trained: begins the names of its random numbers and of its files."""

    def __init__(
        self,
        pool: Pool,
        settings: StudentSettings,
        names: Sequence[str | int],
        members: Sequence[int],
    ) -> None:
        self.pool, self.settings = pool, settings
        self.names, self.members = tuple(names), list(members)

    def generators(self, order: int, role: str) -> list[torch.Generator]:
        """Random numbers of an order's students, one generator a net."""
        kind = (self.kind, *self.names, role, order, self.settings.seed)
        return [torch_generator(*kind, member) for member in self.members]

    def train_once(
        self, net: nn.Module, order: int, scratch: Path | None, train: Callable[[], None]
    ) -> None:
        """Train the net of an order in place, or take what a run that was killed left of it."""
        path = scratch / f"{self.kind}_{self.members[0]}_{order}.npz" if scratch else None
        identity = fingerprint(flat_state(net)) + self.settings.model_dump_json()
        saved = load_checkpoint(path, identity) if path else None
        if saved:
            load_state_(net, saved["state"])
            return
        train()
        if path:
            save_checkpoint(path, {"state": flat_state(net)}, identity)
