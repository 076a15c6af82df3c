"""Photographs by name: which images come, from where, and what is refused."""

import numpy as np
import pytest
from own_images import write_own
from PIL import Image

from strata.data.images.location import MissingDataError
from strata.data.images.named import photographs


@pytest.fixture
def own(tmp_path, monkeypatch):
    path = write_own(tmp_path / "mine.npz")
    monkeypatch.setenv("STRATA_IMAGES", str(path))
    return path


def test_own_images_are_balanced_sized_and_of_their_split(own):
    train = photographs("own", 9, np.random.default_rng(1), size=16)
    held_out = photographs("own", 6, np.random.default_rng(1), size=16, held_out=True)
    assert train.images.shape == (9, 3, 16, 16)
    assert train.counts().tolist() == [3, 3, 3]
    assert held_out.counts().tolist() == [2, 2, 2]
    assert train.images.max() < 100 <= held_out.images.min()
    assert "mine" in train.source


def test_folders_are_read_file_by_file(tmp_path, monkeypatch):
    for split in ("train", "test"):
        for place, name in enumerate(("cat", "dog")):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for number in range(3):
                colour = (100 * place, 10 * number, 200 if split == "test" else 0)
                Image.new("RGB", (24, 18), colour).save(folder / f"{number}.png")
    monkeypatch.setenv("STRATA_IMAGES", str(tmp_path))
    found = photographs("own", 4, np.random.default_rng(0), size=16, held_out=True)
    assert found.classes == ("cat", "dog")
    assert (found.images[:, 2] == 200).all()
    assert (found.images[:, 0, 0, 0] == 100 * found.labels).all()


def test_the_same_seed_gives_the_same_images(own):
    first, again, other = (
        photographs("own", 9, np.random.default_rng(seed), size=20).fingerprint()
        for seed in (1, 1, 2)
    )
    assert first == again != other


@pytest.mark.parametrize("name", ["cifar10", "imagenet", "own"])
def test_what_is_not_here_is_not_replaced(name, monkeypatch):
    for variable in ("STRATA_DATA", "STRATA_IMAGES"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(MissingDataError):
        photographs(name, 10, np.random.default_rng(0), size=32)


def test_cifar_is_not_scaled():
    with pytest.raises(ValueError, match="32"):
        photographs("cifar10", 10, np.random.default_rng(0), size=64)
