"""The sources of songs: data sets with a reader, CSVs and folders of audio, told apart by their content."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sentio_mobile._internal.records import replace
from sentio_mobile.audio.find import endings, find_audio, is_audio_name
from sentio_mobile.data.config import DataRecipe, TableSettings
from sentio_mobile.data.data_set import SetFacts, Source, read_data_set
from sentio_mobile.data.layouts import folders_below, header_of
from sentio_mobile.data.manifest import read_manifest
from sentio_mobile.data.norms import Norms, read_norms
from sentio_mobile.data.scales import one_sided
from sentio_mobile.data.songs import LabelSource, Song, require_printable
from sentio_mobile.errors import LabelError

_CAREFUL: tuple[LabelSource, ...] = ("generated", "tags", "rated")
"""Where labels come from, the weakest evidence first: several sets together are said to be of the weakest kind."""


def read_sources(sources: Sequence[Path], recipe: DataRecipe) -> Source:
    """Read one or several sources, each on its scale. Songs of several keep the name of theirs, which ids begin with.

    Args:
        sources: As `read_source` takes them.
        recipe: Settings of data preparation. Its `tables` are those of the CSVs, in their order.

    Raises:
        LabelError: Something in a source is wrong, or labelled and unlabelled ones are mixed.
    """
    tables = [source for source in sources if not source.is_dir()]
    if len(recipe.tables) > 1 and len(recipe.tables) != len(tables):
        raise LabelError(
            f"{len(recipe.tables)} scales or lists of columns are given for {len(tables)} CSVs; give one for all, or "
            "one for each in their order"
        )
    numbers = iter(range(len(tables)))
    found = [
        read_source(source, recipe, TableSettings() if source.is_dir() else recipe.table(next(numbers)))
        for source in sources
    ]
    return found[0] if len(found) == 1 else _join(sources, found)


def _join(sources: Sequence[Path], found: Sequence[Source]) -> Source:
    if len({source.resolve() for source in sources}) < len(sources):
        raise LabelError(f"{sources[0]}: is given twice; give each source once")
    if bare := [source for source, one in zip(sources, found, strict=True) if one.labels == "none"]:
        raise LabelError(f"{bare[0]}: has no labels; prepare songs without labels in a folder of their own")
    names: list[str] = []
    for source in sources:
        stem = (source if source.is_dir() else source.with_suffix("")).resolve().name or "songs"
        same = sum(name.partition("~")[0] == stem for name in names)
        names.append(f"{stem}~{same + 1}" if same else stem)
    songs = [
        replace(song, song_id=f"{name}/{song.song_id}", group=f"{name}/{song.group}", source=name)
        for name, one in zip(names, found, strict=True)
        for song in one.songs
    ]
    return Source(
        songs=songs,
        root=Path(os.path.commonpath([one.root.absolute() for one in found])),
        layout="several",
        labels=next(kind for kind in _CAREFUL if any(one.labels == kind for one in found)),
        scale=found[0].scale if len({one.scale for one in found}) == 1 else "",
        notes=tuple(note for one in found for note in one.notes),
        sets=tuple(
            SetFacts(name=name, layout=one.layout, scale=one.scale, labels=one.labels, songs=len(one.songs))
            for name, one in zip(names, found, strict=True)
        ),
    )


def read_source(source: Path, recipe: DataRecipe, table: TableSettings | None = None) -> Source:
    """Read the songs of a data set's root folder, of a manifest CSV, or of a folder of audio without labels.

    Args:
        source: The folder or the CSV.
        recipe: Scale and columns of a manifest, norms of words, and the kind of labels: static or, where the data set
            has them, dynamic.
        table: Scale and columns of a manifest, in place of those of the recipe.

    Raises:
        LabelError: There is no such source, or something in it is wrong.
    """
    if not os.path.exists(source):  # noqa: PTH110 - Path.exists fails on a name that is too long
        raise LabelError(
            f"{source}: cannot be read (no such file or folder); give a data set's root folder, a CSV, or a folder of "
            "audio"
        )
    if is_audio_name(source.name) and not source.is_dir():
        raise LabelError(f"{source}: is one audio file; give the folder that it lies in, or a CSV that names it")
    norms = read_norms(Path(recipe.norms), recipe.norms_scale) if recipe.norms else None
    found = _read(source, recipe, table or recipe.table(0), norms)
    if norms is not None and found.labels != "tags":
        raise LabelError(f"{source}: has no tags for the norms of {norms.path}; name their column: --columns tags=NAME")
    if found.labels == "none":
        return found
    labels = np.array([(song.valence, song.arousal) for song in found.songs], dtype=np.float64)
    return replace(found, notes=(*found.notes, *one_sided(labels, found.scale, source.name)))


def _read(source: Path, recipe: DataRecipe, table: TableSettings, norms: Norms | None) -> Source:
    dynamic = recipe.labels == "dynamic"
    if source.is_dir():
        if found := read_data_set(source, recipe):
            return found
        _refuse_dynamic(dynamic, source)
        songs, notes = read_folder(source)
        notes = (*notes, *_like_labels(source))
        return Source(songs=songs, root=source, layout="folder", labels="none", scale="", notes=notes)
    _refuse_dynamic(dynamic, source)
    header = header_of(source)
    if table.columns or "path" in header or not {"musicId", "song_id", "TRACK_ID", "Song"} & set(header):
        return read_manifest(source, table, norms)
    for root in (source.parent, *source.parent.parents[:2]):
        try:
            found = None if root == Path(root.anchor) else read_data_set(root, recipe)
        except LabelError:
            # A part of the data set lies elsewhere, perhaps in the next folder above.
            continue
        if found:
            raise LabelError(
                f"{source}: is a table of the data set {found.layout!r}; give the root folder {root}, or name the "
                "columns: --columns path=NAME valence=NAME arousal=NAME"
            )
    return read_manifest(source, table, norms)


def _like_labels(folder: Path) -> tuple[str, ...]:
    """A note on CSVs in a folder of audio that look like labels, so that a labelled set is not taken for another."""
    for place in folders_below(folder):
        for path in sorted(place.glob("*.[ct]sv")):
            names = " ".join(header_of(path)).lower()
            if "valence" in names and "arousal" in names:
                return (
                    f"{path.relative_to(folder)} looks like a table of labels, and is not read: give it in place of "
                    "the folder, with --columns path=NAME valence=NAME arousal=NAME",
                )
    return ()


def read_folder(root: Path) -> tuple[list[Song], tuple[str, ...]]:
    """Find the audio files below a folder, at any depth, in the order of their paths, without labels.

    A song's id is its path below `root` without the suffix, or with it where two files differ only by that. Its group
    is its folder, which is usually an album. Files directly in `root` are groups of their own.

    Returns:
        The songs, and what was passed over.

    Raises:
        LabelError: There is no audio file, or a name has a control character.
    """
    found = find_audio(root)
    if not found.files:
        passed = "".join(f"; {note.removeprefix(f'{root}: ')}" for note in (*found.faults, *found.notes))
        raise LabelError(
            f"{root}: holds no audio file ({endings()}){passed}; give a data set's root folder, a CSV, or a folder of "
            "audio"
        )
    files = sorted((file.relative_to(root) for file in found.files), key=Path.as_posix)
    stems = Counter(file.with_suffix("") for file in files)
    songs = []
    for file in files:
        require_printable(file.as_posix(), str(root), "file name")
        song_id = (file.with_suffix("") if stems[file.with_suffix("")] == 1 else file).as_posix()
        album = file.parent.as_posix()
        group = song_id if album == "." else album
        songs.append(Song(song_id=song_id, path=root / file, valence=None, arousal=None, group=group))
    return songs, (*found.faults, *found.notes)


def _refuse_dynamic(dynamic: bool, source: Path) -> None:
    if dynamic:
        raise LabelError(f"{source}: has no dynamic labels, only DEAM has; use static labels")
