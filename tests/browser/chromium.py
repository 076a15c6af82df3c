"""Say which Chromium there is; run with ``--install`` to install one where none is."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys

from strata.pages.chromium import find

INSTALL_SECONDS = 900


def install() -> str | None:
    """Install Debian's package where that is allowed, else Playwright's build; then look again."""
    if _is_root() and shutil.which("apt-get"):
        apt = ["apt-get", "-o", "DPkg::Lock::Timeout=300"]
        packages = ["install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"]
        if _run([*apt, "update"]) and _run([*apt, *packages]) and (path := find()):
            return path
    with_libraries = ["--with-deps"] if _is_root() and shutil.which("apt-get") else []
    _run([sys.executable, "-m", "playwright", "install", *with_libraries, "chromium"])
    return find()


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _run(command: list[str]) -> bool:
    print("$", " ".join(command), flush=True)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        return subprocess.run(command, env=env, timeout=INSTALL_SECONDS).returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"did not work: {error}")
        return False


def main() -> None:
    """Say which Chromium there is. Not having one is no error: the tests say so themselves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--install", action="store_true", help="install one if there is none")
    arguments = parser.parse_args()
    path = find()
    if path is None and arguments.install:
        print("no Chromium found, installing one")
        path = install()
    print(f"Chromium: {path}" if path else "no Chromium: the pages will not be looked at")


if __name__ == "__main__":
    main()
