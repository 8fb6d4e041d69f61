"""ONNX, for ONNX Runtime on phones, in browsers and on servers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.export.artifacts import SPEC_KEY, damaged, fp32_artifact, missing_name, spec_json
from sentio_mobile.export.protocol import Runner
from sentio_mobile.spec import Artifact, Form, ModelSpec

if TYPE_CHECKING:
    from torch import nn

OPSET = 18
"""The oldest operator set that PyTorch's exporter writes without translating back; old runtimes read it."""


class Onnx:
    """One self-contained `.onnx` file. The batch size is free in the form `spectrogram`, and 1 in `waveform`."""

    name = "onnx"
    suffix = ".onnx"
    extra: str | None = "onnx"
    converters: tuple[str, ...] = ("onnx", "onnxscript")
    runtimes: tuple[str, ...] = ("onnxruntime",)
    free_batch: tuple[Form, ...] = ("spectrogram",)
    timed_here = True

    def export(self, model: nn.Module, spec: ModelSpec, folder: Path) -> Artifact:
        """Write `model` with its spec among the file's metadata, under `SPEC_KEY`."""
        import onnx
        import torch

        artifact = fp32_artifact(self.name, self.suffix, spec, folder)
        free = spec.form in self.free_batch
        # Two clips where the batch is free: a batch of one would be taken for a constant.
        example = torch.zeros(2 if free else 1, *spec.input_shape[1:])
        program = torch.onnx.export(
            model.eval(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[spec.input_name],
            output_names=[spec.output_name],
            dynamic_shapes=({0: torch.export.Dim("batch")},) if free else None,
        )
        assert program is not None  # only the old exporter returns nothing
        proto = program.model_proto
        _drop_traces(proto.graph)
        del proto.metadata_props[:]
        proto.metadata_props.add(key=SPEC_KEY, value=spec_json(spec))
        onnx.checker.check_model(proto)
        onnx.save(proto, artifact.path)
        return artifact

    def open(self, path: Path, spec: ModelSpec, threads: int) -> Runner:
        """Load a file with ONNX Runtime's CPU provider.

        Raises:
            BundleError: ONNX Runtime cannot load it, or it has not the spec's input and output.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its many exceptions have no base class but Exception
            raise damaged(path, "ONNX Runtime", error) from error
        for wanted, found in (
            (spec.input_name, session.get_inputs()),
            (spec.output_name, session.get_outputs()),
        ):
            if wanted not in (names := [value.name for value in found]):
                raise missing_name(path, wanted, names)
        return _Runner(session, spec)


class _Runner:
    def __init__(self, session: Any, spec: ModelSpec) -> None:
        self.session, self.input_name, self.output_name = session, spec.input_name, spec.output_name

    def __call__(self, given: NDArray[np.float32]) -> NDArray[np.float32]:
        answer: NDArray[np.float32] = self.session.run([self.output_name], {self.input_name: given})[0]
        return answer


def _drop_traces(graph: Any) -> None:
    """Take away the exporter's notes: a third of a megabyte, with source paths of the machine that exported."""
    for item in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del item.metadata_props[:]
        item.doc_string = ""
    del graph.metadata_props[:]


FORMAT = Onnx()
