"""Core ML, for iOS 15 and later."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.formats.artifacts import damaged
from sentio_mobile.formats.base import Runner
from sentio_mobile.formats.coreml_program import PROGRAM, describe, plain_trace, settle_identifiers, settle_order
from sentio_mobile.spec import Form, ModelSpec, Precision

if TYPE_CHECKING:
    from torch import nn

    from sentio_mobile.quantization.settings import QuantizationOptions

EVERY: tuple[Precision, ...] = ("fp32", "fp16", "int8")


class CoreML:
    """One `.mlpackage` folder with an ML program, which iOS 15 runs; with 8-bit weights, iOS 16.

    In `fp16` and `int8` the network computes in 16 bits, as Apple's Neural Engine and GPU do, and the front end in 32.
    Apple's runtime exists on Apple's systems only. Elsewhere the saved program is executed in numpy, which checks
    what was written but says nothing about speed.
    """

    name = "coreml"
    suffix = ".mlpackage"
    extra: str | None = "coreml"
    converters: tuple[str, ...] = ("coremltools",)
    runtimes: tuple[str, ...] = ("coremltools",) if sys.platform == "darwin" else ()
    free_batch: tuple[Form, ...] = ()
    timed_here = sys.platform == "darwin"
    varies: str | None = None
    precisions: Mapping[Form, tuple[Precision, ...]] = {"spectrogram": EVERY, "waveform": EVERY}
    calibrated: tuple[Precision, ...] = ()

    def convert(self, model: nn.Module, spec: ModelSpec) -> _Converted:
        """Trace the model; coremltools decides on the precision while it converts."""
        return _Converted(plain_trace(model, spec), spec)

    def open(self, path: Path, spec: ModelSpec, threads: int) -> Runner:
        """Load a package with Core ML on the CPU, or with numpy where there is no Core ML.

        Neither can be held to a number of threads: `threads` has no effect.

        Raises:
            BundleError: the package is damaged, or needs an operation that the numpy runtime lacks.
        """
        if sys.platform != "darwin":
            from sentio_mobile.formats.coreml_interpreter.mil_run import MilRunner

            return MilRunner(path, spec.input_name, spec.output_name)
        return open_with_core_ml(path, spec)

    def numbers(self, path: Path) -> Mapping[str, int]:
        """As of the constants, in the file of weights or written out."""
        from sentio_mobile.formats.coreml_interpreter.mil_read import read_package

        found: Counter[str] = Counter()
        for operation in read_package(path).operations:
            given = [value for values in operation.inputs.values() for value in values if not isinstance(value, str)]
            for value in given if operation.constant is None else [operation.constant]:
                if value.dtype.kind in "iuf":
                    found[value.dtype.name] += value.size
        return dict(found)


class _Converted:
    def __init__(self, program: Any, spec: ModelSpec) -> None:
        self.program, self.spec = program, spec

    def write(self, precision: Precision, rounding: QuantizationOptions, path: Path) -> None:
        """Convert the trace, with descriptions that Xcode shows."""
        import coremltools as ct

        from sentio_mobile.formats.coreml_precision import after_first_convolution, with_weights_of_8_bits

        wide = ct.precision.FLOAT32
        package = ct.convert(
            self.program,
            inputs=[ct.TensorType(name=self.spec.input_name, shape=self.spec.input_shape, dtype=np.float32)],
            outputs=[ct.TensorType(name=self.spec.output_name, dtype=np.float32)],
            convert_to="mlprogram",
            minimum_deployment_target=ct.target.iOS16 if precision == "int8" else ct.target.iOS15,
            compute_precision=wide
            if precision == "fp32"
            else ct.transform.FP16ComputePrecision(op_selector=after_first_convolution),
            skip_model_load=True,
        )
        if precision == "int8":
            package = with_weights_of_8_bits(package, rounding.kept)
        describe(package, self.spec)
        package.save(str(path))
        settle_order(path / PROGRAM)
        settle_identifiers(path)


def open_with_core_ml(path: Path, spec: ModelSpec) -> Runner:
    """A model that Apple's runtime reads, on the CPU.

    Raises:
        BundleError: the runtime does not take it.
    """
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


FORMAT = CoreML()
