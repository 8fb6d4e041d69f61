"""A conversion runs in a process of its own, and whatever happens to it is one clear line."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support import gone

from sentio_mobile.errors import CheckpointError, ConversionError, InputError, MissingExtraError, OutputError
from sentio_mobile.export import conversion
from sentio_mobile.export.conversion import ConversionJob, convert

ROOT = Path(__file__).parents[2]
JOB = ConversionJob(format="torchscript", form="waveform")


def test_worker_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from sentio_mobile.export.conversion import ConversionJob, convert\n"
        f"here = Path({str(tmp_path)!r}); job = ConversionJob(format='torchscript', form='waveform')\n"
        "convert(here, job, folder=here, log=here / 'log', timeout_s=60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stderr=subprocess.DEVNULL) as parent:
        limit = time.monotonic() + 20
        while not (children := psutil.Process(parent.pid).children()):
            assert time.monotonic() < limit
        parent.kill()
        parent.wait(20)
    assert gone(children[0].pid)


def test_convert_over_the_time_limit_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(
        ConversionError, match=rf"^torchscript waveform conversion failed: no end after 0\.2 s; the log is {log}$"
    ):
        convert(
            tmp_path / "checkpoint",
            JOB,
            folder=tmp_path / "out",
            log=log,
            timeout_s=0.2,
        )
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (-signal.SIGKILL, "killed by signal 9, probably out of memory"),
        (-signal.SIGSEGV, r"killed by signal 11 \(SIGSEGV\)"),
        (1, "the last words"),
    ],
)
def test_convert_whose_worker_died_says_how(
    status: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(command: list[str], log: Path, timeout_s: float, cwd: Path) -> int:
        log.write_text("noise\nthe last words\n\n")
        return status

    monkeypatch.setattr(conversion, "run_logged", dies)
    with pytest.raises(ConversionError, match=f"^torchscript waveform conversion failed: {words}; the log is "):
        convert(
            tmp_path,
            JOB,
            folder=tmp_path / "out",
            log=tmp_path / "log",
            timeout_s=60,
        )


def test_convert_shows_the_error_of_the_converter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(command: list[str], log: Path, timeout_s: float, cwd: Path) -> int:
        (cwd / conversion.REPORT).write_text(
            json.dumps({"artifacts": {}, "failures": {}, "error": "no such operation", "bad_checkpoint": False})
        )
        return 1

    monkeypatch.setattr(conversion, "run_logged", fails)
    with pytest.raises(ConversionError, match="failed: no such operation; the log is"):
        convert(
            tmp_path,
            JOB,
            folder=tmp_path / "out",
            log=tmp_path / "log",
            timeout_s=60,
        )


@pytest.mark.slow
def test_convert_of_a_bad_checkpoint_is_a_checkpoint_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        convert(
            tmp_path,
            JOB,
            folder=tmp_path / "out",
            log=tmp_path / "log",
            timeout_s=200,
        )
    assert "Traceback" in (tmp_path / "log").read_text()


def test_convert_to_an_unknown_format_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown format 'exe'"):
        convert(
            tmp_path,
            ConversionJob(format="exe", form="waveform"),
            folder=tmp_path / "out",
            log=tmp_path / "log",
            timeout_s=60,
        )
    assert list(tmp_path.iterdir()) == []


def test_convert_without_a_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sentio-mobile\[tflite\]'"):
        convert(
            tmp_path,
            ConversionJob(format="tflite", form="waveform"),
            folder=tmp_path / "out",
            log=tmp_path / "log",
            timeout_s=60,
        )


def test_convert_to_a_folder_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        convert(
            tmp_path,
            JOB,
            folder=tmp_path / "file" / "out",
            log=tmp_path / "log",
            timeout_s=60,
        )
