"""Building a bundle: what fails or is refused is named and left out; what cannot be made is said at once."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conversions import STUDENT, build_shared
from quick_export import quick_golden
from support import Refused, Sentio

from sentio_mobile.bundle.bundle import Bundle, open_bundle
from sentio_mobile.bundle.verify import verify
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import ConversionError, InputError, OutputError
from sentio_mobile.export import build as build_module
from sentio_mobile.export.build import build_bundle
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.export.conversion import ConversionJob, ConversionResult
from sentio_mobile.formats.registry import get_format
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.spec import Artifact, Precision


def converts(monkeypatch: pytest.MonkeyPatch, artifacts: tuple[Artifact, ...]) -> None:
    """Conversions give copies of these artifacts, and fail for formats that are not among them."""

    def convert(checkpoint: Path, job: ConversionJob, *, folder: Path, log: Path, **_: object) -> ConversionResult:
        made = [one for one in artifacts if one.format == job.format and one.precision in job.precisions]
        if not made:
            why = f"{folder / 'a.onnx'}: killed by signal 9"
            raise ConversionError(f"{job.format} {job.form} conversion failed: {why}; the log is {log}")
        return ConversionResult(tuple(replace(a, path=Path(shutil.copy(a.path, folder))) for a in made), {})

    monkeypatch.setattr(build_module, "convert", convert)
    monkeypatch.setattr(build_module, "make_golden", quick_golden)


@pytest.mark.slow
def test_build_bundle_states_why_artifacts_were_refused(exported: Bundle) -> None:
    assert exported.manifest.failed == {}
    refused = exported.manifest.refused
    for entry in exported.manifest.artifacts:
        label, accuracy = entry.label, entry.accuracy
        reason = entry.parity.reason or (accuracy.reason if accuracy else "")
        assert refused.get(label) == (f"{label} is refused: {reason}" if reason else None)
        assert entry.varies == get_format(entry.format).varies
    assert not [label for label in refused if not label.split()[-1].startswith("int8")]
    assert "MODEL_CARD.md" in exported.manifest.files
    bill = json.loads((exported.folder / "sbom.cdx.json").read_text())
    assert {one["name"] for one in bill["components"] if one["type"] == "file"} == exported.manifest.files.keys() - {
        "sbom.cdx.json"
    }


@pytest.mark.slow
def test_build_bundle_failed_conversion_does_not_affect_others(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = ExportRecipe(formats=("torchscript",), forms=("spectrogram",))
    build_shared(tmp_path_factory, alone, out=tmp_path / "one")
    converts(monkeypatch, open_bundle(tmp_path / "one").artifacts)
    recipe = ExportRecipe(formats=("onnx", "torchscript"), forms=("spectrogram",))
    failed = build_bundle(STUDENT, recipe, out=tmp_path / "bundle").failed
    assert list(failed) == ["onnx spectrogram fp32"]
    opened = open_bundle(tmp_path / "bundle")
    assert [artifact.format for artifact in opened.artifacts] == ["torchscript"]
    # Who has the bundle has neither the log nor the folder; who made it is told where they are.
    assert failed["onnx spectrogram fp32"].endswith(f"the log is {tmp_path / 'bundle-logs' / 'onnx-spectrogram.log'}")
    why = "onnx spectrogram conversion failed: a.onnx: killed by signal 9; the log is bundle-logs/onnx-spectrogram.log"
    assert opened.manifest.failed == {"onnx spectrogram fp32": why}
    assert str(tmp_path) not in (tmp_path / "bundle" / "MODEL_CARD.md").read_text()
    before = (tmp_path / "bundle" / "manifest.json").read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        build_bundle(STUDENT, recipe, out=tmp_path / "bundle")
    assert (tmp_path / "bundle" / "manifest.json").read_bytes() == before
    with pytest.raises(ConversionError, match="no format could be converted"):
        build_bundle(STUDENT, ExportRecipe(formats=("onnx",), forms=("spectrogram",)), out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_export_refused_artifact_is_status_3_and_left_out_unless_forced(
    data: PreparedData,
    sentio: Sentio,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Songs whose training part was lost: all silent. Validation and test songs are as they were.
    silent = Path(shutil.copytree(data.folder, tmp_path / "songs"))
    mels = np.memmap(next(silent.rglob("mels.f16")), np.float16, "r+", shape=data.mels.shape)
    mels[data.split("train").rows] = 0
    mels.flush()
    arguments = f"export --checkpoint {STUDENT} --format onnx --form spectrogram --data {silent}".split()
    both = (*arguments, "--precision", "fp32", "--precision", "int8")
    result = sentio(*both, "--force", "--out", tmp_path / "forced")
    assert result.exit_code == 3
    assert "refused: onnx spectrogram int8 is refused: differs from PyTorch by " in result.stderr
    assert "Refused artifacts are in the bundle" in result.stderr
    forced = open_bundle(tmp_path / "forced")
    assert [entry.parity.verdict for entry in forced.manifest.artifacts] == ["pass", "fail"]
    assert list(forced.manifest.refused) == ["onnx spectrogram int8"]
    assert not verify(forced).passed
    converts(monkeypatch, forced.artifacts)
    result = sentio(*both, "--out", tmp_path / "bundle")
    assert result.exit_code == 3
    assert "left out; --force keeps them" in result.stderr
    bundle = open_bundle(tmp_path / "bundle")
    assert [artifact.label for artifact in bundle.artifacts] == ["onnx spectrogram fp32"]
    assert not list(bundle.folder.glob("*int8*"))
    assert list(bundle.manifest.refused) == ["onnx spectrogram int8"]
    assert verify(bundle).passed
    result = sentio(*arguments, "--precision", "int8", "--out", tmp_path / "none")
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
def test_export_of_what_cannot_be_made_is_one_line(options: str, words: str, refused: Refused, tmp_path: Path) -> None:
    refused(words, "export", "--checkpoint", STUDENT, "--out", tmp_path / "bundle", *options.split())
    assert list(tmp_path.iterdir()) == []


def test_export_of_a_network_that_predicts_no_numbers_is_one_line(
    sentio: Sentio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_module, "make_golden", quick_golden)
    diverged = Checkpoint.load(STUDENT)
    for weight in diverged.model.parameters():
        weight.data.mul_(1e30)
    diverged.save(tmp_path / "diverged")
    result = sentio("export", "--checkpoint", tmp_path / "diverged", "--format", "onnx", "--out", tmp_path / "bundle")
    assert result.exit_code == 2, result.output
    assert result.stderr.splitlines()[-1].startswith(f"Error: {tmp_path / 'diverged'}: predicts no numbers (NaN) for ")
    assert [path.name for path in tmp_path.iterdir()] == ["diverged"]


@pytest.mark.parametrize(
    ("precisions", "layer", "words"),
    [
        (("int8-dynamic", "int8-full"), "output", "int8-full leaves no layer in floating point"),
        (("fp32",), "output", "--keep-float is for the precisions int8-dynamic and int8"),
        (("int8-dynamic",), "blocks.1.dwn", r"no layer 'blocks\.1\.dwn'; similar names are blocks\.1\.down"),
    ],
)
def test_build_bundle_with_a_layer_that_cannot_be_kept_is_one_line(
    precisions: tuple[Precision, ...], layer: str, words: str, tmp_path: Path
) -> None:
    recipe = ExportRecipe(formats=("tflite",), forms=("spectrogram",), precisions=precisions, keep_float=(layer,))
    with pytest.raises(InputError, match=words) as caught:
        build_bundle(STUDENT, recipe, out=tmp_path / "bundle")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
