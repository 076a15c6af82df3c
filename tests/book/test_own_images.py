"""The page on the reader's own images: its lines work on crops of photographs."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from strata.book.profiles import load_notebooks, points, resolve
from strata.data.images.files import load_images
from strata.data.shipped import shipped_photographs
from strata.experiments import image_nets

ROOT = Path(__file__).parents[2]
NOTEBOOKS = load_notebooks(ROOT)
PAGE = (ROOT / "book" / "own-images.md").read_text().replace("\\\n", "")
CLASSES = ("cat", "coffee", "rocket")


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder as the page describes it: 40 by 50 pixels of three photographs."""
    rng = np.random.default_rng(0)
    for name, photo in zip(CLASSES, shipped_photographs(96, len(CLASSES)).images, strict=True):
        for split, number in (("train", 70), ("test", 50)):
            folder = tmp_path / "my-images" / split / name
            folder.mkdir(parents=True)
            for i in range(number):
                top, left = rng.integers(0, 46, size=2)
                crop = photo[:, top : top + 40, left : left + 50].transpose(1, 2, 0)
                Image.fromarray(np.ascontiguousarray(crop)).save(folder / f"{i}.png")
    monkeypatch.setenv("STRATA_IMAGES", str(tmp_path / "my-images"))
    return tmp_path / "my-images"


def overrides() -> tuple[str, dict[str, object]]:
    """Notebook and parameters of the page's command."""
    (line,) = re.findall(r"^strata run .*$", PAGE, re.MULTILINE)
    _, _, name, *words = shlex.split(line)
    pairs = [word.split("=", 1) for word in words if word != "--set"]
    return name, {parameter: yaml.safe_load(value) for parameter, value in pairs}


def test_the_page_has_three_lines_and_the_last_asks_for_own_images():
    (block,) = re.findall(r"^```\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert [line.split()[0] for line in block.splitlines()] == ["export", "strata", "strata"]
    name, found = overrides()
    parameters = resolve(NOTEBOOKS[name], "quick", ROOT, found)
    assert parameters["profile"] == "custom"
    assert "own" in parameters["data"]


def test_a_net_learns_from_the_folder(mine):
    name, found = overrides()
    small = found | {"training_images": 150, "held_out_images": 120}
    parameters = resolve(NOTEBOOKS[name], "smoke", ROOT, small)
    asked = dict(points(NOTEBOOKS[name], parameters))
    config = next(c for c in asked[image_nets] if c.data == "own")
    images = image_nets.load(config)
    assert images.classes == CLASSES
    assert images.source == "own images: my-images"
    assert len(images.train) == 150


def test_too_few_images_are_refused_before_anything_is_trained(mine):
    name, found = overrides()
    parameters = resolve(NOTEBOOKS[name], "smoke", ROOT, found)
    asked = dict(points(NOTEBOOKS[name], parameters))
    config = next(c for c in asked[image_nets] if c.data == "own")
    with pytest.raises(ValueError, match="1000"):
        image_nets.data_fingerprint(config)


def test_the_lines_of_python_work(mine):
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    place: dict[str, object] = {}
    exec(code.replace('"my-images"', repr(str(mine))), place)
    assert place["found"].images.shape == (3 * 70, 3, 32, 32)
    assert load_images(mine, split="test", size=32).classes == CLASSES
