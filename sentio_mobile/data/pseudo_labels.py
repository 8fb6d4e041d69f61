"""What some model says of clips, as a file: a teacher need not be a network to be learnt from.

A CSV with the columns clip, valence and arousal. `clip` is the checksum of the log-mel as a store keeps it, so that an
answer belongs to what was heard, whatever a song is called and wherever it is prepared.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import sha256, write_text
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.songs import numbered_rows
from sentio_mobile.errors import DataError, LabelError

COLUMNS = ("clip", "valence", "arousal")


@dataclass(frozen=True)
class PseudoLabels:
    """Answers in [-1, 1] by the clips that they are for. `digest` tells this file from any other."""

    path: Path
    of_clip: dict[int, tuple[float, float]]
    digest: str

    def of(self, data: PreparedData, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The answers [..., 2] for rows of a prepared folder's store.

        Raises:
            DataError: there is none for one of the clips.
        """
        clips = [int(checksum) for checksum in data.store.checksums[rows.ravel()]]
        if missing := sum(clip not in self.of_clip for clip in clips):
            raise DataError(
                f"{self.path}: has no answer for {missing} of {len(clips)} clips of {data.folder}; write it for them "
                "with `teacher classic --on`"
            )
        answers = np.array([self.of_clip[clip] for clip in clips], dtype=np.float32)
        return answers.reshape(*rows.shape, 2)


def write_pseudo_labels(path: Path, answers: Iterable[tuple[int, float, float]]) -> None:
    """Write answers: a clip's checksum, valence and arousal each.

    Raises:
        OutputError: it cannot be written.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows((f"{clip:016x}", f"{valence:.6f}", f"{arousal:.6f}") for clip, valence, arousal in answers)
    write_text(path, text.getvalue())


def read_pseudo_labels(path: Path) -> PseudoLabels:
    """Read what `write_pseudo_labels` wrote.

    Raises:
        LabelError: it is missing, or a value in it is not what it must be.
    """
    of_clip = {}
    for number, row in numbered_rows(path, COLUMNS):
        try:
            clip, values = int(row["clip"], 16), (float(row["valence"]), float(row["arousal"]))
        except ValueError as error:
            raise LabelError(f"{path}, row {number}: is no answer ({error}); write the file again") from error
        if not all(math.isfinite(value) and abs(value) <= 1 for value in values):
            raise LabelError(f"{path}, row {number}: answers are from -1 to 1, not {values}; write the file again")
        of_clip[clip] = values
    return PseudoLabels(path, of_clip, sha256(path))
