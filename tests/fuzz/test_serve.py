"""The door of `serve`: any bytes on its port get an answer or a closed connection, and only the files that it lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzz.cases import any_bytes, texts
from fuzz.harness import attempt
from hypothesis import example, given
from hypothesis import strategies as st
from serving import exchange, serving

from sentio_mobile.packaging.server import Server

PAGE = {
    "index.html": "<!doctype html>page\n",
    "assets/a-1.js": "page script\n",
    "sentio/manifest.json": "the page's own\n",
}
MODEL = {"manifest.json": "the model's\n", "emotion é.onnx": "model weights\n"}
SECRET = b"not for the page"
REQUEST = b"GET /%b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("serve")
    (folder / "secret").write_bytes(SECRET)
    for name, files in (("page", PAGE), ("model", MODEL)):
        for file, text in files.items():
            (folder / name / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / file).write_text(text)
    (folder / "page" / "link").symlink_to(folder)
    with serving(Server(folder / "page", folder / "model", {"X-Page": "1"}, port=0)) as server:
        yield server


def ask(server: Server, content: bytes, place: Path) -> bytes:
    """Send bytes, say that no more will come, and read until the server closes."""
    try:
        answer = attempt(
            "serve",
            lambda: exchange(server.server_port, content),
            place,
            allowed=("socket.connect", "socket.getaddrinfo"),
        )
    except ConnectionError:
        return b""
    assert answer is not None
    assert SECRET not in answer
    assert b"Traceback" not in answer
    return answer


def still_works(server: Server, place: Path) -> None:
    assert b"page script" in ask(server, REQUEST % (b"assets/a-1.js", server.server_port), place)


@given(data=st.data())
def test_any_bytes_get_an_answer_or_an_end(data: st.DataObject, server: Server, place: Path) -> None:
    right = REQUEST % (b"sentio/manifest.json", server.server_port)
    ask(server, data.draw(any_bytes((right,))), place)
    still_works(server, place)


@given(path=texts)
@example(path="../secret")
@example(path="link/secret")
@example(path="%2e%2e/secret")
@example(path="sentio/../../secret")
@example(path="..%5csecret")
@example(path="/etc/passwd")
@example(path="%00")
def test_any_path_is_a_listed_file_or_nothing(path: str, server: Server, place: Path) -> None:
    raw = path.encode("utf-8", "surrogatepass")
    answer = ask(server, REQUEST % (raw, server.server_port), place)
    # A line break in the path ends the first line before the version: by HTTP/0.9, the answer is the file alone.
    bodies = {text.encode() for text in (*PAGE.values(), *MODEL.values())}
    assert answer in bodies or not answer.startswith(b"HTTP/1.1 200") or answer.partition(b"\r\n\r\n")[2] in bodies


@given(host=texts.map(lambda text: text.encode("utf-8", "surrogatepass").replace(b"\n", b"").replace(b"\r", b"")))
def test_any_other_host_name_gets_nothing(host: bytes, server: Server, place: Path) -> None:
    answer = ask(server, b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n", place)
    assert b"doctype html>page" not in answer
