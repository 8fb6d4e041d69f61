"""The script that runs inside the ARM64 userland: one artifact on many inputs.

The userland has only numpy and the runtimes, so this file imports nothing of the package. It is started with the path
of a JSON file, an `EmulatedTask`, and writes `RESULT`, an `EmulatedResult`, to its working folder.
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

Runner = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def quantized(values: NDArray[Any], scale: float, zero_point: int, dtype: type[np.integer[Any]]) -> NDArray[Any]:
    """Quantize numbers; those out of the type's range become the end of the range."""
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values / scale + zero_point), limits.min, limits.max).astype(dtype)


def dequantized(values: NDArray[Any], scale: float, zero_point: int) -> NDArray[np.float32]:
    """Turn quantized integers back into numbers."""
    return ((values.astype(np.float32) - zero_point) * scale).astype(np.float32)


def to_tensor(values: NDArray[np.float32], details: dict[str, Any]) -> NDArray[Any]:
    """Convert numbers to the type and quantization of a tensor, which LiteRT describes in `details`."""
    if not np.issubdtype(details["dtype"], np.integer):
        return values.astype(details["dtype"])
    scale, zero_point = details["quantization"]
    return quantized(values, scale, zero_point, details["dtype"])


def from_tensor(values: NDArray[Any], details: dict[str, Any]) -> NDArray[np.float32]:
    """Convert the content of such a tensor to numbers."""
    whole = np.issubdtype(details["dtype"], np.integer)
    return dequantized(values, *details["quantization"]) if whole else values.astype(np.float32)


def open_onnx(path: str, input_name: str, output_name: str) -> Runner:
    """Load an `.onnx` or `.ort` file with ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    types = {value.name: value.type for value in session.get_inputs()}
    require_name(input_name, list(types))
    require_name(output_name, [value.name for value in session.get_outputs()])
    dtype = np.float16 if types[input_name] == "tensor(float16)" else np.float32

    def run(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return session.run([output_name], {input_name: values.astype(dtype)})[0].astype(np.float32)

    return run


def open_tflite(path: str, input_name: str, output_name: str) -> Runner:
    """Load a file with LiteRT. Integer inputs and outputs are converted by the file's own scale and zero point."""
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
    input_details, output_details = inputs[input_name], outputs[output_name]

    def run(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return from_tensor(runner(**{input_name: to_tensor(values, input_details)})[output_name], output_details)

    return run


def require_name(name: str, found: list[str]) -> None:
    """Refuse a model that has no input or output of this name."""
    if name not in found:
        raise ValueError(f"it has no {name!r}, only {', '.join(found) or 'nothing'}")


OPENERS = {"onnx": open_onnx, "ort": open_onnx, "tflite": open_tflite}
"""The function that loads each format that runs here."""


def main(task: Path) -> int:
    """Do a task and report the result.

    Args:
        task: The path of an `EmulatedTask` as JSON.

    Returns:
        The exit status: 0, or 1 after an error.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    wanted = json.loads(task.read_text())
    try:
        for name in wanted["modules"]:
            import_module(name)
        if artifact := wanted["artifact"]:
            run = OPENERS[artifact["format"]](artifact["path"], artifact["input_name"], artifact["output_name"])
            outputs = []
            for number, values in enumerate(np.load(artifact["inputs"]), 1):
                outputs.append(run(values))
                print(f"input {number}: {outputs[-1].ravel().tolist()}", flush=True)
            np.save(artifact["outputs"], np.concatenate(outputs))
        versions = {name: version(name) for name in wanted["packages"]}
        result = {
            "machine": platform.machine(),
            "python": platform.python_version(),
            "versions": versions,
            "error": None,
        }
    except Exception as error:
        # Whatever a runtime raises becomes one line for the user; the log has all of it.
        traceback.print_exc()
        result = {
            "machine": None,
            "python": None,
            "versions": {},
            "error": (str(error).strip() or type(error).__name__).splitlines()[0],
        }
    Path(RESULT).write_text(json.dumps(result))
    return 1 if result["error"] else 0


def _end_with_parent() -> None:
    """End when the parent is gone, even if it was killed and could not clean up."""
    os.read(0, 1)
    os._exit(3)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
