"""What runs inside the ARM64 userland: one artifact, fed many inputs.

The userland has numpy and the runtimes and nothing else, so this file imports nothing of the package. It is started as
a script, with a JSON file that says what to do, and leaves `RESULT` in its working folder.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import threading
import traceback
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESULT = "result.json"
"""`{"machine", "versions"}` of what ran, or `{"error"}`: the first line of what the runtime said."""

Answer = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def quantized(values: NDArray[Any], scale: float, zero_point: int, dtype: type[np.integer[Any]]) -> NDArray[Any]:
    """Numbers as the integers that stand for them; what is out of the type's range is the end of the range."""
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values / scale + zero_point), limits.min, limits.max).astype(dtype)


def dequantized(values: NDArray[Any], scale: float, zero_point: int) -> NDArray[np.float32]:
    """The numbers that integers stand for."""
    return ((values.astype(np.float32) - zero_point) * scale).astype(np.float32)


def to_tensor(values: NDArray[np.float32], details: dict[str, Any]) -> NDArray[Any]:
    """Numbers as a tensor takes them whose type and quantization LiteRT gives in `details`."""
    if not np.issubdtype(details["dtype"], np.integer):
        return values.astype(details["dtype"])
    scale, zero_point = details["quantization"]
    return quantized(values, scale, zero_point, details["dtype"])


def from_tensor(values: NDArray[Any], details: dict[str, Any]) -> NDArray[np.float32]:
    """The numbers that such a tensor holds."""
    whole = np.issubdtype(details["dtype"], np.integer)
    return dequantized(values, *details["quantization"]) if whole else values.astype(np.float32)


def open_onnx(path: str, input_name: str, output_name: str) -> Answer:
    """Load a file with ONNX Runtime: `.onnx`, or `.ort`, which is its own."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    types = {value.name: value.type for value in session.get_inputs()}
    require_name(input_name, list(types))
    require_name(output_name, [value.name for value in session.get_outputs()])
    dtype = np.float16 if types[input_name] == "tensor(float16)" else np.float32

    def answer(given: NDArray[np.float32]) -> NDArray[np.float32]:
        return session.run([output_name], {input_name: given.astype(dtype)})[0].astype(np.float32)

    return answer


def open_tflite(path: str, input_name: str, output_name: str) -> Answer:
    """Load a file with LiteRT. One that is integer at its ends is fed, and read, by its own scale and zero point."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    signatures = interpreter.get_signature_list()
    if not signatures:
        raise ValueError("it has no signature, so that its inputs have no names")
    runner = interpreter.get_signature_runner(next(iter(signatures)))
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    require_name(input_name, list(inputs))
    require_name(output_name, list(outputs))
    fed, read = inputs[input_name], outputs[output_name]

    def answer(given: NDArray[np.float32]) -> NDArray[np.float32]:
        return from_tensor(runner(**{input_name: to_tensor(given, fed)})[output_name], read)

    return answer


def require_name(name: str, found: list[str]) -> None:
    """Refuse a model that has no input or output of this name."""
    if name not in found:
        raise ValueError(f"it has no {name!r}, only {', '.join(found) or 'nothing'}")


OPENERS = {"onnx": open_onnx, "ort": open_onnx, "tflite": open_tflite}
"""The formats that run here, each with what loads it."""


def main(task: Path) -> int:
    """Do what `task` says and report what did it.

    Args:
        task: JSON. `modules` and `packages` name what is imported, and whose versions are reported. With a `format`,
            the artifact at `path` answers each of the `inputs`, a `.npy` file, and the answers are written to another.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    wanted = json.loads(task.read_text())
    try:
        for name in wanted["modules"]:
            import_module(name)
        if "format" in wanted:
            answer = OPENERS[wanted["format"]](wanted["path"], wanted["input_name"], wanted["output_name"])
            answers = []
            for number, given in enumerate(np.load(wanted["inputs"]), 1):
                answers.append(answer(given))
                print(f"input {number}: {answers[-1].ravel().tolist()}", flush=True)
            np.save(wanted["answers"], np.concatenate(answers))
        versions = {name: version(name) for name in wanted["packages"]}
        result = {"machine": platform.machine(), "python": platform.python_version(), "versions": versions}
    except Exception as error:
        # Whatever a runtime raises becomes one line for the user; the log has the whole of it.
        traceback.print_exc()
        result = {"error": (str(error).strip() or type(error).__name__).splitlines()[0]}
    Path(RESULT).write_text(json.dumps(result))
    return 1 if "error" in result else 0


def _end_with_parent() -> None:
    """Leave when the parent is gone, even if it was killed and could not clean up."""
    os.read(0, 1)
    os._exit(3)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
