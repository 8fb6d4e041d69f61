"""Execute a Core ML neural network in numpy, so that a file for iOS 13 is checked where there is no Core ML.

It refuses a network with any layer that is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentio_mobile.errors import BundleError
from sentio_mobile.formats.artifacts import damaged, missing_name
from sentio_mobile.formats.coreml_interpreter.mil_math import Tensor
from sentio_mobile.formats.coreml_interpreter.nn_ops import LAYERS, Step
from sentio_mobile.formats.coreml_interpreter.nn_read import READER, Layer, read_network
from sentio_mobile.formats.coreml_interpreter.protobuf import FAULTS


@dataclass(frozen=True)
class _Loaded:
    layer: Layer
    label: str
    step: Step


class NnRunner:
    """A network that is loaded and answers.

    Args:
        path: the `.mlmodel` file.
        input_name: name of its one input.
        output_name: name of the output to give.

    Raises:
        BundleError: the file is damaged, has not these names, or needs a layer that is not known here.
    """

    def __init__(self, path: Path, input_name: str, output_name: str) -> None:
        self.path, self.input_name, self.output_name = path, input_name, output_name
        network = read_network(path)
        for wanted, found in ((input_name, network.inputs), (output_name, network.outputs)):
            if wanted not in found:
                raise missing_name(path, wanted, found)
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

    def __call__(self, given: Tensor) -> Tensor:
        """Run the network on one input.

        Raises:
            BundleError: a layer does not fit its inputs: the file was changed.
        """
        values = {self.input_name: given}
        for loaded in self.steps:
            try:
                # Infinities come and go without a word in Core ML, too; it is the answers that are judged.
                with np.errstate(all="ignore"):
                    answer = loaded.step(*(values[name] for name in loaded.layer.inputs))
                answers = answer if isinstance(answer, list) else [answer]
                values.update(zip(loaded.layer.outputs, answers, strict=True))
            except FAULTS as error:
                raise damaged(self.path, READER, f"{loaded.label}: {error}") from error
        if self.output_name not in values:
            raise damaged(self.path, READER, f"no layer gives {self.output_name!r}")
        return values[self.output_name].astype(np.float32, copy=False)
