"""Ctrl-C and SIGTERM while the command line is loaded: one line and their status, and no traceback of Python's."""

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SIGNALS = pytest.mark.parametrize(
    ("number", "status", "line"),
    [(signal.SIGINT, 130, "stopped"), (signal.SIGTERM, 143, "stopped by SIGTERM")],
)


def installed() -> list[str]:
    """The program that an installation gives people."""
    module, function = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"][
        "sentio-mobile"
    ].split(":")
    return [sys.executable, "-c", f"from {module} import {function}; {function}()", "--version"]


def run(command: list[str], *, path: Path, prefix: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program as a terminal would, which lets it hear interrupts, with modules of a folder before all others."""
    heard = "import signal, sys, os; signal.signal(signal.SIGINT, signal.default_int_handler); "
    command = [sys.executable, "-c", f"{heard}{prefix}os.execv(sys.argv[1], sys.argv[1:])", *command]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=os.environ | {"PYTHONPATH": str(path)}
    )


@SIGNALS
@pytest.mark.parametrize("command", [[sys.executable, "-m", "sentio_mobile", "--version"], installed()])
def test_signal_while_the_command_line_is_loaded_is_one_line(
    number: int, status: int, line: str, command: list[str], tmp_path: Path
) -> None:
    # A library that is imported early gets the signal, and would go on for a minute.
    (tmp_path / "rich_click.py").write_text(f"import os, time\nos.kill(os.getpid(), {number:d})\ntime.sleep(60)\n")
    found = run(command, path=tmp_path)
    assert (found.returncode, found.stderr, found.stdout) == (status, f"{line}\n", "")


@SIGNALS
def test_signal_while_python_ends_is_one_line(number: int, status: int, line: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        f"import atexit, os, time\natexit.register(lambda: (os.kill(os.getpid(), {number:d}), time.sleep(60)))\n"
    )
    found = run(installed(), path=tmp_path)
    assert (found.returncode, found.stderr) == (status, f"{line}\n")
    assert "version" in found.stdout


def test_interrupt_that_the_process_was_told_to_ignore_stays_ignored(tmp_path: Path) -> None:
    (tmp_path / "rich_click.py").write_text(
        "import importlib.util, os, signal, sys\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        f"sys.path.remove({str(tmp_path)!r})\n"
        "del sys.modules['rich_click']\n"
        "import rich_click\n"
        "sys.modules['rich_click'] = rich_click\n"
    )
    found = run(installed(), path=tmp_path, prefix="signal.signal(signal.SIGINT, signal.SIG_IGN); ")
    assert found.returncode == 0, found.stderr
    assert "version" in found.stdout
