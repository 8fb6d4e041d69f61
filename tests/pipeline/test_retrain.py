"""Retraining: splits stay, what is not better is not deployed, and what is better is."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy.io import wavfile

from sentio_mobile._internal.records import replace
from sentio_mobile._internal.tables import write_table
from sentio_mobile.cli import main
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import open_data
from sentio_mobile.data.songs import Song
from sentio_mobile.data.splits import SplitList
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.distill import distill
from sentio_mobile.errors import DataError, InputError
from sentio_mobile.export.build import build_bundle
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.metrics.evaluation import Evaluation, evaluate
from sentio_mobile.models.checkpoint import read_sheet
from sentio_mobile.monitoring.deploy import better_by, deploy
from sentio_mobile.monitoring.release import ReleaseCheck, ReleaseLimits, ReleaseLine, Verdict
from sentio_mobile.monitoring.runs import mark, read_run
from sentio_mobile.pipeline.retrain import retrain_splits
from sentio_mobile.spec import AudioSpec


def songs(ids: list[str], *, source: str = "", group: str = "") -> list[Song]:
    spread = np.linspace(-0.8, 0.8, len(ids))
    return [
        Song(
            song_id=f"{source}/{name}" if source else name,
            group=group or (f"{source}/{name}" if source else name),
            path=Path(name),
            valence=float(value),
            arousal=float(-value),
            source=source,
        )
        for name, value in zip(ids, spread, strict=True)
    ]


def test_songs_keep_their_split_and_new_ones_are_split_by_group() -> None:
    ids = [f"s{i}" for i in range(20)]
    old = SplitList(Path("old"), {name: ("train", "val", "test")[i % 3] for i, name in enumerate(ids)})
    new = [f"n{i}" for i in range(50)]
    given = [*songs(ids, source="first"), *songs(new, source="second")]
    given[-1] = replace(given[-1], group=given[2].group)  # of the group of a test song
    found = retrain_splits(given, old)
    assert {name: found[f"first/{name}"] for name in ids} == dict(old.split_of)
    assert found["second/n49"] == "test"
    counts = {split: sum(found[f"second/{name}"] == split for name in new) for split in ("train", "val", "test")}
    assert counts["train"] > 30
    assert counts["val"] > 2
    assert 7 < counts["test"] < 13
    # A second time: ids have the name of their source already.
    again = SplitList(Path("again"), found)
    assert retrain_splits([*given, *songs(["x"], source="third")], again).items() > found.items()
    # A model that was cross-validated has training songs only: new songs judge it.
    alone = retrain_splits(given, SplitList(Path("old"), dict.fromkeys(ids, "train")))
    assert {alone[f"first/{name}"] for name in ids} == {"train"}
    assert {alone[f"second/{name}"] for name in new} == {"train", "test"}
    with pytest.raises(InputError, match="1 of its 20 songs are not among the given ones"):
        retrain_splits(given[1:], old)
    with pytest.raises(DataError, match="nothing new to learn from"):
        retrain_splits(songs(ids), old)


def test_margin() -> None:
    truth = np.random.default_rng(0).uniform(-0.9, 0.9, (200, 2))
    names = tuple(f"song {i}" for i in range(200))

    def judged(noise: float, seed: int, n: int = 200) -> Evaluation:
        predicted = np.clip(truth + np.random.default_rng(seed).normal(0, noise, truth.shape), -1, 1)
        return Evaluation(test=evaluate(names[:n], truth[:n], predicted[:n], 0))

    assert better_by(judged(0.4, 1), judged(0.2, 2), 0.02).verdict == "pass"
    assert better_by(judged(0.4, 1), judged(0.2, 2), 0.5).verdict == "fail"
    assert better_by(judged(0.2, 1), judged(0.2, 2), 0.02).verdict == "fail"
    assert better_by(judged(0.2, 1), judged(0.4, 2), 0.02).verdict == "fail"
    assert better_by(judged(0.2, 1), judged(0.2, 2, 100), 0.02).verdict == "open"
    # Few songs: the gain is large, and may be chance.
    few = [better_by(judged(0.5, seed, 12), judged(0.45, seed + 50, 12), 0.02).verdict for seed in range(20)]
    assert "open" in few


def call(*arguments: object) -> Result:
    result = CliRunner().invoke(main, ["retrain", *map(str, arguments)], env={"COLUMNS": "80"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


AUDIO = AudioSpec(seconds=2.0, image_size=(64, 64))


def write_songs(folder: Path, name: str, count: int, seed: int) -> Path:
    """A manifest of short tones: high ones are energetic, and those with overtones unpleasant."""
    rng = np.random.default_rng(seed)
    rows = []
    time = np.arange(AUDIO.n_samples) / AUDIO.sample_rate
    for i in range(count):
        valence, arousal = rng.uniform(-0.9, 0.9, 2)
        pitch = 200 * 2 ** (1.5 * (arousal + 1))
        sound = np.sin(2 * np.pi * pitch * time)
        for overtone in range(2, 9):
            sound += (1 - valence) / 2 * np.sin(2 * np.pi * pitch * overtone * time) / overtone
        sound = (0.3 * sound / np.abs(sound).max() + 0.01 * rng.normal(size=len(time))).clip(-1, 1)
        wavfile.write(folder / f"{name}{i}.wav", AUDIO.sample_rate, (32767 * sound).astype(np.int16))
        rows.append([f"{name}{i}.wav", f"{valence:.3f}", f"{arousal:.3f}"])
    write_table(folder / f"{name}.csv", ["path", "valence_mean", "arousal_mean"], rows)
    return folder / f"{name}.csv"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_student: DistillRecipe) -> Path:
    """Two manifests, and a run in production that was trained on the first one for a moment."""
    folder = tmp_path_factory.mktemp("retrain")
    old, run = write_songs(folder, "old", 40, 1), folder / "runs" / "first"
    write_songs(folder, "new", 60, 2)
    recipe = DataRecipe(scale="-1-1", fractions=(0.4, 0.2, 0.4))
    assert prepare(old, run / "data", recipe=recipe, audio=AUDIO) == []
    training = replace(tiny_student.training, epochs=1)
    data = open_data(run / "data")
    distill(None, data, recipe=replace(tiny_student, training=training), out=run / "student", start="random")
    build_bundle(
        run / "student",
        ExportRecipe(formats=("onnx",), forms=("spectrogram",), release="1.0"),
        out=run / "bundle",
        data=data,
    )
    (run / "run.json").write_text("{}")
    mark(run, "production")
    return folder


@pytest.mark.slow
@pytest.mark.exhaustive
def test_new_labels_make_a_better_model_that_is_deployed(place: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    settings = "\n".join(f"{name} = {value}" for name, value in (("epochs", 30), ("batch_size", 8)))
    model = read_sheet(place / "runs/first/student").recipe["model"]
    assert isinstance(model, dict)
    lines = [f"{name} = {json.dumps(value)}" for name, value in model.items() if value is not None]
    recipe.write_text("[model]\n" + "\n".join(lines) + f"\n[training]\nlearning_rate = 3e-3\n{settings}\n")
    given = (place / "runs/first", place / "old.csv", place / "new.csv", "--scale", -1, 1, "--release", "2.0")
    out = place / "runs/second"
    made = call(*given, "--out", out, "--recipe", recipe, "--floor", 0.2, "--runs", 50, "--json")
    found = json.loads(made.stdout)
    verdicts = {line["name"]: line["verdict"] for line in found["lines"]}
    # On a busy machine the time is open.
    assert verdicts.pop("latency") in ("pass", "open")
    assert set(verdicts.values()) == {"pass"}, found["lines"]
    run = read_run(out)
    assert run.note.startswith("retrained from emotion 1.0: ")
    if made.exit_code == 0:
        assert (run.status, read_run(place / "runs/first").status) == ("production", "deprecated")
    else:
        assert (made.exit_code, run.status) == (3, "candidate")
    old, new = open_data(place / "runs/first/data"), open_data(out / "data")
    for split in ("train", "val", "test"):
        before, after = old.split(split).song_ids, new.split(split).song_ids
        assert {f"old/{song}" for song in before} < set(after)
    # Again: nothing is trained, and what is asked for decides.
    again = call(*given, "--out", out, "--recipe", recipe, "--floor", 0.99, "--runs", 50)
    assert again.exit_code == 1
    assert "stage 2 of 4, student: done before" in again.stderr
    assert "stays in production" in again.stdout
    assert read_run(out).status == "candidate"


def test_what_cannot_be_retrained_is_one_line(place: Path, tmp_path: Path) -> None:
    run = place / "runs/first"
    for words, said in (
        ((place, place / "old.csv", "--out", tmp_path / "o"), "has no student"),
        ((run, place / "new.csv", "--out", tmp_path / "o"), "songs are not among the given ones"),
        ((run, place / "old.csv", "--out", tmp_path / "o"), "nothing new to learn from"),
        ((run, place / "old.csv", place / "new.csv", "--out", run), "is the run in production"),
    ):
        wrong = call(*words, "--scale", -1, 1, "--release", "2.0")
        assert (wrong.exit_code, said in wrong.stderr) == (2, True), wrong.stderr
        assert len([line for line in wrong.stderr.splitlines() if line.startswith("Error")]) == 1
    # Copies of test songs among the new labels.
    test = open_data(run / "data").split("test").song_ids[0]
    shutil.copyfile(place / f"{test}.wav", place / "copy.wav")
    rows = [["copy.wav", "0.1", "0.1", "g"], *([f"new{i}.wav", "0.2", "0.3", "g"] for i in range(30))]
    write_table(place / "copies.csv", ["path", "valence_mean", "arousal_mean", "group"], rows)
    leak = call(
        run, place / "old.csv", place / "copies.csv", "--scale", -1, 1, "--release", "2", "--out", tmp_path / "c"
    )
    assert leak.exit_code == 2
    assert "sound as songs do by which the model is judged" in leak.stderr
    assert read_run(run).status in ("production", "deprecated")


def test_decision_is_recorded_on_both_runs(tmp_path: Path) -> None:
    for name in ("a/old", "b/new"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "run.json").write_text("{}")
    old, new = tmp_path / "a/old", tmp_path / "b/new"
    mark(old, "production")

    def check(verdict: Verdict) -> ReleaseCheck:
        line = ReleaseLine(name="better by the margin", verdict=verdict, reason="0.05 more")
        return ReleaseCheck(old="m 1", new="m 2", limits=ReleaseLimits(), lines=(line,), verdict=verdict, load=None)

    for verdict in ("fail", "open"):
        assert not deploy(old, new, check(verdict))
        assert (read_run(old).status, read_run(new).status) == ("production", "candidate")
    assert deploy(old, new, check("pass"))
    assert (read_run(old).status, read_run(new).status) == ("deprecated", "production")
    assert read_run(new).note == "retrained from m 1: 0.05 more"
