"""The command, end to end, on generated songs and a small teacher."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from quick_export import export_quickly

from sentio_mobile._internal.records import replace, to_plain
from sentio_mobile.cli import main
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, Split, open_data
from sentio_mobile.errors import DataError, InputError
from sentio_mobile.evaluation.evaluate import EvaluationOptions, evaluate_models
from sentio_mobile.evaluation.evaluated_model import EvaluatedModel, open_model, training_seconds
from sentio_mobile.evaluation.page import write_evaluation
from sentio_mobile.evaluation.results import EvaluationRun, published_for, read_evaluation
from sentio_mobile.evaluation.slices import Slice
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import CRNNSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.recipes import load_recipe
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.config import TeacherRecipe

HOSTILE = "<script>alert(1)</script>"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)], env={"COLUMNS": "250"})


def constant(name: str, data: PreparedData, values: tuple[float, float] = (0.2, -0.1)) -> EvaluatedModel:
    def answer(clips: np.ndarray) -> np.ndarray:
        return np.tile(np.float32(values), (len(clips), 1))

    return EvaluatedModel(
        name=name,
        kind="always the same",
        audio=data.audio,
        predict_clips=answer,
        predict_log_mels=answer,
        training_data=data.origin,
    )


def with_labels(data: PreparedData, change: dict[str, np.ndarray]) -> PreparedData:
    """The same songs with other labels for some splits."""
    splits: dict[str, Split] = {
        name: replace(split, labels=change.get(name, split.labels)) for name, split in data.splits.items()
    }
    return replace(data, splits=splits)


@pytest.fixture(scope="module")
def evaluated(data: PreparedData, deam: Path, teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command wrote, with the songs perturbed and the models timed."""
    out = tmp_path_factory.mktemp("evaluated") / "out"
    result = run(f"first={teacher}", teacher, "--data", data.folder, "--music", deam, "--out", out)
    assert result.exit_code == 0, result.output
    assert "ckpt" in result.output
    return out


def test_evaluate_checkpoint_agrees_with_its_own_evaluation(evaluated: Path, teacher: Path) -> None:
    found = read_evaluation(evaluated / "evaluation.json")
    trained = Checkpoint.load(teacher).evaluation.test
    model = found.models[0]
    assert found.songs == trained.songs
    assert np.array(model.predicted) == pytest.approx(trained.predictions)
    for name in ("valence", "arousal", "mean"):
        assert to_plain(model.metrics[name]["ccc"]) == pytest.approx(to_plain(trained.ccc[name]), abs=1e-5)
    assert set(model.metrics["valence"]) == {"ccc", "mse", "mae", "rmse", "r2", "pearson", "slope", "bias"}
    assert model.parameters > 1000
    assert model.training_seconds > 0


def test_evaluate_same_model_twice_shows_no_difference(evaluated: Path) -> None:
    (pair,) = read_evaluation(evaluated / "evaluation.json").comparisons
    assert (pair.first, pair.second, pair.verdict) == ("first", "ckpt", "cannot be told apart")
    assert pair.difference["mean"].value == 0
    page = (evaluated / "evaluation.html").read_text()
    assert "cannot be told apart" in page
    assert "Best of" not in page


def of_songs(found: EvaluationRun, n: int) -> EvaluationRun:
    """The same evaluation of so many songs."""
    few = len(found.songs)
    rows = [i % few for i in range(n)]
    models = tuple(replace(model, predicted=tuple(model.predicted[i] for i in rows)) for model in found.models)
    songs, truth = tuple(f"song {i}" for i in range(n)), tuple(found.truth[i] for i in rows)
    return replace(found, songs=songs, truth=truth, models=models)


def test_headline_ranks_only_what_can_be_told_apart(evaluated: Path) -> None:
    run = of_songs(read_evaluation(evaluated / "evaluation.json"), 10)
    (pair,) = run.comparisons
    assert run.headline.startswith("first and ckpt cannot be told apart; first: mean CCC")
    apart = replace(pair, difference={name: Interval(-0.2, -0.3, -0.1) for name in pair.difference})
    assert replace(run, comparisons=(apart,)).headline.startswith("Best of 2, first: mean CCC")
    assert replace(run, comparisons=(), models=run.models[:1]).headline.startswith("first: mean CCC")
    few = of_songs(replace(run, comparisons=(apart,)), 9)
    assert few.headline == "2 models, not ranked: 9 test songs are fewer than 10"


def test_slices_of_few_songs_are_grey_and_last(data: PreparedData, tmp_path: Path) -> None:
    model = constant("flat", data)
    run = evaluate_models([model], data, EvaluationOptions())
    figure = {"valence": Interval(0.1, 0.0, 0.2), "arousal": Interval(0.1, 0.0, 0.2), "mean": Interval(0.1, 0.0, 0.2)}
    names = {"a few": 9, "many": 40, "very few": 5, "enough": 10}
    slices = tuple(
        Slice(by="group", name=name, songs=n, mae=figure, bias=figure, ccc=figure, outward=figure["mean"])
        for name, n in names.items()
    )
    found = replace(run, models=(replace(run.models[0], slices=slices),))
    write_evaluation(tmp_path, found, data=data, models=[model])
    page = (tmp_path / "evaluation.html").read_text()
    rows = re.findall(r'<tr( class="few")?><th scope="row">([^<]*)<br>', page[page.index("<h3>Slices") :])
    grey = ' class="few"'
    assert rows == [("", "many"), ("", "enough"), (grey, "a few"), (grey, "very few")]


def test_evaluate_with_music_measures_robustness_and_latency(evaluated: Path) -> None:
    model = read_evaluation(evaluated / "evaluation.json").models[0]
    moved = {one.name: one.moved["mean"].value for one in model.robustness}
    assert len(moved) == 9
    # The front end sets levels in relation to the loudest: a softer clip is the same image.
    assert moved["gain -12 dB"] < 1e-4 < moved["noise 20 dB"]
    assert moved["5 s later"] > 1e-4
    assert model.latency is not None
    assert 0 < model.latency.p50_ms <= model.latency.p90_ms
    assert model.latency.runs >= 50


def test_evaluate_page_is_self_contained(evaluated: Path) -> None:
    page = (evaluated / "evaluation.html").read_text()
    assert "generated" in page
    assert "Robustness" in page
    assert page.count("<img") >= 2 * 8
    assert "http://" not in page
    assert "https://" not in page


def test_evaluate_bundle_agrees_with_its_checkpoint(data: PreparedData, teacher: Path, tmp_path: Path) -> None:
    export_quickly(teacher, tmp_path / "bundle", ExportRecipe(formats=("onnx",), forms=("spectrogram",)))
    models = [open_model(teacher), open_model(tmp_path / "bundle")]
    found = evaluate_models(models, data, EvaluationOptions())
    assert np.array(found.models[0].predicted) == pytest.approx(np.array(found.models[1].predicted), abs=2e-4)
    assert found.models[1].kind == "vit bundle, onnx spectrogram fp32"
    assert models[1].training_data == data.origin
    assert not [note for note in found.notes if "trained on another" in note]


def test_evaluate_model_with_another_front_end_needs_music(data: PreparedData, deam: Path, tmp_path: Path) -> None:
    spec = spec_of(
        CRNNSettings(conv_widths=(8,), lstm_layers=1, lstm_width=8), AudioSpec(seconds=5.0, image_size=(64, 64))
    )
    spec = replace(spec, pooling="mean")
    Checkpoint(model=build(spec), spec=spec).save(tmp_path / "other")
    model = open_model(tmp_path / "other")
    with pytest.raises(DataError, match="give the folder of the audio as --music"):
        evaluate_models([model], data, EvaluationOptions(skip=("robustness", "latency")))
    found = evaluate_models([model], data, EvaluationOptions(skip=("robustness", "latency"), music=deam))
    assert np.std(found.models[0].predicted) > 0
    assert any("other does not record its training songs" in note for note in found.notes)


def test_evaluate_renderings_are_compared_song_by_song(data: PreparedData, teacher: Path, tmp_path: Path) -> None:
    found = evaluate_models([open_model(teacher)], data, EvaluationOptions(renderings={"again": (data, None)}))
    (again,) = found.models[0].robustness
    assert again.name == "again"
    assert again.gain["mean"].value == 0
    assert again.correlation["mean"].value == pytest.approx(1)
    unnamed = {name: replace(split, song_ids=("x",) * len(split)) for name, split in data.splits.items()}
    fewer = replace(data, splits=unnamed)
    with pytest.raises(DataError, match="so fewer cannot be compared"):
        evaluate_models([open_model(teacher)], data, EvaluationOptions(renderings={"fewer": (fewer, None)}))


def test_evaluate_constant_labels_are_noted_and_no_nan_is_written(data: PreparedData, tmp_path: Path) -> None:
    labels = data.split("test").labels.copy()
    labels[:, 0] = 0.5
    models, changed = [constant("same", data)], with_labels(data, {"test": labels})
    found = evaluate_models(models, changed, EvaluationOptions(skip=("latency",)))
    assert "All songs have the same valence: its CCC, R2 and correlation are undefined" in found.notes
    write_evaluation(tmp_path, found, data=changed, models=models)
    text = (tmp_path / "evaluation.json").read_text()
    assert "NaN" not in text
    page = (tmp_path / "evaluation.html").read_text()
    assert "undefined" in page
    assert ">nan" not in page


def test_write_evaluation_escapes_names(data: PreparedData, tmp_path: Path) -> None:
    models = [constant(HOSTILE, data)]
    found = evaluate_models(models, data, EvaluationOptions(skip=("robustness", "latency")))
    write_evaluation(tmp_path, found, data=data, models=models)
    page = (tmp_path / "evaluation.html").read_text()
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


def test_published_for_deam_with_peoples_labels_only(data: PreparedData) -> None:
    assert published_for(data) == ()
    rated = replace(data, sheet=replace(data.sheet, labels="rated"))
    assert [one.name for one in published_for(rated)] == ["Music2Emo", "ceiling"]
    found = evaluate_models([constant("same", data)], rated, EvaluationOptions(skip=("robustness", "latency")))
    assert found.published[0].r2 == (0.51, 0.60)


def test_evaluate_command_wrong_arguments_are_one_line(
    data: PreparedData, teacher: Path, deam: Path, tmp_path: Path
) -> None:
    prepared = ("--data", data.folder, "--out", tmp_path / "out")
    for arguments, said in (
        ((), "nothing to evaluate"),
        (("--baselines",), "give its folder as --music"),
        ((tmp_path,), "is neither a checkpoint"),
        ((teacher, teacher), "two models are called 'ckpt'"),
        ((teacher, "--other", "x"), "give it a name"),
        ((teacher, "--other-music", f"x={deam}"), "there is no --other of this name"),
        ((teacher, "--music", tmp_path), "give the folder that"),
    ):
        result = run(*arguments, *prepared)
        assert result.exit_code == 2, result.output
        assert said in result.output
        assert "Traceback" not in result.output
    assert not (tmp_path / "out" / "evaluation.json").exists()


def test_evaluate_changed_audio_is_refused(data: PreparedData, deam: Path, tmp_path: Path) -> None:
    shutil.copytree(deam, tmp_path / "deam")
    song = next(path for path in sorted((tmp_path / "deam").rglob("*.wav")))
    for other in (tmp_path / "deam").rglob("*.wav"):
        if other != song:
            shutil.copyfile(song, other)
    with pytest.raises(DataError, match="is not the file that"):
        evaluate_models([constant("same", data)], data, EvaluationOptions(music=tmp_path / "deam"))


def test_evaluate_nan_predictions_and_too_few_songs_are_refused(data: PreparedData) -> None:
    with pytest.raises(InputError, match="predicts something else than two numbers"):
        evaluate_models([constant("broken", data, (float("nan"), 0.0))], data, EvaluationOptions())
    test = data.split("test")
    two = replace(test, song_ids=test.song_ids[:2], rows=test.rows[:2], labels=test.labels[:2])
    fewer = replace(data, splits={**data.splits, "test": two})
    with pytest.raises(DataError, match="has 2 test songs, and a CCC needs at least 3"):
        evaluate_models([constant("same", data)], fewer, EvaluationOptions())


def test_training_seconds_needs_every_epoch() -> None:
    assert training_seconds([{"seconds": 1.5}, {"seconds": 2.0}]) == 3.5
    assert training_seconds([{"seconds": 1.5}, {"epoch": 1}]) is None
    assert training_seconds([]) is None


@pytest.mark.slow
def test_evaluate_baselines_are_cached(
    data: PreparedData, deam: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe(TeacherRecipe, "crnn", "teacher")
    quick = replace(recipe, training=replace(recipe.training, epochs=2))
    monkeypatch.setattr("sentio_mobile.evaluation.baselines.load_recipe", lambda *_: quick)
    arguments = ("--baselines", "--data", data.folder, "--music", deam, "--out", tmp_path / "out")
    arguments = (*arguments, "--skip", "stability", "--skip", "latency")
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    found = read_evaluation(tmp_path / "out" / "evaluation.json")
    models = {model.name: model for model in found.models}
    assert list(models) == ["mean", "Ridge", "SVR (RBF)", "XGBoost", "CRNN"]
    assert models["mean"].predicted[0] == pytest.approx(data.split("train").labels.mean(axis=0), abs=1e-4)
    assert models["mean"].metrics["mean"]["ccc"].value == 0
    assert models["Ridge"].parameters == 2 * 165
    assert 5_000_000 < models["CRNN"].parameters < 6_500_000
    assert max(models[name].metrics["arousal"]["ccc"].value for name in ("Ridge", "SVR (RBF)", "XGBoost")) > 0.4
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "baselines").iterdir()}
    assert run(*arguments).exit_code == 0
    assert kept == {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "baselines").iterdir()}
    again = read_evaluation(tmp_path / "out" / "evaluation.json")
    assert [model.predicted for model in again.models] == [model.predicted for model in found.models]


@pytest.mark.slow
def test_crnn_as_teacher(data: PreparedData, tmp_path: Path) -> None:
    recipe = tmp_path / "crnn.toml"
    recipe.write_text(
        '[model]\narchitecture = "crnn"\nconv_widths = [16]\nlstm_layers = 1\nlstm_width = 16\n'
        "[training]\nepochs = 2\nbatch_size = 8\nlearning_rate = 1e-3\n"
    )
    command = ["teacher", "train", "--data", str(data.folder), "--recipe", str(recipe), "--out", str(tmp_path / "ckpt")]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    loaded = Checkpoint.load(tmp_path / "ckpt")
    assert loaded.spec.architecture == "crnn"
    assert all(row["seconds"] > 0 for row in loaded.history)


def test_evaluate_rendering_with_another_front_end_needs_its_audio(
    deam: Path, data: PreparedData, tmp_path: Path
) -> None:
    shorter = AudioSpec(seconds=5.0)
    prepare(deam, tmp_path / "short", recipe=DataRecipe(fractions=(0.6, 0.2, 0.2)), audio=shorter)
    other = open_data(tmp_path / "short")
    found = evaluate_models([constant("same", data)], data, EvaluationOptions(renderings={"short": (other, None)}))
    assert found.models[0].robustness == ()
    assert "same was not compared on short, which keeps no PCM: give its audio (--other-music short=FOLDER)" in (
        found.notes
    )
    # What was asked for is done, also where perturbations are skipped.
    options = EvaluationOptions(renderings={"short": (other, deam)}, skip=("robustness",))
    from_audio = evaluate_models([constant("same", data)], data, options)
    assert [one.name for one in from_audio.models[0].robustness] == ["short"]
    assert not [note for note in from_audio.notes if "was not compared" in note]
