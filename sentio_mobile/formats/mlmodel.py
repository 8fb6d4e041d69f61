"""Core ML's older kind of model, a neural network, for iOS 13 and 14."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentio_mobile._internal.quiet import silence_output
from sentio_mobile.formats.artifacts import damaged
from sentio_mobile.formats.base import Runner
from sentio_mobile.formats.coreml import open_with_core_ml
from sentio_mobile.formats.coreml_program import describe, plain_trace, settle_order
from sentio_mobile.spec import Form, ModelSpec, Precision

if TYPE_CHECKING:
    from torch import nn

    from sentio_mobile.quantization.settings import QuantizationOptions

EVERY: tuple[Precision, ...] = ("fp32", "fp16")


class MlModel:
    """One `.mlmodel` file of specification 4. In `fp16` the network's weights are stored in 16 bits."""

    name = "mlmodel"
    suffix = ".mlmodel"
    extra: str | None = "coreml"
    converters: tuple[str, ...] = ("coremltools",)
    runtimes: tuple[str, ...] = ("coremltools",) if sys.platform == "darwin" else ()
    free_batch: tuple[Form, ...] = ()
    timed_here = sys.platform == "darwin"
    varies: str | None = None
    precisions: Mapping[Form, tuple[Precision, ...]] = {"spectrogram": EVERY, "waveform": EVERY}
    calibrated: tuple[Precision, ...] = ()

    def convert(self, model: nn.Module, spec: ModelSpec) -> _Converted:
        """As for the newer kind."""
        return _Converted(plain_trace(model, spec), spec)

    def open(self, path: Path, spec: ModelSpec, threads: int) -> Runner:
        """Load a file with Core ML on the CPU, or with numpy where there is no Core ML.

        Raises:
            BundleError: the file is damaged, or needs a layer that the numpy runtime lacks.
        """
        if sys.platform != "darwin":
            from sentio_mobile.formats.coreml_interpreter.nn_run import NnRunner

            return NnRunner(path, spec.input_name, spec.output_name)
        return open_with_core_ml(path, spec)

    def numbers(self, path: Path) -> Mapping[str, int]:
        """As of the layers' weights."""
        with silence_output():
            from coremltools.models.utils import load_spec

        try:
            network = load_spec(str(path)).neuralNetwork
        except Exception as error:  # a protocol buffer that is none ends anywhere
            raise damaged(path, "coremltools", error) from error
        found: Counter[str] = Counter()
        for weights in _weights_in(network):
            found["float32"] += len(weights.floatValue)
            found["float16"] += len(weights.float16Value) // 2
        return dict(found)


class _Converted:
    def __init__(self, program: Any, spec: ModelSpec) -> None:
        self.program, self.spec = program, spec

    def write(self, precision: Precision, rounding: QuantizationOptions, path: Path) -> None:
        """Convert the trace, with descriptions that Xcode shows."""
        import coremltools as ct
        from coremltools.models.neural_network.quantization_utils import quantize_weights

        model = ct.convert(
            self.program,
            inputs=[ct.TensorType(name=self.spec.input_name, shape=self.spec.input_shape)],
            outputs=[ct.TensorType(name=self.spec.output_name)],
            convert_to="neuralnetwork",
            minimum_deployment_target=ct.target.iOS13,
            skip_model_load=True,
        )
        if precision == "fp16":
            model = quantize_weights(model, nbits=16, selector=_after_first_convolution())
        describe(model, self.spec)
        model.save(str(path))
        settle_order(path)


def _after_first_convolution() -> Any:
    """Which layers become narrower: the network, which begins with its first convolution, and not the front end."""
    from coremltools.models.neural_network.quantization_utils import QuantizedLayerSelector

    class AfterFirstConvolution(QuantizedLayerSelector):  # type: ignore[misc]
        begun = False

        def do_quantize(self, layer: Any, weight_param: str | None = None) -> bool:
            self.begun = self.begun or layer.WhichOneof("layer") == "convolution"
            return self.begun and super().do_quantize(layer)

    return AfterFirstConvolution()


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
