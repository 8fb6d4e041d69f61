"""Which stages of a run are made again, with stages that only write a file each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace
from sentio_mobile.errors import DataError, OutputError, RecordError, SentioError
from sentio_mobile.pipeline import run as pipeline
from sentio_mobile.pipeline.config import RunRecipe
from sentio_mobile.pipeline.recipes import load_run_recipe
from sentio_mobile.pipeline.run import Pipeline

STAGES = ["music", "data", "teacher", "student", "bundle", "report.html"]
Run = Callable[..., list[str]]


@pytest.fixture
def recipe() -> RunRecipe:
    return load_run_recipe("quickstart")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the pipeline with stages that write a file each, and returns the stages that were made."""
    made: list[str] = []

    def stage(name: str) -> Callable[..., list[str]]:
        def work(*_: object, **__: object) -> list[str]:
            made.append(name)
            (tmp_path / "run").mkdir(exist_ok=True)
            (tmp_path / "run" / name).write_text("x")
            return []

        return work

    workers = ("write_deam", "prepare", "train_teacher", "distill", "build_bundle", "verify_and_report")
    for worker, name in zip(workers, STAGES, strict=True):
        monkeypatch.setattr(pipeline, worker, stage(name))
    for reader in ("open_data", "open_bundle", "read_summary"):
        monkeypatch.setattr(pipeline, reader, lambda *_: None)
    monkeypatch.setattr(pipeline.Checkpoint, "load", lambda *_: None)

    def go(recipe: RunRecipe, lines: list[str] | None = None) -> list[str]:
        made.clear()
        announce = [].append if lines is None else lines.append
        Pipeline(folder=tmp_path / "run", recipe=recipe, progress=NoProgress(), announce=announce).run()
        return list(made)

    return go


def test_pipeline_run_twice_skips_every_stage(run: Run, recipe: RunRecipe) -> None:
    lines: list[str] = []
    assert run(recipe, lines) == STAGES
    assert lines[0] == "stage 1 of 6, music"
    lines.clear()
    assert run(recipe, lines) == []
    assert lines[-1] == "stage 6 of 6, report.html: done before"


def test_pipeline_changed_settings_repeat_the_stages_that_depend_on_them(run: Run, recipe: RunRecipe) -> None:
    run(recipe)
    changed = replace(recipe, distill=replace(recipe.distill, training=replace(recipe.distill.training, seed=99)))
    assert run(changed) == ["student", "bundle", "report.html"]
    assert run(changed) == []


def test_pipeline_of_a_student_that_follows_nobody_trains_no_teacher(run: Run, recipe: RunRecipe) -> None:
    with pytest.raises(RecordError, match="'teacher' must be given, because the student of 'distill' learns from one"):
        replace(recipe, teacher=None)
    alone = replace(recipe, teacher=None, distill=recipe.distill.without_teacher())
    lines: list[str] = []
    assert run(alone, lines) == [stage for stage in STAGES if stage != "teacher"]
    assert lines[2] == "stage 3 of 5, student"
    assert run(alone) == []


def test_pipeline_other_first_weights_repeat_the_student(run: Run, recipe: RunRecipe) -> None:
    run(recipe)
    assert run(replace(recipe, student_start="default")) == ["student", "bundle", "report.html"]
    assert run(replace(recipe, student_start="default")) == []


def test_pipeline_missing_output_is_made_again(run: Run, recipe: RunRecipe, tmp_path: Path) -> None:
    run(recipe)
    (tmp_path / "run" / "teacher").unlink()
    # The later stages have the same inputs, and stay.
    assert run(recipe) == ["teacher"]


def test_pipeline_interrupted_stage_is_made_again(
    run: Run, recipe: RunRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        (tmp_path / "run" / "student").write_text("half")
        raise SentioError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "distill", fail)
        with pytest.raises(SentioError, match="out of memory"):
            run(recipe)
    assert run(recipe) == ["student", "bundle", "report.html"]


def test_pipeline_output_of_someone_else_is_kept(run: Run, recipe: RunRecipe, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "music").write_text("mine")
    with pytest.raises(OutputError, match="no earlier run made it; choose another --out"):
        run(recipe)
    assert (tmp_path / "run" / "music").read_text() == "mine"


@pytest.mark.parametrize("state", ["[]", '{"music": {"key": "x", "seconds": 1}}', '{"lunch": {}}', "{"])
def test_pipeline_damaged_state_is_one_line(run: Run, recipe: RunRecipe, tmp_path: Path, state: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(state)
    with pytest.raises(DataError, match=r"run\.json") as error:
        run(recipe)
    assert "\n" not in str(error.value)
