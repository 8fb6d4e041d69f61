"""The door of `serve --teacher`: any bytes on its port get JSON or a closed connection, and no song is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fuzz.cases import any_bytes, texts
from fuzz.harness import attempt
from hypothesis import example, given
from hypothesis import strategies as st
from serving import exchange, serving

from sentio_mobile.errors import printable
from sentio_mobile.inference.teacher_process import Answer, TeacherProcess
from sentio_mobile.inference.teacher_server import MAX_BYTES, ServedModel, TeacherServer

HEAD = b"%b %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%bContent-Length: %b\r\nConnection: close\r\n\r\n"
PART = b'--xyz\r\nContent-Disposition: form-data; name="song"; filename="%b"\r\n\r\n%b\r\n'
FORM = PART % (b"a.wav", b"sound") + PART % (b"b.wav", b"noise") + b"--xyz--\r\n"
TYPE = b"Content-Type: multipart/form-data; boundary=xyz\r\n"


class _Deaf(TeacherProcess):
    """Hears nothing: decoders have doors of their own (audio), and a process for each case would take minutes."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch

    def predict(self, path: Path, song: str) -> Answer:
        assert path.read_bytes() is not None
        return Answer(fault=f"{song}: is not heard")


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[TeacherServer]:
    (place / "scratch").mkdir()
    about = ServedModel(model="deaf", sha256="0" * 64)
    with serving(TeacherServer(_Deaf(place / "scratch"), about, port=0)) as server:
        yield server


def ask(server: TeacherServer, content: bytes, place: Path) -> bytes:
    """Send bytes, say that no more will come, and read until the server closes."""
    events = ("socket.connect", "socket.getaddrinfo")
    try:
        answer = attempt("serve --teacher", lambda: exchange(server.server_port, content), place, events)
    except ConnectionError:
        answer = b""
    assert answer is not None
    assert b"Traceback" not in answer
    assert str(place).encode() not in answer
    assert list(server.teacher.scratch.iterdir()) == [], "songs are kept for as long as they are heard"
    return answer


def post(
    server: TeacherServer, body: bytes, kind: bytes = TYPE, path: bytes = b"/predict", length: Any = None
) -> bytes:
    size = b"%d" % len(body) if length is None else length
    return HEAD % (b"POST", path, server.server_port, kind, size) + body


def content(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def still_works(server: TeacherServer, place: Path) -> None:
    found = content(ask(server, post(server, FORM), place))
    assert found["faults"] == ["a.wav: is not heard", "b.wav: is not heard"]


@given(data=st.data())
def test_any_bytes_get_an_answer_or_an_end(data: st.DataObject, server: TeacherServer, place: Path) -> None:
    right = (post(server, FORM), post(server, b"sound", b"", b"/predict?song=a.wav"))
    ask(server, data.draw(any_bytes(right, head=200)), place)
    still_works(server, place)


@given(body=any_bytes((FORM,)))
def test_any_form_is_songs_or_one_error(body: bytes, server: TeacherServer, place: Path) -> None:
    found = content(ask(server, post(server, body or b"x"), place))
    assert found.keys() >= {"faults"} or found.keys() == {"error"}


names = texts.map(lambda text: re.sub(rb"[\r\n]", b"", text.encode("utf-8", "surrogatepass")))


@given(name=names)
@example(name=b"\"; filename*=utf-8''%00")
@example(name=b"=?utf-8?q?" + b"=20" * 2000 + b"?=")
def test_any_name_of_a_song_is_a_text_of_one_line(name: bytes, server: TeacherServer, place: Path) -> None:
    body = PART % (name, b"sound") + b"--xyz--\r\n"
    for request in (post(server, body), post(server, b"sound", b"", b"/predict?song=" + name.replace(b" ", b"+"))):
        found = ask(server, request, place)
        if found.startswith(b"HTTP/1.1 422"):
            (fault,) = content(found)["faults"]
            assert printable(fault) == fault
            assert len(fault) < 400


@given(kind=names)
@example(kind=b"multipart/form-data; boundary=" + b"(" * 30_000)
@example(kind=b"multipart/form-data; " + b"a=b;" * 15_000)
@example(kind=b"multipart/form-data; boundary*=utf-8''%ff; boundary*0=x; boundary*1*=y")
@example(kind=b'multipart/form-data; boundary="' + b"\\" * 30_000)
@example(kind=b"=?" * 30_000)
def test_any_type_of_a_request_is_answered(kind: bytes, server: TeacherServer, place: Path) -> None:
    answer = ask(server, post(server, FORM, b"Content-Type: " + kind + b"\r\n"), place)
    # Python's own server ends the connection where a type has a parameter with a number and without one.
    assert answer.startswith(b"HTTP/1.1 ") or not answer
    still_works(server, place)


@pytest.mark.parametrize(
    "body",
    [
        b"--xyz\r\n" * 2_000_000,
        b"--xyz\r\nContent-Disposition: form-data; " + b"(" * 10_000_000,
        b"--xyz\r\nContent-Disposition: form-data; filename=" + b"a;" * 5_000_000,
        b"--xyz\r\n" + b"A: b\r\n" * 2_000_000,
        b"--xyz\r\nContent-Disposition: form-data; filename*0*=" + b"%41" * 1_000_000 + b"\r\n\r\nsound\r\n--xyz--",
    ],
    ids=["parts", "comments", "parameters", "headers", "long name"],
)
def test_form_that_is_all_head_is_one_error(body: bytes, server: TeacherServer, place: Path) -> None:
    assert content(ask(server, post(server, body), place)).keys() == {"error"}


@given(length=names)
@example(length=b"-1")
@example(length=b"9" * 5000)
@example(length=b"0" * 19 + b"1" + b"0" * 20)
@example(length=b"0" * 5000 + b"5")
@example(length=b"\xb2")
@example(length=b"5, 5")
def test_any_length_is_answered(length: bytes, server: TeacherServer, place: Path) -> None:
    answer = ask(server, post(server, b"sound", b"", length=length), place)
    assert re.match(rb"HTTP/1.1 (400|411|413|422|431) ", answer), answer


def test_length_is_limited_however_it_is_written(server: TeacherServer, place: Path) -> None:
    too_long = b"0" * 19 + b"1" + b"%d" % MAX_BYTES
    assert b"HTTP/1.1 413 " in ask(server, post(server, b"sound", b"", length=too_long), place)


@given(path=names.map(lambda name: name.replace(b" ", b"")))
@example(path=b"http://[/predict")
@example(path=b"//[")
@example(path=b"/predict?" + b"song=a&" * 9000)
@example(path=b"/predict?song=%ff%fe%00")
def test_any_path_is_answered(path: bytes, server: TeacherServer, place: Path) -> None:
    assert b"HTTP/1.1 " in ask(server, post(server, FORM, path=path or b"/"), place)


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"PUT", b"OPTIONS", b"TRACE", b"CONNECT", b"x" * 60_000])
def test_other_methods_hear_nothing(method: bytes, server: TeacherServer, place: Path) -> None:
    answer = ask(server, HEAD % (method, b"/predict", server.server_port, TYPE, b"%d" % len(FORM)) + FORM, place)
    assert b"is not heard" not in answer
    still_works(server, place)
