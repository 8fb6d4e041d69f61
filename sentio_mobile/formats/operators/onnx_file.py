"""The operators of an `.onnx` file, read from its protocol buffer. onnx.proto names the fields."""

from __future__ import annotations

from collections.abc import Iterator

from sentio_mobile._internal.protobuf import Field, Message, fields, text

_GRAPH, _TRAINING, _FUNCTIONS = 7, 20, 25
_NODES, _INITIALIZERS, _SPARSE = 1, 5, 15
_OP_TYPE, _ATTRIBUTES, _DOMAIN = 4, 5, 7
_TENSOR, _GRAPH_VALUE, _TENSORS, _GRAPHS, _SPARSE_VALUE, _SPARSE_VALUES = 5, 6, 10, 11, 22, 23
_FUNCTION_NODES = 7
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_DEFAULT_DOMAIN = "ai.onnx"


def operators_in(content: bytes) -> set[str]:
    """The operators of all nodes, `domain:Name`, or `Name` alone for ONNX's own.

    Nodes of functions count too. Anything else that a file can have to be run or read is a word in brackets: a graph
    in a node (the body of a loop), training, sparse tensors, numbers in another file.
    """
    model = fields(content)
    found = {"[training]"} if _TRAINING in model else set()
    for graph in map(fields, model.get(_GRAPH, [])):
        found.update(_of_nodes(graph.get(_NODES, [])))
        found.update(_of_tensors(graph.get(_INITIALIZERS, [])))
        found |= {"[sparse tensor]"} if _SPARSE in graph else set()
    for function in map(fields, model.get(_FUNCTIONS, [])):
        found.update(_of_nodes(function.get(_FUNCTION_NODES, [])))
    return found


def _of_nodes(nodes: list[Field]) -> Iterator[str]:
    for node in map(fields, nodes):
        # A parser takes the last of several values: each of them counts here.
        for domain in map(text, node.get(_DOMAIN, [b""])):
            for name in map(text, node.get(_OP_TYPE, [b""])):
                yield name if domain in ("", _DEFAULT_DOMAIN) else f"{domain}:{name}"
        for attribute in map(fields, node.get(_ATTRIBUTES, [])):
            yield from _of_attribute(attribute)


def _of_attribute(attribute: Message) -> Iterator[str]:
    if _GRAPH_VALUE in attribute or _GRAPHS in attribute:
        yield "[graph in a node]"
    if _SPARSE_VALUE in attribute or _SPARSE_VALUES in attribute:
        yield "[sparse tensor]"
    yield from _of_tensors([*attribute.get(_TENSOR, []), *attribute.get(_TENSORS, [])])


def _of_tensors(tensors: list[Field]) -> Iterator[str]:
    for tensor in map(fields, tensors):
        if _EXTERNAL_DATA in tensor or any(tensor.get(_DATA_LOCATION, [])):
            yield "[external data]"
