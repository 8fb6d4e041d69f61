"""Clips without numbers: music that a teacher labels, made-up songs, music whose side of neutral is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sentio_mobile._internal.records import replace
from sentio_mobile.data.gan_samples import GanSamples
from sentio_mobile.data.prepared import UNLABELLED, PreparedData
from sentio_mobile.data.pseudo_labels import PseudoLabels
from sentio_mobile.data.weak_labels import WeakLabels
from sentio_mobile.errors import DataError
from sentio_mobile.training.sources import TrainingSource, labelled_source, unlabelled_source


def extra_sources(
    data: PreparedData, extra: Sequence[PreparedData | GanSamples], answers: PseudoLabels | None = None
) -> tuple[TrainingSource, ...]:
    """What a student learns from beside the training songs of `data`.

    `answers` take the place of the labels that music without labels lacks.

    Raises:
        DataError: something of it follows another front end, has labels of its own, or is a validation or test song of
            `data`, which a student must not see.
    """
    material = []
    for given in extra:
        if given.audio.log_mel != data.audio.log_mel:
            raise DataError(
                f"{given.folder}: follows another front end than {data.folder} was prepared with; prepare both alike"
            )
        if isinstance(given, GanSamples):
            material.append(unlabelled_source(given))
            continue
        if UNLABELLED not in given.splits:
            raise DataError(
                f"{given.folder}: has labels, and splits of its own; as music without labels prepare a folder of audio"
            )
        _require_unseen(data, given)
        songs = labelled_source(given, UNLABELLED)
        if answers is not None:
            labels = answers.of(given, songs.windows)
            songs = replace(songs, labels=labels, fingerprint=f"{songs.fingerprint} {answers.digest}")
        material.append(songs)
    return tuple(material)


def weakly_labelled_sources(
    data: PreparedData, sided: Sequence[tuple[PreparedData, WeakLabels]]
) -> tuple[TrainingSource, ...]:
    """Music without labels of which is known on which side of neutral it is.

    Raises:
        DataError: as for `extra_sources`, or a file lists none of the songs.
    """
    return tuple(
        replace(songs, sides=sides.of(given), fingerprint=f"{songs.fingerprint} {sides.digest}")
        for given, sides in sided
        for songs in extra_sources(data, [given])
    )


def _require_unseen(data: PreparedData, given: PreparedData) -> None:
    """Refuse clips whose content is that of a validation or test song."""
    judged = np.concatenate([data.split(name).windows.ravel() for name in ("val", "test")])
    songs = given.split(UNLABELLED)
    seen = np.isin(given.store.checksums[songs.windows], data.store.checksums[judged]).any(axis=1)
    if seen.any():
        first = songs.song_ids[int(np.argmax(seen))]
        raise DataError(
            f"{given.folder}: {int(seen.sum())} of its songs, such as {first!r}, are validation or test songs of "
            f"{data.folder}; leave them out"
        )
