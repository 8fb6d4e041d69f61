"""A planted fault for each check that an artifact must pass before it is given out, and afterwards."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from support import write_manifest

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace, to_plain
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.bundle.accuracy import measure_accuracy, predict_split
from sentio_mobile.bundle.bundle import Bundle, open_bundle
from sentio_mobile.bundle.manifest import ArtifactEntry
from sentio_mobile.bundle.targets import load_targets
from sentio_mobile.bundle.verify import verify
from sentio_mobile.cli import main
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.errors import BundleError
from sentio_mobile.export import build as build_module
from sentio_mobile.export import gates
from sentio_mobile.export.conversion import ConversionJob, ConversionResult
from sentio_mobile.export.gates import check_stored, run_gates
from sentio_mobile.formats.registry import get_format
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.spec import Artifact, Precision

pytestmark = pytest.mark.slow

Subject = Any
"""Of conftest.py, which tests do not import."""

STUDENT = ROOT / "export" / "golden" / "student"

UNTOUCHED: dict[tuple[str, Precision], tuple[str, str]] = {
    ("onnx", "int8"): ("sentio_mobile.formats.onnx_quantize.quantize", "int8 or uint8"),
    ("onnx", "fp16"): ("sentio_mobile.formats.onnx_quantize.quantize", "float16"),
    ("tflite", "int8"): ("sentio_mobile.formats.tflite_quantize.quantize", "int8 or uint8"),
    ("tflite", "int8-dynamic"): ("sentio_mobile.formats.tflite_quantize.quantize", "int8 or uint8"),
    ("coreml", "int8"): ("sentio_mobile.formats.coreml.quantize_weights", "int8 or uint8"),
    ("mlmodel", "fp16"): ("coremltools.models.neural_network.quantization_utils.quantize_weights", "float16"),
}
"""What rounds the weights of an artifact, and what these should have become."""


def rehash(folder: Path) -> Bundle:
    """What somebody would do who changes a file and wants the hashes to agree."""
    write_manifest(folder, json.loads((folder / "manifest.json").read_text()))
    return open_bundle(folder)


def entries(bundle: Bundle) -> dict[str, ArtifactEntry]:
    """The manifest's entry of each artifact."""
    return {entry.label: entry for entry in bundle.manifest.artifacts}


def sentio(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env={"COLUMNS": "250"})


# What is written.


@pytest.mark.parametrize(("name", "precision"), UNTOUCHED)
def test_a_tool_that_rounds_nothing_and_says_nothing_is_found(
    name: str, precision: Precision, swapped: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, kinds = UNTOUCHED[name, precision]
    swapped.write(name, "fp32", tmp_path)  # what converting imports comes before the patch
    monkeypatch.setattr(place, lambda given, *_, **__: given)
    artifact = swapped.write(name, precision, tmp_path)
    (judged,) = run_gates([artifact], swapped.loaded, golden=swapped.golden, data=None, progress=NoProgress())
    assert judged.parity.verdict == "pass", "nothing but the width of its weights is wrong"
    assert judged.refusal.startswith("only 0% of as many numbers as the network has weights, ")
    assert judged.refusal.endswith(f", are {kinds}")


def test_a_twentieth_of_the_weights_may_stay_wide_and_no_more() -> None:
    targets = load_targets()

    def refusal(int8: int) -> str | None:
        return check_stored("int8", {"float32": 9, "int8": int8}, weights=1000, targets=targets)

    assert refusal(950) is None
    assert refusal(949) == "only 95% of as many numbers as the network has weights, 1,000, are int8 or uint8"


STALE = {
    "silence": lambda pictures: np.zeros_like(pictures),
    "one grey": lambda pictures: np.full_like(pictures, 0.5),
    "much too soft": lambda pictures: 0.05 * pictures,
}


@pytest.mark.parametrize("fault", STALE)
@pytest.mark.parametrize(("name", "precision"), [("onnx", "int8"), ("tflite", "int8"), ("tflite", "int8-full")])
def test_ranges_of_other_sounds_are_found(
    name: str,
    precision: Precision,
    fault: str,
    bundle: Bundle,
    swapped: Subject,
    calibration: Calibration,
    tmp_path: Path,
) -> None:
    stale = Calibration(STALE[fault](calibration.images[:4]))
    artifact = swapped.write(name, precision, tmp_path, replace(swapped.rounding, calibration=stale))
    (judged,) = run_gates([artifact], swapped.loaded, golden=swapped.golden, data=None, progress=NoProgress())
    assert judged.refusal == judged.parity.reason
    assert judged.refusal.startswith("differs from PyTorch by ")
    assert judged.parity.max_diff > 2 * entries(bundle)[artifact.label].parity.max_diff


def test_a_wrong_front_end_costs_the_artifact_that_has_it_and_no_other(
    bundle: Bundle, short: Subject, tmp_path: Path
) -> None:
    wrong = replace(short.loaded.spec, image_mean=(0.4, 0.4, 0.4))
    off = replace(short, loaded=replace(short.loaded, spec=wrong), converted={})
    artifacts = [bundle.artifact("onnx", precision="fp16"), off.write_joined("onnx", "fp16", tmp_path)]
    fed_pictures, fed_pcm = run_gates(artifacts, short.loaded, golden=short.golden, data=None, progress=NoProgress())
    assert fed_pcm.refusal.startswith("differs from PyTorch by ")
    assert fed_pictures.refusal == ""


def test_a_network_that_loses_too_much_on_songs_is_refused_behind_its_front_end_too(
    bundle: Bundle, short: Subject, deam: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        prepare(deam, tmp_path / "data", recipe=DataRecipe(fractions=(0.6, 0.2, 0.2)), audio=short.loaded.spec.audio)
        == []
    )
    songs = open_data(tmp_path / "data")
    artifacts = [short.write_joined("onnx", "fp16", tmp_path), bundle.artifact("onnx", precision="fp16")]
    right = run_gates(artifacts, short.loaded, golden=short.golden, data=songs, progress=NoProgress())
    assert [one.refusal for one in right] == ["", ""]
    assert [one.accuracy is None for one in right] == [True, False]
    strict = replace(load_targets(), loss={**load_targets().loss, "fp16": -0.5})
    monkeypatch.setattr(gates, "load_targets", lambda: strict)
    fed_pcm, fed_pictures = run_gates(artifacts, short.loaded, golden=short.golden, data=songs, progress=NoProgress())
    assert fed_pictures.refusal.endswith("of mean CCC on 8 val songs, more than -0.5")
    assert fed_pcm.refusal == f"the same network in the form spectrogram: {fed_pictures.refusal}"


# What it does on songs.


TRUTH = np.random.default_rng(0).uniform(-0.8, 0.8, (40, 2)).astype(np.float32)
WIDE = (0.9 * TRUTH + np.random.default_rng(1).normal(0, 0.1, TRUTH.shape)).astype(np.float32)


@pytest.mark.parametrize(
    ("answers", "lost"),
    [
        (0.5 * WIDE + 0.5 * WIDE.mean(axis=0), r"0\.2\d\d"),
        (np.where(np.arange(40)[:, None] == 7, np.float32(np.nan), WIDE), "undefined"),
        (WIDE[:, ::-1], r"[01]\.\d\d\d"),
        (np.tile(WIDE.mean(axis=0), (40, 1)), r"0\.9\d\d"),
    ],
    ids=["pushed to the mean", "one is no number", "swapped", "all alike"],
)
def test_answers_that_order_songs_worse_fail(answers: NDArray[np.float32], lost: str) -> None:
    artifact = Artifact("onnx", "int8", "spectrogram", Path("x.onnx"))
    targets = load_targets()
    found = measure_accuracy(artifact, TRUTH, predictions=answers, fp32_predictions=WIDE, split="val", targets=targets)
    assert found.verdict == "fail"
    assert re.fullmatch(rf"loses {lost} of mean CCC on 40 val songs, more than 0\.01", found.reason), found.reason
    assert (
        measure_accuracy(artifact, TRUTH, predictions=WIDE, fp32_predictions=WIDE, split="val", targets=targets).verdict
        == "pass"
    )


def test_a_ccc_that_is_undefined_proves_nothing() -> None:
    alike = np.full_like(TRUTH, 0.25)
    found = measure_accuracy(
        Artifact("onnx", "int8", "spectrogram", Path("x")),
        alike,
        predictions=alike,
        fp32_predictions=alike,
        split="val",
        targets=load_targets(),
    )
    assert found.verdict == "fail"
    assert found.loss["mean"].value is None
    json.dumps(to_plain(found), allow_nan=False)


def test_songs_are_heard_one_by_one_because_ranges_that_come_as_they_are_would_be_those_of_all(
    bundle: Bundle, data: PreparedData
) -> None:
    run = get_format("onnx").open(bundle.artifact("onnx", precision="int8-dynamic").path, bundle.spec, 1)
    heard: list[NDArray[np.float32]] = []

    def hears(given: NDArray[np.float32]) -> NDArray[np.float32]:
        heard.append(given)
        return run(given)

    found = predict_split(hears, data, split="val", spec=bundle.spec, progress=NoProgress(), name="onnx")
    assert {given.shape for given in heard} == {(1, 3, 224, 224)}
    assert len(heard) == len(data.split("val")) == len(found)
    together = run(np.concatenate(heard))
    assert np.abs(found - together).max() > 1e-4, "or it would not matter"


# What is found in a bundle that was given out.


def test_swapped_outputs_are_found_in_every_format_and_precision(bundle: Bundle, copy: Path, swapped: Subject) -> None:
    made = copy / "made"
    made.mkdir()
    for artifact in bundle.artifacts:
        place = copy / artifact.path.name
        remove(place)
        swapped.write(artifact.format, artifact.precision, made).path.rename(place)
    found = verify(rehash(copy))
    assert {result.verdict for result in found.results} == {"fail"}, found
    assert {result.reason.split(" by ")[0] for result in found.results} == {"differs from PyTorch"}
    assert len(found.results) == len(bundle.artifacts)
    assert not found.passed


def test_a_weight_of_another_size_is_refused_by_its_hash_and_found_by_its_answers(bundle: Bundle, copy: Path) -> None:
    weights = Checkpoint.load(STUDENT).model.get_parameter("output.weight")[0].detach().numpy()
    spoilt = [artifact.label for artifact in bundle.artifacts if artifact.precision in ("fp32", "fp16")]
    for artifact in bundle.artifacts:
        if artifact.label not in spoilt:
            continue
        place = copy / artifact.path.name
        for file in [one for one in place.rglob("*") if one.is_file()] if place.is_dir() else [place]:
            content = bytearray(file.read_bytes())
            kept = weights.astype("<f4" if artifact.precision == "fp32" else "<f2")
            at = content.find(kept.tobytes())
            if at >= 0:
                # The upper bit of an exponent is in a number's last byte.
                content[at + (int(np.abs(kept).argmax()) + 1) * kept.itemsize - 1] ^= 0x40
                file.write_bytes(content)
                break
        else:
            pytest.fail(f"{artifact.label} does not hold the weights as they are")
        with pytest.raises(BundleError, match="SHA-256 differs"):
            open_bundle(copy)
        rehash(copy)
    found = {result.label: result for result in verify(open_bundle(copy)).results}
    for label, entry in entries(bundle).items():
        before, after = entry.parity, found[label]
        assert (before.verdict, after.verdict) == ("pass", "fail") if label in spoilt else before == after


def remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()


# What the command says.


@pytest.fixture(scope="module")
def spoilt(data: PreparedData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Songs whose training part was lost: all silent. Validation and test songs are as they were."""
    folder = Path(shutil.copytree(data.folder, tmp_path_factory.mktemp("spoilt") / "data"))
    mels = np.memmap(next(folder.rglob("mels.f16")), np.float16, "r+", shape=data.mels.shape)
    mels[data.split("train").rows] = 0
    mels.flush()
    return folder


def test_a_refused_artifact_costs_status_3_and_is_left_out_unless_it_is_forced(
    spoilt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = f"--checkpoint {STUDENT} --format onnx --form spectrogram --data {spoilt}".split()
    both = (*wanted, "--precision", "fp32", "--precision", "int8")
    result = sentio("export", *both, "--force", "--out", tmp_path / "forced")
    assert result.exit_code == 3
    assert "refused: onnx spectrogram int8 is refused: differs from PyTorch by " in result.stderr
    assert "Refused artifacts are in the bundle" in result.stderr
    forced = open_bundle(tmp_path / "forced")
    assert {label: entry.parity.verdict for label, entry in entries(forced).items()} == {
        "onnx spectrogram fp32": "pass",
        "onnx spectrogram int8": "fail",
    }
    assert list(forced.manifest.refused) == ["onnx spectrogram int8"]
    assert not verify(forced).passed

    def convert(checkpoint: Path, job: ConversionJob, *, folder: Path, **_: object) -> ConversionResult:
        """What was converted above, once more."""
        made = [artifact for artifact in forced.artifacts if artifact.precision in job.precisions]
        return ConversionResult(tuple(replace(a, path=Path(shutil.copy(a.path, folder))) for a in made), {})

    monkeypatch.setattr(build_module, "convert", convert)
    result = sentio("export", *both, "--out", tmp_path / "bundle")
    assert result.exit_code == 3
    assert "left out; --force keeps them" in result.stderr
    assert list(entries(made := open_bundle(tmp_path / "bundle"))) == ["onnx spectrogram fp32"]
    assert not list((tmp_path / "bundle").glob("*int8*"))
    assert made.manifest.refused == forced.manifest.refused
    assert verify(made).passed
    result = sentio("export", *wanted, "--precision", "int8", "--out", tmp_path / "none")
    assert result.exit_code == 3
    assert "every artifact was refused; onnx spectrogram int8 is refused" in result.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--precision int8", "onnx int8 measures ranges on songs: give the folder that `data prepare` wrote as --data"),
        ("--format gguf --precision int8", "unknown format 'gguf'; known: torchscript"),
        ("--format torchscript --precision int8", "no chosen format has int8 in a chosen form (torchscript: fp32)"),
        ("--format tflite --form waveform --precision int8-full", "(tflite: fp32, fp16, int8-dynamic, int8)"),
    ],
)
def test_what_cannot_be_made_is_one_line(options: str, words: str, tmp_path: Path) -> None:
    result = sentio("export", "--checkpoint", STUDENT, "--out", tmp_path / "bundle", *options.split())
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert words in line
    assert list(tmp_path.iterdir()) == []
