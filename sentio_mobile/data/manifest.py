"""Any labelled library as a CSV: `path,valence_mean,arousal_mean[,group][,song_id]`; other columns are left alone."""

from __future__ import annotations

from pathlib import Path

from sentio_mobile.data.songs import Song, read_label, read_rows
from sentio_mobile.errors import LabelError


def read_manifest(path: Path, scale: str) -> list[Song]:
    """The songs of a manifest. Paths are relative to the manifest's folder; a song without a group is its own.

    Args:
        path: the CSV.
        scale: a key of `SCALES`: the scale that the labels are on.

    Raises:
        LabelError: the file, a column, a label or an id is not what it must be.
    """
    songs: dict[str, Song] = {}
    for number, row in enumerate(read_rows(path, ("path", "valence_mean", "arousal_mean")), start=2):
        where = f"{path}, row {number}"
        if not row["path"]:
            raise LabelError(f"{where}: has no path; name its audio file")
        song_id = row.get("song_id") or Path(row["path"]).with_suffix("").as_posix()
        if song_id in songs:
            raise LabelError(f"{where}: song {song_id!r} stands in the file twice; remove one")
        songs[song_id] = Song(
            song_id=song_id,
            path=path.parent / row["path"],
            valence=read_label(row["valence_mean"], scale, f"{where}, valence_mean"),
            arousal=read_label(row["arousal_mean"], scale, f"{where}, arousal_mean"),
            group=row.get("group") or song_id,
        )
    return list(songs.values())
