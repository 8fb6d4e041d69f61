"""Tables come back as they were written, whatever stands in them, and no cell is a formula."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentio_mobile._internal.tables import read_table, write_table
from sentio_mobile.errors import DataError, InputError

TEXTS = st.text(max_size=40) | st.text("=+-@'\t\r\n\",;\x00 ab", max_size=8)
"""Any text without surrogates, and often one of characters that tables are known to break on."""


@given(rows=st.lists(st.tuples(TEXTS, TEXTS, st.integers()), max_size=5))
def test_table_of_any_texts_comes_back(
    rows: list[tuple[str, str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("table") / "table.csv"
    write_table(path, ("a", "b", "c"), rows)
    assert list(read_table(path)) == [["a", "b", "c"], *([a, b, str(c)] for a, b, c in rows)]


@given(text=TEXTS.filter(lambda text: text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n")))
def test_cell_of_a_spreadsheet_is_no_formula(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("table") / "table.csv"
    write_table(path, ("song",), [(text,)])
    (_, (cell,)) = csv.reader(io.StringIO(path.read_bytes().decode(), newline=""))
    assert cell[0] == "'" or float(cell) is not None


def test_numbers_stay_numbers(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", ("valence", "scale"), [("-0.250000", "-1 to 1"), (-1.5e-7, None)])
    assert (tmp_path / "t.csv").read_text() == "valence,scale\n-0.250000,-1 to 1\n-1.5e-07,\n"


def test_bytes_of_a_name_that_are_no_utf_8_are_escaped(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", ("song",), [("a\udcffb",)])
    assert list(read_table(tmp_path / "t.csv")) == [["song"], [r"a\udcffb"]]


def test_text_that_is_too_long_for_a_cell_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a text of 200,000 characters is too long"):
        write_table(tmp_path / "t.csv", ("song",), [("x" * 200_000,)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content", [b"a\xff", b'"a', b'"a"b\n', b"x" * 200_000], ids=["no text", "open", "odd", "long"]
)
def test_damaged_table_is_one_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match="is damaged"):
        list(read_table(tmp_path / "t.csv", DataError))
