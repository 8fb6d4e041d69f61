import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sentio_mobile._internal.subprocesses import run_logged
from sentio_mobile.errors import CheckpointError, ConversionError, InputError, MissingExtraError, OutputError
from sentio_mobile.export import worker
from sentio_mobile.export.worker import ConversionJob, convert

ROOT = Path(__file__).parents[2]


def gone(pid: int, within_s: float = 20) -> bool:
    """Whether the process has ended; one that nobody has reaped yet has ended too."""
    limit = time.monotonic() + within_s
    while time.monotonic() < limit:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def pid_in(log: Path) -> int:
    limit = time.monotonic() + 20
    while not (log.is_file() and log.read_text().endswith("\n")):
        assert time.monotonic() < limit
        time.sleep(0.05)
    return int(log.read_text())


def test_output_goes_to_the_log_and_the_status_comes_back(tmp_path: Path) -> None:
    script = "import os, sys; print(os.getcwd()); print('fault', file=sys.stderr); sys.exit(3)"
    assert run_logged([sys.executable, "-c", script], tmp_path / "log", 30, tmp_path) == 3
    assert sorted((tmp_path / "log").read_text().split()) == sorted([str(tmp_path.resolve()), "fault"])


def test_a_killed_command_gives_its_signal(tmp_path: Path) -> None:
    script = "import os, signal; os.kill(os.getpid(), 9)"
    assert run_logged([sys.executable, "-c", script], tmp_path / "log", 30, tmp_path) == -signal.SIGKILL


def test_time_limit_kills_grandchildren_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert run_logged(["sh", "-c", "sleep 60 & echo $!; wait"], log, 0.5, tmp_path) is None
    assert gone(pid_in(log))


def test_left_over_children_are_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert run_logged(["sh", "-c", "sleep 60 & echo $!"], log, 30, tmp_path) == 0
    assert gone(pid_in(log))


def test_interrupt_leaves_no_orphan(tmp_path: Path) -> None:
    log = tmp_path / "log"
    # As at a terminal: what a shell runs in the background is told to ignore interrupts, and so are these tests there.
    script = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pathlib import Path; from sentio_mobile._internal.subprocesses import run_logged\n"
        f"run_logged(['sh', '-c', 'echo $$; exec sleep 60'], Path({str(log)!r}), 60, Path({str(tmp_path)!r}))"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stderr=subprocess.DEVNULL) as parent:
        pid = pid_in(log)
        parent.send_signal(signal.SIGINT)
        parent.wait(20)
    assert gone(pid)


def test_worker_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from sentio_mobile.export.worker import ConversionJob, convert\n"
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


def test_no_end_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(
        ConversionError, match=rf"^torchscript waveform conversion failed: no end after 0\.2 s; the log is {log}$"
    ):
        convert(
            tmp_path / "checkpoint",
            ConversionJob(format="torchscript", form="waveform"),
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
def test_a_death_without_a_result(status: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(command: list[str], log: Path, timeout_s: float, cwd: Path) -> int:
        log.write_text("noise\nthe last words\n\n")
        return status

    monkeypatch.setattr(worker, "run_logged", dies)
    with pytest.raises(ConversionError, match=f"^torchscript waveform conversion failed: {words}; the log is "):
        convert(
            tmp_path,
            ConversionJob(format="torchscript", form="waveform"),
            folder=tmp_path / "out",
            log=tmp_path / "log",
            timeout_s=60,
        )


def test_the_converters_own_error_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(command: list[str], log: Path, timeout_s: float, cwd: Path) -> int:
        (cwd / worker.RESULT).write_text(json.dumps({"class": "KeyError", "error": "no such operation"}))
        return 1

    monkeypatch.setattr(worker, "run_logged", fails)
    with pytest.raises(ConversionError, match="failed: no such operation; the log is"):
        convert(
            tmp_path,
            ConversionJob(format="torchscript", form="waveform"),
            folder=tmp_path / "out",
            log=tmp_path / "log",
            timeout_s=60,
        )


@pytest.mark.slow
def test_bad_checkpoint_is_a_checkpoint_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        convert(
            tmp_path,
            ConversionJob(format="torchscript", form="waveform"),
            folder=tmp_path / "out",
            log=tmp_path / "log",
            timeout_s=200,
        )
    assert "Traceback" in (tmp_path / "log").read_text()


def test_unknown_format_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown format 'exe'"):
        convert(
            tmp_path,
            ConversionJob(format="exe", form="waveform"),
            folder=tmp_path / "out",
            log=tmp_path / "log",
            timeout_s=60,
        )
    assert list(tmp_path.iterdir()) == []


def test_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sentio-mobile\[tflite\]'"):
        convert(
            tmp_path,
            ConversionJob(format="tflite", form="waveform"),
            folder=tmp_path / "out",
            log=tmp_path / "log",
            timeout_s=60,
        )


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        convert(
            tmp_path,
            ConversionJob(format="torchscript", form="waveform"),
            folder=tmp_path / "file" / "out",
            log=tmp_path / "log",
            timeout_s=60,
        )


def test_a_new_artifact_replaces_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, out = tmp_path / "scratch" / "made", tmp_path / "out"
    for text in ("old", "new"):
        for parent in (made / "package.mlpackage", out):
            parent.mkdir(parents=True, exist_ok=True)
        (made / "package.mlpackage" / "data").write_text(text)
        monkeypatch.chdir(made)
        worker._move(made / "package.mlpackage", out / "package.mlpackage")
    assert (out / "package.mlpackage" / "data").read_text() == "new"
    assert [path.name for path in out.iterdir()] == ["package.mlpackage"]
