"""What of a Core ML program becomes narrower: the network, and nothing of the front end before it.

The network begins with its first convolution. The front end has none, and squares and logarithms that 16 bits cannot
hold.
"""

from __future__ import annotations

from typing import Any

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


def with_weights_of_8_bits(package: Any) -> Any:
    """The weights of the network in 8 bits, symmetric, with a scale for each output channel."""
    import coremltools.optimize.coreml as cto

    narrow = cto.OpLinearQuantizerConfig(
        mode="linear_symmetric", dtype="int8", granularity="per_channel", weight_threshold=SMALLEST
    )
    front_end = {
        operation.name: None
        for operation in package._mil_program.functions["main"].operations
        if operation.op_type == "const"
        and not any(after_first_convolution(user) for user in operation.outputs[0].child_ops)
    }
    return cto.linear_quantize_weights(package, cto.OptimizationConfig(global_config=narrow, op_name_configs=front_end))
