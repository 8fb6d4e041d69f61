"""One conversion, in a process of its own.

Converters are large, print a lot, conflict with each other's libraries, and sometimes crash or hang. A process limits
their memory and time, and keeps their output in a log. The task goes to it, and the report comes back, as small JSON
files in a working folder.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from sentio_mobile._internal.claims import cannot_write
from sentio_mobile._internal.records import Name, Record, Text, read_record, write_record
from sentio_mobile._internal.subprocesses import exit_cause, run_logged
from sentio_mobile.errors import CheckpointError, ConversionError, InputError, OutputError
from sentio_mobile.formats.base import require_packages
from sentio_mobile.formats.registry import get_format
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.spec import Artifact, Form, Precision

TASK, REPORT, CALIBRATION = "task.json", "report.json", "calibration.npy"
"""Files of the working folder."""

CANNOT_WRITE = 74
"""Exit status of a worker that found no room to write; `EX_IOERR` of sysexits.h."""

FULL_BELOW = 64 * 1024
"""Free bytes of a disk under which a worker that ended badly is taken to have found no room: compiled writers fill the
disk to its end, and then crash without a word, as PyTorch's does for TorchScript."""

MAX_MESSAGE_LENGTH = 4096
"""Characters of an error message that a report keeps."""


class ConversionJob(Record, frozen=True, kw_only=True):
    """One conversion: a format in a form, in several precisions."""

    format: Name
    form: Form
    # Those that the format has for the form.
    precisions: Annotated[tuple[Precision, ...], Meta(min_length=1, max_length=8)] = ("fp32",)
    # Beginning of the artifacts' file names; None takes the architecture's name.
    stem: Name | None = None
    # Names of layers that int8 and int8-dynamic leave in floating point.
    keep_float: Annotated[tuple[Name, ...], Meta(max_length=1024)] = ()


class WorkerTask(Record, frozen=True, kw_only=True):
    """What the worker process reads."""

    job: ConversionJob
    # Absolute path of the checkpoint folder.
    checkpoint: Text
    # Absolute path of the folder that the artifacts are moved to.
    folder: Text


class WorkerReport(Record, frozen=True, kw_only=True):
    """What the worker process has done. It is written after each precision, so that a crash costs only the rest."""

    # File names of the artifacts.
    artifacts: dict[Precision, Name] = msgspec.field(default_factory=dict)
    # Why precisions failed, one line each.
    failures: dict[Precision, Text] = msgspec.field(default_factory=dict)
    # Why the whole conversion failed, in one line; empty if it did not.
    error: Text = ""
    # Whether that is the checkpoint's fault.
    bad_checkpoint: bool = False


@dataclass(frozen=True)
class ConversionResult:
    """The artifacts of a conversion, and for precisions that failed the reason in one line."""

    artifacts: tuple[Artifact, ...]
    failures: Mapping[Precision, str]


def convert(
    checkpoint: Path,
    job: ConversionJob,
    *,
    folder: Path,
    log: Path,
    timeout_s: float,
    calibration: Calibration | None = None,
) -> ConversionResult:
    """Convert a checkpoint to one format in one form, in another process.

    Args:
        checkpoint: The checkpoint folder.
        job: What to convert it to.
        folder: Where artifacts are moved when they are complete, replacing those of the same names.
        log: File for everything that the converter prints.
        timeout_s: Seconds after which the process is killed.
        calibration: Clips to measure ranges on, if one of the precisions needs them.

    Raises:
        InputError: No format has this name.
        MissingExtraError: A package that the format needs is not installed.
        CheckpointError: The checkpoint is missing or damaged.
        OutputError: `folder` or `log` cannot be written.
        ConversionError: The converter failed, crashed or hung before it made anything; the message names the log.
    """
    format_ = get_format(job.format)
    require_packages(format_, format_.converters)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        # Inside `folder`, so that finished artifacts are moved and not copied.
        working_folder = Path(tempfile.mkdtemp(dir=folder, prefix=".convert-")).resolve()
    except OSError as error:
        raise cannot_write(Path(error.filename or folder), error) from error
    task = WorkerTask(job=job, checkpoint=str(checkpoint.resolve()), folder=str(folder.resolve()))
    try:
        write_record(working_folder / TASK, task)
        if calibration is not None:
            calibration.save(working_folder / CALIBRATION)
        command = [sys.executable, "-m", "sentio_mobile.export.worker"]
        status = run_logged(command, log, timeout_s, working_folder)
        report = _read_report(working_folder / REPORT)
        is_full = status != 0 and shutil.disk_usage(working_folder).free < FULL_BELOW
    finally:
        shutil.rmtree(working_folder, ignore_errors=True)
    if status == CANNOT_WRITE or is_full:
        raise OutputError(report.error or str(cannot_write(folder, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))))
    if report.bad_checkpoint:
        raise CheckpointError(report.error)
    artifacts = tuple(
        Artifact(job.format, precision, job.form, folder / report.artifacts[precision])
        for precision in job.precisions
        if precision in report.artifacts
    )
    cause = exit_cause(status, timeout_s) or report.error or _last_line(log) or f"exit status {status}"
    if not artifacts:
        reason = next(iter(report.failures.values()), cause)
        raise ConversionError(f"{job.format} {job.form} conversion failed: {reason}; the log is {log}")
    failures = {
        precision: f"{job.format} {job.form} {precision} conversion failed: "
        f"{report.failures.get(precision, cause)}; the log is {log}"
        for precision in job.precisions
        if precision not in report.artifacts
    }
    return ConversionResult(artifacts, failures)


def _read_report(path: Path) -> WorkerReport:
    try:
        return read_record(WorkerReport, path)
    except InputError:
        return WorkerReport()  # the worker died before it wrote one


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
