"""A web server for one page and one model, which only this machine can reach.

All files that it serves are listed at the start. Any other address does not exist, so that no address leads out of the
two folders. Requests with another host name are refused: otherwise a foreign page could resolve its own name to this
machine and read the model (DNS rebinding).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.local_server import LocalHandler, LocalServer, content_type

MODEL = "sentio"
"""The folder in which the page looks for the model."""

_HASHED_FOLDER = "assets"
"""Vite's folder of files with a hash of their content in their names, which browsers may cache for ever."""

_OWN_HEADERS = {"Cross-Origin-Resource-Policy": "same-origin", "X-Frame-Options": "DENY"}
"""Sent in addition to the page's own headers, which are in its headers.json."""


@dataclass(frozen=True)
class _File:
    path: Path
    kind: str
    tag: str
    caching: str


class Server(LocalServer):
    """A server that runs until it is shut down; open `url` in a browser."""

    def __init__(self, page: Path, model: Path, headers: Mapping[str, str], port: int = 8000) -> None:
        """Open the port.

        Args:
            page: The folder of the built page.
            model: A trimmed bundle, served under /sentio/ in place of the one that the page was built with.
            headers: Headers of every response.
            port: The port, 0 to 65535; 0 for any free one.

        Raises:
            OutputError: The port is taken or not permitted.
        """
        page_files = {url: file for url, file in _list_files(page, "/").items() if not url.startswith(f"/{MODEL}/")}
        self.files = {"/": page_files["/index.html"], **page_files, **_list_files(model, f"/{MODEL}/")}
        self.headers = {**headers, **_OWN_HEADERS}
        super().__init__(_Handler, port)


def read_headers(project: Path) -> dict[str, str]:
    """Read the headers of the page from its headers.json."""
    headers: dict[str, str] = json.loads((project / "headers.json").read_text(encoding="utf-8"))
    return headers


def _list_files(folder: Path, prefix: str) -> dict[str, _File]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {prefix + path.relative_to(folder).as_posix(): _file(path, path.relative_to(folder)) for path in files}


def _file(path: Path, name: Path) -> _File:
    caching = "public, max-age=31536000, immutable" if name.parts[0] == _HASHED_FOLDER else "no-cache"
    return _File(path, content_type(path), f'"{sha256(path)}"', caching)


class _Handler(LocalHandler):
    server: Server

    def do_GET(self) -> None:
        self._respond(body=True)

    def do_HEAD(self) -> None:
        self._respond(body=False)

    def _respond(self, body: bool) -> None:
        if self.headers.get("Host") not in self.server.hosts:
            self._reject(HTTPStatus.MISDIRECTED_REQUEST)
            return
        file = self.server.files.get(unquote(self.path.partition("?")[0]))
        try:
            content = file.path.open("rb") if file else None
        except OSError:
            content = None
        if file is None or content is None:
            self._reject(HTTPStatus.NOT_FOUND)
            return
        with content:
            unchanged = self.headers.get("If-None-Match") == file.tag
            self.send_response(HTTPStatus.NOT_MODIFIED if unchanged else HTTPStatus.OK)
            self.send_header("ETag", file.tag)
            self.send_header("Cache-Control", file.caching)
            if not unchanged:
                self.send_header("Content-Type", file.kind)
                self.send_header("Content-Length", str(os.fstat(content.fileno()).st_size))
            self.end_headers()
            if body and not unchanged:
                shutil.copyfileobj(content, self.wfile)

    def _reject(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def end_headers(self) -> None:
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        super().end_headers()
