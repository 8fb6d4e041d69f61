"""How far answers move, and how much agreement is lost, under disturbances that leave a song's emotion alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError
from sentio_mobile.evaluation.evaluated_model import Answers, EvaluatedModel
from sentio_mobile.evaluation.perturbations import DISTURBANCES
from sentio_mobile.evaluation.predictions import UNDISTURBED, Sound, answers_from_sound, answers_from_store, sounds_of
from sentio_mobile.metrics.bootstrap import Interval, Resampling, by_dimension, measure


@dataclass(frozen=True, kw_only=True)
class Disturbed:
    """One model under one disturbance.

    Attributes:
        name: of the disturbance.
        meaning: what it does.
        ccc: agreement of the disturbed answers with the labels, by dimension.
        gain: the same less that of the undisturbed answers, paired; below zero is a loss.
        moved: mean absolute change of the answers, by dimension.
        correlation: Pearson's r of disturbed and undisturbed answers, by dimension.
    """

    name: str
    meaning: str
    ccc: dict[str, Interval]
    gain: dict[str, Interval]
    moved: dict[str, Interval]
    correlation: dict[str, Interval]


def disturbed(
    name: str,
    meaning: str,
    *,
    truth: NDArray[np.floating],
    before: Answers,
    after: Answers,
    resampling: Resampling,
) -> Disturbed:
    """Compare a model's answers for the same songs before and after a disturbance, each [songs, 2]."""
    whole, changed = measure(truth, before, resampling)["ccc"], measure(truth, after, resampling)["ccc"]
    between = measure(before, after, resampling)
    return Disturbed(
        name=name,
        meaning=meaning,
        ccc=by_dimension(changed),
        gain=by_dimension(changed - whole),
        moved=by_dimension(between["mae"]),
        correlation=by_dimension(between["pearson"]),
    )


def robustness(
    subject: EvaluatedModel,
    sounds: list[Sound],
    *,
    truth: NDArray[np.floating],
    resampling: Resampling,
    progress: Progress,
) -> list[Disturbed]:
    """Every disturbance of `DISTURBANCES`, each compared with the same songs, heard as they are."""
    before = answers_from_sound(subject, sounds, progress, UNDISTURBED)
    return [
        disturbed(
            d.name,
            d.meaning,
            truth=truth,
            before=before,
            after=answers_from_sound(subject, sounds, progress, d),
            resampling=resampling,
        )
        for d in DISTURBANCES
    ]


def other_sound(
    subject: EvaluatedModel,
    data: PreparedData,
    *,
    other: PreparedData,
    name: str,
    split: str,
    before: Answers,
    resampling: Resampling,
    progress: Progress,
    music: Path | None = None,
) -> Disturbed | None:
    """The same songs played otherwise, with another sound font for example: another prepared folder with their ids.

    None where its clips are not what the model hears, and `music`, the folder of its audio, is not given.

    Raises:
        DataError: it lacks one of the songs, or an audio file is missing.
    """
    chosen = [other_place(other, song, name) for song in data.split(split).song_ids]
    places = sorted({place for place, _ in chosen})
    heard: dict[str, Answers] = {}
    for place in places:
        answers = answers_from_store(subject, other, place, progress)
        if answers is None and music is not None:
            answers = answers_from_sound(subject, sounds_of(other, place, music), progress)
        if answers is None:
            return None
        heard[place] = answers
    after = np.stack([heard[place][i] for place, i in chosen])
    truth = data.split(split).labels
    return disturbed(
        name,
        f"the songs as {other.folder.name} has them",
        truth=truth,
        before=before,
        after=after,
        resampling=resampling,
    )


def other_place(other: PreparedData, song: str, name: str) -> tuple[str, int]:
    """The split and the place in it of a song.

    Raises:
        DataError: there is no such song.
    """
    for split in other.splits.values():
        if song in split.song_ids:
            return split.name, split.song_ids.index(song)
    raise DataError(f"{other.folder}: has no song {song!r}, so that {name} cannot be compared; prepare the same songs")
