"""The process of one conversion: `python -m sentio_mobile.export.worker`, run in a working folder with a task."""

from __future__ import annotations

import contextlib
import sys
import traceback
from pathlib import Path

from sentio_mobile._internal.claims import FAULTS_OF_PLACE, cannot_write
from sentio_mobile._internal.records import read_record, write_record
from sentio_mobile._internal.subprocesses import end_with_parent
from sentio_mobile.errors import CheckpointError, OutputError
from sentio_mobile.export.conversion import (
    CALIBRATION,
    CANNOT_WRITE,
    MAX_MESSAGE_LENGTH,
    REPORT,
    TASK,
    WorkerReport,
    WorkerTask,
)
from sentio_mobile.formats.base import write_artifact
from sentio_mobile.formats.forms import in_form
from sentio_mobile.formats.registry import get_format
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.quantization.layer_choice import head_weights, layer_weights
from sentio_mobile.quantization.options import QuantizationOptions
from sentio_mobile.spec import Precision


def main() -> int:
    """Do the task in the working folder, and leave a report there.

    Returns:
        Exit status: 0 if every precision was written, `CANNOT_WRITE` if there is no room.
    """
    end_with_parent()
    try:
        return _work()
    except OutputError as fault:
        with contextlib.suppress(OutputError):
            write_record(Path(REPORT), WorkerReport(error=_one_line(fault)))
        return CANNOT_WRITE


def _work() -> int:
    task = read_record(WorkerTask, Path(TASK))
    artifacts: dict[Precision, str] = {}
    failures: dict[Precision, str] = {}
    error, bad_checkpoint = "", False
    try:
        _convert(task, artifacts, failures)
    except Exception as fault:  # converters raise anything
        _require_room(fault, task)
        error, bad_checkpoint = _one_line(fault), isinstance(fault, CheckpointError)
    report = WorkerReport(artifacts=artifacts, failures=failures, error=error, bad_checkpoint=bad_checkpoint)
    write_record(Path(REPORT), report)
    return 0 if artifacts and not failures else 1


def _convert(task: WorkerTask, artifacts: dict[Precision, str], failures: dict[Precision, str]) -> None:
    """Convert once and write every precision; what is done is reported at once, in case the process crashes."""
    job = task.job
    checkpoint = Checkpoint.load(Path(task.checkpoint))
    fold_norms(checkpoint.model.eval())
    part = Path("artifact").absolute()
    part.mkdir()
    spec, format_ = checkpoint.spec.in_form(job.form), get_format(job.format)
    calibration = Calibration.load(Path(CALIBRATION)) if Path(CALIBRATION).exists() else None
    options = QuantizationOptions(
        calibration, layer_weights(checkpoint.model, job.keep_float), head_weights(checkpoint.model)
    )
    converted = format_.convert(in_form(checkpoint.model, spec), spec)
    for precision in job.precisions:
        try:
            artifact = write_artifact(
                format_, converted, spec=spec, folder=part, precision=precision, options=options, stem=job.stem
            )
            _move(artifact.path, Path(task.folder) / artifact.path.name)
            artifacts[precision] = artifact.path.name
        except Exception as fault:  # converters raise anything
            _require_room(fault, task)
            failures[precision] = _one_line(fault)
        write_record(Path(REPORT), WorkerReport(artifacts=artifacts, failures=failures))


def _require_room(fault: Exception, task: WorkerTask) -> None:
    """Raise what a converter raised as the error that it is, if there was no room to write."""
    if isinstance(fault, OSError) and fault.errno in FAULTS_OF_PLACE:
        raise cannot_write(Path(task.folder), fault) from fault
    if isinstance(fault, OutputError):
        raise fault


def _one_line(error: Exception) -> str:
    """The message of an exception as one line for the user; the whole of it goes to the log."""
    traceback.print_exception(error)
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:MAX_MESSAGE_LENGTH]


def _move(artifact: Path, place: Path) -> None:
    if place.is_dir():
        # A folder cannot replace another in one step: the old one is moved here, and removed with this folder.
        place.rename(Path(f"replaced-{place.name}").absolute())
    artifact.rename(place)


if __name__ == "__main__":
    sys.exit(main())
