"""A format of another package: found by its entry point, exported by the worker, opened, checked, and in the bundle."""

import subprocess
import sys
from pathlib import Path

import conversions
import numpy as np
import pytest
from quick_export import quick_golden

from sentio_mobile._internal.subprocesses import environment
from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.bundle.verify import verify
from sentio_mobile.errors import InputError
from sentio_mobile.export import build as build_module
from sentio_mobile.export.build import build_bundle
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.export.conversion import ConversionJob, convert
from sentio_mobile.formats.registry import format_names, get_format

MODULE = '''
"""Weights in a folder, run by the network that they are of."""

from dataclasses import dataclass, field

import numpy as np
import torch

from sentio_mobile.formats.base import Format, SPEC_KEY, damaged, spec_json
from sentio_mobile.formats.forms import in_form
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.registry import build


@dataclass(frozen=True, kw_only=True)
class Npz(Format):
    name: str = "npz"
    suffix: str = ".npzfolder"
    precisions: tuple = ("fp32", "int8-dynamic")

    def convert(self, model, spec):
        return Converted(model, spec)

    def open(self, path, spec, threads=1):
        try:
            weights = np.load(path / "weights.npz")
        except (OSError, ValueError) as error:
            raise damaged(path, "numpy", error) from error
        network = build(spec).eval()
        fold_norms(network)
        model = in_form(network, spec).eval()
        model.load_state_dict({name: torch.from_numpy(weights[name]) for name in weights.files})

        def run(inputs):
            with torch.inference_mode():
                return model(torch.tensor(inputs)).numpy()

        return run

    def operators(self, path):
        return ()

    def stored_numbers(self, path):
        return {"float32": sum(value.size for value in np.load(path / "weights.npz").values())}


@dataclass(frozen=True)
class Converted:
    model: object
    spec: object

    def write(self, precision, options, path):
        path.mkdir()
        np.savez(path / "weights.npz", **{name: value.numpy() for name, value in self.model.state_dict().items()})
        (path / "spec.json").write_text(spec_json(self.spec))
        (path / "keep_float.txt").write_text(" ".join(options.keep_float))


FORMAT = Npz()
NOT_A_FORMAT = "npz"
'''


def install(folder: Path, package: str, *entry_points: str) -> None:
    """Write what an installer leaves of a package: its module, its metadata, and its entry points."""
    module = folder / f"{package}.py"
    module.write_text(MODULE)
    metadata = folder / f"{package}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("\n".join(["[sentio_mobile.formats]", *entry_points, ""]))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that this process and worker processes import from."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")
    for package in ("npz_format", "npz_other"):
        monkeypatch.delitem(sys.modules, package, raising=False)
    return folder


@pytest.mark.slow
def test_format_of_another_package_is_exported_opened_checked_and_bundled(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = format_names()
    install(site, "npz_format", "npz = npz_format:FORMAT")
    assert format_names() == (*before, "npz")
    monkeypatch.setattr(build_module, "make_golden", quick_golden)
    recipe = ExportRecipe(formats=("npz",), forms=("spectrogram", "waveform"))
    result = build_bundle(conversions.STUDENT, recipe, out=tmp_path / "bundle")
    assert (result.failed, result.refused) == ({}, {})
    bundle = open_bundle(tmp_path / "bundle")
    assert [artifact.label for artifact in bundle.artifacts] == ["npz spectrogram fp32", "npz waveform fp32"]
    assert verify(bundle).passed
    golden = bundle.golden()
    run = get_format("npz").open(bundle.artifact("npz").path, bundle.spec)
    predictions = np.concatenate([run(inputs) for inputs in golden.inputs(bundle.spec)])
    assert np.abs(predictions - golden.output).max() < 1e-5
    command = [sys.executable, "-m", "sentio_mobile", "export", "--help"]
    help_text = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True).stdout
    assert "npz" in help_text


@pytest.mark.slow
def test_convert_replaces_an_old_artifact_and_hands_on_layers_that_stay_in_floating_point(
    site: Path, tmp_path: Path
) -> None:
    install(site, "npz_format", "npz = npz_format:FORMAT")
    job = ConversionJob(format="npz", form="spectrogram", precisions=("int8-dynamic",), keep_float=("output",))
    for _ in range(2):
        result = convert(conversions.STUDENT, job, folder=tmp_path / "out", log=tmp_path / "log", timeout_s=200)
    (artifact,) = result.artifacts
    assert (artifact.path / "keep_float.txt").read_text() == "output"
    assert list((tmp_path / "out").iterdir()) == [artifact.path]


def test_get_format_of_a_broken_package_is_one_line(site: Path) -> None:
    install(
        site, "npz_format", "npz = npz_format:MISSING", "other = npz_format:FORMAT", "text = npz_format:NOT_A_FORMAT"
    )
    with pytest.raises(
        InputError, match=r"the format 'npz' of npz_format cannot be loaded \(AttributeError: .*MISSING"
    ):
        get_format("npz")
    for name in ("other", "text"):
        with pytest.raises(InputError, match=f"npz_format:.* of npz_format is not a Format named '{name}'"):
            get_format(name)


def test_get_format_that_two_packages_add_is_refused(site: Path) -> None:
    install(site, "npz_format", "npz = npz_format:FORMAT", "onnx = npz_format:FORMAT")
    install(site, "npz_other", "npz = npz_other:FORMAT")
    assert format_names().count("npz") == 1
    with pytest.raises(InputError, match="2 packages add a format 'npz': npz_format, npz_other; uninstall all but one"):
        get_format("npz")
    assert type(get_format("onnx")).__module__ == "sentio_mobile.formats.onnx", "our own names cannot be taken"
