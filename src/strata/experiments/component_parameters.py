"""What all chapters of study B can be given, and the families and chains that it leads to."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict, Unpack

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from strata.experiments import component_orders, component_targets
from strata.experiments.component_data import DIGITS, Data, ImageName, VectorName
from strata.experiments.disentangling import Settings
from strata.nets.resnet import Precision
from strata.training.fitting import Budget

Rate = Annotated[float, Field(gt=0, le=1)]
Counts = Annotated[list[Annotated[int, Field(ge=1, le=1_000_000)]], Field(min_length=1)]


class Change(TypedDict, total=False):
    """What chains may differ in; see `strata.experiments.disentangling.Settings`."""

    start: Literal["cold", "warm", "continued"]
    seed: int
    pool: Literal["all", "own"]


class Parameters(BaseModel):
    """The families of study B, and how they are taken apart, with the allowed ranges.

    The names without ``image`` are those of the dense nets. Of the data sets the first is judged;
    it has ``seeds`` families, the others ``further_seeds`` each.
    Steps are updates; ``target_steps`` of a net that is taken apart, ``steps`` of a student.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    data: list[VectorName] = Field(min_length=1)
    seeds: int = Field(ge=2, le=1000)
    further_seeds: int = Field(ge=2, le=1000)
    depths: Counts
    samples: Counts
    pool: int = Field(ge=100, le=1_000_000)
    test: int = Field(ge=100, le=1_000_000)
    width: int = Field(ge=2, le=4096)
    feature: int = Field(ge=2, le=4096)
    orders: Counts
    target_steps: int = Field(ge=1)
    steps: int = Field(ge=1)
    batch_size: int = Field(ge=2, le=100_000)
    first_rate: Rate
    last_rate: Rate
    images: list[ImageName]
    image_seeds: int = Field(ge=1, le=1000)
    image_size: int = Field(ge=16, le=1024)
    image_depths: Counts
    image_samples: Counts
    image_pool: int = Field(ge=100, le=1_000_000)
    image_test: int = Field(ge=100, le=1_000_000)
    image_target_width: int = Field(ge=1, le=1024)
    image_width: int = Field(ge=1, le=1024)
    image_orders: Counts
    image_target_steps: int = Field(ge=1)
    image_steps: int = Field(ge=1)
    image_dtype: Precision

    @field_validator("data", "images")
    @classmethod
    def _different(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise ValueError("must name each data set once")
        return names

    @field_validator("depths", "samples", "orders", "image_depths", "image_samples", "image_orders")
    @classmethod
    def _growing(cls, values: list[int]) -> list[int]:
        if values != sorted(set(values)):
            raise ValueError("must grow")
        return values

    @field_validator("image_orders")
    @classmethod
    def _of_image_nets(cls, orders: list[int]) -> list[int]:
        if any(order < 4 or order % 3 != 1 for order in orders):
            raise ValueError("image students have the orders 4, 7, 10 and so on")
        return orders

    @field_validator("image_depths")
    @classmethod
    def _of_resnets(cls, depths: list[int]) -> list[int]:
        if any(depth < 8 or depth % 6 != 2 for depth in depths):
            raise ValueError("ResNets for small images have the depths 8, 14, 20 and so on")
        return depths

    @model_validator(mode="after")
    def _enough_samples(self) -> Parameters:
        pool = min(DIGITS[0], self.pool) if "digits" in self.data else self.pool
        if self.samples[-1] > pool or self.image_samples[-1] > self.image_pool:
            raise ValueError("no target can have more samples than the pool has")
        return self

    def families(self, data: VectorName | None = None) -> list[component_targets.Config]:
        """Families of dense nets: data sets (or the one named), seeds innermost."""
        return [
            component_targets.Config(
                data=Data.vectors(name, self.pool, self.test),
                depths=tuple(self.depths),
                samples=tuple(self.samples),
                seed=seed,
                width=self.width,
                feature=self.feature,
                budget=self.budget(self.target_steps),
            )
            for name in ([data] if data else self.data)
            for seed in range(self.seeds if name == self.data[0] else self.further_seeds)
        ]

    def image_families(self) -> list[component_targets.Config]:
        """Families of image nets: data sets, seeds, and one family for each depth, innermost."""
        return [
            component_targets.Config(
                data=Data(
                    name=name, pool=self.image_pool, test=self.image_test, size=self.image_size
                ),
                depths=(depth,),
                samples=tuple(self.image_samples),
                seed=seed,
                width=self.image_target_width,
                feature=4 * self.image_target_width,
                budget=self.budget(self.image_target_steps),
            )
            for name in self.images
            for seed in range(self.image_seeds)
            for depth in self.image_depths
        ]

    def settings(self, **change: Unpack[Change]) -> Settings:
        """How dense nets are taken apart."""
        return Settings(
            orders=tuple(self.orders), width=self.width, budget=self.budget(self.steps), **change
        )

    def image_settings(self, **change: Unpack[Change]) -> Settings:
        """How image nets are taken apart."""
        return Settings(
            orders=tuple(self.image_orders),
            width=self.image_width,
            budget=self.budget(self.image_steps),
            dtype=self.image_dtype,
            **change,
        )

    def chains(self, **change: Unpack[Change]) -> list[component_orders.Config]:
        """A chain for each of `families`."""
        settings = self.settings(**change)
        return [component_orders.Config(targets=f, settings=settings) for f in self.families()]

    def image_chains(self, **change: Unpack[Change]) -> list[component_orders.Config]:
        """A chain for each of `image_families`."""
        settings = self.image_settings(**change)
        families = self.image_families()
        return [component_orders.Config(targets=f, settings=settings) for f in families]

    def budget(self, steps: int) -> Budget:
        """So many steps at the batch size and the rates of all nets."""
        return Budget(
            steps=steps,
            batch_size=self.batch_size,
            first_rate=self.first_rate,
            last_rate=self.last_rate,
        )
