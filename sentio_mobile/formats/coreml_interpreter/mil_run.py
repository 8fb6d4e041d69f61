"""Execute a Core ML program in numpy, so that a package can be checked where there is no Core ML.

A program with an unknown operation is refused.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sentio_mobile._internal.protobuf import FAULTS
from sentio_mobile.errors import BundleError
from sentio_mobile.formats.base import check_name, damaged
from sentio_mobile.formats.coreml_interpreter.arithmetic import Tensor, Value
from sentio_mobile.formats.coreml_interpreter.mil_ops import OPERATIONS, run_operation
from sentio_mobile.formats.coreml_interpreter.mil_read import READER, Operation, read_package


class MilRunner:
    """A loaded package: a function from its input to its output.

    Args:
        path: The `.mlpackage` folder.
        input_name: Name of its input.
        output_name: Name of its output.

    Raises:
        BundleError: The package is damaged, has not these names, or has an unknown operation.
    """

    def __init__(self, path: Path, input_name: str, output_name: str) -> None:
        self.path, self.input_name, self.output_name = path, input_name, output_name
        program = read_package(path)
        check_name(path, input_name, program.inputs)
        check_name(path, output_name, program.outputs)
        self.constants: dict[str, Value] = {}
        self.operations: list[Operation] = []
        for operation in program.operations:
            if operation.constant is not None:
                self.constants[operation.outputs[0]] = operation.constant
            elif operation.kind not in OPERATIONS:
                raise BundleError(
                    f"{path} needs the operation {operation.kind!r}, which cannot be checked here; "
                    f"known: {', '.join(OPERATIONS)}"
                )
            elif operation.kind.startswith("constexpr_"):
                self._execute(operation, self.constants)
            else:
                self.operations.append(operation)

    def __call__(self, inputs: Tensor) -> Tensor:
        """Run the program on one input.

        Raises:
            BundleError: An operation does not fit its inputs: the package was changed.
        """
        values: dict[str, Value] = {**self.constants, self.input_name: inputs}
        for operation in self.operations:
            self._execute(operation, values)
        return values[self.output_name].astype(np.float32, copy=False)

    def _execute(self, operation: Operation, values: dict[str, Value]) -> None:
        try:
            values.update(zip(operation.outputs, run_operation(operation, values), strict=True))
        except FAULTS as error:
            raise damaged(self.path, READER, f"{operation.kind}: {error}") from error
