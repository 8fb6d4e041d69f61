"""The door of `rate`: tables of ratings that were begun, and any bytes on the port of its page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fuzz.cases import any_bytes, changed_json, texts
from fuzz.harness import attempt
from hypothesis import example, given
from hypothesis import strategies as st
from serving import exchange, serving

from sentio_mobile._internal.records import json_bytes
from sentio_mobile.monitoring.rating import COLUMNS, Item, RatingTable, draw_order
from sentio_mobile.monitoring.rating_server import RatingServer

SONGS = tuple(Path(f"music/secret {i}.mp3") for i in range(4))
ROWS = [
    [f"music/secret {song}.mp3", f"{song / 4 - 0.5}", f"{0.5 - song / 4}", rater, "2026-01-05T12:00:00+00:00"]
    for rater in ("anna", "ben")
    for song in range(4)
]
RIGHT = "\n".join(",".join(row) for row in (list(COLUMNS), *ROWS)).encode()
CELLS = ("0", "1", "-1", "1.01", "nan", "inf", "-1e308", "1e-320", "0x1", "1_0", "\u0663", "", "'=1", "'0.5")


def use(place: Path) -> bool:
    """What the command does with a table: it goes on with it, adds a rating, and tells the agreement."""

    def rated() -> bool:
        table = RatingTable(place / "ratings.csv")
        before = [len(table.ratings), len(table.repeats)]
        for item in draw_order([place / song for song in SONGS], rater="eve", repeats=0.5):
            if not table.is_rated(item, "eve"):
                table.add(item, rater="eve", valence=0.25, arousal=-0.5)
                break
        found = table.agreement()
        assert found.ratings == len(table.ratings)
        again = RatingTable(place / "ratings.csv")
        assert (again.ratings, again.repeats) == (table.ratings, table.repeats), "written as it is read"
        assert len(again.ratings) + len(again.repeats) <= sum(before) + 1
        return True

    return bool(attempt("rate", rated, place))


def clean(place: Path) -> None:
    for path in place.glob("ratings*"):
        path.unlink()


def test_right_table_is_gone_on_with(place: Path) -> None:
    clean(place)
    (place / "ratings.csv").write_bytes(RIGHT)
    assert use(place)


@pytest.mark.parametrize("name", ["ratings.csv", "ratings.repeats.csv"])
@given(content=any_bytes((RIGHT,)))
@example(content=b"\xff\xfe" + RIGHT.decode().encode("utf-16-le"))
@example(content=RIGHT.replace(b"anna", b"a" * 300))
@example(content=RIGHT.replace(b"-0.5", b"nan"))
def test_any_bytes_are_ratings_or_one_error(name: str, content: bytes, place: Path) -> None:
    clean(place)
    (place / "ratings.csv").write_bytes(RIGHT)
    (place / name).write_bytes(content)
    use(place)


@given(data=st.data())
def test_any_cells_are_ratings_or_one_error(data: st.DataObject, place: Path) -> None:
    rows = [list(row) for row in ROWS]
    for _ in range(data.draw(st.integers(1, 4))):
        row = rows[data.draw(st.integers(0, len(rows) - 1))]
        row[data.draw(st.integers(0, len(row) - 1))] = data.draw(st.sampled_from(CELLS) | texts)
    lines = [",".join(COLUMNS), *(",".join('"' + c.replace('"', '""') + '"' for c in row) for row in rows)]
    clean(place)
    (place / "ratings.csv").write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    use(place)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RatingServer]:
    folder = tmp_path_factory.mktemp("rate")
    (folder / "music").mkdir()
    for song in SONGS:
        (folder / song).write_bytes(b"sound of " + song.name.encode())
    items = [Item(folder / song, False) for song in SONGS]
    with serving(RatingServer(items, RatingTable(folder / "ratings.csv"), rater="eve", port=0)) as server:
        yield server


def ask(server: RatingServer, content: bytes, place: Path) -> bytes:
    """Send bytes, say that no more will come, and read until the server closes."""
    try:
        answer = attempt(
            "rate",
            lambda: exchange(server.server_port, content),
            place,
            allowed=("socket.connect", "socket.getaddrinfo"),
        )
    except ConnectionError:
        return b""
    assert answer is not None
    assert b"Traceback" not in answer
    # The page is blind: it hears one song after another and learns no name.
    assert b"secret 1" not in answer
    assert server.state["rated"] == 0
    return answer


def request(server: RatingServer, method: str, path: bytes, body: bytes = b"", length: bytes | None = None) -> bytes:
    host = b"127.0.0.1:%d" % server.server_port
    size = b"%d" % len(body) if length is None else length
    head = b"%b %b HTTP/1.1\r\nHost: %b\r\nOrigin: http://%b\r\nContent-Length: %b\r\nConnection: close\r\n\r\n"
    return head % (method.encode(), path, host, host, size) + body


GIVEN: dict[str, Any] = {"number": 1, "valence": 0.5, "arousal": -0.5}
"""A rating of a song that is not asked yet, which changes nothing."""


def still_works(server: RatingServer, place: Path) -> None:
    assert b'"rated":0' in ask(server, request(server, "GET", b"/state"), place).replace(b" ", b"")


@given(data=st.data())
def test_any_bytes_get_an_answer_or_an_end(data: st.DataObject, server: RatingServer, place: Path) -> None:
    right = request(server, "POST", b"/rate", json.dumps(GIVEN).encode())
    ask(server, data.draw(any_bytes((right,))), place)
    still_works(server, place)


@given(path=texts)
@example(path="sound/1")
@example(path="sound/../ratings.csv")
@example(path="sound/0/../1")
@example(path="%2e%2e/ratings.csv")
@example(path="sound/00")
def test_any_path_is_the_song_of_now_or_nothing(path: str, server: RatingServer, place: Path) -> None:
    answer = ask(server, request(server, "GET", b"/" + path.encode("utf-8", "surrogatepass")), place)
    body = answer.partition(b"\r\n\r\n")[2]
    served = (server.page, json_bytes(server.state), b"sound of secret 0.mp3")
    # A line break in the path ends the first line before the version: by HTTP/0.9, the answer is the file alone.
    assert answer in served or not answer.startswith(b"HTTP/1.1 200") or body in served


@given(body=changed_json(GIVEN).map(json.dumps).map(str.encode) | any_bytes((json.dumps(GIVEN).encode(),)))
def test_any_rating_of_another_song_changes_nothing(body: bytes, server: RatingServer, place: Path) -> None:
    ask(server, request(server, "POST", b"/rate", body.replace(b'"number": 0', b'"number": 2')), place)


@given(length=texts)
@example(length="-1")
@example(length="99999999999999999999")
@example(length="\u0661")
@example(length="1e3")
def test_any_length_of_a_rating_is_answered(length: str, server: RatingServer, place: Path) -> None:
    size = length.encode("utf-8", "surrogatepass").replace(b"\r", b"").replace(b"\n", b"")
    ask(server, request(server, "POST", b"/rate", json.dumps(GIVEN).encode(), size), place)
    still_works(server, place)
