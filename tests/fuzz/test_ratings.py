"""The door of tables of ratings: rows of raters, named columns, segments, tags with norms of words, weak labels."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz.cases import any_bytes, texts
from fuzz.harness import attempt
from hypothesis import example, given
from hypothesis import strategies as st

from sentio_mobile.data.config import TableSettings
from sentio_mobile.data.data_set import Source
from sentio_mobile.data.manifest import read_manifest
from sentio_mobile.data.norms import read_norms
from sentio_mobile.data.weak_labels import read_weak_labels

RATERS = b"path,rater,valence_mean,arousal_mean,group\n" + b"".join(
    b"%d.wav,r%d,%d,%d,g%d\n" % (i // 3, i % 3, 1 + i % 8, 9 - i % 8, i // 6) for i in range(18)
)
SPREADS = b"path,valence_mean,arousal_mean,valence_sd,arousal_sd,raters\n" + b"".join(
    b"%d.wav,%d,%d,0.5,1.%d,%d\n" % (i, 1 + i % 8, 9 - i % 8, i % 9, 5 + i) for i in range(9)
)
SEGMENTS = b"path,start,end,valence_mean,arousal_mean\n" + b"".join(
    b"%d.wav,%d,0:%d,%d,%d\n" % (i // 3, 10 * (i % 3), 10 + 10 * (i % 3), 1 + i % 8, 9 - i % 8) for i in range(9)
)
TAGS = b"path,tags\n" + b"".join(b"%d.wav,mood---%b;calm\n" % (i, (b"happy", b"sad")[i % 2]) for i in range(6))
NAMED = b"id,rater_name,v,a\n" + b"".join(b"%d,r%d,%d,%d\n" % (i // 2, i % 2, 1 + i % 8, 9 - i % 8) for i in range(8))
NORMS = b"word,valence,arousal\nhappy,8,6\nsad,2,3\ncalm,7,1\n"
WEAK = b"song_id,v_high,a_high\n" + b"".join(b"s%d,%b,%d\n" % (i, (b"1", b"0", b"")[i % 3], i % 2) for i in range(9))
TABLES = (RATERS, SPREADS, SEGMENTS, TAGS, NAMED)
COLUMNS = {"path": "{id}.wav", "rater": "rater_name", "valence": "v", "arousal": "a"}
SETTINGS = {
    "usual columns": TableSettings(scale="1-9"),
    "guessed scale": TableSettings(),
    "named columns": TableSettings(scale="1-9", columns=COLUMNS),
}
NUMBERS = (*("0", "1", "9", "10", "-1", "5.5", "1e308", "-1e308", "1e-320", "nan", "inf", "1_0", "٣", "0x5", ""),)
cells = st.sampled_from(NUMBERS) | st.integers(1, 9).map(str) | texts.filter(lambda text: "\x00" not in text)


def use(path: Path, settings: TableSettings) -> Source:
    """Read a table, with the norms where it has tags."""
    norms = read_norms(path.with_name("norms.csv"))
    found = read_manifest(path, settings, norms)
    for song in found.songs:
        for label in (song.valence, song.arousal):
            assert label is None or abs(label) <= 1, song
    return found


@pytest.mark.parametrize("settings", SETTINGS)
@given(content=any_bytes(TABLES))
@example(content=RATERS.replace(b"r1", b""))
@example(content=RATERS.replace(b"path", b"path,path"))
def test_any_bytes_are_ratings_or_one_error(settings: str, content: bytes, place: Path) -> None:
    (place / "norms.csv").write_bytes(NORMS)
    (place / "table.csv").write_bytes(content)
    attempt("ratings", lambda: use(place / "table.csv", SETTINGS[settings]), place)


@given(data=st.data())
def test_any_cells_of_ratings_are_read_or_one_error(data: st.DataObject, place: Path) -> None:
    """Rows as a table needs them, with any text in one to four cells."""
    rows = [line.split(",") for line in data.draw(st.sampled_from(TABLES)).decode().splitlines()]
    for _ in range(data.draw(st.integers(1, 4))):
        row = rows[data.draw(st.integers(0, len(rows) - 1))]
        row[data.draw(st.integers(0, len(row) - 1))] = data.draw(cells)
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    (place / "norms.csv").write_bytes(NORMS)
    (place / "table.csv").write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    settings = SETTINGS[data.draw(st.sampled_from(sorted(SETTINGS)))]
    attempt("ratings", lambda: use(place / "table.csv", settings), place)


@pytest.mark.parametrize("scale", ["", "1-9"])
@given(content=any_bytes((NORMS,)))
@example(content=b"word,valence,arousal\n")
def test_any_bytes_are_norms_or_one_error(scale: str, content: bytes, place: Path) -> None:
    (place / "norms.csv").write_bytes(content)
    found = attempt("ratings", lambda: read_norms(place / "norms.csv", scale), place)
    assert found is None or all(abs(value) <= 1 for pair in found.by_word.values() for value in pair)


@given(content=any_bytes((WEAK,)))
def test_any_bytes_are_weak_labels_or_one_error(content: bytes, place: Path) -> None:
    (place / "weak.csv").write_bytes(content)
    attempt("ratings", lambda: read_weak_labels(place / "weak.csv"), place)
