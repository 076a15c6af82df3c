"""Where data are looked for: what is found, and what the reader is told where it is not."""

import pickle

import numpy as np
import pytest

from strata.data.images import location
from strata.data.images.location import (
    DataError,
    MissingDataError,
    absolute_locations,
    data_location,
    existing,
    find_imagenet,
    find_own,
    held_out_split,
)


@pytest.fixture(autouse=True)
def _unset(monkeypatch):
    for name in ("STRATA_DATA", "STRATA_IMAGES"):
        monkeypatch.delenv(name, raising=False)


def _folders(root, *names):
    for name in names:
        (root / name).mkdir(parents=True)
    return root


def test_what_is_not_here_has_a_name_and_survives_a_process():
    with pytest.raises(MissingDataError, match=r"Moons is not here: STRATA_DATA is not set. Ask.$"):
        data_location("Moons", "Ask.")
    error = pickle.loads(pickle.dumps(MissingDataError("Moons", "Ask.")))
    assert (error.what, str(error)) == ("Moons", "Moons is not here: Ask.")


def test_a_relative_place_is_made_absolute_where_it_is_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(_folders(tmp_path, "data"))
    assert absolute_locations() == {}
    monkeypatch.setenv("STRATA_DATA", "data")
    monkeypatch.setenv("STRATA_IMAGES", "~")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_location("", "") == existing("data") == tmp_path / "data"
    found = absolute_locations()
    assert found == {"STRATA_DATA": str(tmp_path / "data"), "STRATA_IMAGES": str(tmp_path)}


def test_an_empty_variable_is_not_set(monkeypatch):
    monkeypatch.setenv("STRATA_DATA", "")
    assert absolute_locations() == {}
    with pytest.raises(MissingDataError, match="is not set"):
        find_imagenet()


@pytest.fixture
def three(monkeypatch):
    """ImageNet with three classes."""
    monkeypatch.setattr(location, "IMAGENET_CLASSES", 3)


def _imagenet(root, classes=3, splits=("train", "val")):
    return _folders(root, *(f"{s}/n{c}" for s in splits for c in range(classes)))


def test_imagenet_is_the_folder_or_lies_in_it(tmp_path, monkeypatch, three):
    folder = _imagenet(tmp_path / "imagenet")
    (folder / "train" / "readme.txt").touch()
    for named in (folder, tmp_path):
        monkeypatch.setenv("STRATA_DATA", str(named))
        assert find_imagenet() == folder


def test_without_imagenet_the_reader_is_told_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(MissingDataError, match=r"STRATA_DATA is not set.*train/class/file"):
        find_imagenet()
    monkeypatch.setenv("STRATA_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(MissingDataError, match="nowhere, which does not exist"):
        find_imagenet()
    monkeypatch.setenv("STRATA_DATA", str(_folders(tmp_path, "train", "test")))
    with pytest.raises(MissingDataError, match=f"there is none in {tmp_path}.*image-net"):
        find_imagenet()


def test_what_only_looks_like_imagenet_is_refused(tmp_path, monkeypatch, three):
    monkeypatch.setenv("STRATA_DATA", str(tmp_path))
    _imagenet(tmp_path / "imagenet", splits=("train",))
    with pytest.raises(DataError, match="no folder val, so it is not ImageNet") as caught:
        find_imagenet()
    assert not isinstance(caught.value, MissingDataError)
    monkeypatch.setattr(location, "IMAGENET_CLASSES", 1000)
    _imagenet(tmp_path / "imagenet", splits=("val",))
    with pytest.raises(DataError, match=r"train has 3 classes, .* has 1,000: .*STRATA_IMAGES"):
        find_imagenet()


@pytest.mark.parametrize(
    ("splits", "held_out"),
    [(("train", "test"), "test"), (("val", "train"), "val"), (("train", "valid", "val"), "val")],
)
def test_own_images_are_a_folder_or_an_npz_with_two_splits(tmp_path, monkeypatch, splits, held_out):
    folder = _folders(tmp_path / "mine", *splits)
    np.savez(tmp_path / "mine.npz", **{f"{split}_images": np.zeros(1) for split in splits})
    for place in (folder, tmp_path / "mine.npz"):
        monkeypatch.setenv("STRATA_IMAGES", str(place))
        assert find_own() == place
        assert held_out_split(place) == held_out


def test_own_images_that_do_not_serve_are_refused_with_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(MissingDataError, match=r"own images is not here: STRATA_IMAGES is not set"):
        find_own()
    np.savez(tmp_path / "x.npz", train_images=np.zeros(1))
    (tmp_path / "a.zip").touch()
    (tmp_path / "damaged.npz").write_bytes(b"PK")
    for place, said in (
        (_folders(tmp_path / "none", "photos"), "no images for training"),
        (_folders(tmp_path / "half", "train"), "no images to hold out"),
        (tmp_path / "x.npz", "no images to hold out"),
        (tmp_path / "a.zip", "neither a folder nor an .npz"),
        (tmp_path / "damaged.npz", "neither a folder nor an .npz"),
    ):
        monkeypatch.setenv("STRATA_IMAGES", str(place))
        with pytest.raises(DataError, match=f"{place} .*{said}.*Set STRATA_IMAGES to") as caught:
            find_own()
        assert not isinstance(caught.value, MissingDataError)
