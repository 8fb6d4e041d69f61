"""emoMusic, or 1000 Songs (Soleymani et al. 2013): clips of 45 s with mean ratings from 1 to 9, found from its root.

annotations/static_annotations.csv   song_id, mean_arousal, std_arousal, mean_valence, std_valence
annotations/songs_info.csv           song_id, file_name, Artist, Song title, ...
clips_45seconds/2.mp3
"""

from __future__ import annotations

from pathlib import Path

from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.data_set import Source
from sentio_mobile.data.layouts import find_table
from sentio_mobile.data.sets.static_table import StaticTable, read_static
from sentio_mobile.errors import LabelError

LAYOUT = StaticTable(
    name="emoMusic",
    columns=("song_id", "mean_valence", "mean_arousal"),
    spreads=("std_valence", "std_arousal"),
    scale="1-9",
    raters=10,
    audio="clips_45seconds",
    group=("song_id", "Artist"),
)


def read(folder: Path, recipe: DataRecipe) -> Source | None:
    """Read emoMusic below a folder; None if it is not there.

    Raises:
        LabelError: A table is wrong, there is no audio, or dynamic labels are asked for.
    """
    table = find_table(folder, "static_annotations*.csv", LAYOUT.columns)
    if table is None:
        return None
    if recipe.labels == "dynamic":
        raise LabelError(f"{folder}: emoMusic's dynamic labels are not read; use static labels")
    return read_static(
        folder,
        LAYOUT,
        table,
        spreads=find_table(table.parent, table.name, (LAYOUT.columns[0], *LAYOUT.spreads)),
        facts=find_table(folder, "songs_info*.csv", LAYOUT.group),
    )
