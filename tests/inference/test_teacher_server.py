"""Songs that are sent to a teacher: the same predictions as by `predict`, limits, and files that nobody can trust."""

import errno
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from scipy.io import wavfile
from serving import serving
from support import Refused

import sentio_mobile
from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.resources import ROOT
from sentio_mobile._internal.sandbox import protections
from sentio_mobile.inference import teacher_process, teacher_server
from sentio_mobile.inference.log import LogFile
from sentio_mobile.inference.teacher_process import TeacherProcess
from sentio_mobile.inference.teacher_server import AT_ONCE, MAX_BYTES, ServedModel, TeacherServer
from sentio_mobile.monitoring.log import read_log

TEACHER = ROOT / "export" / "golden" / "student"
"""A network in PyTorch, small enough for tests."""


@pytest.fixture(scope="module")
def process() -> Iterator[TeacherProcess]:
    with TeacherProcess(TEACHER) as opened:
        yield opened


@pytest.fixture
def server(process: TeacherProcess) -> Iterator[TeacherServer]:
    with serving(TeacherServer(process, ServedModel(model="student", sha256="0" * 64), port=0)) as server:
        yield server


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("songs")
    for i in range(3):
        tone = 9000 * np.sin(np.arange(66_150) * (0.05 + 0.1 * i))
        wavfile.write(folder / f"song {i}.wav", 22_050, tone.astype(np.int16))
    return sorted(folder.iterdir())


def ask(
    server: TeacherServer, body: bytes | None = None, *, method: str = "POST", path: str = "/predict", **headers: str
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def form(files: dict[str, bytes]) -> tuple[bytes, str]:
    """A form as browsers and curl send it, and its type."""
    parts = [
        f'--xyz\r\nContent-Disposition: form-data; name="song"; filename="{name}"\r\n'
        f"Content-Type: audio/wav\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, content in files.items()
    ]
    return b"".join([*parts, b"--xyz--\r\n"]), "multipart/form-data; boundary=xyz"


def test_a_song_gets_the_prediction_that_predict_makes(server: TeacherServer, songs: list[Path]) -> None:
    expected = sentio_mobile.load(TEACHER).predict(songs[0]).to_prediction()
    status, found = ask(server, songs[0].read_bytes(), path="/predict?song=song%200.wav")
    assert status == 200
    assert (found["model"], found["faults"]) == ("student", [])
    (one,) = found["predictions"]
    assert one["song"] == "song 0.wav"
    assert (one["valence"], one["arousal"]) == (expected.valence, expected.arousal)
    assert ask(server, songs[0].read_bytes())[1]["predictions"][0]["song"] == "song"


def test_several_songs_are_answered_at_once_and_a_bad_one_stops_none(server: TeacherServer, songs: list[Path]) -> None:
    files = {song.name: song.read_bytes() for song in songs}
    # A line end before the boundary belongs to the form; those within a song are the song's.
    files["not music.mp3"] = b"\r\n--xy not a boundary\r\n" * 50
    body, kind = form(files)
    status, found = ask(server, body, Content_Type=kind)
    assert status == 200
    assert [one["song"] for one in found["predictions"]] == [song.name for song in songs]
    assert len({one["valence"] for one in found["predictions"]}) == 3
    (fault,) = found["faults"]
    assert fault.startswith("not music.mp3")
    assert "/tmp" not in fault
    assert str(server.teacher.scratch) not in json.dumps(found)
    assert list(server.teacher.scratch.iterdir()) == []
    status, found = ask(server, b"RIFF nothing", path="/predict?song=a%1b%5b31m.wav")
    assert (status, found["predictions"]) == (422, [])
    assert "\x1b" not in found["faults"][0]


def test_it_says_what_it_is(server: TeacherServer) -> None:
    status, found = ask(server, method="GET", path="/")
    assert (status, found["model"], found["outputs"]) == (200, "student", ["valence", "arousal"])
    assert found["max_bytes"] == MAX_BYTES


def test_a_log_has_each_song_as_monitor_reads_it_and_no_sound(
    process: TeacherProcess, songs: list[Path], tmp_path: Path
) -> None:
    about, file = ServedModel(model="student", sha256="0" * 64), tmp_path / "log" / "server.jsonl"
    sound = songs[0].read_bytes()
    with LogFile(file, model="student", model_sha256="0" * 64) as log:
        with serving(TeacherServer(process, about, 0, log=log)) as server:
            answers = [ask(server, sound, path="/predict?song=a.wav"), ask(server, b"RIFF", path="/predict?song=b.wav")]
        with serving(TeacherServer(process, about, 0, log=log, hashed=True)) as server:
            ask(server, sound, path="/predict?song=secret.wav")
    first, second, third = (json.loads(line) for line in file.read_text().splitlines())
    (expected,) = answers[0][1]["predictions"]
    assert {name: first[name] for name in ("song", "valence", "arousal", "start", "end", "model")} == {
        **{name: expected[name] for name in ("song", "valence", "arousal", "start", "end")},
        "model": "student",
    }
    assert -40 < first["input_level"] < 0
    assert (second["song"], second["valence"]) == ("b.wav", None)
    # The name that `predict --log-songs hash` gives the same file.
    assert third["song"] == sha256(songs[0])[:32]
    assert "secret" not in file.read_text()
    found = read_log([file], models=["0" * 64])
    assert (len(found), len(found.left_out), found.inputs) == (2, 1, ("input_level",))


def test_a_log_that_cannot_be_written_costs_no_answer_and_is_told_once(
    process: TeacherProcess, songs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = ServedModel(model="student", sha256="0" * 64)
    said: list[str] = []
    with LogFile(tmp_path / "server.jsonl", model="student", model_sha256="0" * 64) as log:

        class Full:
            def write(self, _: bytes) -> None:
                raise OSError(errno.ENOSPC, "No space left on device")

        with (
            monkeypatch.context() as patch,
            serving(TeacherServer(process, about, 0, log=log, say=said.append)) as server,
        ):
            patch.setattr(log, "_file", Full())
            assert [ask(server, songs[0].read_bytes())[0] for _ in range(2)] == [200, 200]
    (line,) = said
    assert line.startswith(f"The log ends here, and songs are answered without it: cannot write {tmp_path}")
    assert server.fault is not None


def test_foreign_pages_and_other_addresses_are_refused(server: TeacherServer, songs: list[Path]) -> None:
    song = songs[0].read_bytes()
    assert ask(server, song, Host="evil.example")[0] == 421
    assert ask(server, song, Origin="http://evil.example")[0] == 403
    assert ask(server, song, Origin="null")[0] == 403
    assert ask(server, song, path="/other")[0] == 404
    assert ask(server, method="GET", path="/predict")[0] == 404
    assert server.server_address[0] == "127.0.0.1"


def raw(server: TeacherServer, head: str, body: bytes = b"") -> bytes:
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as connection:
        connection.sendall(f"{head}\r\nHost: 127.0.0.1:{server.server_port}\r\n\r\n".encode() + body)
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(65_536)


def test_sizes_are_limited_before_anything_is_read(server: TeacherServer) -> None:
    post = "POST /predict HTTP/1.1\r\n"
    assert b" 413 " in raw(server, f"{post}Content-Length: {MAX_BYTES + 1}")
    assert b" 413 " in raw(server, f"{post}Content-Length: {'9' * 5000}")
    assert b" 413 " in raw(server, f"{post}Content-Length: 0")
    assert b" 411 " in raw(server, f"{post}Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n")
    assert b" 411 " in raw(server, f"{post}Content-Length: -5")
    assert b" 400 " in raw(server, f"{post}Content-Length: 500", b"too short")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"--xyz--\r\n", "multipart/form-data; boundary=xyz"),
        (b"--xyz\r\n\r\nno file\r\n--xyz--\r\n", "multipart/form-data; boundary=xyz"),
        (b"anything", "multipart/form-data"),
        (form({f"{i}.wav": b"x" for i in range(65)})[0], "multipart/form-data; boundary=xyz"),
    ],
    ids=["empty", "no file", "no boundary", "too many"],
)
def test_what_is_no_form_of_songs_is_refused(server: TeacherServer, body: bytes, kind: str) -> None:
    assert ask(server, body, Content_Type=kind)[0] == 400


def test_slow_uploads_end(server: TeacherServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher_server, "UPLOAD_S", 0.2)
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as connection:
        host = f"Host: 127.0.0.1:{server.server_port}\r\n"
        connection.sendall(f"POST /predict HTTP/1.1\r\n{host}Content-Length: 1000\r\n\r\n".encode())
        for _ in range(4):
            connection.sendall(b"x")
            time.sleep(0.1)
        assert b" 408 " in connection.recv(65_536)


def test_more_requests_than_places_are_told_to_wait(server: TeacherServer, songs: list[Path]) -> None:
    for _ in range(AT_ONCE):
        assert server.places.acquire(blocking=False)
    assert ask(server, songs[0].read_bytes())[0] == 503
    for _ in range(AT_ONCE):
        server.places.release()
    assert ask(server, songs[0].read_bytes())[0] == 200


@pytest.mark.skipif("landlock" not in protections(), reason="this system does not limit which files a process reads")
def test_the_process_reads_nothing_but_what_was_sent(process: TeacherProcess, songs: list[Path]) -> None:
    inside = process.scratch / "song"
    inside.write_bytes(songs[0].read_bytes())
    assert process.predict(inside, "song").prediction is not None
    inside.unlink()
    assert process.predict(songs[0], "song").prediction is None


def test_a_song_that_hangs_or_kills_the_process_costs_that_song_alone(
    songs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with TeacherProcess(TEACHER, limit_s=1) as process:
        song = process.scratch / "song"
        song.write_bytes(songs[0].read_bytes())
        worker = next(one for one in psutil.Process().children() if str(process.scratch) in one.cmdline())
        worker.suspend()
        monkeypatch.setattr(teacher_process, "WALL_FACTOR", 0.3)
        assert process.predict(song, "a").fault == "a: took too much time"
        monkeypatch.undo()
        assert process.predict(song, "b").prediction is not None
        worker = next(one for one in psutil.Process().children() if str(process.scratch) in one.cmdline())
        worker.suspend()
        threading.Timer(0.3, worker.kill).start()
        assert "ended the process that heard it" in process.predict(song, "c").fault
        place = process.scratch
    assert not place.exists()


def test_what_is_no_teacher_is_refused(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_text("mine\n")
    refused("something else than a log", "serve", "--teacher", TEACHER, "--log", tmp_path / "notes.jsonl")
    refused("is no teacher", "serve", "--teacher", tmp_path)
    refused("is no teacher", "serve", "--teacher", ROOT / "models" / "default")
    copy = tmp_path / "ckpt"
    copy.mkdir()
    for file in TEACHER.iterdir():
        (copy / file.name).write_bytes(file.read_bytes()[:-1] if file.suffix == ".safetensors" else file.read_bytes())
    refused("truncated or changed", "serve", "--teacher", copy)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["bundle", "--teacher", "teacher"],
        ["--teacher", "t", "--open"],
        ["bundle", "--log", "a.jsonl"],
        ["--teacher", "t", "--log-songs", "hash"],
    ],
)
def test_options_that_do_not_go_together_are_named(arguments: list[str]) -> None:
    from click.testing import CliRunner

    from sentio_mobile.cli import main

    done = CliRunner().invoke(main, ["serve", *arguments])
    assert done.exit_code == 2
    assert "Usage:" in done.stderr


SERVE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from sentio_mobile.cli import main
main(["serve", *sys.argv[1:]])
"""


def test_the_command_answers_until_it_is_told_to_end_and_leaves_nothing(songs: list[Path], tmp_path: Path) -> None:
    environment = {**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}
    (tmp_path / "scratch").mkdir()
    environment["TMPDIR"] = str(tmp_path / "scratch")
    log = tmp_path / "server.jsonl"
    command = [sys.executable, "-c", SERVE, "--teacher", str(TEACHER), "--port", "0", "--log", str(log)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        if not found:
            pytest.fail(line + process.communicate(timeout=60)[1])
        connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=60)
        connection.request("POST", "/predict?song=x", songs[0].read_bytes())
        assert json.loads(connection.getresponse().read())["predictions"][0]["song"] == "x"
        connection.close()
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        rest, faults = process.communicate(timeout=60)
    assert process.returncode == 0
    assert (faults, rest.splitlines()[-1]) == ("", "Stopped.")
    assert list((tmp_path / "scratch").iterdir()) == []
    assert list(tmp_path.glob("*server.jsonl*")) == [log], "no lock is left"
    assert [json.loads(line)["song"] for line in log.read_text().splitlines()] == ["x"]
    assert children
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
