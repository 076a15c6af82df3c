"""The tables of the page on scale: a row a chapter, and none without a rate."""

from dataclasses import replace
from pathlib import Path

from strata.book.profiles import load_notebooks
from strata.pages import scale
from strata.pages.scale import BLOCKS, scale_blocks

ROOT = Path(__file__).parents[2]
STUDY_C = ["ntk-depth", "latent-recovery", "latent-sprites"]
NOTEBOOKS = [load_notebooks(ROOT)[name] for name in STUDY_C]


def test_the_tables_have_a_row_a_chapter_with_a_published_run():
    found = scale_blocks(NOTEBOOKS, ROOT)
    assert tuple(found) == BLOCKS
    for name in STUDY_C:
        assert name in found["scale-chapters"]
        assert name in found["scale-rates"]
    assert "nan" not in "".join(found.values())
    assert "16 cores" in found["scale-nodes"]
    assert "Left out" not in "".join(found.values())


def test_a_run_that_read_its_points_gives_no_rate(monkeypatch):
    """Half a minute of reading would make the paper's profile ten times as fast."""
    load = scale.load_records

    def reread(*where):
        records = load(*where)
        old = records["ntk-depth"]
        read = old.run | {"seconds": old.run["seconds"] / 10, "points_computed": 0}
        return records | {"ntk-depth": replace(old, run=read)}

    monkeypatch.setattr(scale, "load_records", reread)
    for table in scale_blocks(NOTEBOOKS, ROOT).values():
        assert "ntk-depth.ipynb" not in table
        assert "Left out: ntk-depth." in table
