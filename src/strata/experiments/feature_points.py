"""One point for each dictionary of the last epoch: what the experiments on it have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from strata.experiments import features, image_nets
from strata.experiments.resting import data_of, needs_of


class Parameters(features.Parameters):
    """What the chapter's notebook can be given, with the allowed ranges."""

    def points(self) -> list[Config]:
        """One point for each dictionary of the last epoch."""
        return [Config(features=found) for found in self.final_features()]


class Config(BaseModel):
    """The dictionary that is looked at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    features: features.Config


needs = needs_of((image_nets, "features.net"), (features, "features"))
data_source, data_fingerprint = data_of(image_nets, "features.net")
