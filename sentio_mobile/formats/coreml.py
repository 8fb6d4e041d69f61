"""Core ML, for iOS 15 and later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.formats.base import Runner
from sentio_mobile.formats.coreml_base import PROGRAM, CoreMLFormat, describe, name_parts_by_content, sort_maps, trace
from sentio_mobile.quantization.options import match_weights
from sentio_mobile.spec import ModelSpec, Precision

if TYPE_CHECKING:
    from torch import nn

    from sentio_mobile.quantization.options import QuantizationOptions

MIN_INT8_WEIGHTS = 512
"""Numbers that a constant must have to be stored in 8 bits: biases would save little, and cost accuracy."""


def minimum_ios(precision: Precision) -> int:
    """The oldest iOS that runs a package: 8-bit weights came a year after ML programs."""
    return 16 if precision == "int8" else 15


@dataclass(frozen=True, kw_only=True)
class CoreML(CoreMLFormat):
    """One `.mlpackage` folder with an ML program, for iOS 15; with 8-bit weights, for iOS 16.

    In `fp16` and `int8` the network computes in 16 bits, as Apple's Neural Engine and GPU do, and the front end in 32.
    """

    name: str = "coreml"
    systems: str | None = "Core ML on iOS 15, macOS 12 and newer; `int8` on iOS 16, macOS 13 and newer"
    suffix: str = ".mlpackage"
    precisions: tuple[Precision, ...] = ("fp32", "fp16", "int8")

    def convert(self, model: nn.Module, spec: ModelSpec) -> _Converted:
        """Trace the network; coremltools converts it for each precision anew."""
        return _Converted(trace(model, spec), spec)

    def interpret(self, path: Path, spec: ModelSpec) -> Runner:
        """Load a package to be executed by numpy."""
        from sentio_mobile.formats.coreml_interpreter.mil_run import MilRunner

        return MilRunner(path, spec.input_name, spec.output_name)

    def operators(self, path: Path) -> Iterable[str]:
        """The operations of its program."""
        from sentio_mobile.formats.coreml_interpreter.mil_read import find_model
        from sentio_mobile.formats.operators.coreml_model import ML_PROGRAM, operators_in

        return operators_in(find_model(path)[0].read_bytes(), ML_PROGRAM)

    def stored_numbers(self, path: Path) -> Mapping[str, int]:
        """Count the numbers of the constants, in the file of weights or in the program."""
        from sentio_mobile.formats.coreml_interpreter.mil_read import read_package

        counts: Counter[str] = Counter()
        for operation in read_package(path).operations:
            inputs = [value for values in operation.inputs.values() for value in values if not isinstance(value, str)]
            for value in inputs if operation.constant is None else [operation.constant]:
                if value.dtype.kind in "iuf":
                    counts[value.dtype.name] += value.size
        return dict(counts)


@dataclass(frozen=True)
class _Converted:
    trace: Any
    spec: ModelSpec

    def write(self, precision: Precision, options: QuantizationOptions, path: Path) -> None:
        """Convert the trace, with descriptions that Xcode shows."""
        import coremltools as ct

        package = ct.convert(
            self.trace,
            inputs=[ct.TensorType(name=self.spec.input_name, shape=self.spec.input_shape, dtype=np.float32)],
            outputs=[ct.TensorType(name=self.spec.output_name, dtype=np.float32)],
            convert_to="mlprogram",
            minimum_deployment_target=ct.target[f"iOS{minimum_ios(precision)}"],
            compute_precision=ct.precision.FLOAT32
            if precision == "fp32"
            else ct.transform.FP16ComputePrecision(op_selector=in_network),
            skip_model_load=True,
        )
        if precision == "int8":
            package = quantize_weights(package, options.keep_float)
        describe(package, self.spec)
        package.save(str(path))
        sort_maps(path / PROGRAM)
        name_parts_by_content(path)


def in_network(operation: Any) -> bool:
    """Whether an operation of a program belongs to the network, and not to the front end before it.

    The network begins with its first convolution: an operation belongs to it if it is one or depends on one. The front
    end has none, and squares and logarithms that 16 bits cannot hold.
    """
    waiting, seen = [operation], set()
    while waiting:
        one = waiting.pop()
        if one.op_type == "conv":
            return True
        seen.add(one)
        inputs = (
            value
            for values in one.inputs.values()
            for value in (values if isinstance(values, tuple | list) else [values])
        )
        waiting += [value.op for value in inputs if value is not None and value.op is not None and value.op not in seen]
    return False


def quantize_weights(package: Any, keep_float: Mapping[str, NDArray[np.float32]]) -> Any:
    """Store the network's weights in 8 bits, symmetric, with a scale for each output channel.

    Args:
        package: A converted package.
        keep_float: Weights, by the layers' names, that stay in 16 bits, in which the network computes.
    """
    import coremltools.optimize.coreml as cto

    int8 = cto.OpLinearQuantizerConfig(
        mode="linear_symmetric", dtype="int8", granularity="per_channel", weight_threshold=MIN_INT8_WEIGHTS
    )
    constants = {
        operation.name: operation
        for operation in package._mil_program.functions["main"].operations
        if operation.op_type == "const"
    }
    front_end = {
        name
        for name, operation in constants.items()
        if not any(in_network(user) for user in operation.outputs[0].child_ops)
    }
    values = {name: np.asarray(operation.outputs[0].val) for name, operation in constants.items()}
    excluded: dict[str, None] = dict.fromkeys(front_end | match_weights(keep_float, values))
    return cto.linear_quantize_weights(package, cto.OptimizationConfig(global_config=int8, op_name_configs=excluded))


FORMAT = CoreML()
