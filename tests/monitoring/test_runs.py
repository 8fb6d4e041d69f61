"""The log of runs: what each made, how two differ, and which one is in production."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from sentio_mobile._internal.records import replace
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.cli import main
from sentio_mobile.errors import InputError
from sentio_mobile.metrics.evaluation import Evaluation, evaluate
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.monitoring.runs import compare_runs, find_runs, mark, read_run

SONGS = [f"song {number}" for number in range(60)]
TRUTH = np.random.default_rng(0).uniform(-0.9, 0.9, (60, 2))


def make_run(folder: Path, noise: float, rate: float, songs: list[str] = SONGS) -> Path:
    """A run whose student errs by so much."""
    predicted = np.clip(TRUTH + np.random.default_rng(1).normal(0, noise, TRUTH.shape), -1, 1)
    judged = evaluate(tuple(songs), TRUTH, predicted, 0)
    checkpoint = Checkpoint.load(ROOT / "export/golden/student")
    recipe = {"training": {"learning_rate": rate, "seed": 0}}
    replace(checkpoint, recipe=recipe, evaluation=Evaluation(val=judged, test=judged)).save(folder / "student")
    (folder / "run.json").write_text("{}")
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    make_run(tmp_path / "runs" / "first", 0.5, 1e-3)
    make_run(tmp_path / "runs" / "deeper" / "second", 0.2, 2e-3)
    (tmp_path / "runs" / "begun").mkdir()
    (tmp_path / "runs" / "begun" / "run.json").write_text("{}")
    (tmp_path / "runs" / "no run").mkdir()
    return tmp_path / "runs"


def test_runs_below_a_folder_are_found_with_what_they_made(runs: Path) -> None:
    found = {Path(run.folder).name: run for run in find_runs(runs)}
    assert set(found) == {"first", "second", "begun"}
    second = found["second"]
    assert second.test is not None
    assert second.name == f"emotion-mobilevit-v1-ccc{second.test.value:.2f}"
    assert (second.judged_on, second.status, second.settings["training.learning_rate"]) == (60, "candidate", 2e-3)
    assert second.parameters == "69,138 trained, 68,258 folded"
    assert (found["begun"].id, found["begun"].test, found["begun"].name) == ("-", None, "begun")
    assert found["first"].id == second.id != "-"  # the same weights


def test_two_runs_are_compared_on_the_same_songs(runs: Path, tmp_path: Path) -> None:
    found = compare_runs(runs / "first", runs / "deeper" / "second")
    assert found.settings == {"training.learning_rate": (1e-3, 2e-3)}
    assert found.difference is not None
    gain = found.difference["mean"]
    assert gain.low is not None
    assert gain.low > 0
    assert found.second.test is not None
    assert found.first.test is not None
    assert gain.value == pytest.approx(
        (found.second.test.value or 0) - (found.first.test.value or 0), abs=1e-4
    )  # records keep four digits
    other = make_run(tmp_path / "other", 0.2, 1e-3, [f"tune {number}" for number in range(60)])
    assert compare_runs(runs / "first", other).reason == "they were judged on other songs, or on other labels of them"
    assert "not judged" in compare_runs(runs / "first", runs / "begun").reason


def test_one_run_is_in_production(runs: Path) -> None:
    third = make_run(runs / "third", 0.3, 1e-3)
    mark(runs / "first", "production", "the first")
    changed = mark(third, "production")
    assert [(Path(run.folder).name, run.status) for run in changed] == [
        ("third", "production"),
        ("first", "deprecated"),
    ]
    assert read_run(runs / "first").note == "the first"
    assert [run.status for run in find_runs(runs)].count("production") == 1


def test_commands(runs: Path) -> None:
    def call(*arguments: object, status: int = 0) -> str:
        result = CliRunner().invoke(main, ["runs", *map(str, arguments)], env={"COLUMNS": "80"})
        assert result.exit_code == status, result.output
        return result.stdout if not status else result.stderr

    listed = call("list", runs)
    assert max(map(len, listed.splitlines()[:4])) <= 80
    assert "begun (not finished)" in listed
    assert str(read_run(runs / "first").test) in listed  # on one line
    assert len(json.loads(call("list", runs, "--json"))) == 3
    assert "learning_rate" in call("show", runs / "first")
    assert "Mean CCC of the second minus that of the first" in call("compare", runs / "first", runs / "deeper/second")
    assert "Their settings are the same." in call("compare", runs / "first", runs / "first")
    assert json.loads(call("mark", runs / "first", "deprecated", "--note", "old", "--json"))[0]["note"] == "old"
    assert "no run" in call("show", runs / "no run", status=2)
    assert "holds no run" in call("list", runs / "no run", status=2)


def test_damaged_decision_is_named(runs: Path) -> None:
    (runs / "first" / "decision.json").write_text('{"schema": 1, "status": "shipped", "note": ""}')
    with pytest.raises(InputError, match="status must be one of"):
        find_runs(runs)
