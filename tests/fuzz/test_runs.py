"""The doors of `runs`, `retrain` and `release check`: run folders, recipes of old students, splits, changelogs."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz.cases import any_bytes, changed_json, nasty, texts
from fuzz.harness import attempt
from hypothesis import example, given
from hypothesis import strategies as st
from support import artifact_entry, manifest_facts, write_manifest

from sentio_mobile._internal.records import json_bytes, to_plain, write_record
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.bundle.bundle import EVALUATION, Bundle, open_bundle
from sentio_mobile.bundle.keys import make_key
from sentio_mobile.bundle.manifest import MANIFEST
from sentio_mobile.bundle.sign import sign
from sentio_mobile.data.songs import Song
from sentio_mobile.data.splits import read_splits
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.metrics.evaluation import Evaluation, evaluate
from sentio_mobile.models.checkpoint import read_sheet
from sentio_mobile.monitoring.release import (
    ReleaseLimits,
    checklist,
    no_loss,
    over_floor,
    papers,
    signed,
    write_release,
)
from sentio_mobile.monitoring.runs import compare_runs, find_runs, mark
from sentio_mobile.pipeline.retrain import export_like, recipe_of, retrain_splits
from sentio_mobile.pipeline.stages import Stages
from sentio_mobile.recipes import load_recipe
from sentio_mobile.spec import ModelSpec

SPEC = ModelSpec(architecture="mobilevit", settings={"width": 64})
TRUTH = np.random.default_rng(0).uniform(-0.9, 0.9, (30, 2))
STUDENT = ROOT / "export" / "golden" / "student"
RECIPE = to_plain(load_recipe(DistillRecipe, "mobilevit", "distill"))


def judged(noise: float) -> Evaluation:
    predicted = np.clip(TRUTH + np.random.default_rng(1).normal(0, noise, TRUTH.shape), -1, 1)
    found = evaluate(tuple(f"song {i}" for i in range(30)), TRUTH, predicted, 0)
    return Evaluation(val=found, test=found)


def write_run(folder: Path, noise: float, release: str) -> None:
    """A finished run: its state, a decision, a student's sheet, and a bundle that no runtime reads."""
    bundle = folder / "bundle"
    bundle.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"data": {"key": "a" * 64, "seconds": 1.0}}))
    (folder / "decision.json").write_text(json.dumps({"schema": 1, "status": "production", "note": "the first"}))
    shutil.copytree(STUDENT, folder / "student")
    sheet = json.loads((STUDENT / "checkpoint.json").read_text())
    (folder / "student" / "checkpoint.json").write_text(json.dumps({**sheet, "recipe": RECIPE}))
    write_record(bundle / EVALUATION, judged(noise))
    (bundle / "MODEL_CARD.md").write_text("card\n")
    (bundle / "m.onnx").write_bytes(b"a model")
    facts = manifest_facts(SPEC, [artifact_entry("onnx", "spectrogram", "fp32", "m.onnx")], release=release)
    write_manifest(bundle, facts)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "runs"
    write_run(folder / "first", 0.3, "1.0")
    write_run(folder / "second", 0.2, "2.0")
    (folder / "second" / "decision.json").unlink()
    make_key(folder.parent / "key.pem")
    sign(folder / "second" / "bundle", folder.parent / "key.pem")
    (folder.parent / "CHANGELOG.md").write_text("# Changes\n\n## [2.0] - today\n\n- Better.\n")
    return folder


FILES = ("run.json", "decision.json", "student/checkpoint.json", "bundle/manifest.json", "bundle/evaluation.json")


def use(runs: Path) -> None:
    """Everything that the three commands do with run folders and that needs neither a runtime nor training."""
    first, second = runs / "first", runs / "second"
    place = runs.parent
    attempt("runs", lambda: find_runs(runs), place)
    attempt("runs", lambda: compare_runs(second, first), place)
    attempt("runs", lambda: mark(second, "candidate"), place)
    attempt("retrain", lambda: retrained(first), place)
    attempt("release check", lambda: released(first, second), place)


def retrained(production: Path) -> bool:
    """What `retrain` takes from the run in production, up to its first stage."""
    bundle = open_bundle(production / "bundle")
    export_like(bundle.manifest, "2.0")
    recipe_of(read_sheet(production / "student").recipe, production / "student")
    stages = Stages(folder=production, total=1, announce=lambda _: None)
    with stages.claimed():
        return True


def released(old: Path, new: Path, changelog: str = "CHANGELOG.md", key: str = "key.pub.pem") -> bool:
    """The checklist without what runs artifacts."""
    bundles: list[Bundle] = [open_bundle(folder / "bundle") for folder in (old, new)]
    evaluations = [bundle.evaluation() for bundle in bundles]
    limits = ReleaseLimits()
    lines = (
        over_floor(evaluations[1], limits),
        no_loss(*evaluations, limits),
        *papers(*bundles, old.parent.parent / changelog),
        signed(bundles[1], old.parent.parent / key),
    )
    write_release(old.parent.parent / "out", checklist(*bundles, limits=limits, lines=lines, load=None))
    return True


def test_right_runs_are_taken(runs: Path) -> None:
    assert len(find_runs(runs)) == 2
    assert retrained(runs / "first")
    assert released(runs / "first", runs / "second")


def hashed(folder: Path) -> None:
    """Write the hashes of a bundle's files as they are now, as whoever changes one does."""
    facts = json.loads((folder / MANIFEST).read_text())
    write_manifest(folder, {**facts, "files": {}})


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
def test_changed_record_of_a_run_is_read_or_one_error(name: str, data: st.DataObject, runs: Path) -> None:
    path = runs / "first" / name
    right = path.read_bytes()
    manifest = (runs / "first" / "bundle" / MANIFEST).read_bytes()
    try:
        if data.draw(st.booleans()):
            path.write_text(json.dumps(data.draw(changed_json(json.loads(right)))))
        else:
            path.write_bytes(data.draw(any_bytes((right,))))
        if path.name == EVALUATION:
            hashed(path.parent)
        use(runs)
    finally:
        path.write_bytes(right)
        (runs / "first" / "bundle" / MANIFEST).write_bytes(manifest)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "device", "nothing"])
def test_what_is_no_record_of_a_run_is_one_error(name: str, kind: str, runs: Path) -> None:
    path = runs / "first" / name
    right = path.read_bytes()
    path.unlink()
    try:
        if kind == "folder":
            path.mkdir()
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind in ("loop", "device"):
            path.symlink_to(path.name if kind == "loop" else "/dev/zero")
        use(runs)
    finally:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        path.write_bytes(right)


@given(note=texts)
def test_any_note_is_kept_or_one_error(note: str, runs: Path) -> None:
    found = attempt("runs", lambda: mark(runs / "second", "candidate", note), runs.parent)
    assert found is None or found[0].note == note


@given(recipe=st.dictionaries(texts, nasty, max_size=3) | changed_json(RECIPE))
def test_any_recipe_of_an_old_student_is_taken_or_one_error(recipe: Any, runs: Path) -> None:
    if isinstance(recipe, dict):
        attempt("retrain", lambda: recipe_of(recipe, runs / "first" / "student"), runs.parent)


SPLITS = b"song_id,split\n" + b"".join(b"s%d,%b\n" % (i, (b"train", b"val", b"test")[i % 3]) for i in range(12))


@given(content=any_bytes((SPLITS,)), ids=st.lists(texts, max_size=4))
@example(content=SPLITS, ids=["new"])
def test_any_songs_and_splits_of_production_are_joined_or_one_error(content: bytes, ids: list[str], runs: Path) -> None:
    path = runs.parent / "songs.csv"
    path.write_bytes(content)
    songs = [
        Song(song_id=name, path=Path("x"), valence=0.1, arousal=0.2, group=name)
        for name in dict.fromkeys([*(f"s{i}" for i in range(12)), *ids])
    ]
    found = attempt("retrain", lambda: retrain_splits(songs, read_splits(path)), runs.parent)
    assert found is None or set(found.values()) <= {"train", "val", "test"}


@pytest.mark.parametrize("name", ["changelog", "key"])
@given(data=st.data())
def test_any_bytes_as_changelog_or_key_are_a_line_of_the_checklist(name: str, data: st.DataObject, runs: Path) -> None:
    seeds = ((runs.parent / "CHANGELOG.md").read_bytes(), (runs.parent / "key.pub.pem").read_bytes())
    (runs.parent / "given").write_bytes(data.draw(any_bytes(seeds)))
    first, second = runs / "first", runs / "second"
    assert attempt("release check", lambda: released(first, second, **{name: "given"}), runs.parent)


def test_run_whose_records_are_right_again_is_read(runs: Path) -> None:
    """Nothing of the cases before is left: what they changed was put back."""
    assert json_bytes(find_runs(runs)[0])
    assert released(runs / "first", runs / "second")
