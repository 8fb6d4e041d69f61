"""Execute a Core ML neural network in numpy, so that a file for iOS 13 can be checked where there is no Core ML.

A network with an unknown layer is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentio_mobile._internal.protobuf import FAULTS
from sentio_mobile.errors import BundleError
from sentio_mobile.formats.base import check_name, damaged
from sentio_mobile.formats.coreml_interpreter.arithmetic import Tensor
from sentio_mobile.formats.coreml_interpreter.nn_ops import LAYERS, Step
from sentio_mobile.formats.coreml_interpreter.nn_read import READER, Layer, read_network


@dataclass(frozen=True)
class _Loaded:
    layer: Layer
    label: str
    step: Step


class NnRunner:
    """A loaded network: a function from its input to its output.

    Args:
        path: The `.mlmodel` file.
        input_name: Name of its input.
        output_name: Name of its output.

    Raises:
        BundleError: The file is damaged, has not these names, or has an unknown layer.
    """

    def __init__(self, path: Path, input_name: str, output_name: str) -> None:
        self.path, self.input_name, self.output_name = path, input_name, output_name
        network = read_network(path)
        check_name(path, input_name, network.inputs)
        check_name(path, output_name, network.outputs)
        self.steps = [self._load(layer) for layer in network.layers]

    def _load(self, layer: Layer) -> _Loaded:
        if layer.kind not in LAYERS:
            raise BundleError(
                f"{self.path} needs the layer {layer.name!r} of the kind {layer.kind} in NeuralNetwork.proto, which "
                f"cannot be checked here; known: {', '.join(name for name, _ in LAYERS.values())}"
            )
        name, make = LAYERS[layer.kind]
        label = f"{name} {layer.name!r}"
        try:
            return _Loaded(layer, label, make(layer.parameters))
        except FAULTS as error:
            raise damaged(self.path, READER, f"{label}: {error}") from error

    def __call__(self, inputs: Tensor) -> Tensor:
        """Run the network on one input.

        Raises:
            BundleError: A layer does not fit its inputs: the file was changed.
        """
        values = {self.input_name: inputs}
        for loaded in self.steps:
            try:
                # Core ML does not report infinities either; parity checks the predictions.
                with np.errstate(all="ignore"):
                    result = loaded.step(*(values[name] for name in loaded.layer.inputs))
                results = result if isinstance(result, list) else [result]
                values.update(zip(loaded.layer.outputs, results, strict=True))
            except FAULTS as error:
                raise damaged(self.path, READER, f"{loaded.label}: {error}") from error
        if self.output_name not in values:
            raise damaged(self.path, READER, f"no layer gives {self.output_name!r}")
        return values[self.output_name].astype(np.float32, copy=False)
