"""A server for one page and one model, on this machine alone.

What it serves is a table made at the start: an address that is not in it does not exist, so that no address can lead
out of the two folders. Requests that name another host are refused: a page elsewhere could otherwise let its own name
point here, and read the model.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sentio_mobile._internal.files import sha256
from sentio_mobile.errors import OutputError

HOST = "127.0.0.1"
MODEL = "sentio"
"""Where the page looks for the model folder."""

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
}
_OTHER = "application/octet-stream"

_HASHED = "assets"
"""Vite's folder of files that have a hash of their content in their names."""

_OURS = {"Cross-Origin-Resource-Policy": "same-origin", "X-Frame-Options": "DENY"}
"""Beside the page's own headers, which stand in its headers.json."""


@dataclass(frozen=True)
class _File:
    path: Path
    kind: str
    tag: str
    caching: str


class Server(ThreadingHTTPServer):
    """Serves until it is shut down; `url` is what to open."""

    daemon_threads = True

    def __init__(self, page: Path, model: Path, headers: Mapping[str, str], port: int = 8000) -> None:
        """Listen.

        Args:
            page: the built page.
            model: a carried bundle, which is served under /sentio/ in place of any that the page was built with.
            headers: sent with every answer.
            port: 0 for any that is free.

        Raises:
            OutputError: the port cannot be had.
        """
        pages = {url: file for url, file in _table(page, "/").items() if not url.startswith(f"/{MODEL}/")}
        self.files = {"/": pages["/index.html"], **pages, **_table(model, f"/{MODEL}/")}
        self.headers = {**headers, **_OURS}
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise OutputError(
                f"cannot listen on {HOST}:{port}: {why}; give another port, or --port 0 for any that is free"
            ) from error
        self.hosts = frozenset(f"{name}:{self.server_port}".removesuffix(":80") for name in (HOST, "localhost"))

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle of an answer is no fault."""


def read_headers(project: Path) -> dict[str, str]:
    """The headers that the page wants, from its headers.json."""
    headers: dict[str, str] = json.loads((project / "headers.json").read_text(encoding="utf-8"))
    return headers


def _table(folder: Path, prefix: str) -> dict[str, _File]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {prefix + path.relative_to(folder).as_posix(): _file(path, path.relative_to(folder)) for path in files}


def _file(path: Path, name: Path) -> _File:
    caching = "public, max-age=31536000, immutable" if name.parts[0] == _HASHED else "no-cache"
    return _File(path, _TYPES.get(path.suffix, _OTHER), f'"{sha256(path)}"', caching)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 60
    """Seconds without a word after which a connection is closed."""

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        if self.headers.get("Host") not in self.server.hosts:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST)
            return
        file = self.server.files.get(unquote(self.path.partition("?")[0]))
        try:
            content = file.path.open("rb") if file else None
        except OSError:
            content = None
        if file is None or content is None:
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        with content:
            same = self.headers.get("If-None-Match") == file.tag
            self.send_response(HTTPStatus.NOT_MODIFIED if same else HTTPStatus.OK)
            self.send_header("ETag", file.tag)
            self.send_header("Cache-Control", file.caching)
            if not same:
                self.send_header("Content-Type", file.kind)
                self.send_header("Content-Length", str(os.fstat(content.fileno()).st_size))
            self.end_headers()
            if body and not same:
                shutil.copyfileobj(content, self.wfile)

    def _refuse(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def end_headers(self) -> None:
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        super().end_headers()

    def version_string(self) -> str:
        """No versions: they are nobody's business."""
        return "sentio-mobile"

    def log_message(self, *_: object) -> None:
        """Nothing: the browser's own tools show requests better."""
