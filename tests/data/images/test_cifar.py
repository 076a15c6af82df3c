"""CIFAR-10: what is official is proved, copies say what they are, nothing takes their place."""

import hashlib
import io
import os
import pickle
import struct
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from strata.data.images import cifar
from strata.data.images.cifar import CLASSES, find_cifar10, load_cifar10
from strata.data.images.location import DataError

REAL = os.environ.get("STRATA_DATA")
SIZES = {"data_batch_1": 7, "data_batch_2": 4, "test_batch": 5}


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    monkeypatch.delenv("STRATA_DATA", raising=False)
    monkeypatch.setenv("STRATA_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def batches(monkeypatch):
    """Two training batches and a test batch of random images, declared to be the official ones."""
    rng = np.random.default_rng(0)
    made = {
        name: np.column_stack(
            [rng.integers(0, 10, n, np.uint8), rng.integers(0, 256, (n, 3072), np.uint8)]
        )
        for name, n in SIZES.items()
    }
    sums = {name: hashlib.sha256(records.tobytes()).hexdigest() for name, records in made.items()}
    splits = {"train": ("data_batch_1", "data_batch_2"), "test": ("test_batch",)}
    declared = {split: {name: sums[name] for name in names} for split, names in splits.items()}
    monkeypatch.setattr(cifar, "BATCHES", declared)
    return made


def _expected(batches, split):
    names = [name for name in batches if name.startswith("data" if split == "train" else "test")]
    records = np.concatenate([batches[name] for name in names])
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]


def _text(value):
    """A text as Python 2 pickled it."""
    if len(value) < 256:
        return b"U" + struct.pack("<B", len(value)) + value
    return b"T" + struct.pack("<i", len(value)) + value


def _pickled(records, by_columns=False):
    """A batch as the Python version has it: a pickle of protocol 2, written by Python 2."""
    n = len(records)
    pixels = records[:, 1:].tobytes(order="F" if by_columns else "C")
    parts = [
        b"\x80\x02}q\x01(",
        _text(b"batch_label"),
        _text(b"training batch 1 of 5"),
        _text(b"labels"),
        b"]q\x02(" + b"".join(b"K" + bytes([label]) for label in records[:, 0]) + b"e",
        _text(b"data"),
        b"cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85",
        _text(b"b") + b"\x87Rq\x05(K\x01",
        b"M" + struct.pack("<H", n) + b"M" + struct.pack("<H", 3072) + b"\x86",
        b"cnumpy\ndtype\nq\x06" + _text(b"u1") + b"K\x00K\x01\x87Rq\x07(K\x03",
        _text(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
        (b"\x88" if by_columns else b"\x89") + _text(pixels) + b"tb",
        _text(b"filenames"),
        b"](" + b"".join(_text(b"cat_s_%06d.png" % i) for i in range(n)) + b"e",
        b"u.",
    ]
    return b"".join(parts)


def _official(folder, batches, kind):
    folder = folder / f"cifar-10-batches-{kind}"
    folder.mkdir(parents=True)
    for name, records in batches.items():
        content = records.tobytes() if kind == "bin" else _pickled(records, name == "test_batch")
        (folder / (name + (".bin" if kind == "bin" else ""))).write_bytes(content)
    return folder


def test_the_pickles_of_these_tests_are_pickles():
    # A pickle of our own making may be loaded; Python reads from it what the test put into it.
    records = np.random.default_rng(1).integers(0, 10, (6, 3073), np.uint8)
    for by_columns in (False, True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy.core has another name now
            batch = pickle.loads(_pickled(records, by_columns), encoding="latin1")
        assert np.array_equal(batch["data"], records[:, 1:])
        assert batch["labels"] == records[:, 0].tolist()
        assert batch["data"].flags.f_contiguous == by_columns


@pytest.mark.parametrize("kind", ["bin", "py"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_official_files_come_back_in_their_order_in_every_form(tmp_path, batches, kind, split):
    folder = _official(tmp_path / "data", batches, kind)
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        for file in sorted(folder.iterdir(), reverse=True):
            archive.add(file, f"{folder.name}/{file.name}")
    pixels, labels = _expected(batches, split)
    for location in (folder, tmp_path / "data", tmp_path / "x.tar.gz"):
        found = load_cifar10(split, location)
        assert np.array_equal(found.images, pixels)
        assert np.array_equal(found.labels, labels)
        assert (found.source, found.split, found.classes) == ("CIFAR-10", split, CLASSES)


def test_no_pickle_is_loaded(tmp_path, batches, monkeypatch):
    folder = _official(tmp_path, batches, "py")
    trap = (
        b"cos\nsystem\n" + _text(b"echo trapped > " + str(tmp_path / "trap").encode()) + b"\x85R0"
    )
    content = (folder / "test_batch").read_bytes()
    (folder / "test_batch").write_bytes(content[:2] + trap + content[2:])
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, None)
    assert len(load_cifar10("train", folder)) == 11
    # Labels and pixels are the official ones, and the trap was only read.
    assert len(load_cifar10("test", folder)) == 5
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize("kind", ["bin", "py"])
def test_a_changed_pixel_or_label_is_not_official(tmp_path, batches, kind):
    folder = _official(tmp_path, batches, kind)
    for column, name in ((0, "data_batch_2"), (1000, "data_batch_1")):
        file = folder / (name + (".bin" if kind == "bin" else ""))
        sound, changed = file.read_bytes(), batches[name].copy()
        changed[3, column] = (changed[3, column] + 1) % 10
        file.write_bytes(changed.tobytes() if kind == "bin" else _pickled(changed))
        with pytest.raises(DataError, match=f"{file.name} is not CIFAR-10's or is damaged.*Get"):
            load_cifar10("train", folder)
        file.write_bytes(sound)
    assert len(load_cifar10("train", folder)) == 11


@pytest.mark.parametrize("kind", ["bin", "py"])
def test_truncated_and_missing_batches_are_named(tmp_path, batches, kind):
    folder = _official(tmp_path, batches, kind)
    file = folder / ("data_batch_1" + (".bin" if kind == "bin" else ""))
    file.write_bytes(file.read_bytes()[:9000])
    with pytest.raises(DataError, match=f"{file.name} is n"):
        load_cifar10("train", folder)
    file.unlink()
    with pytest.raises(DataError, match="lacks data_batch_1 of CIFAR-10"):
        load_cifar10("train", folder)
    assert len(load_cifar10("test", folder)) == 5


def test_the_published_checksums_are_six_and_differ():
    sums = [value for names in cifar.BATCHES.values() for value in names.values()]
    assert len(set(sums)) == 6
    assert all(len(value) == 64 and int(value, 16) for value in sums)
    assert sorted(CLASSES) == list(CLASSES)


# Copies as image files


def _files(form="JPEG", side=32, classes=CLASSES, per_class=(3, 2)):
    rng = np.random.default_rng(2)
    files = {}
    for split, count in zip(("train", "test"), per_class, strict=True):
        for name in classes:
            for i in range(count):
                buffer = io.BytesIO()
                pixels = rng.integers(0, 256, (side, side, 3), np.uint8)
                Image.fromarray(pixels).save(buffer, form)
                files[f"{split}/{name}/{i:04}.{form.lower()}"] = buffer.getvalue()
    return files


def _folder(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


@pytest.fixture
def small(monkeypatch):
    """Copies with three training and two test images a class count as whole."""
    monkeypatch.setattr(cifar, "PER_CLASS", {"train": 3, "test": 2})


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_copy_says_its_format_and_is_the_same_as_folder_and_archive(tmp_path, small, form):
    files = _files(form)
    folder = _folder(tmp_path / "cifar10", files)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    sets = [load_cifar10("train", place) for place in (folder, tmp_path / "a.zip", tmp_path)]
    assert {found.source for found in sets} == {f"CIFAR-10, {form} copy"}
    assert len({found.fingerprint() for found in sets}) == 1
    assert sets[0].labels.tolist() == np.repeat(np.arange(10), 3).tolist()
    assert len(load_cifar10("test", tmp_path / "a.zip")) == 20


def test_the_format_is_that_of_the_content(tmp_path, small):
    files = _files("JPEG")
    name = "train/cat/0001.jpeg"
    files[name] = _files("PNG")["train/cat/0001.png"]
    folder = _folder(tmp_path / "x", files)
    assert load_cifar10("train", folder).source == "CIFAR-10, JPEG and PNG copy"
    assert load_cifar10("test", folder).source == "CIFAR-10, JPEG copy"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (lambda: _files(per_class=(4, 2)), "train/airplane holds 4 images of 3"),
        (lambda: _files(per_class=(2, 2)), "train/airplane holds 2 images of 3"),
        (lambda: _files(classes=("lion", *CLASSES[1:])), "others: airplane, lion"),
        (lambda: _files(side=28), "28 × 28 pixels"),
    ],
)
def test_what_only_looks_like_cifar_is_refused(tmp_path, small, files, said):
    with pytest.raises(DataError, match=said):
        load_cifar10("train", _folder(tmp_path / "x", files()))


def test_the_real_counts_are_asked_for(tmp_path):
    with pytest.raises(DataError, match=r"holds 3 images of 5000.*load_images"):
        load_cifar10("train", _folder(tmp_path / "x", _files()))


# Finding it


def test_without_data_the_error_says_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"STRATA_DATA is not set.*cifar-10-binary.tar.gz.*kriz"):
        load_cifar10("train")
    monkeypatch.setenv("STRATA_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"STRATA_DATA names .*nowhere, which does not exist.*Get"):
        load_cifar10("train")
    (tmp_path / "nowhere").mkdir()
    with pytest.raises(DataError, match=r"there is none.*Get"):
        load_cifar10("train")
    (tmp_path / "nowhere" / "cifar10.tar.xz").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"cifar10.tar.xz is no folder and no tar"):
        load_cifar10("train")
    with pytest.raises(DataError, match="train and test, not 'val'"):
        load_cifar10("val")


def test_official_files_come_before_copies_and_two_archives_leave_a_doubt(tmp_path, monkeypatch):
    monkeypatch.setenv("STRATA_DATA", str(tmp_path))
    for name in ("cifar10-jpeg.tar.xz", "cifar100.zip", "cifar-100-python.tar.gz", "other.zip"):
        (tmp_path / name).write_bytes(b"")
    assert find_cifar10() == tmp_path / "cifar10-jpeg.tar.xz"
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"")
    with pytest.raises(DataError, match=r"more than once: cifar-10-python.tar.gz, cifar10-jpeg"):
        find_cifar10()
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
    assert find_cifar10() == tmp_path
    for kind in ("py", "bin"):
        (tmp_path / f"cifar-10-batches-{kind}").mkdir()
        assert find_cifar10().name == f"cifar-10-batches-{kind}"


def test_damaged_official_files_are_not_replaced_by_a_copy(tmp_path, small):
    _folder(tmp_path, _files())
    assert load_cifar10("train", tmp_path).source == "CIFAR-10, JPEG copy"
    (tmp_path / "cifar-10-batches-bin").mkdir()
    with pytest.raises(DataError, match="lacks data_batch_1"):
        load_cifar10("train", tmp_path)


@pytest.mark.skipif(not REAL, reason="STRATA_DATA is not set: no CIFAR-10 to look at")
def test_the_data_at_hand_are_cifar10(monkeypatch):
    monkeypatch.delenv("STRATA_CACHE")
    test = load_cifar10("test", Path(REAL))
    assert test.images.shape == (10_000, 3, 32, 32)
    assert test.counts().tolist() == [1000] * 10
    assert test.source.startswith("CIFAR-10")
    # The known means of the test images; compression moves them by less than 0.001.
    assert test.images.mean(axis=(0, 2, 3)) / 255 == pytest.approx(
        [0.4942, 0.4851, 0.4504], abs=1e-3
    )
    assert load_cifar10("test", Path(REAL)).fingerprint() == test.fingerprint()
