"""Each conversion in a process of its own.

Converters are large, print a lot, fight over libraries, and sometimes crash or hang. A process bounds their memory and
time, and keeps their words in a log; what comes back is a small JSON file.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path

from sentio_mobile.errors import CheckpointError, ConversionError, OutputError
from sentio_mobile.export.protocol import get_format, require
from sentio_mobile.files import write_json
from sentio_mobile.processes import environment
from sentio_mobile.spec import Artifact, Form

RESULT = "result.json"
"""The worker's answer, in its working folder: the artifact's fields, or the error's class and message."""


def convert(checkpoint: Path, format_name: str, form: Form, folder: Path, log: Path, timeout_s: float) -> Artifact:
    """Convert a checkpoint to one format in one form, in another process.

    Args:
        checkpoint: folder of the checkpoint.
        format_name: one of `FORMATS`.
        form: whether the front end is part of the graph.
        folder: where the artifact is moved to when it is complete, in place of one of the same name.
        log: file for everything that the converter prints.
        timeout_s: seconds after which the process is killed.

    Raises:
        InputError: no format has this name.
        MissingExtraError: a package that the format needs is not installed.
        CheckpointError: the checkpoint is missing or damaged.
        OutputError: `folder` or `log` cannot be written.
        ConversionError: the converter failed, died or did not end; the message names the log.
    """
    format_ = get_format(format_name)
    require(format_, format_.converters)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        # Inside `folder`, so that the finished artifact can be moved and need not be copied.
        scratch = Path(tempfile.mkdtemp(dir=folder, prefix=".convert-")).resolve()
    except OSError as error:
        raise OutputError(f"cannot write {error.filename}: {error.strerror}; choose another folder") from error
    command = [sys.executable, "-m", __name__, str(checkpoint.resolve()), format_name, form, str(folder.resolve())]
    try:
        status = run_logged(command, log, timeout_s, scratch)
        result = _read_result(scratch / RESULT)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if status == 0 and "path" in result:
        return Artifact(format_name, result["precision"], form, folder / result["path"])
    if result.get("class") == CheckpointError.__name__:
        raise CheckpointError(result["error"])
    cause = _cause(status, timeout_s) or result.get("error") or _last_line(log) or f"exit status {status}"
    raise ConversionError(f"{format_name} {form} conversion failed: {cause}; the log is {log}")


def run_logged(command: list[str], log: Path, timeout_s: float, cwd: Path) -> int | None:
    """Run a command in a process group of its own, with all that it prints in `log` and its temporary files in `cwd`.

    However this function ends, nothing of the group is left running.

    Returns:
        The exit status, the negative number of the signal that killed it, or None when the time was over.

    Raises:
        OutputError: `log` cannot be written.
    """
    try:
        output = log.open("wb")
    except OSError as error:
        raise OutputError(f"cannot write {log}: {error.strerror}; choose another place") from error
    with output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**environment(), "TMPDIR": str(cwd)},
            # Held open and never written to: its end tells the worker that the parent is gone.
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _kill_group(process)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # Nobody may be left, which macOS reports as a permission error when the last one is a zombie.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        # The process leads its group; what it left behind is still in it.
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin:
        process.stdin.close()


def _cause(status: int | None, timeout_s: float) -> str | None:
    if status is None:
        return f"no end after {timeout_s:g} s"
    if status >= 0:
        return None
    guess = ", probably out of memory" if -status == signal.SIGKILL else f" ({signal.Signals(-status).name})"
    return f"killed by signal {-status}{guess}"


def _read_result(path: Path) -> dict[str, str]:
    try:
        result = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}  # the worker died before it could answer
    return result if isinstance(result, dict) else {}


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def main(arguments: list[str]) -> int:
    """The worker: convert `arguments` = checkpoint, format, form, folder; leave `RESULT` in the working folder."""
    checkpoint, format_name, folder = Path(arguments[0]), arguments[1], Path(arguments[3])
    form: Form = "waveform" if arguments[2] == "waveform" else "spectrogram"
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        artifact = _convert_here(checkpoint, format_name, form)
        place = folder / artifact.path.name
        _move(artifact.path, place)
    except Exception as error:
        # Whatever a converter raises becomes one line for the user; the log has the whole of it.
        traceback.print_exc()
        words = str(error).strip().splitlines()
        line = words[0] if words else type(error).__name__
        write_json(Path(RESULT), {"class": type(error).__name__, "error": line})
        return 1
    write_json(Path(RESULT), {"path": place.name, "precision": artifact.precision})
    return 0


def _convert_here(checkpoint: Path, format_name: str, form: Form) -> Artifact:
    from sentio_mobile.export.forms import in_form
    from sentio_mobile.models.blocks import fold_norms
    from sentio_mobile.training.checkpoint import Checkpoint

    loaded = Checkpoint.load(checkpoint)
    fold_norms(loaded.model.eval())
    part = Path("artifact")
    part.mkdir()
    spec = loaded.spec.in_form(form)
    return get_format(format_name).export(in_form(loaded.model, spec), spec, part.absolute())


def _move(made: Path, place: Path) -> None:
    if place.is_dir():
        # A folder cannot replace another in one step: the old one goes to the working folder, to be removed with it.
        place.rename(Path("replaced").absolute())
    made.rename(place)


def _end_with_parent() -> None:
    """Kill this process group when the parent is gone, even if it was killed and could not clean up."""
    # Not `sys.stdin`, whose lock this thread would hold when the interpreter shuts down.
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
