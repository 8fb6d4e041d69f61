"""The page on which songs are rated, served on this machine only.

The page learns the number of a song and hears it, and nothing else: no name, no earlier rating, no prediction. Requests
with another host name or from another page are refused, so that no foreign page can rate or listen.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

import jinja2
import msgspec
from markupsafe import Markup

from sentio_mobile._internal import pages
from sentio_mobile._internal.local_server import LocalHandler, LocalServer, content_type
from sentio_mobile._internal.records import Record, Size, json_bytes
from sentio_mobile.errors import OutputError, RecordError
from sentio_mobile.monitoring.rating import Item, RatingTable, Value

MAX_BODY = 1000


class Given(Record, frozen=True, kw_only=True):
    """What the page sends."""

    number: Size  # of the song that was heard
    valence: Value  # from -1 to 1
    arousal: Value  # from -1 to 1


class RatingServer(LocalServer):
    """A server that runs until all songs are rated, or it is shut down; open `url` in a browser.

    Args:
        items: The songs in the rater's order.
        table: Where ratings go. What is in it already is not asked again.
        rater: Name of the rater.
        port: The port, 0 to 65535; 0 for any free one.

    Raises:
        OutputError: The port is taken or not permitted.
    """

    def __init__(self, items: Sequence[Item], table: RatingTable, *, rater: str, port: int) -> None:
        self.table, self.rater, self.total = table, rater, len(items)
        self.left = [(number, item) for number, item in enumerate(items) if not table.is_rated(item, rater)]
        self.lock = threading.Lock()
        self.fault: OutputError | None = None
        self.page, self.policy = _page()
        super().__init__(_Handler, port)

    @property
    def state(self) -> dict[str, int | None]:
        """The number of the song that is to be rated, None where all are, and how many are rated of how many."""
        number = self.left[0][0] if self.left else None
        return {"number": number, "rated": self.total - len(self.left), "of": self.total}

    def rate(self, given: Given) -> None:
        """Keep a rating. One that comes twice, as of a double click, counts once.

        Raises:
            OutputError: It cannot be written.
        """
        with self.lock:
            if self.left and self.left[0][0] == given.number:
                item = self.left[0][1]
                self.table.add(item, rater=self.rater, valence=given.valence, arousal=given.arousal)
                self.left.pop(0)


def _page() -> tuple[bytes, str]:
    here = Path(__file__).parent
    script = (here / "rate.js").read_text(encoding="utf-8")
    folders = [here, Path(pages.__file__).parent]
    template = jinja2.Environment(loader=jinja2.FileSystemLoader(folders), autoescape=True).get_template("rate.html.j2")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; media-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return template.render(script=Markup(script)).encode(), policy


class _Handler(LocalHandler):
    server: RatingServer

    def do_GET(self) -> None:
        server = self.server
        if self.headers.get("Host") not in server.hosts:
            self._answer(HTTPStatus.MISDIRECTED_REQUEST)
        elif self.path == "/":
            self._answer(HTTPStatus.OK, server.page, "text/html; charset=utf-8")
        elif self.path == "/state":
            self._answer(HTTPStatus.OK, json_bytes(server.state), "application/json")
        elif server.left and self.path == f"/sound/{server.left[0][0]}":
            song = server.left[0][1].song
            try:
                content = song.read_bytes()
            except OSError:
                self._answer(HTTPStatus.NOT_FOUND)
                return
            self._answer(HTTPStatus.OK, content, content_type(song))
        else:
            self._answer(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        server, length = self.server, self.headers.get("Content-Length", "")
        origin = (self.headers.get("Origin") or "").removeprefix("http://")
        if self.headers.get("Host") not in server.hosts or origin not in server.hosts:
            self._answer(HTTPStatus.FORBIDDEN)
        elif self.path != "/rate" or not length.isdecimal() or not 0 < int(length) <= MAX_BODY:
            self._answer(HTTPStatus.BAD_REQUEST)
        else:
            try:
                server.rate(msgspec.json.decode(self.rfile.read(int(length)), type=Given))
            except (msgspec.DecodeError, UnicodeDecodeError, RecordError):
                self._answer(HTTPStatus.BAD_REQUEST)
                return
            except OutputError as error:
                # Said in the terminal: what cannot be kept must not be asked for.
                server.fault = error
                self._answer(HTTPStatus.INSUFFICIENT_STORAGE)
                threading.Thread(target=server.shutdown, daemon=True).start()
                return
            self._answer(HTTPStatus.OK, json_bytes(server.state), "application/json")
            if not server.left:
                threading.Thread(target=server.shutdown, daemon=True).start()

    def _answer(self, status: HTTPStatus, content: bytes = b"", kind: str = "text/plain") -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(content))),
            ("Content-Security-Policy", self.server.policy),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Referrer-Policy", "no-referrer"),
            *([("Connection", "close")] if status is not HTTPStatus.OK else []),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
