"""Core ML, for iOS 15 and later."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.export.artifacts import SPEC_KEY, damaged, fp32_artifact, spec_json
from sentio_mobile.export.protocol import Runner
from sentio_mobile.spec import Artifact, Form, ModelSpec

if TYPE_CHECKING:
    from torch import nn


class CoreML:
    """One `.mlpackage` folder with an ML program whose arithmetic is 32-bit.

    Apple's runtime exists on Apple's systems only. Elsewhere the saved program is executed in numpy, which checks what
    was written but says nothing about speed.
    """

    name = "coreml"
    suffix = ".mlpackage"
    extra: str | None = "coreml"
    converters: tuple[str, ...] = ("coremltools",)
    runtimes: tuple[str, ...] = ("coremltools",) if sys.platform == "darwin" else ()
    free_batch: tuple[Form, ...] = ()
    timed_here = sys.platform == "darwin"

    def export(self, model: nn.Module, spec: ModelSpec, folder: Path) -> Artifact:
        """Write `model` with descriptions that Xcode shows, and its spec among the metadata, under `SPEC_KEY`."""
        import torch
        import torchvision  # noqa: F401 (coremltools imports tensorflow where there is one; torchvision after it crashes)

        import coremltools as ct  # isort: skip

        artifact = fp32_artifact(self.name, self.suffix, spec, folder)
        example = torch.zeros(spec.input_shape)
        # The exported program has numbers where a plain trace reads the batch size from the input; coremltools fails on
        # those sizes with numpy 2.4.
        exported = torch.export.export(model.eval(), (example,)).run_decompositions({})
        with torch.no_grad():
            traced = torch.jit.trace(exported.module(check_guards=False), example)  # type: ignore[no-untyped-call]
        package = ct.convert(
            traced,
            inputs=[ct.TensorType(name=spec.input_name, shape=spec.input_shape, dtype=np.float32)],
            outputs=[ct.TensorType(name=spec.output_name, dtype=np.float32)],
            convert_to="mlprogram",
            minimum_deployment_target=ct.target.iOS15,
            compute_precision=ct.precision.FLOAT32,
            skip_model_load=True,
        )
        _describe(package, spec)
        package.save(str(artifact.path))
        return artifact

    def open(self, path: Path, spec: ModelSpec, threads: int) -> Runner:
        """Load a package with Core ML on the CPU, or with numpy where there is no Core ML.

        Neither can be held to a number of threads: `threads` has no effect.

        Raises:
            BundleError: the package is damaged, or needs an operation that the numpy runtime lacks.
        """
        if sys.platform != "darwin":
            from sentio_mobile.export.mil_run import MilRunner

            return MilRunner(path, spec.input_name, spec.output_name)
        import coremltools as ct

        try:
            package = ct.models.MLModel(str(path), compute_units=ct.ComputeUnit.CPU_ONLY)
        except Exception as error:  # its exceptions have no base class but Exception
            raise damaged(path, "Core ML", error) from error
        return _Runner(package, spec)


class _Runner:
    def __init__(self, package: Any, spec: ModelSpec) -> None:
        self.package, self.input_name, self.output_name = package, spec.input_name, spec.output_name

    def __call__(self, given: NDArray[np.float32]) -> NDArray[np.float32]:
        answer = self.package.predict({self.input_name: given})[self.output_name]
        return np.asarray(answer, np.float32)


def _describe(package: Any, spec: ModelSpec) -> None:
    low, high = spec.output_range
    audio = spec.audio
    fed = {
        "waveform": f"PCM at {audio.sample_rate} Hz, mono, full scale at -1 and 1.",
        "spectrogram": f"Log-mel: {audio.n_mels} mel bands, {audio.f_min:g}-{audio.f_max:g} Hz of {audio.sample_rate} "
        f"Hz audio, normalized ({audio.normalization}), resized, three equal channels, then "
        f"(x - {list(spec.image_mean)}) / {list(spec.image_sd)}.",
    }
    package.short_description = (
        f"Music emotion ({spec.architecture}): {' and '.join(spec.outputs)} of a {audio.seconds:g} s clip."
    )
    package.input_description[spec.input_name] = f"float32 {list(spec.input_shape)}. {fed[spec.form]}"
    package.output_description[spec.output_name] = (
        f"float32 [1, {len(spec.outputs)}]: {', '.join(spec.outputs)}, each from {low:g} to {high:g}."
    )
    package.user_defined_metadata[SPEC_KEY] = spec_json(spec)


FORMAT = CoreML()
