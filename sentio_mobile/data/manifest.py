"""Any library as a CSV: `path[,valence_mean,arousal_mean][,group][,song_id]`; other columns are left alone."""

from __future__ import annotations

from pathlib import Path

from sentio_mobile.data.songs import Song, numbered_rows, read_label
from sentio_mobile.errors import LabelError

LABELS: tuple[str, str] = ("valence_mean", "arousal_mean")


def read_manifest(path: Path, scale: str) -> list[Song]:
    """The songs of a manifest. Paths are relative to the manifest's folder; a song without a group is its own.

    Every song is labelled, or, where the manifest has neither column of labels, none is.

    Args:
        path: the CSV, as `read_rows` takes it.
        scale: a key of `SCALES`: the scale that the labels are on.

    Raises:
        LabelError: the file, a column, a label, a path or an id is not what it must be.
    """
    rows = numbered_rows(path, ("path",))
    labelled = _is_labelled(path, list(rows[0][1]))
    songs: dict[str, Song] = {}
    row_of_id: dict[str, int] = {}
    row_of_path: dict[Path, int] = {}
    for number, row in rows:
        where = f"{path}, row {number}"
        if not row["path"]:
            raise LabelError(f"{where}: has no path; name its audio file")
        audio = _audio(path.parent, row["path"])
        song_id = row.get("song_id") or Path(row["path"]).with_suffix("").as_posix()
        if (first := row_of_id.setdefault(song_id, number)) != number:
            raise LabelError(
                f"{where}: song {song_id!r} stands in the file twice (row {first} too); "
                "remove one, or give each a song_id of its own"
            )
        if (first := row_of_path.setdefault(audio, number)) != number:
            raise LabelError(f"{where}: {row['path']} is the audio of row {first} too; remove one")
        valence, arousal = (read_label(row[name], scale, f"{where}, {name}") if labelled else None for name in LABELS)
        songs[song_id] = Song(
            song_id=song_id, path=audio, valence=valence, arousal=arousal, group=row.get("group") or song_id
        )
    return list(songs.values())


def _is_labelled(path: Path, header: list[str]) -> bool:
    """Whether the columns of labels are there; half of them, or a name that is nearly right, is a mistake."""
    missing = [name for name in LABELS if name not in header]
    nearly = [name for name in header if "valence" in name.lower() or "arousal" in name.lower()]
    if missing and nearly:
        raise LabelError(
            f"{path}: has no column {missing[0]!r}; it has {', '.join(header)}; "
            f"name both columns of labels {' and '.join(LABELS)}, or remove every such column to go without labels"
        )
    return not missing


def _audio(root: Path, text: str) -> Path:
    """The file that a manifest means; one written on Windows separates folders by backslashes."""
    if "\\" in text and not (root / text).exists():
        text = text.replace("\\", "/")
    return root / text
