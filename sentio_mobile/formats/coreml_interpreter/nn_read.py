"""Read a Core ML neural network, the older kind of model, from disk.

One protocol buffer holds everything, weights too. NeuralNetwork.proto and Model.proto in coremltools name its fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentio_mobile._internal.protobuf import (
    FAULTS,
    Message,
    fields,
    floats,
    integers,
    number,
    raw,
    text,
)
from sentio_mobile.formats.base import damaged
from sentio_mobile.formats.coreml_interpreter.arithmetic import Tensor

READER = "the Core ML neural network reader"
_DESCRIPTION, _NETWORK = 2, 500
_NAME, _INPUT, _OUTPUT = 1, 2, 3
_FIRST_KIND = 100
"""The first field number of a layer that says its kind."""


class Parameters:
    """The parameters of a layer, by their field numbers. Values that are 0, false or empty are not in the file."""

    def __init__(self, message: Message) -> None:
        self.message = message

    def __contains__(self, field: int) -> bool:
        return field in self.message

    def numbers(self, field: int) -> list[int]:
        """A list of integers."""
        return integers(self.message.get(field, []))

    def number(self, field: int) -> int:
        """One integer."""
        return (self.numbers(field) or [0])[-1]

    def flag(self, field: int) -> bool:
        """One boolean."""
        return bool(self.number(field))

    def scalar(self, field: int) -> np.float32:
        """One 32-bit number."""
        values = floats(self.message.get(field, []))
        return values[-1] if len(values) else np.float32(0)

    def inner(self, field: int) -> Parameters:
        """A message in this one."""
        (message,) = self.message.get(field, [b""])
        return Parameters(fields(message))

    def inners(self, field: int) -> list[Parameters]:
        """All messages under one number."""
        return [Parameters(fields(value)) for value in self.message.get(field, [])]

    def weights(self, field: int, *shape: int) -> Tensor:
        """Weights in 32 bits, whether they are stored in 32 or 16 bits, or as integers of fewer bits with a scale."""
        inner = self.inner(field)
        if 1 in inner:
            return floats(inner.message[1]).reshape(shape)
        if 2 in inner:
            return np.frombuffer(raw(inner.message[2][0]), "<f2").astype(np.float32).reshape(shape)
        if 30 in inner and 40 in inner:
            return _dequantize(raw(inner.message[30][0]), inner.inner(40), shape)
        raise ValueError("its weights are missing, or stored in a way that is not known")


def _dequantize(packed: bytes, quantization: Parameters, shape: tuple[int, ...]) -> Tensor:
    bits, count = quantization.number(1), int(np.prod(shape))
    sequence = np.unpackbits(np.frombuffer(packed, np.uint8))
    if not 1 <= bits <= 8 or count * bits > len(sequence):
        raise ValueError(f"{len(packed)} bytes do not hold {count} weights of {bits} bits")
    # Unlike in ML programs the most significant bit comes first.
    steps = sequence[: count * bits].reshape(count, bits) @ (1 << np.arange(bits)[::-1])
    if 102 in quantization:
        return floats(quantization.inner(102).message[1])[steps].reshape(shape)
    linear = quantization.inner(101)
    scale, bias = (floats(linear.message.get(field, [])).astype(np.float64) for field in (1, 2))
    # One scale for all weights, or one for each output channel; a layer's bias counts as one channel.
    channels = steps.reshape(len(scale), -1) if len(scale) > 1 else steps.reshape(1, -1)
    return (channels * scale[:, None] + bias[:, None]).astype(np.float32).reshape(shape)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One step: the number of its kind, its parameters, and the names of its inputs and outputs."""

    name: str
    kind: int
    inputs: list[str]
    outputs: list[str]
    parameters: Parameters


@dataclass(frozen=True)
class Network:
    """A whole network, its layers in the order of execution."""

    inputs: list[str]
    outputs: list[str]
    layers: list[Layer]


def read_network(path: Path) -> Network:
    """Read a `.mlmodel` file.

    Raises:
        BundleError: The file is missing, truncated, or not a neural network whose arrays keep their shapes.
    """
    try:
        model = fields(path.read_bytes())
        description = fields(model[_DESCRIPTION][0])
        network = Parameters(fields(model[_NETWORK][0]))
        if network.number(5) != 1 or 2 in network:
            # Specifications before the fourth give every array five axes.
            raise ValueError("it reshapes or prepares its input")
        return Network(
            inputs=[text(fields(value)[1][0]) for value in description[1]],
            outputs=[text(fields(value)[1][0]) for value in description[10]],
            layers=[_layer(fields(value)) for value in network.message[1]],
        )
    except FAULTS as error:
        raise damaged(path, READER, f"it is damaged or holds no neural network ({error})") from error


def _layer(message: Message) -> Layer:
    (kind,) = (field for field in message if field >= _FIRST_KIND)
    return Layer(
        name=text(message[_NAME][0]),
        kind=number(kind),
        inputs=[text(value) for value in message.get(_INPUT, [])],
        outputs=[text(value) for value in message[_OUTPUT]],
        parameters=Parameters(fields(message[kind][0])),
    )
