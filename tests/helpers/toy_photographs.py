"""An experiment on sets that may not be here: files in the folder that ``STRATA_DATA`` names.

A file ``photographs`` holds what the set is called in its first line; a set ``drawn`` is always
here.
"""

import numpy as np
from pydantic import BaseModel

from strata.data.fingerprint import fingerprint
from strata.data.images.location import DataError, MissingDataError, data_location


class Config(BaseModel):
    data: str


class Parameters(BaseModel):
    data: list[str]

    def points(self) -> list[Config]:
        return [Config(data=name) for name in self.data]


def _content(config: Config) -> str:
    if config.data == "drawn":
        return "drawn"
    path = data_location("Photographs", "Ask for them.") / "photographs"
    if not path.exists():
        raise MissingDataError("Photographs", "there are none. Ask for them.")
    content = path.read_text()
    if "damaged" in content:
        raise DataError("photographs is damaged")
    return content


def data_fingerprint(config: Config) -> str:
    return fingerprint(np.array(_content(config)))


def data_source(config: Config) -> str:
    return _content(config).splitlines()[0]
