"""ONNX Runtime's own file, for its mobile builds, which cannot read `.onnx`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sentio_mobile.formats.base import ConvertedModel, damaged
from sentio_mobile.formats.onnx import Onnx
from sentio_mobile.spec import ModelSpec, Precision

if TYPE_CHECKING:
    from torch import nn

    from sentio_mobile.quantization.options import QuantizationOptions

_IDENTIFIER = b"ORTM"


@dataclass(frozen=True, kw_only=True)
class Ort(Onnx):
    """One `.ort` file: the graph of the `.onnx` file after those optimizations that hold on every processor."""

    name: str = "ort"
    suffix: str = ".ort"
    varies: str | None = (
        "ONNX Runtime writes what it keeps in tables in the order of their hashes, which is another in each process"
    )

    def convert(self, model: nn.Module, spec: ModelSpec) -> ConvertedModel:
        """Convert as for ONNX."""
        return _Converted(super().convert(model, spec))

    def operators(self, path: Path) -> Iterable[str]:
        """The operators of its nodes."""
        from sentio_mobile.formats.operators.ort_file import operators_in

        return operators_in(path.read_bytes())

    def stored_numbers(self, path: Path) -> Mapping[str, int]:
        """Nothing: only the runtime reads this format. The ONNX artifact, of which it is made, stores the same."""
        try:
            identifier = path.read_bytes()[4:8]
        except OSError as error:
            raise damaged(path, "ONNX Runtime", error) from error
        if identifier != _IDENTIFIER:
            raise damaged(path, "ONNX Runtime", "it is not a file of ONNX Runtime's own format")
        return {}


@dataclass(frozen=True)
class _Converted:
    onnx: ConvertedModel

    def write(self, precision: Precision, options: QuantizationOptions, path: Path) -> None:
        """Let ONNX Runtime load the ONNX artifact and save its optimized graph."""
        import onnxruntime

        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "model.onnx"
            self.onnx.write(precision, options, source)
            session = onnxruntime.SessionOptions()
            session.optimized_model_filepath = str(path)
            session.add_session_config_entry("session.save_model_format", "ORT")
            # A lower level leaves 8-bit operations unfused; a higher one lays out weights for this machine's processor.
            session.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
            session.log_severity_level = 3
            onnxruntime.InferenceSession(str(source), session, providers=["CPUExecutionProvider"])


FORMAT = Ort()
