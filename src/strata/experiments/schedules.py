"""What sweeps share in their parameters: lists that grow, depths, and how nets are trained."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from strata.training import Schedule

_Value = TypeVar("_Value")


def _check_growth(values: list[_Value]) -> list[_Value]:
    if sorted(set(values)) != values:
        raise ValueError("must grow")
    return values


# A list of a sweep, in which each value is above the one before.
Growing = Annotated[list[_Value], AfterValidator(_check_growth)]
# Numbers of hidden layers.
Depths = Annotated[Growing[Annotated[int, Field(ge=1, le=32)]], Field(min_length=2)]


class DepthParameters(BaseModel):
    """What a sweep over depth is given about its nets and their training, with allowed ranges."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    depths: Depths
    seeds: int = Field(ge=2, le=1000)
    width: int = Field(ge=2, le=10_000)
    optimizer: Literal["adam", "sgd"]
    learning_rate: float = Field(gt=0, le=10)
    momentum: float = Field(ge=0, lt=1)
    epochs: int = Field(ge=1, le=1_000_000)
    patience: int = Field(ge=1, le=1_000_000)

    def schedule(self) -> Schedule:
        """The training of every net, on full batches."""
        return Schedule(
            optimizer=self.optimizer,
            lr=self.learning_rate,
            momentum=self.momentum,
            epochs=self.epochs,
            patience=self.patience,
        )
