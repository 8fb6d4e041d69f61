"""Research scripts as modules, and the table of songs that they cross-validate over."""

import csv
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from sentio_mobile.data.clip_table import SONGS, read_clip_rows
from sentio_mobile.data.prepared import PreparedData

FOLDER = Path(__file__).parents[3] / "benchmarks" / "research"


@pytest.fixture
def load_script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Import a script and those of its folder that it imports, until the test is over: their names are common."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module
    for script in FOLDER.glob("*.py"):
        sys.modules.pop(script.stem, None)


@pytest.fixture
def songs_csv(data: PreparedData, deam: Path, tmp_path: Path) -> Path:
    """Twenty of the small songs, two in a group, with the quadrant that their labels lie in."""
    with (tmp_path / "songs.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("path", "song_id", "group", "valence_mean", "arousal_mean", "v_high", "a_high"))
        for i, row in enumerate(read_clip_rows(data.folder / SONGS)[:20]):
            label = (row.valence or 0, row.arousal or 0)
            highs = [int(value > 0) for value in label]
            table.writerow((deam / row.path, row.song_id, f"g{i // 2}", *(5 + 4 * value for value in label), *highs))
    return tmp_path / "songs.csv"
