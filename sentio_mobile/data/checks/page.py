"""What `data check` found, as one HTML file that loads nothing from anywhere, and as JSON beside it."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.pages import write_page
from sentio_mobile.data.checks.charts import grid_chart, labels_chart, lengths_chart
from sentio_mobile.data.checks.duplicates import NEIGHBOURS
from sentio_mobile.data.checks.fingerprint import ALIKE, NEAR_DB
from sentio_mobile.data.checks.label_distribution import CHANCE
from sentio_mobile.data.checks.report import DataFacts, labels_of
from sentio_mobile.data.clip_table import SONGS, read_clip_rows
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.spec import OUTPUTS

PAGE, FACTS = "check.html", "check.json"


def write_check(folder: Path, data: PreparedData, facts: DataFacts) -> None:
    """Write check.html and check.json.

    Args:
        folder: where to write; made where it is missing.
        data: the prepared folder.
        facts: what `check_data` found in it.

    Raises:
        DataError: songs.csv cannot be read.
        OutputError: `folder` cannot be written.
    """
    songs = [clip for clip in read_clip_rows(data.folder / SONGS) if clip.window == 0]
    labels = {
        split.name: labels_of([song for song in songs if song.split == split.name])
        for split in facts.splits
        if split.grid is not None
    }
    name = data.folder.resolve().name
    view = {
        "name": name,
        "command_name": shlex.quote(name),
        "facts": facts,
        "sheet": data.sheet,
        "audio": data.audio,
        "songs": len(songs),
        "grids": [(s.name, grid_chart(s.name, s.grid)) for s in facts.splits if s.grid is not None],
        "curves": [labels_chart(dimension, {n: v[:, i] for n, v in labels.items()}) for i, dimension in _dimensions()]
        if labels
        else [],
        "lengths": lengths_chart(np.array([song.seconds for song in songs]), data.audio.seconds),
        "limits": {"chance": CHANCE, "near": NEAR_DB, "alike": ALIKE, "neighbours": NEIGHBOURS},
    }
    write_page(folder / PAGE, Path(__file__).with_name("check.html.j2"), view)
    write_json(folder / FACTS, facts.to_dict())


def _dimensions() -> list[tuple[int, str]]:
    return list(enumerate(OUTPUTS))
