"""Core ML's older kind of model, a neural network, for apps that must run on iOS 13 and 14.

Xcode 27 builds for iOS 15 and later alone, so that such apps need an older Xcode. No app of this project asks for one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentio_mobile._internal.subprocesses import silence_output
from sentio_mobile.formats.base import Runner, damaged
from sentio_mobile.formats.coreml_base import CoreMLFormat, describe, sort_maps, trace
from sentio_mobile.spec import ModelSpec, Precision

if TYPE_CHECKING:
    from torch import nn

    from sentio_mobile.quantization.options import QuantizationOptions


@dataclass(frozen=True, kw_only=True)
class MlModel(CoreMLFormat):
    """One `.mlmodel` file of specification 4. In `fp16` the network's weights are stored in 16 bits."""

    name: str = "mlmodel"
    systems: str | None = "Core ML on iOS 13 and 14, for which Xcode 27 no longer builds apps, and newer"
    suffix: str = ".mlmodel"
    precisions: tuple[Precision, ...] = ("fp32", "fp16")

    def convert(self, model: nn.Module, spec: ModelSpec) -> _Converted:
        """Trace the network; coremltools converts it for each precision anew."""
        return _Converted(trace(model, spec), spec)

    def interpret(self, path: Path, spec: ModelSpec) -> Runner:
        """Load a file to be executed by numpy."""
        from sentio_mobile.formats.coreml_interpreter.nn_run import NnRunner

        return NnRunner(path, spec.input_name, spec.output_name)

    def operators(self, path: Path) -> Iterable[str]:
        """The numbers of its layers' kinds."""
        from sentio_mobile.formats.operators.coreml_model import NEURAL_NETWORK, operators_in

        return operators_in(path.read_bytes(), NEURAL_NETWORK)

    def stored_numbers(self, path: Path) -> Mapping[str, int]:
        """Count the numbers of the layers' weights."""
        with silence_output():
            from coremltools.models.utils import load_spec

        try:
            network = load_spec(str(path)).neuralNetwork
        except Exception as error:  # parsing a file that is not a protocol buffer raises anything
            raise damaged(path, "coremltools", error) from error
        counts: Counter[str] = Counter()
        for weights in _weights_in(network):
            counts["float32"] += len(weights.floatValue)
            counts["float16"] += len(weights.float16Value) // 2
        return dict(counts)


@dataclass(frozen=True)
class _Converted:
    trace: Any
    spec: ModelSpec

    def write(self, precision: Precision, options: QuantizationOptions, path: Path) -> None:
        """Convert the trace, with descriptions that Xcode shows."""
        import coremltools as ct
        from coremltools.models.neural_network.quantization_utils import quantize_weights

        model = ct.convert(
            self.trace,
            inputs=[ct.TensorType(name=self.spec.input_name, shape=self.spec.input_shape)],
            outputs=[ct.TensorType(name=self.spec.output_name)],
            convert_to="neuralnetwork",
            minimum_deployment_target=ct.target.iOS13,
            skip_model_load=True,
        )
        if precision == "fp16":
            model = quantize_weights(model, nbits=16, selector=_in_network())
        describe(model, self.spec)
        model.save(str(path))
        sort_maps(path)


def _in_network() -> Any:
    """Selects the layers of the network, which begins with its first convolution, and not those of the front end."""
    from coremltools.models.neural_network.quantization_utils import QuantizedLayerSelector

    class InNetwork(QuantizedLayerSelector):  # type: ignore[misc]
        has_begun = False

        def do_quantize(self, layer: Any, weight_param: str | None = None) -> bool:
            self.has_begun = self.has_begun or layer.WhichOneof("layer") == "convolution"
            return self.has_begun and super().do_quantize(layer)

    return InNetwork()


def _weights_in(message: Any) -> Iterator[Any]:
    """Every message of weights in a message, however deep."""
    if message.DESCRIPTOR.name == "WeightParams":
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for inner in [value] if hasattr(value, "DESCRIPTOR") else value:
                yield from _weights_in(inner)


FORMAT = MlModel()
