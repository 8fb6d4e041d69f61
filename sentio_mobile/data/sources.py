"""The sources of songs: a data set with a reader, a manifest CSV or a folder of audio, told apart by their content."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from sentio_mobile.audio.find import endings, find_audio, is_audio_name
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.data_set import Source, labels_of, read_data_set
from sentio_mobile.data.songs import Song, numbered_rows, read_label, require_printable
from sentio_mobile.errors import LabelError

LABEL_COLUMNS: tuple[str, str] = ("valence_mean", "arousal_mean")


def read_source(source: Path, recipe: DataRecipe) -> Source:
    """Read the songs of a data set's root folder, of a manifest CSV, or of a folder of audio without labels.

    Args:
        source: The folder or the CSV.
        recipe: Scale of a manifest's labels, and the kind of labels: static or, where the data set has them, dynamic.

    Raises:
        LabelError: There is no such source, or something in it is wrong.
    """
    if not os.path.exists(source):  # noqa: PTH110 - Path.exists fails on a name that is too long
        raise LabelError(
            f"{source}: cannot be read (no such file or folder); give DEAM's root folder, a CSV, or a folder of audio"
        )
    dynamic = recipe.labels == "dynamic"
    if source.is_dir():
        if found := read_data_set(source, recipe):
            return found
        _refuse_dynamic(dynamic, source)
        songs, notes = read_folder(source)
        return Source(songs=songs, root=source, layout="folder", labels="none", scale="", notes=notes)
    if is_audio_name(source.name):
        raise LabelError(f"{source}: is one audio file; give the folder that it lies in, or a CSV that names it")
    _refuse_dynamic(dynamic, source)
    songs = read_manifest(source, recipe.scale)
    if songs[0].valence is None:
        return Source(songs=songs, root=source.parent, layout="manifest", labels="none", scale="")
    labels = labels_of(source.parent)
    return Source(songs=songs, root=source.parent, layout="manifest", labels=labels, scale=recipe.scale)


def read_manifest(path: Path, scale: str) -> list[Song]:
    """Read a CSV with the columns `path[,valence_mean,arousal_mean][,group][,song_id]`; other columns are ignored.

    Paths are relative to the CSV's folder. A song without a group is a group of its own. Either all songs have labels
    or, if the CSV has neither column of labels, none has.

    Args:
        path: The CSV, as `read_rows` takes it.
        scale: Scale of the labels, a key of `SCALES`.

    Raises:
        LabelError: The file, a column, a label, a path or an id is wrong.
    """
    rows = numbered_rows(path, ("path",))
    labelled = _has_labels(path, list(rows[0][1]))
    songs: dict[str, Song] = {}
    row_of_id: dict[str, int] = {}
    row_of_path: dict[Path, int] = {}
    for number, row in rows:
        where = f"{path}, row {number}"
        if not Path(row["path"]).name:
            raise LabelError(f"{where}: has no path; name its audio file")
        for column in ("path", "song_id", "group"):
            require_printable(row.get(column, ""), where, column)
        audio = _audio_file(path.parent, row["path"])
        song_id = row.get("song_id") or Path(row["path"]).with_suffix("").as_posix()
        if (first := row_of_id.setdefault(song_id, number)) != number:
            raise LabelError(
                f"{where}: song {song_id!r} stands in the file twice (row {first} too); "
                "remove one, or give each a song_id of its own"
            )
        if (first := row_of_path.setdefault(audio, number)) != number:
            raise LabelError(f"{where}: {row['path']} is the audio of row {first} too; remove one")
        valence, arousal = (
            read_label(row[name], scale, f"{where}, {name}") if labelled else None for name in LABEL_COLUMNS
        )
        songs[song_id] = Song(
            song_id=song_id, path=audio, valence=valence, arousal=arousal, group=row.get("group") or song_id
        )
    return list(songs.values())


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
            f"{root}: holds no audio file ({endings()}){passed}; give DEAM's root folder, a CSV, or a folder of audio"
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


def _has_labels(path: Path, header: list[str]) -> bool:
    """Whether both columns of labels are there. One of two, or a name that is nearly right, is a mistake."""
    missing = [name for name in LABEL_COLUMNS if name not in header]
    similar = [name for name in header if "valence" in name.lower() or "arousal" in name.lower()]
    if missing and similar:
        raise LabelError(
            f"{path}: has no column {missing[0]!r}; it has {', '.join(header)}; "
            f"name both columns of labels {' and '.join(LABEL_COLUMNS)}, or remove every such column to go without "
            "labels"
        )
    return not missing


def _audio_file(root: Path, text: str) -> Path:
    """The file that a manifest names. A manifest from Windows separates folders by backslashes."""
    if "\\" in text and not os.path.exists(root / text):  # noqa: PTH110 - Path.exists fails on a name that is too long
        text = text.replace("\\", "/")
    return root / text


def _refuse_dynamic(dynamic: bool, source: Path) -> None:
    if dynamic:
        raise LabelError(f"{source}: has no dynamic labels, only DEAM has; use static labels")
