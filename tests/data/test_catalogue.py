"""The catalogue: what is drawn is the same everywhere, what is missing says how to get it."""

import pytest

from strata.data.catalogue import catalogue
from strata.data.images.location import DataError

DRAWN = [entry for entry in catalogue().values() if entry.sample]


@pytest.mark.parametrize("entry", DRAWN, ids=lambda entry: entry.name)
def test_a_drawn_set_is_the_same_at_every_look(entry):
    assert entry.whereabouts() == entry.whereabouts()
    assert entry.whereabouts().startswith("generated from a seed")


def test_no_two_drawn_sets_are_the_same():
    assert len({entry.sample() for entry in DRAWN}) == len(DRAWN)


def test_a_set_of_the_readers_is_found_or_says_what_to_do(tmp_path, monkeypatch):
    entry = catalogue()["cifar10"]
    monkeypatch.delenv("STRATA_DATA", raising=False)
    with pytest.raises(DataError, match="set STRATA_DATA"):
        entry.whereabouts()
    (tmp_path / "cifar-10-batches-bin").mkdir()
    monkeypatch.setenv("STRATA_DATA", str(tmp_path))
    assert entry.whereabouts() == f"from {tmp_path / 'cifar-10-batches-bin'}"


def test_the_command_lists_what_is_here_and_what_is_not(strata_here, project_copy):
    nowhere = {"STRATA_DATA": str(project_copy / "nowhere"), "STRATA_IMAGES": ""}
    done = strata_here(project_copy, "data", env=nowhere)
    assert done.returncode == 0
    for name in ("CIFAR-10", "ImageNet"):
        assert f"{name} is not here: STRATA_DATA names {nowhere['STRATA_DATA']}" in done.stdout
    assert "own images is not here: STRATA_IMAGES is not set" in done.stdout
    assert all(name in done.stdout for name in catalogue())
