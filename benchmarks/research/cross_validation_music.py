"""What `cross_validation.py` learns from and judges by: folds of whole groups, in several sound fonts."""

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

TURNS = 3
"""Turns of each labelled song in an epoch: a batch of mostly sides has too few labels for a concordance."""
HELD_OUT = "held out"


@dataclass(frozen=True)
class Music:
    """One sound font's folder: labelled songs, music with sides to learn from, and music with sides to judge by."""

    folder: Path
    songs: list[Row]
    sided: list[Row]
    held_out: list[Row]


@dataclass(frozen=True)
class Material:
    """All that is learnt from and judged by.

    Attributes:
        fonts: names of all sound fonts, the heard ones first.
        folds: prepared songs by fold and font.
        sided: music with sides in all heard fonts, and those sides.
        held_out: music with sides in the first font, and those sides.
        features: of all songs by font [songs, 164], in the order of `songs`; and of `HELD_OUT`.
        songs: the songs.
        heard: how many of the fonts are heard.
    """

    fonts: tuple[str, ...]
    folds: list[dict[str, PreparedData]]
    sided: tuple[PreparedData, WeakLabels]
    held_out: tuple[PreparedData, WeakLabels]
    features: dict[str, Array]
    songs: list[Row]
    heard: int

    @property
    def truth(self) -> Array:
        """Labels [songs, 2] in [-1, 1], in the order of `songs`."""
        return labels_of(self.songs)

    def places(self, fold: int, split: str) -> NDArray[np.int64]:
        """Where the songs of a split stand among all."""
        where = {row["song_id"]: i for i, row in enumerate(self.songs)}
        return np.array([where[song] for song in self.folds[fold][self.fonts[0]].split(split).song_ids])


def made_ready(heard: Sequence[Path], unheard: Sequence[Path], count: int, work: Path, store: Path) -> Material:
    """Every clip stored once, every fold prepared in every font, every feature worked out, or what stands there."""
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
            given = SplitList(work / "folds", split)
            places[font, str(number)] = prepared(one, one.songs, work / font / f"fold-{number}", store, given)
    for one, font in zip(music[: len(heard)], fonts, strict=False):
        places[font, "sided"] = prepared(one, one.sided, work / font / "sided", store)
    places[fonts[0], HELD_OUT] = prepared(music[0], music[0].held_out, work / fonts[0] / "held-out", store)
    # Opened when all is stored, so that the map of the store shows every clip.
    opened = {key: open_data(place) for key, place in places.items()}
    features = {font: kept_features(one.folder, one.songs, work / font) for one, font in zip(music, fonts, strict=True)}
    features[HELD_OUT] = kept_features(music[0].folder, music[0].held_out, work / fonts[0] / "held-out")
    known = [
        sides_file(rows, work / f"{name}.csv")
        for name, rows in (("sided", music[0].sided), (HELD_OUT, music[0].held_out))
    ]
    return Material(
        fonts=fonts,
        folds=[{font: opened[font, str(number)] for font in fonts} for number in range(count)],
        sided=(together([opened[font, "sided"] for font in fonts[: len(heard)]]), known[0]),
        held_out=(opened[fonts[0], HELD_OUT], known[1]),
        features=features,
        songs=music[0].songs,
        heard=len(heard),
    )


def read_music(folder: Path) -> Music:
    """The rows of a rendered folder, parted; music whose group is judged by is not learnt from."""
    needed = ("path", "song_id", "group", "split", "valence_mean", "arousal_mean", "v_high", "a_high")
    rows = read_rows(folder / "manifest.csv", needed)
    sided = [row for row in rows if not row["valence_mean"]]
    judged = {row["group"] for row in sided if row["split"] == "val"}
    return Music(
        folder,
        [row for row in rows if row["valence_mean"]],
        [row for row in sided if row["group"] not in judged],
        [row for row in sided if row["split"] == "val"],
    )


def labels_of(songs: Sequence[Row]) -> Array:
    """Valence and arousal [songs, 2] in [-1, 1]."""
    people = [[float(row["valence_mean"]), float(row["arousal_mean"])] for row in songs]
    return ((np.array(people) - 5) / 4).astype(np.float32)


def folds_of(songs: Sequence[Row], count: int, seed: int = 0) -> list[dict[str, str]]:
    """The split of each song in each fold: whole groups, quadrants spread, about a fifth of the rest for validation."""
    high, groups = labels_of(songs) > 0, np.array([row["group"] for row in songs])
    quadrants = 2 * high[:, 0] + high[:, 1]

    def parts(rows: NDArray[np.int64], number: int) -> list[NDArray[np.int64]]:
        dealt = StratifiedGroupKFold(number, shuffle=True, random_state=seed)
        return [rows[part] for _, part in dealt.split(rows, quadrants[rows], groups[rows])]

    folds = []
    for test in parts(np.arange(len(songs)), count):
        rest = np.setdiff1d(np.arange(len(songs)), test)
        # A group that is larger than a fifth makes a part too large.
        val = min(parts(rest, 5), key=lambda part: abs(len(part) - len(rest) / 5))
        split = dict.fromkeys((songs[i]["song_id"] for i in rest), "train")
        split |= dict.fromkeys((songs[i]["song_id"] for i in val), "val")
        folds.append(split | dict.fromkeys((songs[i]["song_id"] for i in test), "test"))
    return folds


def prepared(music: Music, rows: Sequence[Row], out: Path, store: Path, splits: SplitList | None = None) -> Path:
    """Some rows of a folder as a prepared folder; without splits, without labels."""
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


def sides_file(rows: Sequence[Row], place: Path) -> WeakLabels:
    """The sides of rows, as a file of their own."""
    lines = [f"{row['song_id']},{row['v_high']},{row['a_high']}" for row in rows]
    write_text(place, "\n".join(["song_id,v_high,a_high", *lines]) + "\n")
    return read_weak_labels(place)


def sides_of(music: tuple[PreparedData, WeakLabels]) -> Array:
    """Sides [clips, 2] in the order of the prepared folder."""
    return music[1].of(music[0])


def kept_features(folder: Path, rows: Sequence[Row], work: Path) -> Array:
    """The features of clips [clips, 164], worked out once."""
    place, audio = work / "features.npy", AudioSpec()
    if not place.is_file():
        clips = (fit_length(decode(folder / row["path"], audio.sample_rate, 0.0, audio.seconds), audio) for row in rows)
        file = io.BytesIO()
        np.save(file, np.stack([extract_features(clip, audio.sample_rate) for clip in clips]), allow_pickle=False)
        write_bytes(place, file.getvalue())
    return np.asarray(np.load(place, allow_pickle=False))


def together(fonts: Sequence[PreparedData]) -> PreparedData:
    """Music without labels, each clip in one of the fonts in each epoch."""
    windows = np.stack([font.split(UNLABELLED).rows for font in fonts], axis=1)
    first = fonts[0].split(UNLABELLED)
    assert all(font.split(UNLABELLED).song_ids == first.song_ids for font in fonts)
    labels = np.full((*windows.shape, 2), np.nan, dtype=np.float32)
    return changed(fonts, {UNLABELLED: replace(first, windows=windows, window_labels=labels)})


def learning(fonts: Sequence[PreparedData]) -> PreparedData:
    """A fold's songs: those to learn from in one of the fonts at each of their turns.

    Validation songs are learnt from too; the trainer, which asks for some, is given half of those that it learns
    from, and so keeps what knows these best: most often the last epoch.
    """
    splits = {name: [font.split(name) for font in fonts] for name in fonts[0].splits}
    assert all(one.song_ids == found[0].song_ids for found in splits.values() for one in found)
    learnt = []
    for found in (splits["train"], splits["val"]):
        windows = np.stack([one.rows for one in found], axis=1)
        labels = np.repeat(found[0].labels[:, None], windows.shape[1], axis=1)
        learnt.append(replace(found[0], name="train", windows=windows, window_labels=labels))
    return changed(
        fonts,
        {
            "train": joined(learnt * TURNS),
            "val": every_other(joined([splits["train"][0], splits["val"][0]])),
            "test": splits["test"][0],
        },
    )


def joined(parts: Sequence[Split]) -> Split:
    """Splits one after the other."""
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
    """The first of the fonts with other splits, and a fingerprint that says so."""
    digest = hashlib.sha256("".join(font.sheet.fingerprint for font in fonts).encode())
    for split in splits.values():
        digest.update(split.windows.tobytes())
    sheet = replace(fonts[0].sheet, fingerprint=digest.hexdigest())
    return replace(fonts[0], sheet=sheet, splits=splits)
