"""How long the epochs of a training took: beside a checkpoint's sheet, so that one seed makes one sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from sentio_mobile._internal.records import NonNegative, Record, read_record, write_record
from sentio_mobile.errors import CheckpointError
from sentio_mobile.metrics.evaluation import History

TIMES, SECONDS = "times.json", "seconds"


class Times(Record, frozen=True, kw_only=True):
    """times.json of a checkpoint. Nothing else depends on it, and no hash covers it."""

    # duration of each epoch in seconds, validation included; None where it was not recorded
    seconds: Annotated[tuple[NonNegative | None, ...], Meta(max_length=100_000)]


def without_times(history: History) -> History:
    """A history that the same seed makes again."""
    return tuple({name: value for name, value in row.items() if name != SECONDS} for row in history)


def write_times(folder: Path, history: History) -> None:
    """Write the durations that a history holds, if it holds any.

    Raises:
        OutputError: The file cannot be written.
    """
    seconds = tuple(row.get(SECONDS) for row in history)
    if any(one is not None for one in seconds):
        write_record(folder / TIMES, Times(seconds=seconds))


def with_times(folder: Path, history: History) -> History:
    """A history with the durations that are recorded beside it, if they are those of its epochs.

    Raises:
        CheckpointError: The file is damaged.
    """
    if not (folder / TIMES).is_file():
        return history
    seconds = read_record(Times, folder / TIMES, CheckpointError).seconds
    if len(seconds) != len(history):
        return history
    return tuple({**row, SECONDS: one} for row, one in zip(history, seconds, strict=True))
