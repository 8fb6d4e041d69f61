"""What a bundle's evaluation.json says, read strictly: a stranger may have written it, and any part may be absent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.errors import BundleError
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.spec import OUTPUTS

if TYPE_CHECKING:
    from sentio_mobile.bundle.bundle import Bundle

DIMENSIONS = (*OUTPUTS, "mean")


@dataclass(frozen=True, kw_only=True)
class SetScores:
    """One model on one set of songs: CCC for each of `DIMENSIONS`, mean absolute error for each output.

    `truth` and `predicted` are [songs, 2] in [-1, 1].
    """

    ccc: Mapping[str, Interval]
    mae: Mapping[str, float]
    songs: tuple[str, ...]
    truth: NDArray[np.float64]
    predicted: NDArray[np.float64]

    @property
    def n(self) -> int:
        """Number of songs."""
        return len(self.songs)


@dataclass(frozen=True)
class History:
    """Validation CCC and the terms of the loss by epoch, and the epochs' numbers. None where it was undefined.

    `terms` is empty where the loss had only one.
    """

    epochs: tuple[int, ...]
    ccc: Mapping[str, tuple[float | None, ...]]
    terms: Mapping[str, tuple[float | None, ...]]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """How right the student and its teacher are on the test songs. None is what the bundle does not say."""

    student: SetScores | None
    teacher: SetScores | None
    retention: Interval | None
    student_history: History | None
    teacher_history: History | None
    teacher_parameters: int | None


def read_scores(bundle: Bundle) -> Scores:
    """The scores that came with a bundle.

    Raises:
        BundleError: its evaluation is not what an evaluation must be.
    """
    evaluation = bundle.evaluation()
    try:
        teacher = _table(evaluation.get("teacher") or {})
        kept = evaluation.get("retention")
        return Scores(
            student=_set(evaluation.get("test")),
            teacher=_set(teacher.get("test")),
            retention=_interval(kept) if kept else None,
            student_history=history_of(evaluation.get("history")),
            teacher_history=history_of(teacher.get("history")),
            teacher_parameters=int(teacher["parameters"]) if "parameters" in teacher else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{bundle.folder / 'evaluation.json'}: is damaged ({error!r}); export again") from error


def _table(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"a table is wanted, not {value!r:.40}")
    return value


def _set(value: Any) -> SetScores | None:
    if not value:
        return None
    table, metrics = _table(value), _table(value["metrics"])
    songs = tuple(str(song) for song in table["songs"])
    truth, predicted = (np.asarray(table[name], dtype=np.float64) for name in ("truth", "predicted"))
    if not songs or truth.shape != (len(songs), len(OUTPUTS)) or predicted.shape != truth.shape:
        raise ValueError("songs, truth and predicted do not fit one another")
    if not (np.isfinite(truth).all() and np.isfinite(predicted).all()):
        raise ValueError("truth and predicted must be finite")
    return SetScores(
        ccc={name: _interval(metrics[name]["ccc"]) for name in DIMENSIONS},
        mae={name: float(metrics[name]["mae"]) for name in OUTPUTS},
        songs=songs,
        truth=truth,
        predicted=predicted,
    )


def _interval(value: Any) -> Interval:
    figures = [_finite(_table(value)[name]) for name in ("value", "low", "high")]
    # A figure without its interval is not one that this project states.
    return Interval(None, None, None) if None in figures else Interval(*figures)


def history_of(value: Any) -> History | None:
    """The rows that a trainer kept, as the report draws them; None where there are none.

    Raises:
        KeyError, TypeError, ValueError: they are not such rows.
    """
    rows = [row for row in value or [] if "epoch" in row and any(f"val_ccc_{name}" in row for name in OUTPUTS)]
    if not rows:
        return None
    terms = [name.removeprefix("gradient_") for name in rows[0] if name.startswith("gradient_")]
    return History(
        epochs=tuple(int(row["epoch"]) for row in rows),
        terms={name: tuple(_finite(row.get(f"train_{name}")) for row in rows) for name in terms},
        ccc={name: tuple(_finite(row.get(f"val_ccc_{name}")) for row in rows) for name in OUTPUTS},
    )


def _finite(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
