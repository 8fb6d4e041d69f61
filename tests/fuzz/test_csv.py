"""The door of tables: manifests, splits, pseudo-labels and tables of embeddings, and songs.csv read back as written."""

from pathlib import Path

import pytest
from fuzz.cases import NO_FILES, any_bytes, no_file, texts
from fuzz.harness import attempt
from hypothesis import example, given
from hypothesis import strategies as st

from sentio_mobile.data.clip_table import ClipRow, read_clip_rows, write_clip_rows
from sentio_mobile.data.config import TableSettings
from sentio_mobile.data.pseudo_labels import read_pseudo_labels, write_pseudo_labels
from sentio_mobile.data.sources import read_manifest
from sentio_mobile.data.splits import read_splits
from sentio_mobile.teacher.embedding_table import read_table

MANIFEST = b"path,valence_mean,arousal_mean,song_id,group\n" + b"".join(
    b"%d.wav,%.1f,%.1f,s%d,g%d\n" % (i, 1 + i % 8, 9 - i % 8, i, i // 2) for i in range(12)
)
SPLITS = b"song_id,split\n" + b"".join(b"s%d,%s\n" % (i, (b"train", b"val", b"test")[i % 3]) for i in range(12))
PSEUDO = b"clip,valence,arousal\n" + b"".join(b"%016x,%.6f,%.6f\n" % (i * 7, i / 20, -i / 20) for i in range(12))
EMBEDDINGS = b"song_id,time,a,b\n" + b"".join(b"s%d,%d,0.5,%d\n" % (i // 4, i % 4, i) for i in range(12))
TABLES = (MANIFEST, SPLITS, PSEUDO, EMBEDDINGS)
AS_OTHERS = (
    MANIFEST.decode().encode("utf-16"),
    MANIFEST.replace(b",", b";"),
    b"sep=;\n" + MANIFEST,
    b"\xef\xbb\xbf" + SPLITS,
)

READERS = {
    "manifest": lambda path: read_manifest(path, TableSettings(scale="1-9")),
    "splits": read_splits,
    "pseudo-labels": read_pseudo_labels,
    "embeddings": read_table,
}


@pytest.mark.parametrize("reader", READERS)
@given(content=any_bytes(TABLES + AS_OTHERS))
@example(content=b"path\n" + b"x" * 200_000)
@example(content=b'path\n"' + b"x\n" * 1000)
@example(content=b"path,valence_mean,arousal_mean\na.wav,1e999,nan\n")
@example(content=b"song_id,split\n" + b"\x00")
def test_any_bytes_are_a_table_or_one_error(reader: str, content: bytes, place: Path) -> None:
    (place / "table.csv").write_bytes(content)
    attempt("CSV", lambda: READERS[reader](place / "table.csv"), place)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_one_error(kind: str, reader: str, place: Path) -> None:
    path = no_file(kind, place, ".csv")
    assert attempt("CSV", lambda: READERS[reader](path), place) is None


@given(cells=st.lists(st.lists(texts.filter(lambda text: "\x00" not in text), min_size=3, max_size=3), max_size=4))
def test_any_cells_are_a_manifest_or_one_error(cells: list[list[str]], place: Path) -> None:
    lines = ["path,song_id,group", *(",".join('"' + c.replace('"', '""') + '"' for c in row) for row in cells)]
    (place / "songs.csv").write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    source = attempt("CSV", lambda: read_manifest(place / "songs.csv", TableSettings(scale="1-9")), place)
    for song in source.songs if source else []:
        # What is read can be written, and read again.
        _round_trip([(song.song_id, song.group, str(song.path))], place)


SONG = {
    **{"path": "a.wav", "valence_mean": "5.5", "arousal_mean": "3.5", "valence_sd": "0.1", "arousal_sd": "0.1"},
    **{"raters": "9", "start": "1:05", "end": "70.5", "tags": "calm;sad", "group": "g", "song_id": "s"},
}
CELLS = (
    *(
        "file://[a/x.wav",
        "file://a\u2100b/x.wav",
        "file:%00",
        "file:",
        "FILE:///%2e%2e/x.wav",
        "~nobody/x.wav",
        "C:\\x\\",
    ),
    *(
        "9" * 400 + ":00:00",
        "999:59:59",
        "1:60",
        "-1:00",
        "1:05:",
        "1,5",
        "\u0661:\u0660\u0665",
        "1e400",
        "-0",
        ".",
        ";" * 99,
    ),
)


@given(column=st.sampled_from(list(SONG)), cell=texts | st.sampled_from(CELLS))
@example(column="path", cell="file://[a/x.wav")
@example(column="path", cell="file://a\u2100b/x.wav")
@example(column="start", cell="9" * 400 + ":00:00")
@example(column="group", cell="g")
def test_any_cell_of_a_manifest_is_taken_or_one_error(column: str, cell: str, place: Path) -> None:
    rows = [list(SONG), [*{**SONG, column: cell}.values()]]
    lines = [",".join('"' + one.replace('"', '""') + '"' for one in row) for row in rows]
    (place / "songs.csv").write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    found = attempt("CSV", lambda: read_manifest(place / "songs.csv", TableSettings(scale="1-9")), place)
    assert found is not None or cell != SONG[column]


names = texts.map(lambda text: text.encode("utf-8", "backslashreplace").decode())


@given(rows=st.lists(st.tuples(names, names, names), max_size=4))
def test_songs_csv_of_any_names_is_read_as_it_was_written(rows: list[tuple[str, str, str]], place: Path) -> None:
    _round_trip(rows, place)


def _round_trip(rows: list[tuple[str, str, str]], place: Path) -> None:
    facts = ("a" * 64, "1.000", "0.500000", "0.000000", "")
    cells = [
        (name, 0, "0.000000", i, "train", group, "-0.500000", "", path, *facts)
        for i, (name, group, path) in enumerate(rows)
    ]
    assert attempt("CSV", lambda: write_clip_rows(place / "songs.csv", cells) or True, place)
    found = attempt("CSV", lambda: read_clip_rows(place / "songs.csv"), place)
    expected = [
        ClipRow(
            song_id=name, window=0, start=0.0, row=i, split="train", group=group, valence=-0.5, arousal=None, path=path,
            sha256="a" * 64, seconds=1.0, peak=0.5, clipped=0.0,
        )
        for i, (name, group, path) in enumerate(rows)
    ]  # fmt: skip
    assert found == expected


@given(labels=st.dictionaries(st.integers(0, 2**64 - 1), st.tuples(*[st.floats(-1, 1)] * 2), min_size=1, max_size=5))
def test_pseudo_labels_are_read_as_they_were_written(labels: dict[int, tuple[float, float]], place: Path) -> None:
    write_pseudo_labels(place / "labels.csv", ((clip, *pair) for clip, pair in labels.items()))
    found = attempt("CSV", lambda: read_pseudo_labels(place / "labels.csv"), place)
    assert found is not None
    assert found.by_clip == {clip: pytest.approx(pair, abs=1e-6) for clip, pair in labels.items()}
