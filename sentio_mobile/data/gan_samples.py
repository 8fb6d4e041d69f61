"""GAN samples: log-mels that a GAN generated, with the labels asked for, in a folder that training mixes with songs.

mels.f16           float16 [n, n_mels, n_frames], little-endian: normalized log-mels with values in [0, 1].
labels.csv         Valence, arousal and the discriminator's score of each sample.
gan-samples.json   The front end, how the samples were generated, and hashes of the other files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.files import is_file, new_folder, sha256
from sentio_mobile._internal.records import Count, Record, Seed, Sha256, Share, Text, read_record, write_record
from sentio_mobile._internal.tables import read_table, write_table
from sentio_mobile.errors import DataError
from sentio_mobile.spec import AudioSpec, DataOrigin

MELS, LABELS, SHEET = "mels.f16", "labels.csv", "gan-samples.json"
OLD_SHEET = "synthetic.json"
"""Name of the sheet before it had a schema number."""
COLUMNS = ("valence", "arousal", "score")

SampleBatch = tuple[NDArray[np.floating], NDArray[np.float32], NDArray[np.float32]]
"""Normalized log-mels [n, n_mels, n_frames], labels [n, 2] and scores [n]."""

Label = Annotated[float, Meta(ge=-1, le=1)]


class Sampling(Record, frozen=True, kw_only=True):
    """How GAN samples were generated and selected."""

    generator: Text  # name of the GAN checkpoint
    trained_on: DataOrigin | None = None  # songs that the GAN was trained on
    labels: Literal["density", "uniform"] = "density"  # distribution of the labels asked for
    threshold: Share = 0.0  # lowest score of the discriminator that is accepted
    seed: Seed = 0  # random seed of labels and noise
    tried: Count = 1  # samples that were generated
    accepted: Share = 1.0  # share of them that was accepted
    mean_label: tuple[Label, Label] | None = None  # mean valence and arousal asked for, before selection


class GanSampleSheet(Record, frozen=True, kw_only=True):
    """gan-samples.json."""

    schema: Literal[2] = 2  # version of this record
    audio: AudioSpec  # front end that the samples follow
    sampling: Sampling  # how they were generated
    mels_sha256: Sha256  # hash of mels.f16
    labels_sha256: Sha256  # hash of labels.csv


@dataclass(frozen=True, kw_only=True)
class GanSamples:
    """An open folder of GAN samples. They stay on disk until rows of them are read.

    Attributes:
        folder: The folder.
        sheet: How they were generated, and the front end that they follow.
        mels: Normalized log-mels [n, n_mels, n_frames], memory-mapped and read-only.
        labels: Valence and arousal asked for [n, 2].
    """

    folder: Path
    sheet: GanSampleSheet
    mels: NDArray[np.float16]
    labels: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def audio(self) -> AudioSpec:
        """Front end that the samples follow."""
        return self.sheet.audio

    @property
    def fingerprint(self) -> str:
        """Hash of the log-mels."""
        return self.sheet.mels_sha256


def write_gan_samples(
    folder: Path,
    audio: AudioSpec,
    *,
    batches: Iterable[SampleBatch],
    sampling: Callable[[], Sampling],
    overwrite: bool = False,
) -> GanSampleSheet:
    """Write samples as they are generated, all of them or none.

    Args:
        folder: Folder to write.
        audio: Front end that the samples follow.
        batches: The samples.
        sampling: Called after the last batch: how the samples were generated.
        overwrite: Whether an existing folder gives way.

    Raises:
        OutputError: The folder cannot be written, or exists and `overwrite` is false.
    """
    with new_folder(folder, overwrite) as part:
        rows: list[tuple[str, str, str]] = []
        with (part / MELS).open("wb") as mels:
            for clips, labels, scores in batches:
                mels.write(np.ascontiguousarray(clips, dtype="<f2").tobytes())
                for (valence, arousal), score in zip(labels, scores, strict=True):
                    rows.append((f"{valence:.6f}", f"{arousal:.6f}", f"{score:.4f}"))
        write_table(part / LABELS, COLUMNS, rows)
        record = GanSampleSheet(
            audio=audio,
            sampling=sampling(),
            mels_sha256=sha256(part / MELS),
            labels_sha256=sha256(part / LABELS),
        )
        write_record(part / SHEET, record)
    return record


def open_gan_samples(folder: Path) -> GanSamples:
    """Open a folder that `write_gan_samples` wrote.

    Raises:
        DataError: Something in it is missing or damaged.
    """
    if not is_file(folder / SHEET):
        if is_file(folder / OLD_SHEET):
            raise DataError(
                f"{folder}: holds GAN samples of an older version; generate them again with `sentio-mobile teacher gan "
                "sample`"
            )
        raise DataError(
            f"{folder}: holds no GAN samples (no {SHEET}); generate some with `sentio-mobile teacher gan sample`"
        )
    sheet = read_record(GanSampleSheet, folder / SHEET, DataError)
    try:
        for name, digest in ((MELS, sheet.mels_sha256), (LABELS, sheet.labels_sha256)):
            if sha256(folder / name) != digest:
                raise DataError(f"{folder / name} is truncated or changed; generate the samples again")
        table = read_table(folder / LABELS, DataError)
        next(table)
        labels = np.array([(float(row[0]), float(row[1])) for row in table], dtype=np.float32).reshape(-1, 2)
        if not (np.abs(labels) <= 1).all():
            raise ValueError("a label is not a number in [-1, 1]")
        shape = (len(labels), sheet.audio.n_mels, sheet.audio.n_frames)
        mels = np.memmap(folder / MELS, dtype="<f2", mode="r", shape=shape)
    except (ValueError, IndexError, OSError, StopIteration) as error:
        raise DataError(
            f"{folder}: is damaged ({type(error).__name__}: {error}); generate the samples again"
        ) from error
    return GanSamples(folder=folder, sheet=sheet, mels=mels, labels=labels)
