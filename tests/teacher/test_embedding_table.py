"""Embeddings that a user has as a table: rows by song and second become steps of clips, or one clear line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from pyarrow import parquet
from support import Refused, Sentio

from sentio_mobile._internal.records import replace
from sentio_mobile.data.clip_table import SONGS, read_clip_rows
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.errors import DataError, LabelError
from sentio_mobile.models.encoders.clip_embeddings import read_clip_embeddings
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.embedding_table import map_table, read_table

RATE, SECONDS = 8000, 4.0
SPEC = AudioSpec(sample_rate=RATE, seconds=SECONDS, n_fft=512, hop_length=256, n_mels=32, f_max=4000)
HEADER = "song_id,time_s,e0,e1"


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """Three songs, with windows from 0 and from 2 s on."""
    folder = tmp_path_factory.mktemp("music")
    for number in range(3):
        sound = np.random.default_rng(number).uniform(-0.5, 0.5, 6 * RATE)
        soundfile.write(folder / f"{number}.wav", sound, RATE)
    out = folder.parent / f"{folder.name}-prepared"
    prepare(folder, out, recipe=DataRecipe(windows=2), audio=SPEC)
    return open_data(out)


def names(data: PreparedData) -> list[str]:
    return list(dict.fromkeys(row.song_id for row in read_clip_rows(data.folder / SONGS)))


def write(path: Path, lines: list[str], header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def whole(data: PreparedData, hop: float = 1.0) -> list[str]:
    """Rows for all songs: the second, and the song's number."""
    seconds = np.arange(0, 6, hop)
    return [f"{name},{second:g},{second:g},{number}" for number, name in enumerate(names(data)) for second in seconds]


def test_windows_get_the_rows_within_them(songs: PreparedData, sentio: Sentio, tmp_path: Path) -> None:
    table, out = write(tmp_path / "mine.csv", whole(songs)), tmp_path / "e.safetensors"
    result = sentio("teacher", "embed", "--data", songs.folder, "--from-table", table, "--out", out)
    assert result.exit_code == 0, result.output
    found = read_clip_embeddings(out)
    for row in read_clip_rows(songs.folder / SONGS):
        steps = found.embeddings[found.rows_of(songs.store.checksums[row.row], songs.folder)]
        np.testing.assert_array_equal(steps[:, 0], row.start + np.arange(4))
        assert (steps[:, 1] == names(songs).index(row.song_id)).all()
    assert (found.info.name, found.info.size, found.info.hop_s, found.tags) == ("mine", 2, 1.0, None)


def test_parquet_gives_what_a_csv_gives(songs: PreparedData, tmp_path: Path) -> None:
    rows = [line.split(",") for line in whole(songs)]
    columns = {"song_id": [row[0] for row in rows]}
    columns |= {name: [float(row[i]) for row in rows] for i, name in enumerate(HEADER.split(",")) if i}
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    of_parquet = map_table(read_table(tmp_path / "t.parquet"), [songs])
    of_csv = map_table(read_table(write(tmp_path / "t.csv", whole(songs))), [songs])
    assert list(of_parquet.steps) == list(of_csv.steps)
    for checksum, steps in of_csv.steps.items():
        np.testing.assert_array_equal(of_parquet.steps[checksum].embeddings, steps.embeddings)


def test_rows_that_are_dense_are_averaged_and_gaps_are_bridged(songs: PreparedData, tmp_path: Path) -> None:
    dense = map_table(read_table(write(tmp_path / "t.csv", whole(songs, 0.25))), [songs], step=2)
    first = next(iter(dense.steps.values())).embeddings
    np.testing.assert_allclose(first[:, 0], [0.875, 2.875])
    first_song = names(songs)[0]
    holes = [line for line in whole(songs) if line not in (f"{first_song},1,1,0", f"{first_song},3,3,0")]
    bridged = next(iter(map_table(read_table(write(tmp_path / "t.csv", holes)), [songs]).steps.values())).embeddings
    np.testing.assert_allclose(bridged[:, 0], [0, 1, 2, 2])


def test_one_row_a_song_is_one_step(songs: PreparedData, tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "t.csv", [line for line in whole(songs) if ",3," in line]))
    assert {len(steps.embeddings) for steps in map_table(table, [songs]).steps.values()} == {1}


def test_missing_songs_are_counted_and_named(songs: PreparedData, refused: Refused, tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", [line for line in whole(songs) if not line.startswith(names(songs)[1])])
    line = refused(
        f"1 of 3 songs cannot be embedded, more than 5%; the first: {names(songs)[1]}: has no row in {table}",
        *("teacher", "embed", "--data", songs.folder, "--from-table", table, "--out", tmp_path / "e"),
    )
    assert "song_id must be as in songs.csv" in line
    assert not (tmp_path / "e").exists()


def test_moments_without_rows_are_named(songs: PreparedData, tmp_path: Path) -> None:
    early = [line for line in whole(songs) if float(line.split(",")[1]) < 2]
    with pytest.raises(DataError, match=r"3 of 3 songs .* has no row from 2 to 6 s in"):
        map_table(read_table(write(tmp_path / "t.csv", early)), [songs])


def test_folders_of_other_clips_are_refused(songs: PreparedData, tmp_path: Path) -> None:
    other = replace(songs, sheet=replace(songs.sheet, audio=replace(SPEC, seconds=3.0)))
    with pytest.raises(DataError, match="same settings"):
        map_table(read_table(write(tmp_path / "t.csv", whole(songs))), [songs, other])


WRONG: dict[str, tuple[str, list[str], str]] = {
    "no song": ("song,time_s,e0", ["a,0,1"], "has no column 'song_id'; it has song, time_s, e0"),
    "no time": ("song_id,second,e0", ["a,0,1"], "has no column 'time_s'"),
    "no values": ("song_id,time_s", ["a,0"], "has 0 columns of values"),
    "column twice": ("song_id,time_s,e0,e0", ["a,0,1,1"], "names the column 'e0' twice"),
    "no rows": (HEADER, [], "has a header and no rows"),
    "text": (HEADER, ["a,0,1,2", "a,1,1,loud"], "row 3: 'loud' in the column 'e1' is not a number"),
    "empty": (HEADER, ["a,0,,2"], "row 2: '' in the column 'e0' is not a number"),
    "time": (HEADER, ["a,0:01,1,2"], "row 2: '0:01' in the column 'time_s' is not a number"),
    "nan": (HEADER, ["a,0,1,2", "a,1,1,nan"], "row 3: nan in the column 'e1' is not from"),
    "infinity": (HEADER, ["a,0,1,2", "a,inf,1,2"], "row 3: inf in the column 'time_s' is not from"),
    "large": (HEADER, ["a,0,1,70000"], "row 2: 70000 in the column 'e1' is not from -65,504 to 65,504"),
    "widths": (HEADER, ["a,0,1,2", "a,1,1"], "row 3: has 3 values for 4 columns"),
    "moment twice": (HEADER, ["a,0,1,2", "b,0,1,2", "a,0,3,4"], "song 'a' has two rows at 0 s"),
}


@pytest.mark.parametrize(("header", "lines", "words"), WRONG.values(), ids=WRONG)
def test_wrong_tables_are_refused_in_one_line(header: str, lines: list[str], words: str, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=words) as caught:
        read_table(write(tmp_path / "t.csv", lines, header))
    assert str(caught.value).startswith(str(tmp_path / "t.csv"))
    assert "\n" not in str(caught.value)


def no_parquet(path: Path) -> None:
    path.write_bytes(b"PAR1 no such file PAR1")


def null(path: Path) -> None:
    parquet.write_table(pa.table({"song_id": ["a", "a"], "time_s": [0.0, 1.0], "e0": [1.0, None]}), path)


def text(path: Path) -> None:
    parquet.write_table(pa.table({"song_id": ["a"], "time_s": [0.0], "e0": ["1"]}), path)


def lists(path: Path) -> None:
    parquet.write_table(pa.table({"song_id": ["a"], "time_s": [0.0], "e": [[1.0, 2.0]]}), path)


def none(path: Path) -> None:
    parquet.write_table(
        pa.table(
            {
                "song_id": pa.array([], pa.string()),
                "time_s": pa.array([], pa.float64()),
                "e": pa.array([], pa.float32()),
            }
        ),
        path,
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (no_parquet, "cannot be read as Parquet"),
        (null, "record 2: nan in the column 'e0'"),
        (text, "the column 'e0' is of the type string, not of numbers"),
        (lists, "the column 'e' is of the type list.*, not of numbers"),
        (none, "has no rows"),
        (lambda path: None, "cannot be read"),
    ],
)
def test_wrong_parquet_is_refused_in_one_line(make: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    make(tmp_path / "t.parquet")
    with pytest.raises(LabelError, match=words) as caught:
        read_table(tmp_path / "t.parquet")
    assert "\n" not in str(caught.value)
