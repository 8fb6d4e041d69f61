"""Bundles whose hashes hold, and whose artifacts were made to harm: every command that runs or ships one refuses it."""

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from artifacts import message, mil_model, mil_operation, onnx_model, onnx_node, tflite_model, write_package
from support import Refused, Sentio, artifact_entry, write_manifest

from sentio_mobile._internal.resources import ROOT
from sentio_mobile.bundle.manifest import MANIFEST

Plant = Callable[[Path], None]


class ReadsFile(torch.nn.Module):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        # Mapped and shared: what is written to the tensor is written to the file.
        victim = torch.from_file(self.path, True, 2)
        victim.fill_(0.0)
        return victim[None] + image.sum() * 0


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "diary"
    path.write_text("dear diary")
    return path


@pytest.fixture
def plant(tmp_path: Path, victim: Path) -> Callable[[str], Path]:
    """Makes the default model's bundle with one hostile artifact in place of its own."""

    def torchscript(path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript is deprecated
            torch.jit.save(torch.jit.script(ReadsFile(str(victim)).eval()), str(path))

    def external(path: Path) -> None:
        where = message((1, b"location"), (2, b"../diary"))
        tensor = message((1, 10), (2, 2), (8, b"weights"), (13, where), (14, 1))
        path.write_bytes(onnx_model(onnx_node("Add"), graph=[(5, tensor)]))

    def loop(path: Path) -> None:
        path.write_bytes(onnx_model(onnx_node("Loop", attributes=[message((1, b"body"), (6, message()), (20, 5))])))

    kinds: dict[str, tuple[str, str, Plant]] = {
        "torchscript": ("torchscript", "x.pt", torchscript),
        "external": ("onnx", "x.onnx", external),
        "loop": ("onnx", "x.onnx", loop),
        "custom": ("tflite", "x.tflite", lambda path: path.write_bytes(tflite_model(0, custom="FlexReadFile"))),
        "mil": ("coreml", "x.mlpackage", lambda path: write_package(path, mil_model(mil_operation("while_loop")))),
    }

    def make(kind: str) -> Path:
        format_name, name, write = kinds[kind]
        folder = tmp_path / "bundle"
        shutil.copytree(ROOT / "models" / "default", folder)
        facts: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        for entry in facts["artifacts"]:
            (folder / entry["path"]).unlink()
        write(folder / name)
        facts["artifacts"] = [artifact_entry(format_name, "waveform", "fp32", name)]
        write_manifest(folder, facts)
        return folder

    return make


WORDS = {
    "torchscript": "asks torchscript for 'torch.fill_', 'torch.from_file'",
    "external": "asks onnx for '[external data]'",
    "loop": "asks onnx for 'Loop', '[graph in a node]'",
    "custom": "asks tflite for '32', '[custom operator FlexReadFile]'",
    "mil": "asks coreml for 'while_loop'",
}
FORMATS = {"torchscript": "torchscript", "external": "onnx", "loop": "onnx", "custom": "tflite", "mil": "coreml"}
PLATFORMS = {"external": "web", "loop": "web", "custom": "android", "mil": "ios"}


@pytest.mark.parametrize("kind", WORDS)
def test_hostile_bundle_is_refused_by_every_command(
    plant: Callable[[str], Path],
    refused: Refused,
    data: Any,
    deam: Path,
    tmp_path: Path,
    victim: Path,
    kind: str,
) -> None:
    bundle, words, song = plant(kind), WORDS[kind], next(deam.rglob("*.wav"))
    refused(words, "predict", bundle, song, "--format", FORMATS[kind], "--form", "waveform")
    refused(words, "verify", bundle)
    refused(words, "benchmark", bundle, "--out", tmp_path / "measured")
    refused(words, "evaluate", bundle, "--data", data.folder, "--music", deam, "--out", tmp_path / "evaluated")
    if kind in PLATFORMS:
        refused(words, "package", PLATFORMS[kind], bundle, "--out", tmp_path / "app")
    if PLATFORMS.get(kind) == "web":
        refused(words, "serve", bundle, "--port", 0)
    assert victim.read_text() == "dear diary"
    assert not {"measured", "evaluated", "app"} & {path.name for path in tmp_path.iterdir()}


@pytest.fixture
def signed(tmp_path: Path, sentio: Sentio) -> tuple[Path, Path, Path]:
    """The default model, signed; the signer's public key, and another's."""
    bundle = Path(shutil.copytree(ROOT / "models" / "default", tmp_path / "signed"))
    for name in ("ours", "theirs"):
        assert sentio("bundle", "key", tmp_path / f"{name}.pem").exit_code == 0
    assert sentio("bundle", "sign", bundle, "--key", tmp_path / "ours.pem").exit_code == 0
    return bundle, tmp_path / "ours.pub.pem", tmp_path / "theirs.pub.pem"


def test_commands_that_require_a_signature_refuse_other_bundles(
    signed: tuple[Path, Path, Path], refused: Refused, sentio: Sentio, data: Any, deam: Path, tmp_path: Path
) -> None:
    bundle, ours, theirs = signed
    song = next(deam.rglob("*.wav"))
    commands = {
        "predict": [bundle, song],
        "verify": [bundle],
        "benchmark": [bundle, "--out", tmp_path / "measured"],
        "evaluate": [bundle, "--data", data.folder, "--out", tmp_path / "evaluated"],
        "serve": [bundle],
        "package": ["web", bundle, "--out", tmp_path / "app"],
    }
    for command, arguments in commands.items():
        name, *rest = [command, *arguments]
        refused("is signed with another key", name, *rest, "--require-signature", theirs, status=1)
    assert sentio("predict", bundle, song, "--require-signature", ours).exit_code == 0
    (bundle / "manifest.sig.json").unlink()
    for command, arguments in commands.items():
        refused("is not signed", command, *arguments, "--require-signature", ours)
    refused("is not signed", "predict", song, "--require-signature", ours)
