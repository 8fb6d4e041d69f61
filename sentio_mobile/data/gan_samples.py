"""Made-up log-mels with the labels that they were made for: a folder that training mixes with real songs.

mels.f16         unit levels [n, n_mels, n_frames], float16, little-endian, one after the other
labels.csv       valence, arousal and the discriminator's score of each
synthetic.json   the AudioSpec, how they were made, and the hash of mels.f16
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import new_folder, read_json, sha256, write_json
from sentio_mobile.errors import DataError, InputError
from sentio_mobile.spec import AudioSpec

MELS, LABELS, SHEET = "mels.f16", "labels.csv", "synthetic.json"
COLUMNS = ("valence", "arousal", "score")

Made = tuple[NDArray[np.floating], NDArray[np.float32], NDArray[np.float32]]
"""Unit levels [n, n_mels, n_frames], labels [n, 2] and scores [n]."""


@dataclass(frozen=True, kw_only=True)
class GanSamples:
    """Made-up clips, opened; they stay on disk until rows of them are read.

    Attributes:
        folder: where they are.
        audio: the front end that they follow.
        sheet: how they were made.
        mels: unit levels [n, n_mels, n_frames], memory-mapped and read-only.
        labels: valence and arousal that they were made for [n, 2].
    """

    folder: Path
    audio: AudioSpec
    sheet: dict[str, Any]
    mels: NDArray[np.float16]
    labels: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def fingerprint(self) -> str:
        """Tells these clips from others."""
        return str(self.sheet["mels_sha256"])


def write_gan_samples(
    folder: Path, audio: AudioSpec, *, batches: Iterable[Made], made_by: dict[str, Any], overwrite: bool = False
) -> None:
    """Write clips as they come, all of them or none.

    Args:
        folder: the folder to write.
        audio: the front end that they follow.
        batches: the clips.
        made_by: how they are made; read when the last batch is written.
        overwrite: an existing folder gives way.

    Raises:
        OutputError: it cannot be written, or exists and `overwrite` is false.
    """
    with new_folder(folder, overwrite) as part:
        with (part / MELS).open("wb") as mels, (part / LABELS).open("w", newline="", encoding="utf-8") as sheet:
            table = csv.writer(sheet, lineterminator="\n")
            table.writerow(COLUMNS)
            for clips, labels, scores in batches:
                mels.write(np.ascontiguousarray(clips, dtype="<f2").tobytes())
                for (valence, arousal), score in zip(labels, scores, strict=True):
                    table.writerow((f"{valence:.6f}", f"{arousal:.6f}", f"{score:.4f}"))
        write_json(
            part / SHEET,
            {
                "audio": audio.to_dict(),
                "made_by": made_by,
                "mels_sha256": sha256(part / MELS),
                "labels_sha256": sha256(part / LABELS),
            },
        )


def open_gan_samples(folder: Path) -> GanSamples:
    """Open a folder that `write_gan_samples` wrote.

    Raises:
        DataError: something in it is missing or damaged.
    """
    if not (folder / SHEET).is_file():
        raise DataError(
            f"{folder}: holds no made-up clips (no {SHEET}); make some with `sentio-mobile teacher gan sample`"
        )
    sheet = read_json(folder / SHEET, DataError)
    try:
        audio = AudioSpec.from_dict(sheet["audio"])
        for name in (MELS, LABELS):
            if sha256(folder / name) != sheet[f"{name.split('.')[0]}_sha256"]:
                raise DataError(f"{folder / name} is truncated or changed; make the clips again")
        with (folder / LABELS).open(newline="", encoding="utf-8") as file:
            table = csv.reader(file)
            next(table)
            labels = np.array([(float(row[0]), float(row[1])) for row in table], dtype=np.float32).reshape(-1, 2)
        shape = (len(labels), audio.n_mels, audio.n_frames)
        mels = np.memmap(folder / MELS, dtype="<f2", mode="r", shape=shape)
    except (KeyError, ValueError, IndexError, OSError, csv.Error) as error:
        raise DataError(f"{folder}: is damaged ({type(error).__name__}: {error}); make the clips again") from error
    except InputError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{folder}: is damaged ({error}); make the clips again") from error
    return GanSamples(folder=folder, audio=audio, sheet=sheet, mels=mels, labels=labels)
