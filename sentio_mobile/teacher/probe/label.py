"""Pseudo-labels by teachers of any kind: probes, networks and the tags of an encoder, alone or together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile.data.clip_table import SONGS, ClipRow, read_clip_rows
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.pseudo_labels import PseudoLabels
from sentio_mobile.errors import DataError, InputError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings
from sentio_mobile.teacher.probe.features import window_features
from sentio_mobile.teacher.probe.probe import Probe, is_probe
from sentio_mobile.teacher.tags import TagReference, shipped_reference, tag_predictions

TAGS = Path("tags")
"""The teacher that is no folder: where the words that an encoder gives to music lie on the plane."""

TAGS_ENCODER = "musicnn-msd"
"""The encoder whose words those are."""

_BATCH = 16


@dataclass(frozen=True, kw_only=True)
class ClipLabels:
    """A teacher's predictions for clips, and how they came about.

    Attributes:
        checksums: Checksum of each clip [clips].
        predicted: Valence and arousal [clips, 2].
        out_of_fold: Number of clips that the teacher was trained on, whose out-of-fold predictions these are.
        missing: Number of clips without predictions, because they have no embeddings.
    """

    checksums: NDArray[np.uint64]
    predicted: NDArray[np.float32]
    out_of_fold: int = 0
    missing: int = 0

    def triples(self) -> Iterable[tuple[int, float, float]]:
        """Checksum, valence and arousal of each clip, as `write_pseudo_labels` takes them."""
        for clip, (valence, arousal) in zip(self.checksums, self.predicted, strict=True):
            yield int(clip), float(valence), float(arousal)


def probe_targets(
    probe: Probe | Path,
    data: PreparedData,
    embeddings: ClipEmbeddings,
    *,
    music: Path | None = None,
    progress: Progress | None = None,
) -> PseudoLabels:
    """A probe's predictions for every window of prepared songs, as targets of a student.

    Clips that the probe was trained on get their out-of-fold predictions: what it says of them now, it has read off
    their labels.

    Args:
        probe: The probe, or its folder.
        data: The prepared songs, with or without labels.
        embeddings: Embeddings of their windows by the probe's encoder.
        music: Folder that the paths in songs.csv start from; needed for a probe that hears the 164 audio features.
        progress: Updated for each window whose features are computed.

    Raises:
        CheckpointError: The folder holds no probe, or a damaged one.
        DataError: A window has no embeddings, or the songs have another front end.
        InputError: Embeddings come from another encoder, or music is needed.
    """
    teacher = probe if isinstance(probe, Probe) else Probe.load(probe)
    found = label_by_probe(teacher, data, embeddings, music=music, progress=progress)
    digest = hashlib.sha256((teacher.sheet.tensors_sha256 + embeddings.digest).encode()).hexdigest()
    by_clip = {clip: (valence, arousal) for clip, valence, arousal in found.triples()}
    return PseudoLabels(teacher.folder, by_clip, digest)


def label_by_probe(
    probe: Probe,
    data: PreparedData,
    embeddings: ClipEmbeddings,
    *,
    music: Path | None = None,
    partial: bool = False,
    progress: Progress | None = None,
) -> ClipLabels:
    """The predictions of `probe_targets` with their number; arguments and faults are the same.

    With `partial`, windows without embeddings are left out, as long as there are others.
    """
    probe.require_encoder(embeddings.info, str(embeddings.path))
    if data.audio.seconds != probe.sheet.audio.seconds:
        raise DataError(
            f"{data.folder}: has clips of {data.audio.seconds:g} s, and the probe {probe.folder} was made on clips of "
            f"{probe.sheet.audio.seconds:g} s; prepare the songs with the same length"
        )
    windows = read_clip_rows(data.folder / SONGS)
    total = len(windows)
    if partial:
        known = embeddings.find_rows(_checksums(data, windows)) >= 0
        windows = [window for window, one in zip(windows, known, strict=True) if one] or windows
    checksums = _checksums(data, windows)
    predicted = np.array(
        [probe.out_of_fold.by_clip.get(int(clip), (np.nan, np.nan)) for clip in checksums], dtype=np.float32
    )
    others = np.isnan(predicted[:, 0])
    if others.any():
        features = None
        rows = embeddings.rows_of(checksums[others], data.folder)
        if probe.needs_features:
            if music is None:
                raise InputError(
                    f"the probe {probe.folder} also hears the 164 audio features of {data.folder}; give its music"
                )
            heard = [window for window, other in zip(windows, others, strict=True) if other]
            features = window_features(data, heard, music=music, progress=progress or NoProgress())
        predicted[others] = probe.predict(embeddings.embeddings[rows], features)
    out_of_fold, missing = int((~others).sum()), total - len(windows)
    return ClipLabels(checksums=checksums, predicted=predicted, out_of_fold=out_of_fold, missing=missing)


def label_by_network(checkpoint: Checkpoint, data: PreparedData, *, progress: Progress | None = None) -> ClipLabels:
    """A network's predictions for every window of prepared songs.

    Args:
        checkpoint: A teacher or a student.
        data: The prepared songs, with or without labels.
        progress: Updated for each batch.

    Raises:
        DataError: The songs have another front end than the network.
    """
    import torch

    from sentio_mobile.audio.image import to_input_batch

    spec = checkpoint.spec
    if spec.audio.log_mel != data.audio.log_mel:
        raise DataError(f"{data.folder} has another front end than the teacher; prepare both with the same settings")
    windows = read_clip_rows(data.folder / SONGS)
    rows = np.array([window.row for window in windows])
    starts, shown = range(0, len(rows), _BATCH), progress or NoProgress()
    predicted = []
    shown.start(f"labels: {data.folder.name}", len(starts))
    for start in starts:
        log_mels = np.asarray(data.mels[rows[start : start + _BATCH]], dtype=np.float32)
        with torch.inference_mode():
            predicted.append(checkpoint.model(to_input_batch(torch.from_numpy(log_mels), spec)).numpy())
        shown.advance()
    shown.finish()
    return ClipLabels(checksums=_checksums(data, windows), predicted=np.clip(np.concatenate(predicted), -1, 1))


def label_by_teacher(
    teacher: Path,
    data: PreparedData,
    embeddings: ClipEmbeddings | None,
    *,
    music: Path | None = None,
    partial: bool = False,
    progress: Progress | None = None,
) -> ClipLabels:
    """The predictions of a teacher of any kind for every window of prepared songs.

    Args:
        teacher: The folder of a probe or of a checkpoint, or `TAGS`.
        data: The prepared songs, with or without labels.
        embeddings: Embeddings of their windows; needed by probes and tags.
        music: Folder that the paths in songs.csv start from; needed by probes that hear the 164 audio features.
        partial: Whether windows without embeddings are left out, as long as there are others.
        progress: Updated for each window or batch.

    Raises:
        CheckpointError: The folder holds neither a probe nor a checkpoint, or is damaged.
        DataError: A window has no embeddings, or the songs have another front end.
        InputError: Embeddings or music are needed and not given.
    """
    is_tags = teacher == TAGS and not teacher.exists()
    if not is_tags and not is_probe(teacher):
        return label_by_network(Checkpoint.load(teacher), data, progress=progress)
    if embeddings is None:
        raise InputError(f"the teacher {teacher} hears embeddings of {data.folder}; give them")
    if is_tags:
        return label_by_tags(data, embeddings)
    return label_by_probe(Probe.load(teacher), data, embeddings, music=music, partial=partial, progress=progress)


def label_by_tags(data: PreparedData, embeddings: ClipEmbeddings, reference: TagReference | None = None) -> ClipLabels:
    """Where an encoder's tags place every window of prepared songs; nobody's labels are needed.

    Args:
        data: The prepared songs, with or without labels.
        embeddings: Embeddings and tags of their windows.
        reference: What is usual in music; by default the one that comes with this package for the encoder.

    Raises:
        DataError: A window has no embeddings, the encoder has no tags, or there is no reference for it.
    """
    usual = reference or shipped_reference(embeddings.info.name)
    checksums = _checksums(data, read_clip_rows(data.folder / SONGS))
    rows = embeddings.rows_of(checksums, data.folder)
    return ClipLabels(checksums=checksums, predicted=tag_predictions(embeddings, usual)[rows])


def mean_of_teachers(labels: Sequence[ClipLabels]) -> ClipLabels:
    """The mean of several teachers' predictions, for the clips that all of them predict.

    Args:
        labels: Predictions of each teacher for the same music.
    """
    tables = [dict(zip(one.checksums.tolist(), one.predicted, strict=True)) for one in labels]
    shared = [clip for clip in labels[0].checksums.tolist() if all(clip in table for table in tables)]
    means = [np.mean([table[clip] for table in tables], axis=0) for clip in shared]
    return ClipLabels(
        checksums=np.array(shared, dtype=np.uint64),
        predicted=np.array(means, dtype=np.float32).reshape(-1, 2),
        out_of_fold=min(one.out_of_fold for one in labels),
        missing=max(one.missing for one in labels),
    )


def _checksums(data: PreparedData, windows: Sequence[ClipRow]) -> NDArray[np.uint64]:
    return data.store.checksums[np.array([window.row for window in windows])]
