"""Loading the reader's own images: forms, order, layouts, what is kept, and single files."""

import io
import os
import tarfile
import time
import warnings
import zipfile

import numpy as np
import pytest
from PIL import Image

from strata.data.images.files import ImageFolder, load_images
from strata.data.images.location import DataError, DataWarning

CLASSES = ("ant", "bee", "cat")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("STRATA_CACHE", str(folder))
    return folder


def _pictures(per_class=2, side=6, classes=CLASSES, splits=("train", "test"), seed=0):
    """Random images by name: split/class/number.png."""
    rng = np.random.default_rng(seed)
    return {
        "/".join([*([split] if split else []), name, f"{i}.png"]): rng.integers(
            0, 256, (side, side, 3), np.uint8
        )
        for split in splits
        for name in classes
        for i in range(per_class)
    }


def _png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _folder(root, pictures):
    for name, pixels in pictures.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(_png(pixels))
    return root


def _expected(pictures, split):
    names = sorted(name for name in pictures if name.startswith(split))
    return np.stack([pictures[name].transpose(2, 0, 1) for name in names])


def _archive(path, folder, prefix="", backwards=False):
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.*"))
    if backwards:
        names.reverse()
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.write(folder / name, prefix + name)
    else:
        with tarfile.open(path, "w:" + path.suffix[1:]) as archive:
            for name in names:
                archive.add(folder / name, prefix + name)
    return path


def test_a_folder_comes_back_by_class_and_name(tmp_path):
    pictures = _pictures()
    images = load_images(_folder(tmp_path / "mine", pictures), split="train")
    assert np.array_equal(images.images, _expected(pictures, "train"))
    assert images.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert (images.classes, images.split) == (CLASSES, "train")
    assert images.source == "own images: mine"
    assert load_images(tmp_path / "mine", split="train", source="insects").source == "insects"


def test_folder_and_archives_in_any_order_have_one_fingerprint(tmp_path):
    pictures = _pictures()
    folder = _folder(tmp_path / "mine", pictures)
    forms = [
        folder,
        _archive(tmp_path / "a.zip", folder),
        _archive(tmp_path / "b.zip", folder, "top/"),
        _archive(tmp_path / "c.xz", folder, "./", backwards=True),
        _archive(tmp_path / "d.gz", folder, "very/far/down/"),
        _folder(tmp_path / "above" / "mine", pictures).parent,
    ]
    prints = {load_images(form, split="test").fingerprint() for form in forms}
    assert len(prints) == 1
    other = {load_images(form, split="train").fingerprint() for form in forms}
    assert len(other) == 1
    assert other != prints


def test_a_set_without_splits_is_all_of_it(tmp_path):
    pictures = _pictures(splits=("",))
    folder = _folder(tmp_path / "mine", pictures)
    images = load_images(folder)
    assert images.split == "all"
    assert np.array_equal(images.images, _expected(pictures, ""))
    again = load_images(_archive(tmp_path / "a.zip", folder))
    assert again.fingerprint() == images.fingerprint()


def test_a_class_may_be_called_like_a_split(tmp_path):
    pictures = _pictures(classes=("plane", "train"), splits=("train",))
    assert load_images(_folder(tmp_path / "a", pictures), split="train").classes[1] == "train"
    bare = _pictures(classes=("plane", "train"), splits=("",))
    assert load_images(_folder(tmp_path / "b", bare)).classes == ("plane", "train")


def test_other_files_are_passed_over(tmp_path):
    folder = _folder(tmp_path / "mine", _pictures())
    for name in ("readme.txt", "train/notes.md", "train/ant/Thumbs.db", "train/ant/.hidden.png"):
        (folder / name).write_bytes(b"x")
    assert len(load_images(folder, split="train")) == 6


def test_sizes_are_brought_together_only_on_demand(tmp_path):
    pictures = _pictures()
    pictures["train/bee/0.png"] = np.full((9, 30, 3), 77, np.uint8)
    folder = _folder(tmp_path / "mine", pictures)
    with pytest.raises(DataError, match=r"train/bee/0\.png has 30 × 9 pixels.* 6 × 6"):
        load_images(folder, split="train")
    images = load_images(folder, split="train", size=6)
    pictures["train/bee/0.png"] = np.full((6, 6, 3), 77, np.uint8)
    assert np.array_equal(images.images, _expected(pictures, "train"))


def test_a_corrupt_image_is_named_in_every_form(tmp_path):
    folder = _folder(tmp_path / "mine", _pictures())
    (folder / "train/bee/1.png").write_bytes(_png(np.zeros((6, 6, 3), np.uint8))[:40])
    for form in (folder, _archive(tmp_path / "a.zip", folder), _archive(tmp_path / "a.xz", folder)):
        with pytest.raises(DataError, match=r"train/bee/1\.png cannot be read"):
            load_images(form, split="train")
        assert len(load_images(form, split="test")) == 6


def _without(folder, name):
    for file in (folder / name).iterdir():
        file.unlink()


def test_an_empty_class_is_named(tmp_path):
    folder = _folder(tmp_path / "mine", _pictures())
    _without(folder, "train/bee")
    with pytest.raises(DataError, match="class folder train/bee holds no image"):
        load_images(folder, split="train")
    bare = _folder(tmp_path / "bare", _pictures(splits=("",)))
    _without(bare, "bee")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(bare, "top")
    for form in (bare, tmp_path / "a.tar"):
        with pytest.raises(DataError, match="bee holds no image"):
            load_images(form)


def test_a_class_that_one_split_lacks_would_shift_the_labels_and_is_refused(tmp_path):
    folder = _folder(tmp_path / "mine", _pictures())
    _without(folder, "test/ant")
    (folder / "test/ant").rmdir()
    for split in ("train", "test"):
        with pytest.raises(DataError, match=r"only one of .* has the class 'ant'"):
            load_images(folder, split=split)


@pytest.mark.parametrize(
    ("extra", "split", "said"),
    [
        (None, None, "the splits test, train, and none was asked for"),
        (None, "val", "'val' was asked for"),
        ("ant/9.png", "train", "different levels: ant/9.png and"),
        ("train/ant/more/9.png", "train", "different levels: .*train/ant/more/9.png"),
        ("9.png", "train", "9.png is in no class folder"),
    ],
)
def test_a_layout_that_leaves_a_doubt_is_refused(tmp_path, extra, split, said):
    pictures = _pictures()
    if extra:
        pictures[extra] = pictures["train/ant/0.png"]
    with pytest.raises(DataError, match=said):
        load_images(_folder(tmp_path / "mine", pictures), split=split)


def test_a_split_is_not_made_up(tmp_path):
    with pytest.raises(DataError, match="no splits, and 'train' was asked for"):
        load_images(_folder(tmp_path / "mine", _pictures(splits=("",))), split="train")


def test_nothing_is_an_error(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        load_images(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no images"):
        load_images(tmp_path / "empty")


# What is kept


def test_the_second_load_is_read_from_the_cache(tmp_path, cache, monkeypatch):
    folder = _folder(tmp_path / "mine", _pictures())
    first = load_images(folder, split="train")
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr(Image, "open", None)  # whoever decodes now fails
    second = load_images(folder, split="train")
    assert second.fingerprint() == first.fingerprint()
    assert (second.classes, second.source, second.split) == (CLASSES, first.source, "train")
    assert (second.images.dtype, second.labels.dtype) == (np.uint8, np.int64)


def test_another_file_size_or_split_is_another_entry(tmp_path, cache):
    folder = _folder(tmp_path / "mine", _pictures())
    first = load_images(folder, split="train")
    assert load_images(folder, split="train", size=3).images.shape == (6, 3, 3, 3)
    load_images(folder, split="test")
    assert len(list(cache.iterdir())) == 3
    (folder / "train/ant/0.png").write_bytes(_png(np.zeros((6, 6, 3), np.uint8)))
    changed = load_images(folder, split="train")
    assert changed.images[0].max() == 0
    assert np.array_equal(changed.images[1:], first.images[1:])


def test_any_damage_to_an_entry_is_noticed_and_made_good(tmp_path, cache):
    folder = _folder(tmp_path / "mine", _pictures(per_class=1, side=2))
    expected = load_images(folder, split="train")
    (entry,) = cache.iterdir()
    sound = entry.read_bytes()
    rng = np.random.default_rng(0)
    damaged = [sound[: len(sound) // 2], b"", b"no archive"]
    for place in rng.choice(len(sound), 80, replace=False):
        flipped = bytearray(sound)
        flipped[place] ^= 1 << int(rng.integers(8))
        damaged.append(bytes(flipped))
    noticed = 0
    for content in damaged:
        entry.write_bytes(content)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = load_images(folder, split="train")
        # A byte that says nothing, such as the date of an entry, may change unnoticed.
        assert found.fingerprint() == expected.fingerprint()
        assert (found.source, found.split) == (expected.source, expected.split)
        if any(w.category is DataWarning and "damaged" in str(w.message) for w in caught):
            noticed += 1
            assert load_images(folder, split="train").fingerprint() == expected.fingerprint()
    assert noticed > 40


def test_changed_pixels_with_a_sound_checksum_of_the_archive_are_noticed(tmp_path, cache):
    folder = _folder(tmp_path / "mine", _pictures())
    expected = load_images(folder, split="train")
    (entry,) = cache.iterdir()
    with np.load(entry) as held:
        parts = {name: held[name] for name in held.files}
    parts["images"][0, 0, 0, 0] ^= 1
    with entry.open("wb") as file:
        np.savez(file, **parts)
    with pytest.warns(DataWarning, match="fingerprint"):
        found = load_images(folder, split="train")
    assert found.fingerprint() == expected.fingerprint()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_images(folder, split="train")


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STRATA_CACHE", str(tmp_path / "file" / "below"))
    folder = _folder(tmp_path / "mine", _pictures())
    with pytest.warns(DataWarning) as caught:
        images = load_images(folder, split="train")
    assert len(images) == 6
    assert len(caught) == 1
    assert "set STRATA_CACHE" in str(caught[0].message)


def test_a_failed_write_leaves_no_entry_and_old_leftovers_go(tmp_path, cache, monkeypatch):
    folder = _folder(tmp_path / "mine", _pictures())
    cache.mkdir()
    (cache / ".tmp-old").write_text("")
    (cache / ".tmp-young").write_text("")
    os.utime(cache / ".tmp-old", (0, time.time() - 90_000))

    def fail(file, **arrays):
        file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.warns(DataWarning, match="no space left"):
        load_images(folder, split="train")
    assert [path.name for path in cache.iterdir()] == [".tmp-young"]


# .npz


def _npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_an_npz_is_read_in_either_layout_and_in_gray(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 6), np.uint8)
    labels = np.array([0, 2, 1, 1, 0])
    first = load_images(_npz(tmp_path / "a.npz", images=images, labels=labels))
    last = load_images(
        _npz(tmp_path / "b.npz", images=images.transpose(0, 2, 3, 1), labels=labels[:, None])
    )
    assert np.array_equal(first.images, images)
    assert first.fingerprint() == last.fingerprint()
    assert first.classes == ("0", "1", "2")
    gray = load_images(_npz(tmp_path / "c.npz", images=images[:, 0], labels=labels))
    assert np.array_equal(gray.images, np.repeat(images[:, :1], 3, axis=1))


def test_an_npz_may_have_splits_names_and_another_size(tmp_path):
    images = np.full((2, 9, 12, 3), 40, np.uint8)
    path = _npz(
        tmp_path / "a.npz",
        train_images=images,
        train_labels=np.array([1, 0], np.uint8),
        classes=np.array(["x", "y"]),
    )
    found = load_images(path, split="train", size=4)
    assert np.array_equal(found.images, np.full((2, 3, 4, 4), 40))
    assert (found.classes, found.labels.tolist(), found.split) == (("x", "y"), [1, 0], "train")
    with pytest.raises(DataError, match="no test_images, but classes, train_images"):
        load_images(path, split="test")


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"images": np.zeros((2, 3, 4, 4))}, "uint8 from 0 to 255"),
        ({"images": np.zeros((2, 3, 4, 3), np.uint8)}, "which axis is colour"),
        ({"images": np.zeros((2, 5, 4, 4), np.uint8)}, "which axis is colour"),
        ({"labels": np.array([0.0, 1.0])}, "integers"),
        ({"labels": np.array([0, 1, 1])}, "labels must be"),
        ({"labels": np.array([0, -1])}, "labels must be from 0"),
        ({"classes": np.array(["one"])}, "labels must be from 0 to 0"),
        ({"labels": np.array([0, None])}, "cannot be read: .*pickle"),
    ],
)
def test_an_npz_that_is_something_else_is_refused(tmp_path, arrays, said):
    good = {"images": np.zeros((2, 3, 4, 4), np.uint8), "labels": np.array([0, 1])}
    path = _npz(tmp_path / "mine.npz", **(good | arrays))
    with pytest.raises(DataError, match=f"mine.npz.*{said}"):
        load_images(path)


# File by file


def test_a_folder_of_files_lists_without_reading_and_loads_what_is_asked_for(tmp_path):
    pictures = _pictures(splits=("train", "val"))
    folder = _folder(tmp_path / "net", pictures)
    for file in (folder / "val").rglob("*.png"):
        file.write_bytes(b"not looked at")
    lazy = ImageFolder.at(folder, "train")
    assert len(lazy) == 6
    assert (lazy.classes, lazy.split) == (CLASSES, "train")
    whole = load_images(folder, split="train", size=6)
    places = [4, 0, 4]
    part = lazy.load(places, 6)
    assert part.fingerprint() == whole.take(places).fingerprint()
    assert lazy.load([1], 3).images.shape == (1, 3, 3, 3)
    with pytest.raises(DataError, match=r"val/ant/0\.png cannot be read"):
        ImageFolder.at(folder, "val").load([0], 6)


def test_a_subset_of_files_is_that_of_the_whole(tmp_path):
    folder = _folder(tmp_path / "net", _pictures(per_class=4))
    lazy, whole = ImageFolder.at(folder, "train"), load_images(folder, split="train")
    part = lazy.subset(6, 6, np.random.default_rng(5))
    assert part.counts().tolist() == [2, 2, 2]
    assert part.fingerprint() == whole.subset(6, np.random.default_rng(5)).fingerprint()


def test_a_folder_of_files_is_checked_when_it_is_listed(tmp_path):
    folder = _folder(tmp_path / "net", _pictures(splits=("train", "val")))
    before = ImageFolder.at(folder, "val").listing_fingerprint()
    (folder / "val/ant/1.png").unlink()
    assert ImageFolder.at(folder, "val").listing_fingerprint() != before
    (folder / "val/ant/0.png").unlink()
    with pytest.raises(DataError, match="val/ant holds no image"):
        ImageFolder.at(folder, "train")
    # ImageNet's validation images as they come: in no class folder.
    (tmp_path / "flat" / "val").mkdir(parents=True)
    pictures = {"train/ant/0.png": np.zeros((2, 2, 3), np.uint8)}
    flat = _folder(tmp_path / "flat", pictures)
    (flat / "val" / "ILSVRC2012_val_00000001.JPEG").write_bytes(b"x")
    with pytest.raises(DataError, match=r"ILSVRC2012_val_00000001.JPEG"):
        ImageFolder.at(flat, "val")
    with pytest.raises(DataError, match="is no folder"):
        ImageFolder.at(_archive(tmp_path / "a.zip", folder), "train")


def test_a_file_that_went_away_is_named(tmp_path):
    folder = _folder(tmp_path / "net", _pictures())
    lazy = ImageFolder.at(folder, "train")
    (folder / lazy.files[3]).unlink()
    with pytest.raises(DataError, match=r"train/bee/1\.png cannot be read"):
        lazy.load([0, 3], 6)
