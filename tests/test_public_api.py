"""The public Python API: its names and signatures are pinned, and the whole way goes through it in small."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import sentio_mobile
from sentio_mobile.cli import main
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.teacher.config import TeacherRecipe

FUNCTIONS = {
    "load": "bundle, *, format, form, precision, threads, require_signature",
    "prepare": "source, *, out, scale, columns, tables, norms, norms_scale, labels, window, windows, perturb, "
    "fractions, seed, splits, recipe, store, read, overwrite, progress",
    "train_teacher": "*, data, out, recipe, start, weights, gan_samples, weak_labels, unlabelled, embeddings, devices, "
    "nodes, strategy, accelerator, logger, overwrite, progress",
    "embed": "sources, *, out, encoder, step, clean, workers, overwrite, progress",
    "train_probe": "*, data, embeddings, out, recipe, music, songs, weak_labels, overwrite, progress",
    "label": "teachers, *, data, out, embeddings, music, overwrite, progress",
    "train": "songs, *, out, unlabelled, weak_labels, encoder, scale, columns, tables, norms, norms_scale, recipe, "
    "student_start, seed, anyway, accelerator, logger, progress, announce",
    "pretrain": "*, data, out, recipe, embeddings, steps, pseudo_labels, devices, nodes, strategy, accelerator, "
    "logger, overwrite, progress",
    "distill": "*, teacher, data, out, recipe, start, unlabelled, gan_samples, pseudo_labels, weak_labels, embeddings, "
    "music, cache, convert, accelerator, logger, overwrite, progress, announce",
    "export": "checkpoint, *, out, formats, forms, precisions, data, music, name, release, licence, keep_float, "
    "timeout_s, keep_refused, overwrite, progress",
    "verify": "bundle, *, data, music, threads, arm64, require_signature, progress",
    "benchmark": "bundle, *, out, threads, runs, adb, adb_tool, adb_app, phone_results, peers, roofline, "
    "require_signature, progress",
    "evaluate": "models, *, data, out, music, baselines, others, format, split, over, tolerance, seed, skip, "
    "gan_samples, weak_labels, require_signature, progress",
    "package": "bundle, *, platform, out, app_id, app_name, formats, form, precision, require_signature, overwrite",
}
"""A change here is a change for everybody who uses the toolkit: it goes into CHANGELOG.md."""


def parameters_of(name: str) -> str:
    words, keyword_only = [], False
    for parameter in inspect.signature(getattr(sentio_mobile, name)).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            words.append("*")
            keyword_only = True
        words.append(parameter.name)
    return ", ".join(words)


def test_public_names_are_pinned() -> None:
    assert set(sentio_mobile.__all__) == {*FUNCTIONS, "AudioSpec", "ModelSpec", "SentioError", "__version__"}
    assert set(sentio_mobile.__all__) <= set(dir(sentio_mobile))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_signature_is_pinned(name: str) -> None:
    assert parameters_of(name) == FUNCTIONS[name]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_docstring_has_an_example_and_every_parameter(name: str) -> None:
    text = inspect.getdoc(getattr(sentio_mobile, name)) or ""
    assert f"sentio_mobile.{name}(" in text
    for section in ("Args:", "Returns:", "Raises:"):
        assert section in text
    for parameter in inspect.signature(getattr(sentio_mobile, name)).parameters:
        assert f"\n    {parameter}: " in text


def test_functions_stay_functions_when_a_room_of_the_same_name_is_imported() -> None:
    code = (
        "import sentio_mobile.distill.config, sentio_mobile.export.config, sentio_mobile;"
        "from sentio_mobile import distill, export;"
        "print(callable(distill), callable(export), sentio_mobile.distill is distill)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["True"] * 3


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'tune'"):
        _ = sentio_mobile.tune  # type: ignore[attr-defined]


def test_wrong_input_is_a_sentio_error(tmp_path: Path) -> None:
    with pytest.raises(sentio_mobile.SentioError, match="no recipe 'vit_large'"):
        sentio_mobile.train_teacher(data=tmp_path, out=tmp_path / "out", recipe="vit_large")
    with pytest.raises(sentio_mobile.SentioError, match="unknown platform 'symbian'"):
        sentio_mobile.package(tmp_path, platform="symbian", out=tmp_path / "out")  # type: ignore[arg-type]
    with pytest.raises(sentio_mobile.SentioError, match="nothing to evaluate"):
        sentio_mobile.evaluate([], data=tmp_path)
    with pytest.raises(sentio_mobile.SentioError, match="there is nothing to embed"):
        sentio_mobile.embed([], out=tmp_path / "out")
    with pytest.raises(sentio_mobile.SentioError, match="there is no teacher"):
        sentio_mobile.label([], data=tmp_path, out=tmp_path / "out")
    with pytest.raises(sentio_mobile.SentioError, match="no recipe 'fast'"):
        sentio_mobile.train(tmp_path, out=tmp_path / "out", recipe="fast")
    assert list(tmp_path.iterdir()) == []


def test_every_function_is_a_command() -> None:
    commands = set(main.list_commands(None)) | {"prepare", "train_teacher", "train_probe", "embed", "label", "load"}  # type: ignore[arg-type]
    assert set(FUNCTIONS) <= commands


@pytest.mark.slow
def test_whole_way_from_music_to_an_app(
    deam: Path, tiny_teacher: TeacherRecipe, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    data = sentio_mobile.prepare(deam, out=tmp_path / "prepared", fractions=(0.6, 0.2, 0.2))
    teacher = sentio_mobile.train_teacher(data=data, out=tmp_path / "teacher", recipe=tiny_teacher)
    sentio_mobile.distill(teacher=teacher, data=tmp_path / "prepared", out=tmp_path / "student", recipe=tiny_student)
    bundle = sentio_mobile.export(
        tmp_path / "student", out=tmp_path / "bundle", formats=["onnx"], forms=["waveform"], release="2"
    )
    assert [artifact.label for artifact in bundle.artifacts] == ["onnx waveform fp32"]
    found = sentio_mobile.verify(tmp_path / "bundle")
    assert [result.verdict for result in found.results] == ["pass"]
    run = sentio_mobile.evaluate(
        {"student": tmp_path / "student", "teacher": tmp_path / "teacher"}, data=data, out=tmp_path / "evaluated"
    )
    assert [model.name for model in run.models] == ["student", "teacher"]
    assert (tmp_path / "evaluated" / "evaluation.html").is_file()
    summary = sentio_mobile.benchmark(bundle, out=tmp_path / "measured", runs=50)
    assert summary.headline
    song = next(deam.rglob("*.wav"))
    assert -1 <= sentio_mobile.load(tmp_path / "bundle").predict(song).valence <= 1
    project = sentio_mobile.package(bundle, platform="web", out=tmp_path / "web", app_name="Moods")
    assert project.next_steps
    with pytest.raises(sentio_mobile.SentioError, match="exists already"):
        sentio_mobile.package(bundle, platform="web", out=tmp_path / "web")
