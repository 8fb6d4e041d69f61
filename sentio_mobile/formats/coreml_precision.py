"""What of a Core ML program becomes narrower: the network, and nothing of the front end before it.

The network begins with its first convolution. The front end has none, and squares and logarithms that 16 bits cannot
hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.quantization.settings import found_by_weights

SMALLEST = 512
"""Numbers in a constant from which on it is kept in 8 bits: biases are not worth it, and cost accuracy."""


def after_first_convolution(operation: Any) -> bool:
    """Whether an operation is a convolution or depends on one."""
    waiting, seen = [operation], set()
    while waiting:
        one = waiting.pop()
        if one.op_type == "conv":
            return True
        seen.add(one)
        given = (
            value
            for values in one.inputs.values()
            for value in (values if isinstance(values, tuple | list) else [values])
        )
        waiting += [value.op for value in given if value is not None and value.op is not None and value.op not in seen]
    return False


def with_weights_of_8_bits(package: Any, kept: Mapping[str, NDArray[np.float32]]) -> Any:
    """The weights of the network in 8 bits, symmetric, with a scale for each output channel.

    Those of `kept`, weights by the layers' names, stay in 16 bits, in which the network computes.
    """
    import coremltools.optimize.coreml as cto

    narrow = cto.OpLinearQuantizerConfig(
        mode="linear_symmetric", dtype="int8", granularity="per_channel", weight_threshold=SMALLEST
    )
    constants = {
        operation.name: operation
        for operation in package._mil_program.functions["main"].operations
        if operation.op_type == "const"
    }
    front_end = {
        name
        for name, operation in constants.items()
        if not any(after_first_convolution(user) for user in operation.outputs[0].child_ops)
    }
    values = {name: np.asarray(operation.outputs[0].val) for name, operation in constants.items()}
    left: dict[str, None] = dict.fromkeys(front_end | found_by_weights(kept, values))
    return cto.linear_quantize_weights(package, cto.OptimizationConfig(global_config=narrow, op_name_configs=left))
