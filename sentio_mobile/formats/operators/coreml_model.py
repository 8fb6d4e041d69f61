"""The operations of a Core ML model: an ML program's, by name, or a neural network's layers, by number.

MIL.proto, NeuralNetwork.proto and Model.proto in coremltools name the fields.
"""

from __future__ import annotations

from collections.abc import Iterator

from sentio_mobile._internal.protobuf import Field, Message, fields, integers, text

NEURAL_NETWORK, ML_PROGRAM = 500, 502
WEIGHTS = "@model_path/weights/weight.bin"
"""The one file beside the specification that a program may read."""

_PLAIN_FIELDS = frozenset({1, 2})
"""Version and description. Every other field of a model is a kind of model, or makes it updatable."""
_FIRST_KIND = 100


def operators_in(content: bytes, kind: int) -> set[str]:
    """What a specification asks for.

    Args:
        content: The file of the specification.
        kind: `ML_PROGRAM` or `NEURAL_NETWORK`; another kind is a word in brackets.
    """
    model = fields(content)
    found = {f"[model of the kind {field}]" for field in model if field not in _PLAIN_FIELDS | {kind}}
    for value in map(fields, model.get(kind, [])):
        found.update(_of_program(value) if kind == ML_PROGRAM else _of_network(value))
    return found


def _of_program(program: Message) -> Iterator[str]:
    for entry in map(fields, program.get(2, [])):
        for function in map(fields, entry.get(2, [])):
            for block in map(fields, function.get(3, [])):
                for content in map(fields, block.get(2, [])):
                    for operation in map(fields, content.get(3, [])):
                        yield from _of_operation(operation)


def _of_operation(operation: Message) -> Iterator[str]:
    yield from map(text, operation.get(1, []))
    if 4 in operation:
        yield "[block in an operation]"
    # Values are in the arguments (2: name to list of bindings) and in the attributes (5: name to value).
    for entry in map(fields, operation.get(2, [])):
        for argument in map(fields, entry.get(2, [])):
            for binding in map(fields, argument.get(1, [])):
                yield from _of_values(binding.get(2, []))
    for entry in map(fields, operation.get(5, [])):
        yield from _of_values(entry.get(2, []))


def _of_values(values: list[Field]) -> Iterator[str]:
    for value in map(fields, values):
        for blob in map(fields, value.get(5, [])):
            if any(text(name) != WEIGHTS for name in blob.get(1, [])):
                yield "[external data]"


def _of_network(network: Message) -> Iterator[str]:
    for layer in map(fields, network.get(1, [])):
        yield from (str(field) for field in layer if field >= _FIRST_KIND)
        if any(integers(layer.get(10, []))):
            yield "[updatable layer]"
    if 2 in network:
        yield "[preprocessing]"
    if 10 in network:
        yield "[training]"
