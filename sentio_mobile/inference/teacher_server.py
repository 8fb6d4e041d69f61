"""Predictions by a teacher for programs: a JSON endpoint that only this machine can reach.

    GET  /          which model answers, and the limits
    POST /predict   one song as the body, named by `?song=NAME`, or several as multipart/form-data

Requests with another host name, or from a web page, are refused: no foreign page may send files to this machine's
decoders. What is sent is kept for as long as it is predicted.
"""

from __future__ import annotations

import email.parser
import email.policy
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit

from msgspec import Meta

from sentio_mobile._internal.local_server import LocalHandler, LocalServer
from sentio_mobile._internal.records import Count, Record, Sha256, Text, json_bytes
from sentio_mobile.errors import OutputError, printable, shortened
from sentio_mobile.inference.emotion import Prediction
from sentio_mobile.inference.log import LogFile, log_name
from sentio_mobile.inference.teacher_process import SONG_LIMIT_S, Answer, TeacherProcess

MAX_BYTES = 64 << 20
"""Bytes of a request."""
MAX_SONGS = 64
"""Songs of a request."""
MAX_PARTS = 2 * MAX_SONGS
"""Parts of a form, other fields than songs among them."""
MAX_HEAD = 4000
"""Bytes of the head of a part, and of a request's Content-Type."""
UPLOAD_S = 120.0
"""Seconds in which a request has to arrive."""
AT_ONCE = 4
"""Requests that are taken at once; the teacher hears their songs one after another."""

_BLOCK = 1 << 16


class ServedModel(Record, frozen=True, kw_only=True):
    """The teacher that answers, and its limits; what `GET /` gives."""

    # Name of the teacher's folder.
    model: Text
    # Hash of the sheet that lists its weights.
    sha256: Sha256
    # Order of the values, each from -1 to 1.
    outputs: tuple[Literal["valence"], Literal["arousal"]] = ("valence", "arousal")
    # Bytes that a request may have.
    max_bytes: Count = MAX_BYTES
    # Songs that a request may have.
    max_songs: Count = MAX_SONGS
    # Seconds of processor time that a song may take.
    song_limit_s: Count = SONG_LIMIT_S


class ServedSongs(Record, frozen=True, kw_only=True):
    """What `POST /predict` gives, with status 200; 422 where no song could be predicted."""

    # Name of the teacher's folder.
    model: Text
    # Hash of the sheet that lists its weights.
    sha256: Sha256
    # As `predict --json` prints them.
    predictions: Annotated[tuple[Prediction, ...], Meta(max_length=MAX_SONGS)]
    # A line for each song that could not be predicted.
    faults: Annotated[tuple[Text, ...], Meta(max_length=MAX_SONGS)]
    # What was wrong with files, a line each.
    notes: Annotated[tuple[Text, ...], Meta(max_length=1000)]


class TeacherServer(LocalServer):
    """A server that runs until it is shut down.

    Attributes:
        fault: Why the log could not be written; None if it could. Nothing is added to it since then.

    Args:
        teacher: The process that predicts.
        about: The teacher, as it is told.
        port: The port, 0 to 65535; 0 for any free one.
        log: Where every prediction is added, for `monitor`; None for nowhere.
        hashed: Whether the log names songs by the hash of what was sent, and not by the name that was sent.
        say: Called with a line that the person at the terminal should know.

    Raises:
        OutputError: The port is taken or not permitted.
    """

    def __init__(
        self,
        teacher: TeacherProcess,
        about: ServedModel,
        port: int,
        *,
        log: LogFile | None = None,
        hashed: bool = False,
        say: Callable[[str], None] = print,
    ) -> None:
        self.teacher, self.about = teacher, about
        self.fault: OutputError | None = None
        self._log, self._hashed, self._say, self._lock = log, hashed, say, threading.Lock()
        self.places = threading.BoundedSemaphore(AT_ONCE)
        super().__init__(_Handler, port)

    def predict(self, songs: list[Upload]) -> ServedSongs:
        """Predict songs one after another."""
        answers = []
        for song in songs:
            with tempfile.NamedTemporaryFile(dir=self.teacher.scratch) as file:
                file.write(song.content)
                file.flush()
                answers.append(answer := self.teacher.predict(Path(file.name), song.name))
                self._keep(Path(file.name), song.name, answer)
        return ServedSongs(
            model=self.about.model,
            sha256=self.about.sha256,
            predictions=tuple(answer.prediction for answer in answers if answer.prediction is not None),
            faults=tuple(answer.fault for answer in answers if answer.fault),
            notes=tuple(note for answer in answers for note in answer.notes)[:1000],
        )

    def _keep(self, path: Path, name: str, answer: Answer) -> None:
        """Add to the log. One that cannot be written costs no answer: songs are answered without it from then on."""
        if self._log is None:
            return
        song = log_name(path, "hash") if self._hashed else name
        with self._lock:
            if self.fault is not None:
                return
            try:
                self._log.add_rows(song, [(answer.prediction, answer.level_db)] if answer.prediction else [])
            except OutputError as error:
                self.fault = error
                self._say(f"The log ends here, and songs are answered without it: {error}")


@dataclass(frozen=True)
class Upload:
    """A song of a request."""

    name: str
    content: bytes


class _RefusedError(Exception):
    """A request that is not answered; the line is sent."""

    def __init__(self, status: HTTPStatus, line: str) -> None:
        super().__init__(line)
        self.status = status


class _Handler(LocalHandler):
    server: TeacherServer
    timeout = 30

    def do_GET(self) -> None:
        self._answer_or_refuse(self._describe)

    def do_POST(self) -> None:
        self._answer_or_refuse(self._predict)

    def _answer_or_refuse(self, answer: Callable[[], None]) -> None:
        try:
            host, origin = self.headers.get("Host"), self.headers.get("Origin")
            if host not in self.server.hosts:
                raise _RefusedError(HTTPStatus.MISDIRECTED_REQUEST, "this server answers 127.0.0.1 alone")
            if origin is not None and origin.removeprefix("http://") not in self.server.hosts:
                raise _RefusedError(HTTPStatus.FORBIDDEN, "web pages are not answered")
            answer()
        except _RefusedError as refused:
            self._send(refused.status, {"error": str(refused)})
        except TimeoutError:
            self._send(HTTPStatus.REQUEST_TIMEOUT, {"error": f"the request must arrive within {UPLOAD_S:.0f} s"})

    def _describe(self) -> None:
        self._expect("/")
        self._send(HTTPStatus.OK, self.server.about)

    def _predict(self) -> None:
        query = self._expect("/predict")
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, "the request must state its Content-Length")
        # Python refuses to read numbers of thousands of digits.
        if len(length) > 20 or not 0 < int(length) <= MAX_BYTES:
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"send 1 to {MAX_BYTES:,} bytes")
        if not self.server.places.acquire(blocking=False):
            raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, f"{AT_ONCE} requests are under way; try again later")
        try:
            found = self.server.predict(self._songs(query, self._read(int(length))))
        finally:
            self.server.places.release()
        self._send(HTTPStatus.OK if found.predictions else HTTPStatus.UNPROCESSABLE_ENTITY, found)

    def _read(self, length: int) -> bytes:
        content, until = bytearray(), time.monotonic() + UPLOAD_S
        while len(content) < length:
            if time.monotonic() > until:
                raise TimeoutError
            block = self.rfile.read1(min(_BLOCK, length - len(content)))
            if not block:
                raise _RefusedError(HTTPStatus.BAD_REQUEST, "the request ended before its Content-Length")
            content += block
        return bytes(content)

    def _expect(self, path: str) -> str:
        """Make sure that the request is for this path, and give its query."""
        try:
            place = urlsplit(self.path)
        except ValueError:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "the address is none") from None
        if place.path != path:
            raise _RefusedError(HTTPStatus.NOT_FOUND, "there is GET / and POST /predict")
        return place.query

    def _songs(self, query: str, content: bytes) -> list[Upload]:
        """The songs of a request's body."""
        kind = _head(b"Content-Type: " + self.headers.get("Content-Type", "").encode("latin-1", "replace"))
        if kind.get_content_type() != "multipart/form-data":
            names = parse_qs(query).get("song", ["song"])
            return [Upload(_shown(names[0]), content)]
        boundary = kind.get_boundary()
        if not boundary:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "the form has no boundary")
        songs: list[Upload] = []
        for number, (head, body) in enumerate(_parts(content, boundary.encode("latin-1", "replace"))):
            name = _head(head).get_filename()
            if name is not None:
                songs.append(Upload(_shown(name), body))
            if number == MAX_PARTS or len(songs) > MAX_SONGS:
                break
        if not 0 < len(songs) <= MAX_SONGS or number == MAX_PARTS:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, f"send 1 to {MAX_SONGS} files in a form")
        return songs

    def _send(self, status: HTTPStatus, content: object) -> None:
        body = json_bytes(content)
        self.send_response(status)
        for name, value in (
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            # A request that is refused may not have been read to its end.
            *([("Connection", "close")] if status is not HTTPStatus.OK else []),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _parts(content: bytes, boundary: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Head and body of each part of a form.

    By RFC 2046 a part stands between two lines that begin with the boundary, which is in no part. What is sent may be
    nothing but boundaries, so that no list of the parts is made.
    """
    mark = b"\r\n--" + boundary
    start = 0 if content.startswith(mark[2:]) else content.find(mark) + 2
    while start != 1 and not content.startswith(b"--", start := start + len(mark) - 2):
        end = content.find(mark, start)
        last = len(content) if end < 0 else end
        middle = content.find(b"\r\n\r\n", start, last)
        if middle < 0:
            middle = last
        yield content[start : min(middle, start + MAX_HEAD + 1)], content[middle + 4 : last]
        start = end + 2


def _head(lines: bytes) -> Message:
    """The headers of a part.

    Python's parser takes a minute for some headers of a megabyte, and fails in many ways.
    """
    if len(lines) > MAX_HEAD:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, f"a head of more than {MAX_HEAD:,} bytes")
    try:
        found = _HEADERS.parsebytes(lines.lstrip(b"\r\n"))
        found.get_content_type(), found.get_boundary(), found.get_filename()
    except Exception:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "a head that cannot be read") from None
    return found


_HEADERS = email.parser.BytesHeaderParser(policy=email.policy.HTTP)


def _shown(name: str) -> str:
    """A name as it may stand in an answer: on one line, and not long."""
    return shortened(printable(name), 300) or "song"
