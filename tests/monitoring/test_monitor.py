"""Monitoring: quiet weeks stay quiet, planted drifts fire, and labels that come later judge the model."""

import datetime
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from browsers import DESK, PHONE, check_page, needs_browser, opened_page
from click.testing import CliRunner, Result

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.records import replace, to_plain, write_record
from sentio_mobile._internal.resources import ROOT
from sentio_mobile._internal.tables import write_table
from sentio_mobile.bundle.bundle import EVALUATION, Bundle, open_bundle
from sentio_mobile.bundle.manifest import MANIFEST, FileEntry
from sentio_mobile.cli import main
from sentio_mobile.errors import InputError
from sentio_mobile.inference.emotion import Emotion, Prediction
from sentio_mobile.metrics.evaluation import Evaluation, evaluate
from sentio_mobile.monitoring.monitor import monitor
from sentio_mobile.monitoring.monitor_page import write_monitoring
from sentio_mobile.monitoring.monitor_records import MonitorSettings
from sentio_mobile.spec import Uncertainty

DEFAULT = ROOT / "models" / "default"
MONDAY = datetime.date(2026, 1, 5)
RESAMPLES = 50
"""Few: tests look at verdicts, which no resample decides."""


def heard(rng: np.random.Generator, songs: int, *, moved: float = 0.0, spread: float = 0.3) -> np.ndarray:
    """Valence and arousal of songs [songs, 2]."""
    return np.clip(rng.normal((0.1 + moved, 0.0), spread, (songs, 2)), -1, 1)


def write_weeks(
    path: Path, weeks: Sequence[np.ndarray], *, groups: Sequence[Sequence[str]] = (), inputs: Sequence[np.ndarray] = ()
) -> Path:
    """A log with the rows of each week, a day apart."""
    columns = ["date", "song", "valence", "arousal", *(["group"] if groups else []), *(["input_db"] if inputs else [])]
    rows = []
    for week, values in enumerate(weeks):
        for i, (valence, arousal) in enumerate(values):
            day = MONDAY + datetime.timedelta(days=7 * week + i % 7)
            more = [groups[week][i]] if groups else []
            more += [f"{inputs[week][i]:.3f}"] if inputs else []
            rows.append([day.isoformat(), f"song {week}-{i}", f"{valence:.6f}", f"{arousal:.6f}", *more])
    write_table(path, columns, rows)
    return path


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """The default model with an evaluation on 300 songs, and intervals of 0.3 that hold 90% of them."""
    rng = np.random.default_rng(0)
    predicted = heard(rng, 300)
    truth = np.clip(predicted + rng.normal(0, 0.18, predicted.shape), -1, 1)
    names = tuple(f"judged {i}" for i in range(300))
    folder = tmp_path / "bundle"
    write_record(folder / EVALUATION, Evaluation(test=evaluate(names, truth, predicted, 0)))
    manifest = open_bundle(DEFAULT).manifest
    entry = FileEntry(sha256=sha256(folder / EVALUATION), bytes=(folder / EVALUATION).stat().st_size)
    spec = replace(manifest.spec, uncertainty=Uncertainty(0.9, (0.3, 0.3), 300))
    manifest = replace(manifest, files={**manifest.files, EVALUATION: entry}, spec=spec)
    write_record(folder / MANIFEST, manifest)
    return Bundle(folder, manifest, frozenset({EVALUATION}))


def test_a_hundred_quiet_weeks_and_a_planted_drift(bundle: Bundle, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    weeks = [heard(rng, 150) for _ in range(100)]
    settings = MonitorSettings(every_days=3650)
    found = monitor([write_weeks(tmp_path / "a.csv", weeks)], bundle, settings=settings, resamples=RESAMPLES)
    assert (found.tested_weeks, len(found.weeks)) == (100, 100)
    assert sum(bool(week.drifted) for week in found.weeks) <= 5
    assert found.state == "quiet"
    weeks.append(heard(rng, 150, moved=0.25))
    found = monitor([write_weeks(tmp_path / "a.csv", weeks[-9:])], bundle, settings=settings, resamples=RESAMPLES)
    (drifted,) = found.weeks[-1].drifted
    assert drifted.quantity == "valence"
    assert drifted.mean - drifted.reference_mean == pytest.approx(0.25, abs=0.06)
    assert {one.name: one.state for one in found.triggers} == {
        "CCC": "not asked",
        "new data": "not asked",
        "schedule": "quiet",
        "drift": "fired",
    }
    assert found.headline.startswith("Retrain default 1: drift")
    for one in drifted.ks, drifted.psi:
        assert one.low is not None
        assert one.value is not None
        assert one.high is not None
        assert 0 < one.low <= one.value <= one.high


def test_a_drift_of_an_input_and_of_the_spread(bundle: Bundle, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    reference = write_weeks(tmp_path / "first.csv", [heard(rng, 300)], inputs=[rng.normal(-20, 4, 300)])
    log = write_weeks(
        tmp_path / "log.csv",
        [heard(rng, 300), heard(rng, 300, spread=0.12)],
        inputs=[rng.normal(-14, 4, 300), rng.normal(-20, 4, 300)],
    )
    found = monitor([log], bundle, reference=[reference], resamples=RESAMPLES)
    assert [[one.quantity for one in week.drifted] for week in found.weeks] == [["input_db"], ["valence", "arousal"]]
    assert (found.reference, found.reference_songs) == ("first.csv", 300)


def test_a_small_difference_of_many_songs_is_no_drift(bundle: Bundle, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    reference = write_weeks(tmp_path / "first.csv", [heard(rng, 8000)])
    log = write_weeks(tmp_path / "log.csv", [heard(rng, 8000, moved=0.04)])
    found = monitor([log], bundle, reference=[reference], resamples=RESAMPLES)
    (week,) = found.weeks
    assert week.drift[0].p < 1e-4
    assert week.drifted == ()
    settings = MonitorSettings(min_ks=0.02)
    assert monitor([log], bundle, reference=[reference], settings=settings, resamples=RESAMPLES).weeks[0].drifted


def test_songs_of_one_artist_count_as_less(bundle: Bundle, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    artists = np.repeat(np.arange(40), 10)
    many = 30

    def weeks(n: int) -> list[np.ndarray]:
        return [np.clip(heard(rng, 40)[artists] + rng.normal(0, 0.05, (400, 2)), -1, 1) for _ in range(n)]

    names = [[f"artist {week}-{one}" for one in artists] for week in range(many)]
    values = weeks(many)
    reference = write_weeks(tmp_path / "first.csv", [heard(rng, 2000)])
    settings = MonitorSettings(min_songs=20)
    grouped = write_weeks(tmp_path / "grouped.csv", values, groups=names)
    found = monitor([grouped], bundle, reference=[reference], settings=settings, resamples=5)
    assert found.by_group
    assert 35 < found.weeks[0].drift[0].independent < 60
    plain = write_weeks(tmp_path / "plain.csv", values)
    blind = monitor([plain], bundle, reference=[reference], settings=settings, resamples=5)
    fired, blindly = (sum(bool(week.drifted) for week in one.weeks) for one in (found, blind))
    assert fired <= 2
    assert blindly > 10
    alike = found.weeks[0].drift[0].ks, blind.weeks[0].drift[0].ks
    assert alike[0].value == alike[1].value


def test_a_song_counts_once_a_week(bundle: Bundle, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    values = heard(rng, 60)
    rows = [
        ["2026-01-05", f"song {i}", f"{valence + step:.6f}", f"{arousal:.6f}"]
        for i, (valence, arousal) in enumerate(np.clip(values, -0.8, 0.8))
        for step in (-0.1, 0.1)
    ]
    write_table(tmp_path / "log.csv", ["date", "song", "valence", "arousal"], rows)
    (week,) = monitor([tmp_path / "log.csv"], bundle, resamples=RESAMPLES).weeks
    assert week.songs == week.drift[0].n == 60
    assert week.drift[0].mean == pytest.approx(np.clip(values, -0.8, 0.8)[:, 0].mean(), abs=1e-6)


def labelled(tmp_path: Path, weeks: Sequence[np.ndarray], noise: Sequence[float]) -> Path:
    rng = np.random.default_rng(9)
    rows = []
    for week, values in enumerate(weeks):
        for i, pair in enumerate(np.clip(values + rng.normal(0, noise[week], values.shape), -1, 1)):
            rows.append([f"song {week}-{i}", *(f"{one:.4f}" for one in pair), "calm" if i % 3 else "loud"])
    write_table(tmp_path / "labels.csv", ["song", "valence", "arousal", "group"], rows)
    return tmp_path / "labels.csv"


def test_labels_judge_by_week_and_group(bundle: Bundle, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    weeks = [heard(rng, 80) for _ in range(6)]
    log = write_weeks(tmp_path / "log.csv", weeks)
    good = monitor([log], bundle, labels=labelled(tmp_path, weeks, [0.18] * 6), resamples=RESAMPLES)
    states = {one.name: one.state for one in good.triggers}
    assert states == {"CCC": "quiet", "new data": "quiet", "schedule": "quiet", "drift": "quiet"}
    assert good.judged is not None
    assert good.judged.n == 480
    assert good.recent is not None
    assert good.recent.n == 320
    assert [one.name for one in good.groups] == ["loud", "calm"] or [one.name for one in good.groups] == [
        "calm",
        "loud",
    ]
    outside = good.judged.outside["valence"]
    assert outside.low < outside.stated < outside.high
    # Labels in which the newest weeks are told wrong.
    bad = monitor([log], bundle, labels=labelled(tmp_path, weeks, [0.1] * 2 + [0.6] * 4), resamples=RESAMPLES)
    assert {one.name: one.state for one in bad.triggers}["CCC"] == "fired"
    assert bad.recent is not None
    assert bad.recent.outside["valence"].low > 0.3
    first, last = bad.weeks[0].judged, bad.weeks[-1].judged
    assert first is not None
    assert last is not None
    assert (first.ccc["mean"].low or 0) > (last.ccc["mean"].high or 0)


def test_other_triggers(bundle: Bundle, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    weeks = [heard(rng, 60) for _ in range(3)]
    log, labels = write_weeks(tmp_path / "log.csv", weeks), labelled(tmp_path, weeks, [0.18] * 3)

    def states(settings: MonitorSettings, **more: object) -> dict[str, str]:
        found = monitor([log], bundle, labels=labels, settings=settings, resamples=RESAMPLES, **more)  # type: ignore[arg-type]
        return {one.name: one.state for one in found.triggers}

    assert states(MonitorSettings(new_songs=181))["new data"] == "quiet"
    assert states(MonitorSettings(new_songs=180))["new data"] == "fired"
    assert states(MonitorSettings(), deployed=datetime.date(2025, 6, 1))["schedule"] == "fired"
    assert states(MonitorSettings(min_songs=61))["drift"] == "open"
    assert states(MonitorSettings(min_labelled=181))["CCC"] == "open"
    # Between quiet and fired: the interval holds the floor.
    recent = monitor([log], bundle, labels=labels, resamples=RESAMPLES).recent
    assert recent is not None
    assert recent.ccc["mean"].value is not None
    assert states(MonitorSettings(floor=recent.ccc["mean"].value + 0.005))["CCC"] == "open"


def test_all_kinds_of_files_are_read_alike(bundle: Bundle, tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    half = replace(bundle.spec.uncertainty, half_width=(0.2, 0.2)) if bundle.spec.uncertainty else None
    rows = [
        Emotion(song=f"=song {i}", valence=v, arousal=a, start=0, end=30, uncertainty=half).to_prediction()
        for i, (v, a) in enumerate(heard(rng, 60).tolist())
    ]
    plain = [{**to_plain(row), "date": "2026-01-06T23:30:00-02:00"} for row in rows]
    silent = {**plain[0], "song": "silence", "silent": True}
    columns = [*Prediction.__struct_fields__, "date"]
    write_table(tmp_path / "a.csv", columns, [[row[name] for name in columns] for row in [*plain, silent]])
    (tmp_path / "a.json").write_text(json.dumps([*plain, silent]))
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*plain, silent]))
    when = datetime.datetime(2026, 1, 7, 1, 30, tzinfo=datetime.UTC)
    table = pa.Table.from_pylist([{**row, "date": when} for row in [*plain, silent]])
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    found = [
        monitor([tmp_path / f"a.{kind}"], bundle, resamples=RESAMPLES) for kind in ("csv", "json", "jsonl", "parquet")
    ]
    assert found[0] == found[1] == found[2] == found[3]
    assert (found[0].last, found[0].weeks[0].songs) == ("2026-01-07", 60)
    assert found[0].weeks[0].left_out == pytest.approx(1 / 61)
    # As `predict` writes it: the name says the week.
    write_table(tmp_path / "2026-W02.csv", columns[:-1], [[row[name] for name in columns[:-1]] for row in plain])
    assert monitor([tmp_path / "2026-W02.csv"], bundle, resamples=RESAMPLES).weeks[0].name == "2026-W02"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("valence,arousal\n0,0\n", "has no column 'date', and its name tells none"),
        ("date,valence\n2026-01-01,0\n", "has no column 'arousal'; it has date, valence"),
        (
            "date,valence,arousal\n2026-01-01,0,1.5\n",
            "row 2: '1.5' in the column 'arousal' is not a number from -1 to 1",
        ),
        ("date,valence,arousal\nyesterday,0,0\n", "row 2: 'yesterday' in the column 'date' is no date"),
        ("date,valence,arousal\n2026-01-01,0\n", "row 2: has 2 values for 3 columns"),
        ("date,valence,arousal\n", "has no predictions"),
        ("date,valence,arousal,input_x\n2026-01-01,0,0,nan\n", "'nan' in the column 'input_x' is not a number"),
        (
            f"date,valence,arousal,model,model_sha256\n2026-01-01,0,0,,\n2026-01-01,0,0,moods 2,{64 * '0'}\n",
            "row 3: is of another model than the bundle ('moods 2'); keep the rows of one model_sha256",
        ),
    ],
)
def test_wrong_logs_are_one_line(bundle: Bundle, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(InputError, match=r"log\.csv") as error:
        monitor([tmp_path / "log.csv"], bundle)
    assert said in str(error.value)


def test_wrong_references_and_labels_are_one_line(bundle: Bundle, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    log = write_weeks(tmp_path / "log.csv", [heard(rng, 60)])
    with pytest.raises(InputError, match="has no predictions of songs; give predictions as --reference"):
        monitor([log], open_bundle(DEFAULT))
    few = write_weeks(tmp_path / "few.csv", [heard(rng, 30)])
    with pytest.raises(InputError, match="fewer than min_songs, 50"):
        monitor([log], bundle, reference=[few])
    (tmp_path / "labels.csv").write_text("song,valence,arousal\nother,0,0\n")
    with pytest.raises(InputError, match="none of its songs is in the predictions"):
        monitor([log], bundle, labels=tmp_path / "labels.csv")
    (tmp_path / "log.txt").write_text("")
    with pytest.raises(InputError, match=r"unknown file type; use one of \.csv"):
        monitor([tmp_path / "log.txt"], bundle)
    (tmp_path / "log.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        monitor([tmp_path / "log.parquet"], bundle)


def call(*arguments: object) -> Result:
    result = CliRunner().invoke(main, ["monitor", *map(str, arguments)], env={"COLUMNS": "80"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_command(tmp_path: Path) -> None:
    rng = np.random.default_rng(10)
    reference = write_weeks(tmp_path / "first.csv", [heard(rng, 200)])
    weeks = [heard(rng, 100), heard(rng, 100)]
    log, labels = write_weeks(tmp_path / "log.csv", weeks), labelled(tmp_path, weeks, [0.1, 0.1])
    given = ("--bundle", DEFAULT, "--reference", reference, "--labels", labels)
    quiet = call(log, *given, "--out", tmp_path / "out")
    assert quiet.exit_code == 0, quiet.output
    assert max(map(len, quiet.stdout.splitlines()[:-3])) <= 80
    assert "Nothing asks for retraining" in quiet.stdout
    page = (tmp_path / "out" / "monitor.html").read_text()
    assert "2026-W03" in page
    assert "By group" in page
    assert call(log, *given, "--min-songs", 101).exit_code == 3
    fired = call(log, *given, "--new-songs", 10, "--json")
    assert fired.exit_code == 1
    assert {one["name"]: one["state"] for one in json.loads(fired.stdout)["triggers"]}["new data"] == "fired"
    wrong = call(tmp_path / "none.csv", *given)
    assert (wrong.exit_code, wrong.stderr.count("\n"), wrong.stdout) == (2, 1, "")


def test_page_of_few_songs(bundle: Bundle, tmp_path: Path) -> None:
    log = write_weeks(tmp_path / "log.csv", [heard(np.random.default_rng(0), 20)])
    write_monitoring(tmp_path / "out", monitor([log], bundle))
    assert "too few songs to be tested" in (tmp_path / "out" / "monitor.html").read_text()


@needs_browser
@pytest.mark.exhaustive
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["390", "1440"])
def test_page_in_a_browser(bundle: Bundle, tmp_path: Path, size: tuple[int, int], scheme: str) -> None:
    rng = np.random.default_rng(11)
    weeks = [*(heard(rng, 80) for _ in range(11)), heard(rng, 30), heard(rng, 80, moved=0.3)]
    labels = labelled(tmp_path, weeks, [0.18] * 9 + [0.6] * 4)
    write_monitoring(
        tmp_path / "out", monitor([write_weeks(tmp_path / "log.csv", weeks)], bundle, labels=labels, resamples=200)
    )
    with opened_page((tmp_path / "out" / "monitor.html").as_uri(), size, scheme) as page:
        check_page(page, f"monitor-{size[0]}-{scheme}")
        assert page.locator("td.fail:has-text('fired')").count() == 4
        assert page.locator("details").count() == 2
        assert page.locator("figure img").count() == 2
