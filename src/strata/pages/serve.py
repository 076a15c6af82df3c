"""A local server for the built pages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def server(pages: Path, port: int = 0, address: str = "127.0.0.1") -> ThreadingHTTPServer:
    """A server of a folder, for this machine only by default; port 0 takes a free one.

    Raises
    ------
    FileNotFoundError
        If the folder holds no ``index.html``.
    """
    if not (pages / "index.html").exists():
        raise FileNotFoundError(f"no pages in {pages}: strata build, with the same --profile")
    return ThreadingHTTPServer((address, port), partial(_Quiet, directory=str(pages)))


@contextmanager
def serve(pages: Path) -> Iterator[str]:
    """Serve a folder on a free port from another thread, and yield its address."""
    with server(pages) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{running.server_port}/"
        finally:
            running.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a missing page with the book's own, as a static host does."""
        lost = Path(self.directory) / "404.html"
        if code != HTTPStatus.NOT_FOUND or not lost.is_file():
            super().send_error(code, message, explain)
            return
        body = lost.read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing about each request."""
