"""Everything that is said of models on the songs of one split, in one call."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import replace
from sentio_mobile.benchmarks.latency import Latency
from sentio_mobile.data.listing import Listed
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.weak_labels import WeakLabels
from sentio_mobile.errors import DataError
from sentio_mobile.evaluation.calibration import Calibration, calibration
from sentio_mobile.evaluation.evaluated_model import Answers, EvaluatedModel
from sentio_mobile.evaluation.latency import speed
from sentio_mobile.evaluation.predictions import Sound, answers_from_sound, answers_from_store, listed, sounds_of
from sentio_mobile.evaluation.published import Published, published_for
from sentio_mobile.evaluation.robustness import Disturbed, other_sound, robustness
from sentio_mobile.evaluation.slices import Slice, slices
from sentio_mobile.evaluation.weak_labels import Sided, sided
from sentio_mobile.evaluation.worst_songs import WorstSongs, error_factors, worst_songs
from sentio_mobile.metrics.bootstrap import RESAMPLES, Interval, Metric, Resampling, measure, resample, table_of
from sentio_mobile.metrics.significance import ModelComparison, compare_models
from sentio_mobile.models.checkpoint import package_versions
from sentio_mobile.spec import OUTPUTS
from sentio_mobile.training.datamodule import FEWEST

Over = Literal["songs", "groups"]
Part = Literal["stability", "latency"]


@dataclass(frozen=True, kw_only=True)
class ModelEvaluation:
    """One model on the songs.

    Attributes:
        subject: the model.
        predicted: its answers [songs, 2].
        table: every metric by dimension.
        slices: parts of the songs.
        misses: the worst songs, and what sets them apart.
        calibration: of intervals from validation songs; None where those are what is evaluated.
        stability: under each disturbance; empty where it was not asked for.
        latency: from PCM to the answer; None where it was not asked for.
        sides: on music of which only the sides are known; empty where it was not asked for.
    """

    subject: EvaluatedModel
    predicted: Answers
    table: dict[str, dict[Metric, Interval]]
    slices: list[Slice]
    misses: WorstSongs
    calibration: Calibration | None
    stability: list[Disturbed]
    latency: Latency | None
    sides: list[Sided]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Several models on the same songs. `notes` are what a reader must know to read the figures."""

    data: PreparedData
    split: str
    songs: tuple[str, ...]
    truth: NDArray[np.float32]
    judged: list[ModelEvaluation]
    pairs: list[ModelComparison]
    published: tuple[Published, ...]
    over: Over
    seed: int
    tolerance: float
    notes: list[str]

    @property
    def best(self) -> ModelEvaluation:
        """The model with the highest mean CCC; the first where none is defined."""
        return max(self.judged, key=lambda one: -9.0 if (ccc := one.table["mean"]["ccc"].value) is None else ccc)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "split": self.split,
            "n": len(self.songs),
            "bootstrap": {"resamples": RESAMPLES, "seed": self.seed, "over": self.over},
            "tolerance": self.tolerance,
            "data": self.data.origin,
            "notes": self.notes,
            "models": [_plain(one) for one in self.judged],
            "pairs": [{**asdict(pair), "verdict": pair.verdict} for pair in self.pairs],
            "published": [asdict(one) for one in self.published],
            "songs": list(self.songs),
            "truth": np.round(self.truth, 4).astype(float).tolist(),
            "versions": package_versions(),
        }


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """What is asked of an evaluation.

    Attributes:
        split: whose songs: `test`, or `val` while something is still to be chosen.
        over: what the bootstrap draws: songs, or whole groups of them.
        tolerance: how far an answer may lie from its label to be a hit, in McNemar's test.
        seed: of the bootstrap.
        skip: parts to leave out.
        music: the folder that the songs' paths start from; without it nothing can be disturbed or timed, and only
            models that hear the stored clips can be evaluated.
        others: by their names, prepared folders with the same songs played otherwise, and the folders of their audio;
            without those only models that hear the stored clips are asked.
        sides: music of which is known on which side of neutral it is, and that no model has learnt from.
    """

    split: str = "test"
    over: Over = "songs"
    tolerance: float = 0.2
    seed: int = 0
    skip: Collection[Part] = ()
    music: Path | None = None
    others: Mapping[str, tuple[PreparedData, Path | None]] = field(default_factory=dict)
    sides: Sequence[tuple[PreparedData, WeakLabels]] = ()


def evaluate_models(
    subjects: Sequence[EvaluatedModel], data: PreparedData, wanted: EvaluationOptions, progress: Progress | None = None
) -> Evaluation:
    """Let every model hear the same songs, and say how right it is, where it fails, and which is better.

    Args:
        subjects: the models, of different names.
        data: the prepared songs.
        wanted: what is asked.
        progress: shown model by model.

    Raises:
        DataError: too few songs, or audio that is wanted is missing.
        InputError: a model's answers are no numbers.
    """
    progress = progress or NoProgress()
    songs = data.split(wanted.split)
    if len(songs) < FEWEST:
        raise DataError(
            f"{data.folder}: has {len(songs)} {wanted.split} songs, and a CCC needs {FEWEST} or more; prepare with "
            "other --fractions"
        )
    sounds = {} if wanted.music is None else {name: sounds_of(data, name, wanted.music) for name in ("val", "test")}
    resampling = resample(len(songs), wanted.seed, songs.groups if wanted.over == "groups" else None)
    clips = listed(data, wanted.split)
    traits = error_factors(clips, songs.labels, data.mels[songs.rows])
    facts = _Facts(data=data, wanted=wanted, sounds=sounds, resampling=resampling, listed=clips, traits=traits)
    judged = [_judge(subject, facts, progress) for subject in subjects]
    if wanted.music is not None and "latency" not in wanted.skip:
        times = speed(subjects, sounds[wanted.split], progress)
        judged = [replace(one, latency=times[one.subject.name]) for one in judged]
    return Evaluation(
        data=data,
        split=wanted.split,
        songs=songs.song_ids,
        truth=songs.labels,
        judged=judged,
        pairs=compare_models(
            songs.labels, {one.subject.name: one.predicted for one in judged}, resampling, wanted.tolerance
        ),
        published=published_for(data),
        over=wanted.over,
        seed=wanted.seed,
        tolerance=wanted.tolerance,
        notes=_notes(subjects, facts),
    )


@dataclass(frozen=True, kw_only=True)
class _Facts:
    """What every model is judged by."""

    data: PreparedData
    wanted: EvaluationOptions
    sounds: Mapping[str, list[Sound]]
    resampling: Resampling
    listed: list[Listed]
    traits: Mapping[str, NDArray[np.float64]]


def _judge(subject: EvaluatedModel, facts: _Facts, progress: Progress) -> ModelEvaluation:
    data, wanted, resampling = facts.data, facts.wanted, facts.resampling
    songs = data.split(wanted.split)
    truth, predicted = songs.labels, _answers(subject, facts, wanted.split, progress)
    calibrated, by_group = None, wanted.over == "groups"
    if wanted.split == "test":
        val = data.split("val")
        calibrated = calibration(
            val.labels,
            _answers(subject, facts, "val", progress),
            truth=truth,
            predicted=predicted,
            shipped=subject.uncertainty,
        )
    found = []
    if "stability" not in wanted.skip:
        if wanted.music is not None:
            found = robustness(
                subject, facts.sounds[wanted.split], truth=truth, resampling=resampling, progress=progress
            )
        for name, (other, place) in wanted.others.items():
            one = other_sound(
                subject,
                data,
                other=other,
                name=name,
                split=wanted.split,
                before=predicted,
                resampling=resampling,
                progress=progress,
                music=place,
            )
            found += [one] if one else []
    return ModelEvaluation(
        subject=subject,
        predicted=predicted,
        table=table_of(measure(truth, predicted, resampling)),
        slices=slices(truth, predicted, songs.groups, resampling),
        misses=worst_songs(facts.listed, truth, predicted=predicted, traits=facts.traits, seed=wanted.seed),
        calibration=calibrated,
        stability=found,
        latency=None,
        sides=[
            told
            for music, sides in wanted.sides
            if (told := sided(subject, music, sides=sides, seed=wanted.seed, over_groups=by_group, progress=progress))
        ],
    )


def _answers(subject: EvaluatedModel, facts: _Facts, split: str, progress: Progress) -> Answers:
    answers = answers_from_store(subject, facts.data, split, progress)
    if answers is not None:
        return answers
    if not facts.sounds:
        raise DataError(
            f"{facts.data.folder}: has no clips that {subject.name} hears, which has another front end or wants the "
            "sound; give the folder of the audio as --music"
        )
    return answers_from_sound(subject, facts.sounds[split], progress)


def _notes(subjects: Sequence[EvaluatedModel], facts: _Facts) -> list[str]:
    data, wanted = facts.data, facts.wanted
    songs = data.split(wanted.split)
    notes = []
    if data.sheet.get("labels") == "generated":
        notes.append("The music and its labels are generated: these figures say nothing about what people feel")
    if wanted.split != "test":
        notes.append(f"These are {wanted.split} songs, by which models may have been chosen: they flatter")
    if len(set(songs.groups)) < len(songs) and wanted.over == "songs":
        notes.append(
            f"The {len(songs)} songs come from {len(set(songs.groups))} groups; songs of one group are alike, so that "
            "intervals over songs are too narrow for groups that were never heard (--over groups)"
        )
    for i, name in enumerate(OUTPUTS):
        if np.ptp(songs.labels[:, i]) == 0:
            notes.append(f"All songs have the same {name}: its CCC, R2 and correlation are undefined")
    notes += [note for subject in subjects if (note := _heard_before(subject, data))]
    if wanted.music is None and "stability" not in wanted.skip:
        notes.append("Nothing was disturbed or timed: that needs the audio itself (--music)")
    return notes


def _heard_before(subject: EvaluatedModel, data: PreparedData) -> str | None:
    """A model of other songs may have learnt from these: nobody can tell from a fingerprint."""
    if subject.learnt_from is None:
        return f"{subject.name} does not say what it learnt from: it may have heard these songs"
    if subject.learnt_from.get("fingerprint") != data.sheet["fingerprint"]:
        return (
            f"{subject.name} learnt from another preparation ({subject.learnt_from.get('source', 'unknown')}): that it "
            "has not heard these songs is for you to know"
        )
    return None


def _plain(judged: ModelEvaluation) -> dict[str, Any]:
    subject = judged.subject
    return {
        "name": subject.name,
        "kind": subject.kind,
        "parameters": subject.parameters,
        "training_s": subject.training_s,
        "latency": None if judged.latency is None else asdict(judged.latency),
        "metrics": {name: {m: asdict(i) for m, i in row.items()} for name, row in judged.table.items()},
        "slices": [asdict(one) for one in judged.slices],
        "misses": asdict(judged.misses),
        "calibration": None if judged.calibration is None else asdict(judged.calibration),
        "stability": [asdict(one) for one in judged.stability],
        "sides": [asdict(one) for one in judged.sides],
        "predicted": np.round(judged.predicted, 4).astype(float).tolist(),
    }
