"""Data of `cross_validation.py`: folds of whole groups, in several sound fonts."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from sentio_mobile._internal.files import write_bytes, write_text
from sentio_mobile._internal.records import replace
from sentio_mobile.audio.decode import decode, fit_length
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import SHEET, UNLABELLED, PreparedData, Split, open_data
from sentio_mobile.data.songs import read_rows
from sentio_mobile.data.splits import SplitList
from sentio_mobile.data.weak_labels import WeakLabels, read_weak_labels
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.ensemble.features import extract_features

Array = NDArray[np.float32]
Row = dict[str, str]

COPIES = 3
"""Copies of each labelled song per epoch: a batch with mostly weak labels has too few labels for a CCC."""
HELD_OUT = "held out"


@dataclass(frozen=True)
class FontFolder:
    """The folder of one sound font: labelled songs, and music with weak labels for training and held out."""

    folder: Path
    songs: list[Row]
    weakly_labelled: list[Row]
    held_out: list[Row]


@dataclass(frozen=True)
class Music:
    """All data for training and testing.

    Attributes:
        fonts: Names of all sound fonts, those used in training first.
        folds: Prepared songs by fold and font.
        weakly_labelled: Music with weak labels in all training fonts, and the weak labels.
        held_out: Held-out music in the first font, and its weak labels.
        features: Features of all songs by font [songs, 164], in the order of `songs`, and of `HELD_OUT`.
        songs: Rows of the songs.
        heard: Number of fonts used in training.
    """

    fonts: tuple[str, ...]
    folds: list[dict[str, PreparedData]]
    weakly_labelled: tuple[PreparedData, WeakLabels]
    held_out: tuple[PreparedData, WeakLabels]
    features: dict[str, Array]
    songs: list[Row]
    heard: int

    @property
    def truth(self) -> Array:
        """Labels [songs, 2] in [-1, 1], in the order of `songs`."""
        return labels_of(self.songs)

    def places(self, fold: int, split: str) -> NDArray[np.int64]:
        """Indices of the songs of a split among all songs."""
        where = {row["song_id"]: i for i, row in enumerate(self.songs)}
        return np.array([where[song] for song in self.folds[fold][self.fonts[0]].split(split).song_ids])


def prepare_all(heard: Sequence[Path], unheard: Sequence[Path], count: int, work: Path, store: Path) -> Music:
    """Store every clip once, prepare every fold in every font, and compute all features, unless they exist."""
    music = [read_music(folder) for folder in (*heard, *unheard)]
    fonts = tuple(one.folder.name for one in music)
    order = [row["song_id"] for row in music[0].songs]
    for one in music:
        if [row["song_id"] for row in one.songs] != order:
            raise SystemExit(f"{one.folder}: every font must have the same songs in the same order")
    splits = folds_of(music[0].songs, count)
    places: dict[tuple[str, str], Path] = {}
    for one, font in zip(music, fonts, strict=True):
        for number, split in enumerate(splits):
            split_list = SplitList(work / "folds", split)
            places[font, str(number)] = prepared(one, one.songs, work / font / f"fold-{number}", store, split_list)
    for one, font in zip(music[: len(heard)], fonts, strict=False):
        places[font, "weakly_labelled"] = prepared(one, one.weakly_labelled, work / font / "weakly_labelled", store)
    places[fonts[0], HELD_OUT] = prepared(music[0], music[0].held_out, work / fonts[0] / "held-out", store)
    # Opened when everything is stored, so that the memory map of the store includes all clips.
    opened = {key: open_data(place) for key, place in places.items()}
    features = {font: load_features(one.folder, one.songs, work / font) for one, font in zip(music, fonts, strict=True)}
    features[HELD_OUT] = load_features(music[0].folder, music[0].held_out, work / fonts[0] / "held-out")
    known = [
        write_weak_labels(rows, work / f"{name}.csv")
        for name, rows in (("weakly_labelled", music[0].weakly_labelled), (HELD_OUT, music[0].held_out))
    ]
    return Music(
        fonts=fonts,
        folds=[{font: opened[font, str(number)] for font in fonts} for number in range(count)],
        weakly_labelled=(together([opened[font, "weakly_labelled"] for font in fonts[: len(heard)]]), known[0]),
        held_out=(opened[fonts[0], HELD_OUT], known[1]),
        features=features,
        songs=music[0].songs,
        heard=len(heard),
    )


def read_music(folder: Path) -> FontFolder:
    """The rows of a rendered folder. Music in the groups of held-out music is not used for training."""
    needed = ("path", "song_id", "group", "split", "valence_mean", "arousal_mean", "v_high", "a_high")
    rows = read_rows(folder / "manifest.csv", needed)
    weakly_labelled = [row for row in rows if not row["valence_mean"]]
    held_out_groups = {row["group"] for row in weakly_labelled if row["split"] == "val"}
    return FontFolder(
        folder,
        [row for row in rows if row["valence_mean"]],
        [row for row in weakly_labelled if row["group"] not in held_out_groups],
        [row for row in weakly_labelled if row["split"] == "val"],
    )


def labels_of(songs: Sequence[Row]) -> Array:
    """Valence and arousal [songs, 2] in [-1, 1]."""
    labels = [[float(row["valence_mean"]), float(row["arousal_mean"])] for row in songs]
    return ((np.array(labels) - 5) / 4).astype(np.float32)


def folds_of(songs: Sequence[Row], count: int, seed: int = 0) -> list[dict[str, str]]:
    """The split of each song by fold: whole groups, balanced quadrants, a fifth of the rest for validation."""
    high, groups = labels_of(songs) > 0, np.array([row["group"] for row in songs])
    quadrants = 2 * high[:, 0] + high[:, 1]

    def parts(rows: NDArray[np.int64], number: int) -> list[NDArray[np.int64]]:
        folds = StratifiedGroupKFold(number, shuffle=True, random_state=seed)
        return [rows[part] for _, part in folds.split(rows, quadrants[rows], groups[rows])]

    folds = []
    for test in parts(np.arange(len(songs)), count):
        rest = np.setdiff1d(np.arange(len(songs)), test)
        # Take the part whose size is closest: a group larger than a fifth makes its part too large.
        val = min(parts(rest, 5), key=lambda part: abs(len(part) - len(rest) / 5))
        split = dict.fromkeys((songs[i]["song_id"] for i in rest), "train")
        split |= dict.fromkeys((songs[i]["song_id"] for i in val), "val")
        folds.append(split | dict.fromkeys((songs[i]["song_id"] for i in test), "test"))
    return folds


def prepared(music: FontFolder, rows: Sequence[Row], out: Path, store: Path, splits: SplitList | None = None) -> Path:
    """Prepare some rows of a folder; without splits, they are prepared without labels."""
    if (out / SHEET).is_file():
        return out
    columns = ["path", "song_id", "group", *(() if splits is None else ("valence_mean", "arousal_mean"))]
    manifest = out.with_name(f"{out.name}.csv")
    text = io.StringIO()
    table = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows({**row, "path": str((music.folder / row["path"]).resolve())} for row in rows)
    write_text(manifest, text.getvalue())
    if skipped := prepare(manifest, out, recipe=DataRecipe(), audio=AudioSpec(), store=store, splits=splits):
        raise SystemExit(f"every clip must be usable: {skipped[0]}")
    return out


def write_weak_labels(rows: Sequence[Row], place: Path) -> WeakLabels:
    """Write the weak labels of rows as a file, and read it."""
    lines = [f"{row['song_id']},{row['v_high']},{row['a_high']}" for row in rows]
    write_text(place, "\n".join(["song_id,v_high,a_high", *lines]) + "\n")
    return read_weak_labels(place)


def weak_labels_of(music: tuple[PreparedData, WeakLabels]) -> Array:
    """Weak labels [clips, 2] in the order of the prepared folder."""
    return music[1].of(music[0])


def load_features(folder: Path, rows: Sequence[Row], work: Path) -> Array:
    """Features of clips [clips, 164], computed once."""
    place, audio = work / "features.npy", AudioSpec()
    if not place.is_file():
        clips = (fit_length(decode(folder / row["path"], audio.sample_rate, 0.0, audio.seconds), audio) for row in rows)
        file = io.BytesIO()
        np.save(file, np.stack([extract_features(clip, audio.sample_rate) for clip in clips]), allow_pickle=False)
        write_bytes(place, file.getvalue())
    return np.asarray(np.load(place, allow_pickle=False))


def together(fonts: Sequence[PreparedData]) -> PreparedData:
    """Music without labels, each clip in a random font in each epoch."""
    windows = np.stack([font.split(UNLABELLED).rows for font in fonts], axis=1)
    first = fonts[0].split(UNLABELLED)
    assert all(font.split(UNLABELLED).song_ids == first.song_ids for font in fonts)
    labels = np.full((*windows.shape, 2), np.nan, dtype=np.float32)
    return changed(fonts, {UNLABELLED: replace(first, windows=windows, window_labels=labels)})


def learning(fonts: Sequence[PreparedData]) -> PreparedData:
    """The songs of a fold; each copy of a training song is in a random font in each epoch.

    Validation songs are used for training, too. The trainer, which needs some, gets half of the training songs, so that
    it usually keeps the last epoch.
    """
    splits = {name: [font.split(name) for font in fonts] for name in fonts[0].splits}
    assert all(one.song_ids == found[0].song_ids for found in splits.values() for one in found)
    train = []
    for found in (splits["train"], splits["val"]):
        windows = np.stack([one.rows for one in found], axis=1)
        labels = np.repeat(found[0].labels[:, None], windows.shape[1], axis=1)
        train.append(replace(found[0], name="train", windows=windows, window_labels=labels))
    return changed(
        fonts,
        {
            "train": joined(train * COPIES),
            "val": every_other(joined([splits["train"][0], splits["val"][0]])),
            "test": splits["test"][0],
        },
    )


def joined(parts: Sequence[Split]) -> Split:
    """Concatenate splits."""
    return replace(
        parts[0],
        song_ids=tuple(song for part in parts for song in part.song_ids),
        groups=tuple(group for part in parts for group in part.groups),
        rows=np.concatenate([part.rows for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        windows=np.concatenate([part.windows for part in parts]),
        window_labels=np.concatenate([part.window_labels for part in parts]),
    )


def every_other(split: Split) -> Split:
    """Half of the songs, as validation songs."""
    return replace(
        split,
        name="val",
        song_ids=split.song_ids[::2],
        groups=split.groups[::2],
        rows=split.rows[::2],
        labels=split.labels[::2],
        windows=split.windows[::2],
        window_labels=split.window_labels[::2],
    )


def changed(fonts: Sequence[PreparedData], splits: dict[str, Split]) -> PreparedData:
    """The first of the fonts with other splits, and a fingerprint of its own."""
    digest = hashlib.sha256("".join(font.sheet.fingerprint for font in fonts).encode())
    for split in splits.values():
        digest.update(split.windows.tobytes())
    sheet = replace(fonts[0].sheet, fingerprint=digest.hexdigest())
    return replace(fonts[0], sheet=sheet, splits=splits)
