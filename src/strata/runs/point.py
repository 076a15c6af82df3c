"""One point of an experiment and its key: the hash of everything that decides its result."""

import hashlib
import json
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from strata.environment import seed_family, thread_count
from strata.runs.result import Result
from strata.sources import source_fingerprint

_PARTS = ("experiment", "config", "source", "data", "versions")
_UNUSUAL = {"threads": 1, "seeds": 0}


class Experiment(Protocol):
    """What a module in ``strata.experiments`` offers to a sweep.

    Some functions are optional. ``stack_key(config) -> Hashable | None``: points with the
    same key may be computed together (None: alone). ``run_many(configs) -> list[Result]``
    computes them so, equal to `run` within the rounding of the dtype.

    Instead of stacks, an experiment may rest on points of others: ``needs(config)`` lists them as
    pairs (experiment, config). They are computed first, alone, and ``run(config, scratch=None, *,
    given)`` takes their results in that order. They are no part of the key: what decides them is
    in the config, the source files and the data of the point that needs them.

    ``data_source(config) -> str`` is what a page calls the data: "CIFAR-10, JPEG copy".
    """

    __name__: str
    Config: type[BaseModel]

    def run(self, config: Any, scratch: Path | None = None) -> Result:
        """Compute a point; ``scratch`` is a folder for checkpoints that outlives a kill."""
        ...

    def cost(self, config: Any) -> float:
        """Relative seconds of a point."""
        ...

    def data_fingerprint(self, config: Any) -> str:
        """SHA-256 of the data that enter the point."""
        ...


class StackingExperiment(Experiment, Protocol):
    """An experiment that can compute several points together."""

    def stack_key(self, config: Any) -> Hashable | None:
        """Points with the same key may be computed together; None: alone."""
        ...

    def run_many(self, configs: Sequence[Any]) -> list[Result]:
        """Compute points together."""
        ...


@dataclass(frozen=True)
class Point:
    """A point, free of the experiment's own classes, so that any process can take it.

    Parameters
    ----------
    key
        First 32 hex digits of the SHA-256 of ``made_of`` as canonical JSON.
    made_of
        ``experiment`` (module name), ``config``, ``source`` (fingerprint of the code, see
        `strata.sources`), ``data`` (fingerprint of the data), ``versions`` (torch, numpy), and
        for a point that is computed together with others ``stack``, their keys in order. Where
        they are not those of published results, ``threads`` and the family of ``seeds``.
    """

    key: str
    made_of: dict[str, Any]

    @classmethod
    def of(cls, experiment: Experiment, config: BaseModel, *, source: str | None = None) -> "Point":
        """Make the point of a config.

        Parameters
        ----------
        source
            The fingerprint of the experiment's code, where it is known already.

        Raises
        ------
        TypeError
            The config is not of the experiment's own kind.
        ValueError
            The config holds a number that is NaN or infinite.
        """
        if not isinstance(config, experiment.Config):
            raise TypeError(
                f"{experiment.__name__} takes points of its own `Config`, "
                f"not {type(config).__module__}.{type(config).__qualname__}"
            )
        made_of = {
            "experiment": experiment.__name__,
            "config": config.model_dump(mode="json"),
            "source": source or source_fingerprint([experiment.__name__]),
            "data": experiment.data_fingerprint(config),
            "versions": _versions(),
            **_unusual(),
        }
        return cls(key_of(made_of), made_of)

    def in_stack(self, stack: "Sequence[Point]") -> "Point":
        """Give the same point as a member of a stack; alone it stays as it is.

        Stacks are part of the key since they are part of the rounding: the last bits of a net
        that is trained together with others depend on how many they are.
        """
        if len(stack) == 1:
            return self
        made_of = {**self.made_of, "stack": [point.key for point in stack]}
        return Point(key_of(made_of), made_of)

    @property
    def experiment(self) -> str:
        """The module name of the experiment."""
        return self.made_of["experiment"]

    @property
    def short_name(self) -> str:
        """The last part of the module name; the name of its folder in the store."""
        return self.experiment.rpartition(".")[2]

    @property
    def config_json(self) -> str:
        """The config as canonical JSON."""
        return canonical_json(self.made_of["config"])

    def __str__(self) -> str:
        return f"{self.short_name}/{self.key}"


def _unusual() -> dict[str, int]:
    """What else decides a result, named only where it is not as usual."""
    here = {"threads": thread_count(), "seeds": seed_family()}
    return {name: value for name, value in here.items() if value != _UNUSUAL[name]}


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("torch", "numpy")}


def key_of(made_of: dict[str, Any]) -> str:
    """Give the key for the parts of a point."""
    parts = {name: made_of[name] for name in _PARTS}
    parts |= {name: made_of[name] for name in ("stack", *_UNUSUAL) if name in made_of}
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()[:32]


def canonical_json(value: object) -> str:
    """Write JSON in one way only: keys sorted, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
