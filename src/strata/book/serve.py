"""A local server for the built pages."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def server(pages: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server of a folder on the loopback address; port 0 takes a free one.

    Raises
    ------
    FileNotFoundError
        If the folder holds no ``index.html``.
    """
    if not (pages / "index.html").exists():
        raise FileNotFoundError(f"no pages in {pages}; build them with: strata build")
    return ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(pages)))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing about each request."""
