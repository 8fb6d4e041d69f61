"""The door of `predict --log`: whatever the file holds, it is added to as `monitor` reads it, or is left as it is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from fuzz.cases import any_bytes, changed_json, texts
from fuzz.harness import attempt
from hypothesis import example, given

from sentio_mobile.inference.emotion import Emotion
from sentio_mobile.inference.log import LogFile
from sentio_mobile.inference.songs import SongPredictions
from sentio_mobile.monitoring.log import read_log

SHA256 = "0f" * 32
EMOTION = Emotion(song="", valence=0.5, arousal=-0.5, start=0, end=30, level_db=-20)


def add(log: Path, place: Path, song: str = "new.mp3") -> bool:
    """What `predict` does with a log, for one song."""

    def added() -> bool:
        with LogFile(log, model="m 1", model_sha256=SHA256) as file:
            file.add(SongPredictions(Path(song), (EMOTION,)))
        return True

    return bool(attempt("predict --log", added, place))


@pytest.fixture(scope="module")
def right(place: Path) -> bytes:
    log = place / "right.jsonl"
    for i in range(3):
        assert add(log, place, f"{i}.mp3")
    return log.read_bytes()


def use(content: bytes, place: Path) -> None:
    log = place / "log.jsonl"
    log.write_bytes(content)
    if not add(log, place):
        assert log.read_bytes() == content
        return
    found = log.read_bytes()
    kept, new = found[: found[:-1].rfind(b"\n") + 1], found.splitlines()[-1]
    assert json.loads(new)["song"] == "new.mp3"
    # Nothing is lost but a line that was cut off.
    assert content.startswith(kept) or kept == content + b"\n"
    assert b"\n" not in content[len(kept) :]
    rows = attempt("predict --log", lambda: read_log([log], models=[SHA256]), place)
    assert rows is None or len(rows) + len(rows.left_out) == sum(bool(line.strip()) for line in found.split(b"\n"))


def test_right_log_is_added_to(right: bytes, place: Path) -> None:
    use(right, place)
    assert len(read_log([place / "log.jsonl"], models=[SHA256])) == 4


@pytest.mark.parametrize("cut", [1, 2, 9, 10, 11, 40, 100])
def test_log_that_was_cut_off_is_added_to(cut: int, right: bytes, place: Path) -> None:
    for content, kept in ((right[:-cut], 2 + (cut == 1)), (right.splitlines(keepends=True)[0][:-cut], int(cut == 1))):
        use(content, place)
        assert len(read_log([place / "log.jsonl"], models=[SHA256])) == kept + 1


@pytest.mark.parametrize("content", [b'{"mine": 1}', b"one line", b"x" * 200_000, b'{"date":"' + b"x" * 200_000, b"\0"])
def test_file_of_one_line_that_is_no_log_is_left_alone(content: bytes, place: Path) -> None:
    (place / "log.jsonl").write_bytes(content)
    assert not add(place / "log.jsonl", place)
    assert (place / "log.jsonl").read_bytes() == content


@given(content=any_bytes((b"",)) | any_bytes((b'{"date":"2026-01-05T00:00:00Z","song":"a","model":"m",\n{}\n',)))
@example(content=b"\n")
@example(content=b"\r\n" * 3)
def test_any_bytes_are_added_to_or_left_alone(content: bytes, place: Path) -> None:
    use(content, place)


@given(content=any_bytes((b"",)))
def test_any_bytes_after_a_log_are_added_to_or_left_alone(content: bytes, right: bytes, place: Path) -> None:
    use(right + content, place)


ROW: dict[str, Any] = {"date": "2026-01-05T00:00:00Z", "song": "a", "model": "m 1", "model_sha256": SHA256}


@given(row=changed_json(ROW | {"valence": 0.5, "arousal": 0.1, "silent": False, "input_level": -20.0}))
def test_any_row_is_added_to_or_left_alone(row: Any, place: Path) -> None:
    use(json.dumps(row).encode() + b"\n", place)


@given(song=texts)
def test_any_name_of_a_song_is_written_as_monitor_reads_it(song: str, place: Path) -> None:
    log = place / "names.jsonl"
    log.unlink(missing_ok=True)
    # A name as the system has it, which need not be UTF-8.
    assert add(log, place, os.fsdecode(song.encode("utf-8", "surrogatepass").replace(b"\0", b"")[:4000]))
    assert len(read_log([log], models=[SHA256])) == 1


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "device", "link"])
def test_what_is_no_file_is_one_error(kind: str, right: bytes, place: Path) -> None:
    log = place / f"{kind}.jsonl"
    if kind == "folder":
        log.mkdir()
    elif kind == "pipe":
        os.mkfifo(log)
    else:
        log.symlink_to({"loop": log.name, "device": "/dev/full", "link": "right.jsonl"}[kind])
    assert not add(log, place)
    assert (place / "right.jsonl").read_bytes() == right
