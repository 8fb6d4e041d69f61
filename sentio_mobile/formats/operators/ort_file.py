"""The operators of an `.ort` file. ort.fbs in ONNX Runtime's source names the fields."""

from __future__ import annotations

from collections.abc import Iterator

from flatbuffers.number_types import Int64Flags

from sentio_mobile.formats.operators.tables import Table

_IDENTIFIER = b"ORTM"
_SESSION_MODEL, _MODEL_GRAPH = 1, 7
_INITIALIZERS, _NODES, _SPARSE, _OPTIMIZATIONS = 0, 2, 7, 8
_DOMAIN, _OP_TYPE, _ATTRIBUTES = 2, 5, 10
_TENSOR, _GRAPH, _TENSORS, _GRAPHS = 6, 7, 11, 12
_EXTERNAL_OFFSET = 6


def operators_in(content: bytes) -> set[str]:
    """The operators of all nodes, as for `.onnx`.

    Raises:
        ValueError: The file is not one of this format.
    """
    if content[4:8] != _IDENTIFIER:
        raise ValueError("it is not a file of ONNX Runtime's own format")
    model = Table.root(content).table(_SESSION_MODEL)
    graph = model.table(_MODEL_GRAPH) if model else None
    if graph is None:
        raise ValueError("it has no graph")
    found = {"[sparse tensor]"} if graph.count(_SPARSE) else set()
    # Graph changes that are recorded for later, with nodes of their own.
    found |= {"[runtime optimizations]"} if _has_records(graph) else set()
    for node in graph.tables(_NODES):
        domain, name = node.text(_DOMAIN), node.text(_OP_TYPE)
        found.add(name if domain in ("", "ai.onnx") else f"{domain}:{name}")
        for attribute in node.tables(_ATTRIBUTES):
            if attribute.has(_GRAPH) or attribute.count(_GRAPHS):
                found.add("[graph in a node]")
            value = attribute.table(_TENSOR)
            found.update(_of_tensors([value] if value else []))
            found.update(_of_tensors(attribute.tables(_TENSORS)))
    return found | set(_of_tensors(graph.tables(_INITIALIZERS)))


def _has_records(graph: Table) -> bool:
    optimizations = graph.table(_OPTIMIZATIONS)
    return optimizations is not None and optimizations.count(0) > 0


def _of_tensors(tensors: Iterator[Table] | list[Table]) -> Iterator[str]:
    for tensor in tensors:
        if tensor.integer(_EXTERNAL_OFFSET, Int64Flags, -1) != -1:
            yield "[external data]"
