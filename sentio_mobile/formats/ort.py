"""ONNX Runtime's own file, for its mobile builds, which cannot read `.onnx`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sentio_mobile.formats.artifacts import damaged
from sentio_mobile.formats.base import Runner
from sentio_mobile.formats.onnx import EVERY, Onnx, OnnxConverted, open_session
from sentio_mobile.spec import Form, ModelSpec, Precision

if TYPE_CHECKING:
    from torch import nn

    from sentio_mobile.quantization.settings import QuantizationOptions

_IDENTIFIER = b"ORTM"


class Ort:
    """One `.ort` file: the graph of `.onnx` after those optimizations that hold on every processor."""

    name = "ort"
    suffix = ".ort"
    extra: str | None = "onnx"
    converters: tuple[str, ...] = ("onnx", "onnxscript", "onnxruntime")
    runtimes: tuple[str, ...] = ("onnxruntime",)
    free_batch: tuple[Form, ...] = ("spectrogram",)
    timed_here = True
    varies: str | None = (
        "ONNX Runtime writes what it keeps in tables in the order of their hashes, which is another in each process"
    )
    precisions: Mapping[Form, tuple[Precision, ...]] = {"spectrogram": EVERY, "waveform": EVERY}
    calibrated: tuple[Precision, ...] = ("int8",)

    def convert(self, model: nn.Module, spec: ModelSpec) -> _Converted:
        """As for ONNX."""
        return _Converted(Onnx().convert(model, spec))

    def open(self, path: Path, spec: ModelSpec, threads: int) -> Runner:
        """Load a file with ONNX Runtime's CPU provider.

        Raises:
            BundleError: ONNX Runtime cannot load it, or it has not the spec's input and output.
        """
        return open_session(path, spec, threads)

    def numbers(self, path: Path) -> Mapping[str, int]:
        """None are told: nothing reads this format but the runtime. What it was made from is the ONNX artifact."""
        try:
            found = path.read_bytes()[4:8]
        except OSError as error:
            raise damaged(path, "ONNX Runtime", error) from error
        if found != _IDENTIFIER:
            raise damaged(path, "ONNX Runtime", "it is no file of its own format")
        return {}


class _Converted:
    def __init__(self, converted: OnnxConverted) -> None:
        self.converted = converted

    def write(self, precision: Precision, rounding: QuantizationOptions, path: Path) -> None:
        """Let ONNX Runtime load the ONNX artifact, and save what it made of it."""
        import onnxruntime

        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "model.onnx"
            self.converted.write(precision, rounding, source)
            options = onnxruntime.SessionOptions()
            options.optimized_model_filepath = str(path)
            options.add_session_config_entry("session.save_model_format", "ORT")
            # Less leaves 8-bit operations unfused; more fits the layout of weights to the processor of this machine.
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
            options.log_severity_level = 3
            onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


FORMAT = Ort()
