"""Each conversion in a process of its own.

Converters are large, print a lot, fight over libraries, and sometimes crash or hang. A process bounds their memory and
time, and keeps their words in a log; what comes back is a small JSON file.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.subprocesses import run_logged
from sentio_mobile.errors import CheckpointError, ConversionError, OutputError
from sentio_mobile.formats.base import require_packages, write_artifact
from sentio_mobile.formats.registry import get_format
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.quantization.options import QuantizationOptions
from sentio_mobile.spec import Artifact, Form, Precision

RESULT = "result.json"
"""What the worker has done so far, in its working folder: artifacts by precision, failures by precision, an error."""

JOB, PICTURES = "job.json", "calibration.npy"


@dataclass(frozen=True, kw_only=True)
class ConversionJob:
    """What is asked of one conversion.

    Attributes:
        format: one of `FORMATS`.
        form: whether the front end is part of the graph.
        precisions: those that the format has for the form.
        stem: what the model is called in the names of files; None takes its architecture.
        calibration: songs to measure ranges on, where one of the precisions has such.
        keep_float: layers that 8 bits leave as they are.
    """

    format: str
    form: Form
    precisions: tuple[Precision, ...] = ("fp32",)
    stem: str | None = None
    calibration: Calibration | None = None
    keep_float: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConversionResult:
    """What came of it: artifacts, and for precisions that failed the reason in one line."""

    artifacts: tuple[Artifact, ...]
    failures: Mapping[Precision, str]


def convert(checkpoint: Path, wanted: ConversionJob, *, folder: Path, log: Path, timeout_s: float) -> ConversionResult:
    """Convert a checkpoint to one format in one form, in another process.

    Args:
        checkpoint: folder of the checkpoint.
        wanted: what is asked.
        folder: where artifacts are moved to as they are complete, in place of those of the same names.
        log: file for everything that the converter prints.
        timeout_s: seconds after which the process is killed.

    Raises:
        InputError: no format has this name.
        MissingExtraError: a package that the format needs is not installed.
        CheckpointError: the checkpoint is missing or damaged.
        OutputError: `folder` or `log` cannot be written.
        ConversionError: the converter failed, died or did not end before it made anything; the message names the log.
    """
    format_ = get_format(wanted.format)
    require_packages(format_, format_.converters)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        # Inside `folder`, so that a finished artifact can be moved and need not be copied.
        scratch = Path(tempfile.mkdtemp(dir=folder, prefix=".convert-")).resolve()
    except OSError as error:
        raise OutputError(f"cannot write {error.filename}: {error.strerror}; choose another folder") from error
    job = {
        "checkpoint": str(checkpoint.resolve()),
        "format": wanted.format,
        "form": wanted.form,
        "precisions": wanted.precisions,
        "stem": wanted.stem,
        "keep_float": wanted.keep_float,
        "folder": str(folder.resolve()),
    }
    try:
        write_json(scratch / JOB, job)
        if wanted.calibration is not None:
            wanted.calibration.save(scratch / PICTURES)
        status = run_logged([sys.executable, "-m", __name__], log, timeout_s, scratch)
        result = _read_result(scratch / RESULT)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if result.get("class") == CheckpointError.__name__:
        raise CheckpointError(result["error"])
    named = {precision: folder / place for precision, place in result.get("artifacts", {}).items()}
    artifacts = tuple(Artifact(wanted.format, p, wanted.form, named[p]) for p in wanted.precisions if p in named)
    told = result.get("failures", {})
    cause = _cause(status, timeout_s) or result.get("error") or _last_line(log) or f"exit status {status}"
    failures = {
        p: f"{wanted.format} {wanted.form} {p} conversion failed: {told.get(p, cause)}; the log is {log}"
        for p in wanted.precisions
        if p not in named
    }
    if not artifacts:
        words = next(iter(told.values())) if told else cause
        raise ConversionError(f"{wanted.format} {wanted.form} conversion failed: {words}; the log is {log}")
    return ConversionResult(artifacts, failures)


def _cause(status: int | None, timeout_s: float) -> str | None:
    if status is None:
        return f"no end after {timeout_s:g} s"
    if status >= 0:
        return None
    guess = ", probably out of memory" if -status == signal.SIGKILL else f" ({signal.Signals(-status).name})"
    return f"killed by signal {-status}{guess}"


def _read_result(path: Path) -> dict[str, Any]:
    try:
        result = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}  # the worker died before it could answer
    return result if isinstance(result, dict) else {}


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def main() -> int:
    """The worker: do the job that lies in the working folder, and leave `RESULT` there."""
    job = json.loads(Path(JOB).read_text())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    result: dict[str, Any] = {"artifacts": {}, "failures": {}}
    try:
        _convert_here(job, result)
    except Exception as error:
        result |= {"class": type(error).__name__, "error": _told(error)}
    write_json(Path(RESULT), result)
    return 0 if result["artifacts"] and not result["failures"] else 1


def _convert_here(job: dict[str, Any], result: dict[str, Any]) -> None:
    """Every precision from one conversion; `result` has what is done, also if the process dies in the middle."""
    from sentio_mobile.formats.forms import in_form
    from sentio_mobile.models.blocks import fold_norms
    from sentio_mobile.models.checkpoint import Checkpoint
    from sentio_mobile.quantization.layer_choice import head_weights, layer_weights

    loaded = Checkpoint.load(Path(job["checkpoint"]))
    fold_norms(loaded.model.eval())
    part = Path("artifact").absolute()
    part.mkdir()
    spec, format_ = loaded.spec.in_form(job["form"]), get_format(job["format"])
    calibration = Calibration.load(Path(PICTURES)) if Path(PICTURES).exists() else None
    options = QuantizationOptions(
        calibration, layer_weights(loaded.model, job["keep_float"]), head_weights(loaded.model)
    )
    converted = format_.convert(in_form(loaded.model, spec), spec)
    for precision in job["precisions"]:
        try:
            made = write_artifact(
                format_, converted, spec=spec, folder=part, precision=precision, options=options, stem=job["stem"]
            )
            _move(made.path, Path(job["folder"]) / made.path.name)
            result["artifacts"][precision] = made.path.name
        except Exception as error:
            result["failures"][precision] = _told(error)
        write_json(Path(RESULT), result)


def _told(error: Exception) -> str:
    """Whatever a converter raises, as one line for the user; the log has the whole of it."""
    traceback.print_exception(error)
    words = str(error).strip().splitlines()
    return words[0] if words else type(error).__name__


def _move(made: Path, place: Path) -> None:
    if place.is_dir():
        # A folder cannot replace another in one step: the old one goes to the working folder, to be removed with it.
        place.rename(Path(f"replaced-{place.name}").absolute())
    made.rename(place)


def _end_with_parent() -> None:
    """Kill this process group when the parent is gone, even if it was killed and could not clean up."""
    # Not `sys.stdin`, whose lock this thread would hold when the interpreter shuts down.
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
