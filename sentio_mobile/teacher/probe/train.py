"""Training of a probe: from embeddings and labels to a folder with its numbers, its evaluation and its predictions."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from sentio_mobile._internal.files import new_folder, require_free, sha256, write_bytes
from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import write_record
from sentio_mobile.data.clip_table import SONGS, ClipRow, read_clip_rows
from sentio_mobile.data.prepared import UNLABELLED, PreparedData, require_rater_noise
from sentio_mobile.data.pseudo_labels import write_pseudo_labels
from sentio_mobile.data.weak_labels import WeakLabels
from sentio_mobile.errors import DataError
from sentio_mobile.metrics.ceiling import noise_weights
from sentio_mobile.metrics.conformal import uncertainty_of
from sentio_mobile.models.checkpoint import package_versions
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings
from sentio_mobile.spec import OUTPUTS
from sentio_mobile.teacher.probe.config import ProbeRecipe
from sentio_mobile.teacher.probe.cv import Choice, TrainingClips, choose, fit_ensemble, nested_predictions
from sentio_mobile.teacher.probe.evaluation import evaluate_probe
from sentio_mobile.teacher.probe.features import window_features
from sentio_mobile.teacher.probe.members import inputs_of
from sentio_mobile.teacher.probe.probe import PREDICTIONS, SHEET, TENSORS, Probe, tensors_of
from sentio_mobile.teacher.probe.sheet import MemberSheet, ProbeSheet, Songs

_OUTPUTS: tuple[Literal["valence", "arousal"], ...] = ("valence", "arousal")

_MAX_MISSING = 0.05
"""Share of windows that may lack embeddings, because their songs could not be embedded."""


def train_probe(
    data: PreparedData,
    embeddings: ClipEmbeddings,
    *,
    out: Path,
    recipe: ProbeRecipe | None = None,
    music: Path | None = None,
    songs: Songs = "train",
    weak_labels: WeakLabels | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Probe:
    """Train a probe, judge it by nested cross-validation over groups, and write its folder.

    Args:
        data: The prepared songs, with labels.
        embeddings: Embeddings of their windows.
        out: The folder to write.
        recipe: Settings; the defaults if None.
        music: Folder that the paths in songs.csv start from. With it, members may also hear the 164 audio features.
        songs: `train` takes the training songs; `all` takes every labelled song, which leaves none to evaluate on.
        weak_labels: High or low by song, for the AUC; by default a song is high where its label is above 0.
        overwrite: Whether an existing folder gives way.
        progress: Updated step by step.

    Returns:
        The probe, as read from its folder.

    Raises:
        DataError: Songs have no labels or all the same ones, a window has no embeddings, there are fewer groups than
            folds, or labels are to be weighed by their raters' disagreement, and it is not known.
        MissingExtraError: librosa or xgboost is needed and not installed.
        OutputError: `out` cannot be written, or is not empty and `overwrite` is false.
    """
    recipe, shown = recipe or ProbeRecipe(), progress or NoProgress()
    require_free(out, overwrite)
    windows, notes = _with_embeddings(data, _labelled_windows(data, songs), embeddings)
    labels = np.array([(window.valence, window.arousal) for window in windows], dtype=np.float32)
    groups = np.unique([window.group for window in windows], return_inverse=True)[1].astype(np.int64)
    _require_enough(data, windows, labels=labels, folds=recipe.folds)
    checksums = data.store.checksums[np.array([window.row for window in windows])]
    rows = embeddings.rows_of(checksums, data.folder)
    features = None
    if music is not None and set(recipe.inputs) - {"embedding"}:
        if find_spec("librosa"):
            features = window_features(data, windows, music=music, progress=shown)
        else:
            notes.append("the 164 features were left out: they need librosa (pip install 'sentio-mobile[baselines]')")
    clips = TrainingClips(
        inputs=inputs_of(embeddings.embeddings[rows], features),
        labels=labels,
        groups=groups,
        fitted=np.array([not window.change for window in windows]),
        weights=_weights(data, windows, labels) if recipe.weigh_by_raters else None,
    )
    if not clips.has_features and "embedding" not in recipe.inputs:
        raise DataError(f"{data.folder}: inputs are the 164 features alone, and they need the music; give its folder")
    predicted = nested_predictions(clips, recipe, shown)
    shown.start("probe: all songs", 1)
    choice = choose(clips, recipe)
    ensembles = fit_ensemble(clips, choice, recipe.seed)
    shown.advance()
    shown.finish()
    first = np.array([window.window == 0 for window in windows])
    evaluation = evaluate_probe(
        clips, windows=windows, predicted=predicted, recipe=recipe, weak_labels=weak_labels, notes=notes
    )
    with new_folder(out, overwrite) as part:
        write_bytes(part / TENSORS, save(tensors_of(ensembles)))
        pairs = ((int(clip), float(v), float(a)) for clip, (v, a) in zip(checksums, predicted, strict=True))
        write_pseudo_labels(part / PREDICTIONS, pairs)
        sheet = ProbeSheet(
            encoder=embeddings.info,
            audio=data.audio,
            members=_member_sheets(choice),
            offsets=(choice[0].offset, choice[1].offset),
            recipe=recipe,
            evaluation=evaluation,
            uncertainty=uncertainty_of(labels[first], predicted[first]),
            trained_on=songs,
            data=data.origin,
            embeddings_sha256=embeddings.digest,
            tensors_sha256=sha256(part / TENSORS),
            predictions_sha256=sha256(part / PREDICTIONS),
            versions=package_versions(),
        )
        write_record(part / SHEET, sheet)
    return Probe.load(out)


def _labelled_windows(data: PreparedData, songs: Songs) -> list[ClipRow]:
    if UNLABELLED in data.splits:
        raise DataError(f"{data.folder}: its songs have no labels; a probe learns from songs that have some")
    return [one for one in read_clip_rows(data.folder / SONGS) if songs == "all" or one.split == "train"]


def _weights(data: PreparedData, windows: Sequence[ClipRow], labels: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much the label of each window counts, by its raters' disagreement [windows, 2]."""
    errors = np.array([window.errors for window in windows])
    require_rater_noise(data, errors)
    return noise_weights(labels, errors)


def _with_embeddings(
    data: PreparedData, windows: Sequence[ClipRow], embeddings: ClipEmbeddings
) -> tuple[list[ClipRow], list[str]]:
    """The windows that have embeddings, and a line on those that have none; all must have some but for a few."""
    checksums = data.store.checksums[np.array([window.row for window in windows])]
    known = embeddings.find_rows(checksums) >= 0
    if (~known).mean() > _MAX_MISSING:
        embeddings.rows_of(checksums, data.folder)
    missing = int((~known).sum())
    notes = [f"{missing} windows have no embeddings and were left out"] if missing else []
    return [window for window, one in zip(windows, known, strict=True) if one], notes


def _require_enough(data: PreparedData, windows: Sequence[ClipRow], *, labels: NDArray[np.float32], folds: int) -> None:
    """Refuse labels that nothing can be learned from, and fewer groups than folds."""
    if not (np.abs(labels) <= 1).all():
        raise DataError(f"{data.folder}: has songs with missing labels, or labels off the scale; see `data check`")
    for name, values in zip(OUTPUTS, labels.T, strict=True):
        if np.ptp(values) < 1e-6:
            raise DataError(
                f"{data.folder}: all {len(values)} windows have the same {name}, {values[0]:+.2f}; "
                "a probe needs songs that differ"
            )
    songs = len({window.song_id for window in windows})
    groups = len({window.group for window in windows})
    if groups < folds:
        offer = f"take --folds {groups}" if groups >= 3 else "give songs of more groups (a probe needs 3)"
        raise DataError(f"{data.folder}: has {songs} songs in {groups} groups, fewer than {folds} folds; {offer}")
    if groups < 3:
        raise DataError(f"{data.folder}: has {songs} songs in {groups} groups, and a probe needs 3; give more songs")


def _member_sheets(choice: Sequence[Choice]) -> tuple[MemberSheet, ...]:
    return tuple(
        MemberSheet(
            output=output,
            regressor=one.regressor,
            input=one.input,
            parts=one.parts,
            settings=dict(one.settings),
            weight=weight,
        )
        for output, chosen in zip(_OUTPUTS, choice, strict=True)
        for one, weight in zip(chosen.candidates, chosen.weights, strict=True)
    )
