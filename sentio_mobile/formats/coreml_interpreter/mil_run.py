"""Execute a Core ML program in numpy, so that a package is checked where there is no Core ML.

It refuses a program with any operation that is not known here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sentio_mobile.errors import BundleError
from sentio_mobile.formats.artifacts import damaged, missing_name
from sentio_mobile.formats.coreml_interpreter.mil_blob import Value
from sentio_mobile.formats.coreml_interpreter.mil_math import Tensor
from sentio_mobile.formats.coreml_interpreter.mil_ops import OPERATIONS, run_operation
from sentio_mobile.formats.coreml_interpreter.mil_read import READER, Operation, read_package
from sentio_mobile.formats.coreml_interpreter.protobuf import FAULTS


class MilRunner:
    """A package that is loaded and answers.

    Args:
        path: the `.mlpackage` folder.
        input_name: name of its one input.
        output_name: name of the output to give.

    Raises:
        BundleError: the package is damaged, has not these names, or needs an operation that is not known here.
    """

    def __init__(self, path: Path, input_name: str, output_name: str) -> None:
        self.path, self.input_name, self.output_name = path, input_name, output_name
        program = read_package(path)
        for wanted, found in ((input_name, program.inputs), (output_name, program.outputs)):
            if wanted not in found:
                raise missing_name(path, wanted, found)
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

    def __call__(self, given: Tensor) -> Tensor:
        """Run the program on one input.

        Raises:
            BundleError: an operation does not fit its inputs: the package was changed.
        """
        values: dict[str, Value] = {**self.constants, self.input_name: given}
        for operation in self.operations:
            self._execute(operation, values)
        return values[self.output_name].astype(np.float32, copy=False)

    def _execute(self, operation: Operation, values: dict[str, Value]) -> None:
        try:
            values.update(zip(operation.outputs, run_operation(operation, values), strict=True))
        except FAULTS as error:
            raise damaged(self.path, READER, f"{operation.kind}: {error}") from error
