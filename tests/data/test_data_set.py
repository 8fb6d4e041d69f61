"""A reader of another package: one file and one entry point, from a folder to prepared data."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import sentio_mobile
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.sources import read_source
from sentio_mobile.errors import InputError

MODULE = """
from sentio_mobile.data.data_set import Source
from sentio_mobile.data.songs import Song, numbered_rows, read_label


def read(folder, recipe):
    table = folder / "toy.csv"
    if not table.is_file():
        return None
    songs = [
        Song(
            song_id=row["id"],
            path=folder / f"{row['id']}.wav",
            valence=SCALE * read_label(row["pleasant"], "1-9", f"{table}, row {number}"),
            arousal=read_label(row["energetic"], "1-9", f"{table}, row {number}"),
            group=row["artist"],
        )
        for number, row in numbered_rows(table, ("id", "pleasant", "energetic", "artist"))
    ]
    return Source(songs=songs, root=folder, layout="toy", labels="rated", notes=("a toy",))
"""


@pytest.fixture
def add_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Add a package as pip would install it, with one module and one entry point."""

    def add(module: str) -> None:
        folder = tmp_path / "site"
        info = folder / "toy_data_set-1.0.dist-info"
        info.mkdir(parents=True)
        (folder / "toy_data_set.py").write_text(module)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-data-set\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[sentio_mobile.data_sets]\ntoy = toy_data_set:read\n")
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, "toy_data_set", raising=False)

    return add


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """A data set in the toy layout."""
    folder = tmp_path / "music"
    folder.mkdir()
    rng = np.random.default_rng(0)
    lines = ["id,pleasant,energetic,artist"]
    for i in range(30):
        soundfile.write(folder / f"{i}.wav", 0.1 * rng.standard_normal(22050), 22050)
        lines.append(f"{i},{1 + i % 9},{9 - i % 7},artist {i // 2}")
    (folder / "toy.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_reader_of_another_package_goes_from_a_folder_to_prepared_data(
    add_package: Callable[[str], None], music: Path, tmp_path: Path
) -> None:
    assert read_source(music, DataRecipe()).layout == "folder"
    add_package(MODULE.replace("SCALE", "1"))
    data = sentio_mobile.prepare(music, out=tmp_path / "out", fractions=(0.6, 0.2, 0.2))
    assert (data.sheet.layout, data.sheet.labels, data.sheet.scale) == ("toy", "rated", "")
    assert data.sheet.notes == ("a toy",)
    assert sum(len(split) for split in data.splits.values()) == 30
    (music / "toy.csv").unlink()
    assert read_source(music, DataRecipe()).layout == "folder"


@pytest.mark.parametrize(
    ("module", "fault"),
    [
        (
            "def read(folder, recipe):\n    return 1 / 0\n",
            r"of toy-data-set failed \(ZeroDivisionError: division by zero",
        ),
        (
            "def read(folder, recipe):\n    return [1]\n",
            "of toy-data-set returned no songs; tell the package's authors",
        ),
        ("nonsense", "of toy-data-set failed .NameError"),
        (MODULE.replace("SCALE", "3"), "song '0' has a label outside"),
        (
            MODULE.replace('row["artist"]', '"a\\rb"').replace("SCALE", "1"),
            r"the group 'a\\rb' has a control character",
        ),
        (MODULE.replace('song_id=row["id"]', 'song_id="1"').replace("SCALE", "1"), "song '1' is there twice"),
        (MODULE.replace('"rated"', '"none"').replace("SCALE", "1"), "song '0' has 2 labels, and none are expected"),
    ],
)
def test_reader_with_a_fault_is_one_line_that_names_its_package(
    add_package: Callable[[str], None], music: Path, module: str, fault: str
) -> None:
    add_package(module)
    with pytest.raises(InputError, match=fault) as caught:
        read_source(music, DataRecipe())
    assert str(caught.value).startswith(f"{music}: the reader 'toy' of toy-data-set")
    assert "\n" not in str(caught.value)


def test_reader_without_dynamic_labels_is_refused_for_them(add_package: Callable[[str], None], music: Path) -> None:
    add_package(MODULE.replace("SCALE", "1"))
    with pytest.raises(InputError, match="has no dynamic labels; use static labels"):
        read_source(music, DataRecipe(labels="dynamic"))
