"""The doors of `monitor`, `gallery` and `rate`: logs of predictions and labels, as CSV, JSON, JSONL and Parquet."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz.cases import any_bytes, changed_json, nasty, texts
from fuzz.harness import attempt
from hypothesis import given
from hypothesis import strategies as st
from support import artifact_entry, manifest_facts, write_manifest

from sentio_mobile._internal.records import write_record
from sentio_mobile.bundle.bundle import EVALUATION, Bundle, open_bundle
from sentio_mobile.errors import InputError
from sentio_mobile.metrics.evaluation import Evaluation, evaluate
from sentio_mobile.monitoring.gallery import gallery_songs, write_gallery
from sentio_mobile.monitoring.least_sure import least_sure, read_widths
from sentio_mobile.monitoring.monitor import monitor
from sentio_mobile.monitoring.monitor_page import write_monitoring
from sentio_mobile.monitoring.monitor_records import MonitorSettings
from sentio_mobile.spec import ModelSpec, Uncertainty

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

SONGS = 24
ROWS: list[dict[str, Any]] = [
    {
        **{"date": f"2026-01-{1 + i % 20:02}", "song": f"music/{i}.mp3", "group": f"artist {i % 9}"},
        **{"valence": round(i / SONGS - 0.5, 3), "arousal": round(0.4 - i / SONGS, 3), "silent": i == 3},
        **{"valence_low": -0.9, "valence_high": 0.9, "input_db": -20.0 - i},
    }
    for i in range(SONGS)
]
SUFFIXES = (".csv", ".json", ".jsonl", ".parquet")


def as_parquet(table: Any) -> bytes:
    content = io.BytesIO()
    pq.write_table(table, content)
    return content.getvalue()


def as_csv(rows: list[list[str]]) -> bytes:
    lines = (",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


CELLS = [list(ROWS[0]), *([str(value) for value in row.values()] for row in ROWS)]
RIGHT = {
    ".csv": as_csv(CELLS),
    ".json": json.dumps(ROWS).encode(),
    ".jsonl": "\n".join(map(json.dumps, ROWS)).encode(),
    ".parquet": as_parquet(pa.Table.from_pylist(ROWS)),
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle of an artifact that no runtime reads, which was judged on forty songs."""
    folder = tmp_path_factory.mktemp("monitored") / "bundle"
    folder.mkdir()
    predicted = np.random.default_rng(0).uniform(-0.8, 0.8, (40, 2))
    names = tuple(f"judged {i}" for i in range(40))
    write_record(folder / EVALUATION, Evaluation(test=evaluate(names, predicted * 0.9, predicted, 0)))
    spec = ModelSpec(architecture="mobilevit", uncertainty=Uncertainty(0.9, (0.3, 0.3), 40))
    (folder / "m.onnx").write_bytes(b"a model")
    write_manifest(folder, manifest_facts(spec, [artifact_entry("onnx", "waveform", "fp32", "m.onnx")]))
    return open_bundle(folder)


TEXTS = ("s" * 5000, "</script><script>alert(1)</script>", "input_" + "x" * 300, "\x1b[31m\r\n")
ROLES = ("log", "reference", "labels")


def use(bundle: Bundle, content: bytes, suffix: str, place: Path, role: str, *, pages: bool = False) -> int:
    """Give a file to both commands, as a log, a reference or labels; how many of the two took it.

    Args:
        bundle: What predicted.
        content: The file's content.
        suffix: Its ending.
        place: The folder of the case.
        role: What it is given as. A gallery has no reference, and takes it as a log.
        pages: Whether pages are written too, which takes ten times as long.
    """
    right, path = place / "right.csv", place / f"2026-W01{suffix}"
    right.write_bytes(RIGHT[".csv"])
    path.write_bytes(content)
    log, labels = (right, path) if role == "labels" else (path, None)

    def monitored() -> bool:
        given, reference = (right, [path]) if role == "reference" else (log, [])
        settings = MonitorSettings(min_songs=20)
        found = monitor([given], bundle, reference=reference, labels=labels, settings=settings, resamples=5)
        assert found.headline
        if pages:
            write_monitoring(place / "out", found)
        return True

    def shown() -> bool:
        songs = gallery_songs([log], page=place / "page.html", labels=labels)
        assert songs
        if pages:
            write_gallery(place / "page.html", songs, "Songs")
            page = (place / "page.html").read_text()
            assert page.count("<script") == page.count("</script>") == 2, "no text of a song ends its element"
        return True

    def chosen() -> bool:
        songs = [place / f"{song}.mp3" for song in ("0", "music/1")]
        assert set(least_sure(songs, read_widths(log, place), 1).songs) < set(songs)
        return True

    attempt("rate --predictions", chosen, place)
    return bool(attempt("monitor", monitored, place)) + bool(attempt("gallery", shown, place))


roles = st.sampled_from(ROLES)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_right_logs_are_taken(suffix: str, role: str, bundle: Bundle, place: Path) -> None:
    assert use(bundle, RIGHT[suffix], suffix, place, role) == 2


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(data=st.data(), role=roles)
def test_any_bytes_as_a_log_are_read_or_one_error(
    suffix: str, data: st.DataObject, role: str, bundle: Bundle, place: Path
) -> None:
    use(bundle, data.draw(any_bytes((RIGHT[suffix],))), suffix, place, role)


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
@given(rows=changed_json(ROWS), role=roles)
def test_changed_values_of_a_log_are_read_or_one_error(
    suffix: str, rows: Any, role: str, bundle: Bundle, place: Path
) -> None:
    lines = rows if suffix == ".jsonl" and isinstance(rows, list) else [rows]
    use(bundle, "\n".join(map(json.dumps, lines)).encode(), suffix, place, role)


@given(data=st.data(), role=roles)
def test_any_cells_of_a_log_are_read_or_one_error(data: st.DataObject, role: str, bundle: Bundle, place: Path) -> None:
    rows = [list(row) for row in CELLS]
    for _ in range(data.draw(st.integers(1, 4))):
        row = rows[data.draw(st.integers(0, len(rows) - 1))]
        row[data.draw(st.integers(0, len(row) - 1))] = data.draw(texts)
    use(bundle, as_csv(rows), ".csv", place, role)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "text", ["s" * 5000, "</script><script>alert(1)</script>", "input_" + "x" * 300, "\x1b[31m\r\n"]
)
def test_text_that_a_page_or_a_record_cannot_hold_is_shown_or_one_error(
    text: str, role: str, bundle: Bundle, place: Path
) -> None:
    for row, column in ((1, 1), (1, 2), (0, 7)):
        rows = [list(one) for one in CELLS]
        rows[row][column] = text
        use(bundle, as_csv(rows), ".csv", place, role, pages=True)


@pytest.mark.parametrize(
    "song", ["s" * 300, "a/" * 2000 + "x", "\0", "..", "", "~no such user/x", "loop/x", "/etc/../x"]
)
def test_any_name_of_a_song_to_rate_is_one_that_is_not_there(song: str, bundle: Bundle, place: Path) -> None:
    with suppress(FileExistsError):
        (place / "loop").symlink_to("loop")
    rows = [{**row, "song": song} for row in ROWS[:2]] + ROWS
    use(bundle, "\n".join(map(json.dumps, rows)).encode(), ".jsonl", place, "log")


VALUES = [
    *(None, b"\xff", "x", "x" * 5000, "\x1b[31m\n", True, 2**62, -1, 0.5, float("nan"), float("inf"), 1e300),
    *([0.5], [[None]], {"a": 1}, {"a": {"b": []}}, "2026-01-05", "0001-01-01T00:00:00+23:59", "9999-12-31"),
]
"""Values that fill a column of a Parquet table."""
TIMES = [pa.timestamp(unit, zone) for unit in ("s", "ns") for zone in (None, "UTC", "Mars/Olympus", "+99:99")]
OTHERS = [*TIMES, pa.date32(), pa.date64(), pa.duration("s"), pa.time64("ns"), pa.decimal128(38, 2), pa.uint64()]
"""Types whose values Python may not be able to hold."""


@given(data=st.data(), role=roles)
def test_changed_columns_of_a_log_are_read_or_one_error(
    data: st.DataObject, role: str, bundle: Bundle, place: Path
) -> None:
    table = pq.read_table(io.BytesIO(RIGHT[".parquet"]))
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, table.num_columns - 1))
        name = table.column_names[at]
        how = data.draw(st.sampled_from(("values", "values", "type", "type", "leave out", "double", "name")))
        if how == "values":
            table = table.set_column(at, name, pa.array([data.draw(st.sampled_from(VALUES))] * SONGS))
        elif how == "type":
            number = data.draw(st.sampled_from((0, 1, -1, 2**31, 2**40, -(2**40), 2**62)))
            values = pa.array([number] * SONGS, pa.int64())
            try:
                changed = table.set_column(at, name, values.cast(data.draw(st.sampled_from(OTHERS)), safe=False))
                as_parquet(changed)
            except pa.ArrowException:
                continue
            table = changed
        elif how == "leave out" and table.num_columns > 1:
            table = table.remove_column(at)
        elif how == "double":
            table = table.append_column(name, table.column(at))
        elif how == "name":
            new = data.draw(st.sampled_from(("input_\x1b[31m\n", "input_" + "n" * 300, "song", "valence", "")))
            table = table.rename_columns([*table.column_names[:at], new, *table.column_names[at + 1 :]])
    use(bundle, as_parquet(table), ".parquet", place, role)


@given(name=texts, value=nasty)
def test_any_name_of_a_log_is_read_or_one_error(name: str, value: Any, bundle: Bundle, place: Path) -> None:
    """Days without a column of dates are told by the file's name, and songs and groups are any text."""
    rows = [{key: row[key] for key in row if key != "date"} for row in ROWS]
    rows[0] |= {"song": value, "group": name}
    path = place / ("2026-W" + name.replace("/", "").replace("\0", "").encode("utf-8", "replace").decode()[:60])
    path = path.with_name(f"{path.name}.json")
    path.write_text(json.dumps(rows))
    attempt("monitor", lambda: monitor([path], bundle, settings=MonitorSettings(min_songs=20), resamples=5), place)
    path.unlink()


@given(title=texts)
def test_any_title_of_a_gallery_is_a_text_in_its_page(title: str, place: Path) -> None:
    (place / "right.csv").write_bytes(RIGHT[".csv"])
    songs = gallery_songs([place / "right.csv"], page=place / "page.html")
    attempt("gallery", lambda: write_gallery(place / "page.html", songs, title), place)
    assert (place / "page.html").read_bytes().count(b"<script") == 2


@pytest.mark.parametrize("kind", TIMES, ids=str)
@pytest.mark.parametrize("number", [0, 2**40, -(2**40)], ids=["1970", "36,812", "before any year"])
def test_time_that_python_cannot_hold_is_one_error(kind: Any, number: int, bundle: Bundle, place: Path) -> None:
    table = pq.read_table(io.BytesIO(RIGHT[".parquet"])).drop_columns("date")
    table = table.append_column("date", pa.array([number] * SONGS, pa.int64()).cast(kind))
    assert use(bundle, as_parquet(table), ".parquet", place, "log") < 3


def test_log_that_unpacks_to_gigabytes_is_refused_without_their_memory(
    bundle: Bundle, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One text many times takes a few kilobytes in Parquet. Here the limit is a hundredth of the real one."""
    monkeypatch.setattr("sentio_mobile._internal.shards.MAX_BYTES", 1024**3 // 100)
    rows = [{**ROWS[0], "song": "s" * 10_000}] * 1_200
    path = place / "2026-W02.parquet"
    path.write_bytes(as_parquet(pa.Table.from_pylist(rows)))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(InputError, match="once unpacked"):
        gallery_songs([path], page=place / "page.html")
