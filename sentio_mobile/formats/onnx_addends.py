"""What is added to every song's tokens, such as the position of each, is stored in 8 bits and computed with in 32.

The quantizers round what has weights, and leave these constants wide; they are 4% of an 8-bit file. A cast from 16 bits
would do as well in `.onnx`, but `.ort` is made by folding constants, casts of them too; what is dequantized it leaves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sentio_mobile.quantization.settings import LONG_ADDEND


def round_addends(graph: Any) -> None:
    """Store long 32-bit constants [1, tokens, width] that nothing but sums takes in 8 bits, in place.

    Each token has a scale of its own.
    """
    from onnx import helper, numpy_helper

    takers: dict[str, set[str]] = {}
    for node in graph.node:
        for name in node.input:
            takers.setdefault(name, set()).add(node.op_type)
    for constant in list(graph.initializer):
        values, name = numpy_helper.to_array(constant), constant.name
        if values.dtype != np.float32 or values.size < LONG_ADDEND or values.ndim != 3 or takers.get(name) != {"Add"}:
            continue
        scale = np.maximum(np.abs(values).max(axis=(0, 2)) / 127, np.finfo(np.float32).tiny).astype(np.float32)
        narrow = np.rint(values / scale[:, None]).astype(np.int8)
        parts = {f"{name}_8": narrow, f"{name}_scale": scale, f"{name}_zero": np.zeros(len(scale), np.int8)}
        graph.initializer.remove(constant)
        graph.initializer.extend(numpy_helper.from_array(part, called) for called, part in parts.items())
        wide = helper.make_node("DequantizeLinear", list(parts), [name], name=f"{name}_wide", axis=1)
        graph.node.insert(0, wide)
