"""ONNX, for ONNX Runtime on phones, in browsers and on servers, and the base of `ort`, which is made from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.formats.base import SPEC_KEY, ConvertedModel, Format, Runner, check_name, damaged, spec_json
from sentio_mobile.spec import Form, ModelSpec, Precision

if TYPE_CHECKING:
    from torch import nn

    from sentio_mobile.quantization.options import QuantizationOptions

OPSET = 18
"""The oldest operator set that PyTorch's exporter writes without translating back; old runtimes read it."""


@dataclass(frozen=True, kw_only=True)
class Onnx(Format):
    """One self-contained `.onnx` file. Its batch size is free in the form `spectrogram`, and 1 in `waveform`."""

    name: str = "onnx"
    suffix: str = ".onnx"
    extra: str | None = "onnx"
    converters: tuple[str, ...] = ("onnx", "onnxscript", "onnxruntime")
    runtimes: tuple[str, ...] = ("onnxruntime",)
    precisions: tuple[Precision, ...] = ("fp32", "fp16", "int8-dynamic", "int8")
    calibrated: tuple[Precision, ...] = ("int8",)
    batched: tuple[Form, ...] = ("spectrogram",)

    def convert(self, model: nn.Module, spec: ModelSpec) -> ConvertedModel:
        """Export the network and the front end one by one, without the exporter's notes, which have local paths."""
        from sentio_mobile.formats.forms import Waveform

        if not isinstance(model, Waveform):
            return _Converted(_export(model, spec, spec.output_name, spec.form in self.batched), None, spec)
        network = _export(model.model, spec.in_form("spectrogram"), spec.output_name, free_batch=False)
        return _Converted(network, _export(model.front_end, spec, "spectrogram", free_batch=False), spec)

    def open(self, path: Path, spec: ModelSpec, threads: int = 1) -> Runner:
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
        except Exception as error:  # its exceptions have no common base class but Exception
            raise damaged(path, "ONNX Runtime", error) from error
        check_name(path, spec.input_name, [value.name for value in session.get_inputs()])
        check_name(path, spec.output_name, [value.name for value in session.get_outputs()])
        return _Runner(session, spec)

    def operators(self, path: Path) -> Iterable[str]:
        """The operators of its nodes."""
        from sentio_mobile.formats.operators.onnx_file import operators_in

        return operators_in(path.read_bytes())

    def stored_numbers(self, path: Path) -> Mapping[str, int]:
        """Count the numbers of the graph's initializers."""
        import onnx

        try:
            graph = onnx.load(path).graph
        except Exception as error:  # parsing a file that is not a protocol buffer raises anything
            raise damaged(path, "ONNX", error) from error
        counts: Counter[str] = Counter()
        for constant in graph.initializer:
            dtype = onnx.helper.tensor_dtype_to_np_dtype(constant.data_type).name
            counts[dtype] += int(np.prod(constant.dims))
        return dict(counts)


@dataclass(frozen=True)
class _Converted:
    """The network, and the front end where there is one, each as a 32-bit model."""

    network: Any
    front_end: Any
    spec: ModelSpec

    def write(self, precision: Precision, options: QuantizationOptions, path: Path) -> None:
        """Quantize the network alone, join the front end to it, and add the spec as metadata."""
        import onnx

        from sentio_mobile.formats.onnx_quantize import quantize

        model = quantize(self.network, precision, options=options, spec=self.spec.in_form("spectrogram"))
        if self.front_end is not None:
            model = _join(self.front_end, model)
        del model.metadata_props[:]
        model.metadata_props.add(key=SPEC_KEY, value=spec_json(self.spec))
        onnx.checker.check_model(model)
        onnx.save(model, path)


@dataclass(frozen=True)
class _Runner:
    session: Any
    spec: ModelSpec

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        predictions: NDArray[np.float32] = self.session.run([self.spec.output_name], {self.spec.input_name: inputs})[0]
        return predictions


def _export(model: nn.Module, spec: ModelSpec, output_name: str, free_batch: bool) -> Any:
    """Export a network, or a front end, as a 32-bit model.

    Args:
        model: The network or front end.
        spec: Has the names and the shape of its input.
        output_name: Name of its output.
        free_batch: Whether the batch size is left open.
    """
    import torch

    # Two clips where the batch is free: the exporter would take a batch of one for a constant.
    example = torch.zeros(2 if free_batch else 1, *spec.input_shape[1:])
    program = torch.onnx.export(
        model.eval(),
        (example,),
        dynamo=True,
        opset_version=OPSET,
        input_names=[spec.input_name],
        output_names=[output_name],
        dynamic_shapes=({0: torch.export.Dim("batch")},) if free_batch else None,
    )
    assert program is not None  # only the old exporter returns nothing
    proto = program.model_proto
    graph = proto.graph
    for item in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del item.metadata_props[:]
        item.doc_string = ""
    del graph.metadata_props[:]
    _share_constants(graph)
    return proto


def _share_constants(graph: Any) -> None:
    """Store equal constants once: a front end that works in pieces has a copy for each piece."""
    first: dict[bytes, str] = {}
    new_names, constants = {}, []
    for constant in graph.initializer:
        name, constant.name = constant.name, ""
        content = constant.SerializeToString(deterministic=True)
        if content not in first:
            first[content] = constant.name = name
            constants.append(constant)
        new_names[name] = first[content]
    del graph.initializer[:]
    graph.initializer.extend(constants)
    for node in graph.node:
        node.input[:] = [new_names.get(name, name) for name in node.input]


def _join(front_end: Any, network: Any) -> Any:
    """One model that feeds the output of `front_end`, an image, into `network`."""
    from onnx import compose, helper

    joint = network.graph.input[0].name
    # Without a prefix their names would clash: both number their constants from 0.
    front_end = compose.add_prefix(front_end, "front_end/", rename_inputs=False, rename_outputs=False)
    # An output and an input of the same name would be one value that is made twice.
    front_end.graph.output[0].name = _JOINT
    for node in front_end.graph.node:
        node.output[:] = [_JOINT if name == joint else name for name in node.output]
    front_end.ir_version = network.ir_version = max(front_end.ir_version, network.ir_version)
    # A quantized network may use operator sets that the front end does not.
    known = {opset.domain for opset in front_end.opset_import}
    front_end.opset_import.extend(opset for opset in network.opset_import if opset.domain not in known)
    model = compose.merge_models(front_end, network, io_map=[(_JOINT, joint)])
    # The merged model lists the operator sets of both, which some readers refuse or choose from.
    versions = {opset.domain: opset.version for opset in model.opset_import}
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in versions.items())
    return model


_JOINT = "picture"
"""Name of the value between front end and network. It is part of the file, whose bytes should not change."""

FORMAT = Onnx()
