"""A page that shows many songs on the valence-arousal plane: what a team looks at, and listens to, together."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from markupsafe import Markup
from msgspec import Meta

from sentio_mobile._internal.pages import write_page
from sentio_mobile._internal.records import Record, Share, Text, json_bytes
from sentio_mobile.errors import InputError
from sentio_mobile.monitoring.log import read_labels, read_log
from sentio_mobile.monitoring.songs import each_once

MAX_SONGS = 100_000
"""Songs of the largest gallery; a browser is quick with 10,000."""

Value = Annotated[float, Meta(ge=-1, le=1)]


class GallerySong(Record, frozen=True, kw_only=True):
    """One song of a gallery."""

    name: Text  # the song, as the predictions name it
    sound: Text | None  # its file, relative to the page; None for a place that is no file
    group: Text  # its group; empty without one
    predicted: tuple[Value, Value]  # valence and arousal
    label: tuple[Value, Value] | None  # what people said; None without labels
    width: Share | None  # mean half width of its intervals; None where it has none


def gallery_songs(
    predictions: Sequence[Path], *, page: Path, music: Path | None = None, labels: Path | None = None
) -> tuple[GallerySong, ...]:
    """The songs of a gallery, in the order of the predictions.

    Args:
        predictions: Files that `predict` wrote, or others with their columns.
        page: The page, from which sound is found.
        music: The folder that names of songs start from; the current one by default.
        labels: Labels of songs: the columns song, valence, arousal and, optionally, group.

    Raises:
        InputError: A file is no such table, names no songs, or has too many; or labels name none of them.
        MissingExtraError: A file is Parquet, and pyarrow is not installed.
    """
    log = read_log(predictions, dated=False)
    songs = each_once(log)
    if not songs.names:
        raise InputError(f"{predictions[0]}: has no column 'song'; a gallery needs to know what was predicted")
    if len(songs.names) > MAX_SONGS:
        raise InputError(f"{predictions[0]}: has {len(songs.names):,} songs, more than {MAX_SONGS:,}; give fewer")
    truth, groups = read_labels(labels) if labels else ({}, {})
    if labels and not truth.keys() & set(songs.names):
        raise InputError(f"{labels}: none of its songs is in the predictions; name songs alike in both")
    found = []
    for at, name in enumerate(songs.names):
        valence, arousal = (float(one) for one in songs.values[at, :2])
        low_v, high_v, low_a, high_a = (float(one) for one in songs.bounds[at])
        width = (high_v - low_v + high_a - low_a) / 4
        found.append(
            GallerySong(
                name=name,
                sound=None if "://" in name else _place(name, page, music),
                group=groups.get(name) or (songs.groups[at] if songs.groups else ""),
                predicted=(round(valence, 4), round(arousal, 4)),
                label=truth.get(name),
                width=round(width, 4) if width >= 0 else None,
            )
        )
    return tuple(found)


def write_gallery(page: Path, songs: Sequence[GallerySong], title: str) -> None:
    """Write the page. It is one file, and loads nothing but the sound of the song that is played.

    Args:
        page: The .html file to write.
        songs: The songs.
        title: What the page says it shows.

    Raises:
        OutputError: It cannot be written.
    """
    script = Path(__file__).with_name("gallery.js").read_text(encoding="utf-8")
    # No text of a song may end the element that it stands in.
    data = json_bytes(songs).decode().replace("<", "\\u003c")
    view = {
        "title": title,
        "count": len(songs),
        "groups": sorted({song.group for song in songs} - {""}),
        "labelled": sum(song.label is not None for song in songs),
        "sure": any(song.width is not None for song in songs),
        "data": Markup(data),
        "script": Markup(script),
        "script_hash": f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
    }
    write_page(page, Path(__file__).with_name("gallery.html.j2"), view)


def _place(name: str, page: Path, music: Path | None) -> str:
    sound = Path(os.path.abspath(name if music is None else music / name))  # noqa: PTH100 - links stay as they are
    return quote(Path(os.path.relpath(sound, page.absolute().parent)).as_posix())[:4096]
