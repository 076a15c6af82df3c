"""The command: exit status 0, 1 and 2, and words that help."""

import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from strata.cli import app
from strata.pages.serve import server

runner = CliRunner()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "ntk-dept"], "did you mean 'ntk-depth'"),
        (["run", "--profile", "huge"], "no profile 'huge'"),
        (["run", "--set", "seeds=1", "-P", "smoke"], "'seeds' = 1 is refused"),
        (["run", "--set", "seeds"], "name=value"),
        (["sweep", "ntk-depth", "--shard", "5/4"], "5"),
        (["sweep", "ntk-depth", "--shard", "x"], "i/n"),
        (["sweep", "nothing"], "no notebook"),
        (["build", "--profile", "huge"], "no profile 'huge'"),
        (["check", "--profile", "huge"], "no profile 'huge'"),
        (["verify", "--profile", "full", "--accept"], "strata run --profile full"),
    ],
)
def test_wrong_use_is_status_2_and_says_what_is_right(words, said):
    found = runner.invoke(app, words)
    assert found.exit_code == 2
    assert said in found.output


def test_data_lists_the_sets_with_the_same_fingerprints_every_time():
    one, two = runner.invoke(app, ["data"]), runner.invoke(app, ["data"])
    assert one.exit_code == 0
    assert one.output == two.output
    assert "yin-yang" in one.output


def test_status_names_every_profile_that_is_run_here(smoked, strata_here):
    found = strata_here(smoked, "status")
    assert found.returncode == 0
    smoke, quick, full = (" ".join(line.split()) for line in found.stdout.splitlines())
    assert re.fullmatch(r"ntk-depth smoke fresh \S+ \S+ UTC, \d+ s", smoke)
    assert quick.startswith("ntk-depth quick missing")
    assert full.startswith("ntk-depth full missing")


def test_outside_of_a_project_the_package_still_knows_its_own(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "strata.cli", "data"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "ntk-depth" in done.stdout


def test_shards_fill_the_store_with_the_points_of_the_run(smoked, smoke_project, strata_here):
    for shard in ("1/2", "2/2"):
        done = strata_here(smoked, "sweep", "ntk-depth", "--profile", "smoke", "--shard", shard)
        assert done.returncode == 0, done.stderr
    for experiment, n in (("ntk_depth", 6), ("ntk_untrained", 4)):
        filled, used = (
            {path.parent.name for path in (root / "_store" / experiment).glob("*/checksums.json")}
            for root in (smoked, smoke_project)
        )
        assert len(filled) == n
        assert filled == used


def test_serve_needs_pages_and_answers_on_the_loopback_address_only(tmp_path):
    with pytest.raises(FileNotFoundError, match="strata build"):
        server(tmp_path)
    (tmp_path / "index.html").write_text("x")
    with server(tmp_path) as running:
        assert running.server_address[0] == "127.0.0.1"
