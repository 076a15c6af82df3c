"""Folders, tar and zip archives give the same files; what could do harm is refused."""

import gzip
import io
import tarfile
import zipfile

import pytest

from strata.data.images.archives import content_key, entries
from strata.data.images.location import DataError

FILES = {"train/cat/1.png": b"one", "train/dog/2.png": b"two" * 1000, "readme.txt": b""}
TARS = {"a.tar": "w", "a.tar.gz": "w:gz", "a.tar.bz2": "w:bz2", "a.tar.xz": "w:xz"}


def _tar(path, members, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def _zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _folder(root, members):
    for name, content in members.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def _contents(location):
    return {e.name: e.read() for e in entries(location) if not e.is_folder}


@pytest.mark.parametrize("kind", ["folder", "a.zip", *TARS])
def test_every_form_gives_the_same_files(tmp_path, kind):
    if kind == "folder":
        location = _folder(tmp_path, FILES)
    elif kind == "a.zip":
        location = _zip(tmp_path / kind, FILES)
    else:
        location = _tar(tmp_path / kind, FILES, TARS[kind])
    assert _contents(location) == FILES


def test_the_kind_is_told_by_content_not_by_name(tmp_path):
    assert _contents(_zip(tmp_path / "a.tar.gz", FILES)) == FILES
    assert _contents(_tar(tmp_path / "b.zip", FILES, "w:xz")) == FILES


def test_hidden_files_are_passed_over(tmp_path):
    hidden = {".DS_Store": b"x", "__MACOSX/train/cat/1.png": b"x", "train/cat/._1.png": b"x"}
    assert _contents(_zip(tmp_path / "a.zip", FILES | hidden)) == FILES
    assert _contents(_folder(tmp_path / "f", FILES | hidden)) == FILES


def test_folders_are_told_in_every_form(tmp_path):
    (tmp_path / "f" / "train" / "empty").mkdir(parents=True)
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "f" / "train", "./train")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("train/", b"")
        archive.writestr("train/empty/", b"")
    for location in (tmp_path / "f", tmp_path / "a.tar", tmp_path / "a.zip"):
        found = [(entry.name, entry.is_folder) for entry in entries(location)]
        assert found == [("train", True), ("train/empty", True)]


@pytest.mark.parametrize("name", ["../out.png", "train/../../out.png", "/etc/out.png", "C:\\o.png"])
def test_a_name_that_leads_out_of_the_archive_is_refused(tmp_path, name):
    for archive in (_tar(tmp_path / "a.tar", {name: b"x"}), _zip(tmp_path / "a.zip", {name: b"x"})):
        with pytest.raises(DataError, match=r"a\.(tar|zip) is refused: the name .* leads out"):
            list(entries(archive))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    info = tarfile.TarInfo("train/cat/1.png")
    info.type, info.linkname = kind, "../../secret"
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(info)
    with pytest.raises(DataError, match=r"train/cat/1\.png' is a link or a device"):
        list(entries(tmp_path / "a.tar"))


def test_nothing_is_written_while_reading(tmp_path):
    archive = _tar(tmp_path / "a.tar", FILES)
    _contents(archive)
    assert list(tmp_path.iterdir()) == [archive]


@pytest.mark.parametrize("name", ["a.zip", *TARS])
def test_a_truncated_archive_is_named(tmp_path, name):
    members = {f"cat/{i}.png": bytes(i ^ j & 255 for j in range(999)) for i in range(20)}
    path = tmp_path / name
    if name == "a.zip":
        _zip(path, members)
    else:
        _tar(path, members, TARS[name])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=name):
        _contents(path)


def test_a_changed_byte_in_a_zip_is_noticed(tmp_path):
    path = _zip(tmp_path / "a.zip", {"cat/1.png": bytes(range(256))})
    content = bytearray(path.read_bytes())
    content[content.index(bytes(range(60, 90)))] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.zip is truncated or damaged"):
        _contents(path)


@pytest.mark.parametrize("content", [b"", b"hello", gzip.compress(b"no tar", mtime=0)])
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "images.tar.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="no folder and no tar or zip"):
        list(entries(path))


def test_the_key_of_a_folder_sees_names_and_wanted_files(tmp_path):
    root = _folder(tmp_path / "a", FILES)
    keys = [content_key(root), content_key(_folder(tmp_path / "b", FILES))]
    assert keys[0] == keys[1]
    only_cats = content_key(root, lambda name: "cat" in name)
    (root / "train/dog/2.png").write_bytes(b"other")
    assert content_key(root) != keys[0]
    assert content_key(root, lambda name: "cat" in name) == only_cats
    (root / "train/dog/3.png").write_bytes(b"")
    assert content_key(root, lambda name: "cat" in name) != only_cats


def test_the_key_of_an_archive_is_that_of_its_bytes(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    # The SHA-256 of "abc", as published with the standard.
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert content_key(path) == known
