"""The commands as a user meets them: the whole way in small, and one clear line for whatever is wrong."""

import json
import os
import runpy
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from support import TINY_STUDENT, leaves

from sentio_mobile.cli import main
from sentio_mobile.data.prepared import PreparedData

RECIPE = (
    """
source = "generated"
[generated]
songs = 40
seed = 3
audio_format = "wav"
[data]
fractions = [0.6, 0.2, 0.2]
[teacher.model]
layers = 2
heads = 2
width = 32
mlp_width = 64
head_widths = [16]
head_dropout = [0.0, 0.0]
[teacher.training]
epochs = 30
batch_size = 8
learning_rate = 2e-3
ccc_share = 0.8
[distill.model]
"""
    + TINY_STUDENT
    + """[distill.training]
epochs = 40
patience = 40
batch_size = 8
learning_rate = 3e-3
ccc_share = 0.8
[export]
forms = ["waveform"]
"""
)


def of_its_own(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, as a user does, which takes seconds to import torch."""
    command = [sys.executable, "-m", "sentio_mobile", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "200", "TERM": "dumb"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def sentio(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command in this process."""
    line = [str(argument) for argument in arguments]
    result = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(main, line)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return subprocess.CompletedProcess(line, result.exit_code, result.stdout, result.stderr)


def refused(result: subprocess.CompletedProcess[str], *words: str) -> None:
    """One line on stderr that has these words; status 2; no traceback."""
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error:")]
    assert result.returncode == 2, result.stderr
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in lines[0]


@pytest.mark.parametrize("command", [words for words, _ in leaves(main)], ids=" ".join)
def test_every_command_has_help_with_an_example(command: tuple[str, ...]) -> None:
    result = sentio(*command, "--help")
    assert result.returncode == 0
    assert f"Example: sentio-mobile {' '.join(command)}" in result.stdout


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "small.toml").write_text(RECIPE)
    result = of_its_own("run", folder / "small.toml", "--out", folder / "out")
    assert "Traceback" not in result.stderr, result.stderr
    assert result.returncode == 0, result.stdout + result.stderr
    assert "report.html" in result.stdout
    return folder


@pytest.mark.slow
def test_the_whole_way_leaves_four_verified_formats_and_a_report(whole_run: Path) -> None:
    out = whole_run / "out"
    manifest = json.loads((out / "bundle" / "manifest.json").read_text())
    made = [(artifact["format"], artifact["form"]) for artifact in manifest["artifacts"]]
    assert made == [(name, "waveform") for name in ("torchscript", "onnx", "tflite", "coreml")]
    verification = json.loads((out / "verification.json").read_text())
    assert verification["passed"]
    assert [result["verdict"] for result in verification["results"]] == ["pass"] * 4
    assert "generated" in (out / "report.html").read_text()


@pytest.mark.slow
def test_no_file_of_a_run_tells_where_it_was_made_but_logs_and_the_stores_journal(whole_run: Path) -> None:
    folder = str(whole_run).encode()
    naming = {path.name for path in (whole_run / "out").rglob("*") if path.is_file() and folder in path.read_bytes()}
    # The journal knows by their places which files need not be read again; logs are for whoever ran the converters.
    assert {name for name in naming if not name.endswith(".log")} == {"journal.jsonl"}


@pytest.mark.slow
def test_a_second_run_does_nothing_again_and_a_changed_recipe_only_what_follows(whole_run: Path) -> None:
    out = whole_run / "out"
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}
    result = of_its_own("run", whole_run / "small.toml", "--out", out)
    assert result.returncode == 0
    assert result.stderr.count("done before") == 6
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()} == before
    changed = RECIPE.replace("learning_rate = 3e-3", "learning_rate = 2e-3")
    (whole_run / "changed.toml").write_text(changed + 'formats = ["onnx"]\n')
    copy = whole_run / "copy"
    shutil.copytree(out, copy)
    result = of_its_own("run", whole_run / "changed.toml", "--out", copy)
    assert "Traceback" not in result.stderr, result.stderr
    assert result.stderr.count("done before") == 3
    manifest = json.loads((copy / "bundle" / "manifest.json").read_text())
    assert [(artifact["format"], artifact["form"]) for artifact in manifest["artifacts"]] == [("onnx", "waveform")]


@pytest.mark.slow
def test_verify_passes_and_notices_a_changed_file(whole_run: Path, tmp_path: Path) -> None:
    assert of_its_own("verify", whole_run / "out" / "bundle").returncode == 0
    bundle = tmp_path / "bundle"
    shutil.copytree(whole_run / "out" / "bundle", bundle)
    weights = next(bundle.rglob("weight.bin"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    refused(of_its_own("verify", bundle), "weight.bin", "SHA-256 differs")
    shutil.rmtree(bundle)
    refused(of_its_own("verify", bundle), str(bundle), "is no bundle")


@pytest.mark.slow
def test_predict_answers_for_a_song_in_every_format_that_has_a_runtime(whole_run: Path) -> None:
    song = next((whole_run / "out" / "music").rglob("*.wav"))
    answers = []
    for name in ("torchscript", "onnx", "tflite", "coreml"):
        result = of_its_own("predict", whole_run / "out" / "bundle", song, "--format", name, "--json")
        assert result.returncode == 0, result.stderr
        answers.append(json.loads(result.stdout)[0])
    assert answers[0]["scale"] == [-1, 1]
    for answer in answers[1:]:
        assert abs(answer["valence"] - answers[0]["valence"]) < 1e-4
        assert abs(answer["arousal"] - answers[0]["arousal"]) < 1e-4
    refused(of_its_own("predict", whole_run / "out" / "bundle", "no.mp3"), "no.mp3", "no such audio file")
    refused(of_its_own("predict", whole_run / "out" / "bundle", song, "--format", "gguf"), "'gguf'", "tflite")


@pytest.mark.slow
def test_benchmark_leaves_a_report_and_figures(whole_run: Path, tmp_path: Path) -> None:
    result = of_its_own("benchmark", whole_run / "out" / "bundle", "--out", tmp_path / "out", "--runs", "50")
    assert "Traceback" not in result.stderr, result.stderr
    figures = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert figures["runs"] == 50
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000


@pytest.mark.slow
def test_a_record_of_a_run_has_its_figures_and_none_of_its_songs(whole_run: Path) -> None:
    script = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "research" / "record.py"))
    kept = script["record"](whole_run / "out", "sentio-mobile run small.toml --out out")
    assert kept["student"]["test"]["metrics"]["mean"]["ccc"].keys() == {"value", "low", "high"}
    assert not any(name in json.dumps(kept) for name in ('"songs": ["', '"truth"', '"predicted"'))
    assert script["row"]("small", kept).count("|") == 7


def test_doctor_says_what_can_be_made_here() -> None:
    result = sentio("doctor", "--json")
    found = json.loads(result.stdout)
    assert set(found["formats"]) == {"torchscript", "ptl", "executorch", "onnx", "ort", "tflite", "coreml", "mlmodel"}
    assert found["versions"]["torch"]


def test_data_check_leaves_with_one_when_there_is_a_fault(data: PreparedData, tmp_path: Path) -> None:
    result = sentio("data", "check", data.folder, "--json")
    assert result.returncode == 0
    assert json.loads(result.stdout)["labels"] == "generated"
    spoilt = tmp_path / "spoilt"
    shutil.copytree(data.folder, spoilt)
    mels = np.memmap(next(spoilt.rglob("mels.f16")), np.float16, "r+", shape=data.mels.shape)
    mels[data.splits["val"].rows[0]] = 0
    mels.flush()
    result = sentio("data", "check", spoilt)
    assert result.returncode == 1
    assert "is silent" in result.stdout


def test_wrong_input_is_one_line_and_leaves_nothing(tmp_path: Path, data: PreparedData) -> None:
    manifest = tmp_path / "songs.csv"
    manifest.write_text("path,valence_mean,arousal_mean\na.wav,5,12\n")
    refused(sentio("data", "prepare", manifest, "--out", tmp_path / "out"), str(manifest), "5 to 12 fit no usual scale")
    refused(sentio("data", "prepare", tmp_path / "none.csv", "--out", tmp_path / "out"), "none.csv", "cannot be read")
    train = ("teacher", "train", "--data", data.folder, "--out", tmp_path / "ckpt")
    refused(sentio(*train, "--recipe", "vit_large"), "'vit_large'", "vit_b_16", "vit_small")
    recipe = tmp_path / "mine.toml"
    recipe.write_text("[model]\n[training]\nepochs = 1\nbatch_size = 8\nlearning_rate = 1e-3\ncolour = 1\n")
    refused(sentio(*train, "--recipe", recipe), str(recipe), "no key 'colour'", "learning_rate")
    recipe.write_text('[model]\n[training]\nepochs = "many"\nbatch_size = 8\nlearning_rate = 1e-3\n')
    refused(sentio(*train, "--recipe", recipe), "training.epochs must be a whole number from 0 to 100,000, not 'many'")
    export = ("export", "--checkpoint", tmp_path / "none", "--out", tmp_path / "bundle")
    refused(sentio(*export), "is no checkpoint")
    refused(
        sentio(*export, "--format", "gguf"),
        "'gguf'",
        "torchscript, ptl, executorch, onnx, ort, tflite, coreml, mlmodel",
    )
    distill = ("distill", "--teacher", tmp_path / "none", "--data", data.folder, "--out", tmp_path / "student")
    refused(sentio(*distill), "is no checkpoint")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.toml", "songs.csv"]


def test_a_place_that_cannot_be_written_is_named_before_any_work(tmp_path: Path, data: PreparedData) -> None:
    (tmp_path / "file").write_text("x")
    train = ("teacher", "train", "--data", data.folder, "--out")
    refused(sentio(*train, tmp_path / "file" / "ckpt"), "file", "cannot write")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("x")
    refused(sentio(*train, tmp_path / "full"), "exists already")
    assert (tmp_path / "full" / "thesis.txt").read_text() == "x"


def test_a_run_leaves_alone_what_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(RECIPE)
    (tmp_path / "home" / "music").mkdir(parents=True)
    (tmp_path / "home" / "music" / "mine.mp3").write_text("x")
    refused(sentio("run", tmp_path / "small.toml", "--out", tmp_path / "home"), "music exists", "choose another --out")
    assert (tmp_path / "home" / "music" / "mine.mp3").read_text() == "x"
    (tmp_path / "home" / "run.json").write_text("[]")
    refused(sentio("run", tmp_path / "small.toml", "--out", tmp_path / "home"), "run.json")


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(RECIPE)
    command = [
        sys.executable,
        "-m",
        "sentio_mobile",
        "run",
        str(tmp_path / "small.toml"),
        "--out",
        str(tmp_path / "out"),
    ]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    state = tmp_path / "out" / "run.json"
    deadline = time.monotonic() + 200
    while not (state.is_file() and '"data"' in state.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.kill()
    process.wait()
    assert not (tmp_path / "out" / "data" / "data.json").exists()
    recipe = (
        RECIPE.replace("epochs = 30", "epochs = 1").replace("epochs = 40", "epochs = 1") + 'formats = ["torchscript"]\n'
    )
    (tmp_path / "small.toml").write_text(recipe)
    result = of_its_own("run", tmp_path / "small.toml", "--out", tmp_path / "out")
    assert "Traceback" not in result.stderr, result.stderr
    assert "stage 1 of 6, music: done before" in result.stderr
    assert "stage 2 of 6, data\n" in result.stderr
    assert (tmp_path / "out" / "report.html").is_file()


def test_skipped_clips_are_named_at_the_end(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = ["path,valence_mean,arousal_mean"]
    for i in range(40):
        soundfile.write(tmp_path / f"{i}.wav", 0.1 * rng.standard_normal(22050), 22050)
        lines.append(f"{i}.wav,{1 + i % 9},{9 - i % 7}")
    (tmp_path / "songs.csv").write_text("\n".join(lines))
    (tmp_path / "4.wav").write_bytes(b"broken")
    result = sentio("data", "prepare", tmp_path / "songs.csv", "--out", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    assert "1 clip skipped" in result.stderr
    assert "4.wav: cannot be decoded" in result.stderr
