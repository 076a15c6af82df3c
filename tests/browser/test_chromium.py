"""Finding and installing a Chromium, tried with stand-ins on a path of their own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import chromium
import pytest

from strata.pages import chromium as book_chromium


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Maker of little shell programs, which are all that the PATH holds."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(book_chromium, "_of_playwright", lambda: None)

    def make(name: str, script: str) -> Path:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return make


def test_one_that_does_not_start_is_passed_over(program):
    program("chromium", "exit 1")
    good = program("google-chrome", "echo Chrome 1")
    assert chromium.find() == str(good)


def test_none_is_none(program):
    assert chromium.find() is None


def test_root_installs_the_package_of_the_system(program, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    new = tmp_path / "chromium"
    install = f"echo '#!/bin/sh' > {new}; /bin/chmod +x {new}"
    program("apt-get", f'case "$*" in *update) ;; *" chromium "*) {install} ;; esac')
    assert chromium.install() == str(new)


def test_others_ask_playwright(program, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    asked = []
    monkeypatch.setattr(chromium, "_run", lambda command: asked.append(command[1:]) or True)
    assert chromium.install() is None
    assert asked == [["-m", "playwright", "install", "chromium"]]


def test_without_any_the_set_up_goes_on_and_says_so(program, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["chromium.py", "--install"])
    monkeypatch.setattr(chromium, "_run", lambda _: False)
    chromium.main()
    assert "no Chromium: the pages will not be looked at" in capsys.readouterr().out
