"""PMEmo (Zhang et al. 2018): choruses of 767 pop songs with mean ratings from 0 to 1, found from its root.

PMEmo2019/annotations/static_annotations.csv      musicId, Arousal(mean), Valence(mean)
PMEmo2019/annotations/static_annotations_std.csv  musicId, Arousal(std), Valence(std)
PMEmo2019/chorus/1.mp3
PMEmo2019/metadata.csv                            musicId, fileName, title, artist, ...
"""

from __future__ import annotations

from pathlib import Path

from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.data_set import Source
from sentio_mobile.data.layouts import find_table
from sentio_mobile.data.sets.static_table import StaticTable, read_static
from sentio_mobile.errors import LabelError

LAYOUT = StaticTable(
    name="PMEmo",
    columns=("musicId", "Valence(mean)", "Arousal(mean)"),
    spreads=("Valence(std)", "Arousal(std)"),
    scale="0-1",
    raters=10,
    audio="chorus",
    group=("musicId", "artist"),
)


def read(folder: Path, recipe: DataRecipe) -> Source | None:
    """Read PMEmo below a folder; None if it is not there.

    Raises:
        LabelError: A table is wrong, there is no audio, or dynamic labels are asked for.
    """
    table = find_table(folder, "static_annotations*.csv", LAYOUT.columns)
    if table is None:
        return None
    if recipe.labels == "dynamic":
        raise LabelError(f"{folder}: PMEmo's dynamic labels are not read; use static labels")
    return read_static(
        folder,
        LAYOUT,
        table,
        spreads=find_table(table.parent, "static_annotations*.csv", (LAYOUT.columns[0], *LAYOUT.spreads)),
        facts=find_table(folder, "metadata.csv", LAYOUT.group),
    )
