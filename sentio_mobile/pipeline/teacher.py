"""The teacher of `train`: a probe on an encoder's embeddings, or an ensemble on 164 features where there is no encoder.

A teacher is a folder: the probe, if it is one, and the pseudo-labels of all music that the student learns from. For
songs that a probe was trained on, these are its out-of-fold predictions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import new_folder
from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import replace
from sentio_mobile.data.pseudo_labels import write_pseudo_labels
from sentio_mobile.data.song_audio import first_windows
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings
from sentio_mobile.pipeline.music import Music
from sentio_mobile.teacher.ensemble.ensemble import predict_windows, train_ensemble
from sentio_mobile.teacher.probe.config import ProbeRecipe
from sentio_mobile.teacher.probe.features import window_features
from sentio_mobile.teacher.probe.label import label_by_probe
from sentio_mobile.teacher.probe.probe import Probe
from sentio_mobile.teacher.probe.train import train_probe

PROBE, PSEUDO_LABELS = "probe", "pseudo-labels.csv"


def make_probe(
    songs: Music,
    others: Sequence[Music],
    *,
    embeddings: ClipEmbeddings,
    recipe: ProbeRecipe,
    features: bool,
    out: Path,
    progress: Progress,
) -> None:
    """Train a probe on the training songs, and label them and all other music.

    Args:
        songs: The labelled songs.
        others: Music without labels.
        embeddings: Embeddings of all of it.
        recipe: Settings of the probe.
        features: Whether it may also hear the 164 audio features.
        out: The teacher's folder; what is there is overwritten.
        progress: Updated step by step.
    """
    with new_folder(out, overwrite=True) as part:
        groups = len(set(songs.data.split("train").groups))
        fitting = replace(recipe, folds=max(2, min(recipe.folds, groups)))
        heard = songs.root if features else None
        probe = train_probe(songs.data, embeddings, out=part / PROBE, recipe=fitting, music=heard, progress=progress)
        labels = [
            label_by_probe(probe, music.data, embeddings, music=music.root, progress=progress)
            for music in (songs, *others)
        ]
        write_pseudo_labels(part / PSEUDO_LABELS, (triple for one in labels for triple in one.triples()))


def make_ensemble(songs: Music, others: Sequence[Music], *, seed: int, out: Path, progress: Progress) -> None:
    """Train the ensemble on 164 features on the training songs, and label all other music. Arguments as above."""
    work = out.with_name(f"{out.name}.features")
    ensemble = train_ensemble(songs.data, songs.root, work=work, seed=seed, progress=progress)
    with new_folder(out, overwrite=True) as part:
        write_pseudo_labels(
            part / PSEUDO_LABELS,
            (triple for music in others for triple in predict_windows(ensemble, music.data, music.root, progress)),
        )


def says_nothing(teacher: Path) -> str | None:
    """Why labels carry nothing that a probe could learn: it does no better than on shuffled labels. None if it does."""
    control = Probe.load(teacher / PROBE).sheet.evaluation.control
    if control.valence.informative or control.arousal.informative:
        return None
    found = ", ".join(
        f"{name} {one.ccc:.2f} against {one.shuffled:.2f}"
        for name, one in (("valence", control.valence), ("arousal", control.arousal))
    )
    return (
        f"the labels say no more about the music than shuffled ones (CCC of a regression out of fold, against the 95th "
        f"percentile of {control.shuffles} shuffles: {found}); check that each label stands beside its own song, add "
        "songs, or go on with --anyway"
    )


def probe_predictions(
    teacher: Path, songs: Music, embeddings: ClipEmbeddings, *, split: str, progress: Progress
) -> NDArray[np.float32]:
    """A probe's predictions for the evaluated windows of one split [songs, 2], which it was not trained on."""
    probe, data, features = Probe.load(teacher / PROBE), songs.data, None
    rows = embeddings.rows_of(data.store.checksums[data.split(split).rows], data.folder)
    if probe.needs_features:
        features = window_features(data, first_windows(data, split), music=songs.root, progress=progress)
    return probe.predict(embeddings.embeddings[rows], features)
