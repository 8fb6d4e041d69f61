"""ONNX, for ONNX Runtime on phones, in browsers and on servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.formats.artifacts import SPEC_KEY, damaged, missing_name, spec_json
from sentio_mobile.formats.base import Runner
from sentio_mobile.spec import Form, ModelSpec, Precision

if TYPE_CHECKING:
    from torch import nn

    from sentio_mobile.quantization.settings import QuantizationOptions

OPSET = 18
"""The oldest operator set that PyTorch's exporter writes without translating back; old runtimes read it."""

EVERY: tuple[Precision, ...] = ("fp32", "fp16", "int8-dynamic", "int8")


class Onnx:
    """One self-contained `.onnx` file. The batch size is free in the form `spectrogram`, and 1 in `waveform`."""

    name = "onnx"
    suffix = ".onnx"
    extra: str | None = "onnx"
    converters: tuple[str, ...] = ("onnx", "onnxscript", "onnxruntime")
    runtimes: tuple[str, ...] = ("onnxruntime",)
    free_batch: tuple[Form, ...] = ("spectrogram",)
    timed_here = True
    varies: str | None = None
    precisions: Mapping[Form, tuple[Precision, ...]] = {"spectrogram": EVERY, "waveform": EVERY}
    calibrated: tuple[Precision, ...] = ("int8",)

    def convert(self, model: nn.Module, spec: ModelSpec) -> OnnxConverted:
        """The exporter's graph without its notes, which have source paths of this machine."""
        from sentio_mobile.formats.forms import Waveform

        if not isinstance(model, Waveform):
            return OnnxConverted(_convert(model, spec, spec.output_name, spec.form in self.free_batch), None, spec)
        network = _convert(model.model, spec.in_form("spectrogram"), spec.output_name, free=False)
        return OnnxConverted(network, _convert(model.front_end, spec, "spectrogram", free=False), spec)

    def open(self, path: Path, spec: ModelSpec, threads: int) -> Runner:
        """Load a file with ONNX Runtime's CPU provider.

        Raises:
            BundleError: ONNX Runtime cannot load it, or it has not the spec's input and output.
        """
        return open_session(path, spec, threads)

    def numbers(self, path: Path) -> Mapping[str, int]:
        """As of the graph's initializers."""
        import onnx

        try:
            graph = onnx.load(path).graph
        except Exception as error:  # a protocol buffer that is none ends anywhere
            raise damaged(path, "ONNX", error) from error
        found: Counter[str] = Counter()
        for constant in graph.initializer:
            kind = onnx.helper.tensor_dtype_to_np_dtype(constant.data_type).name
            found[kind] += int(np.prod(constant.dims))
        return dict(found)


class OnnxConverted:
    """The network, and what comes before it, each as a model in 32 bits."""

    def __init__(self, network: Any, front_end: Any, spec: ModelSpec) -> None:
        self.network, self.front_end, self.spec = network, front_end, spec

    def write(self, precision: Precision, rounding: QuantizationOptions, path: Path) -> None:
        """The network is rounded by itself, joined to the front end after it, and given its spec as metadata."""
        import onnx

        from sentio_mobile.formats.onnx_quantize import quantize

        proto = quantize(self.network, precision, rounding, self.spec.in_form("spectrogram"))
        if self.front_end is not None:
            proto = _joined(self.front_end, proto)
        del proto.metadata_props[:]
        proto.metadata_props.add(key=SPEC_KEY, value=spec_json(self.spec))
        onnx.checker.check_model(proto)
        onnx.save(proto, path)


def open_session(path: Path, spec: ModelSpec, threads: int) -> Runner:
    """A file that ONNX Runtime reads, on its CPU provider.

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


def _convert(model: nn.Module, spec: ModelSpec, output_name: str, free: bool) -> Any:
    """A network, or a front end, as a model in 32 bits; `free` leaves the batch size open."""
    import torch

    # Two clips where the batch is free: a batch of one would be taken for a constant.
    example = torch.zeros(2 if free else 1, *spec.input_shape[1:])
    program = torch.onnx.export(
        model.eval(),
        (example,),
        dynamo=True,
        opset_version=OPSET,
        input_names=[spec.input_name],
        output_names=[output_name],
        dynamic_shapes=({0: torch.export.Dim("batch")},) if free else None,
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
    """Keep constants of the same content once: a front end that works in pieces has those of each piece."""
    kept: dict[bytes, str] = {}
    names, constants = {}, []
    for constant in graph.initializer:
        name, constant.name = constant.name, ""
        content = constant.SerializeToString(deterministic=True)
        if content not in kept:
            kept[content] = constant.name = name
            constants.append(constant)
        names[name] = kept[content]
    del graph.initializer[:]
    graph.initializer.extend(constants)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]


def _joined(front: Any, network: Any) -> Any:
    """One model that feeds what `front` gives, the picture, into `network`."""
    from onnx import compose

    joint = network.graph.input[0].name
    # Names of the two would clash: both count their constants from nought.
    front = compose.add_prefix(front, "front_end/", rename_inputs=False, rename_outputs=False)
    # An output and an input of one name would be one value twice.
    front.graph.output[0].name, inner = "picture", joint
    for node in front.graph.node:
        node.output[:] = ["picture" if name == inner else name for name in node.output]
    front.ir_version = network.ir_version = max(front.ir_version, network.ir_version)
    _same_opsets(front, network)
    return compose.merge_models(front, network, io_map=[("picture", joint)])


def _same_opsets(front: Any, network: Any) -> None:
    """A rounded network may name operator sets that the front end does not."""
    known = {opset.domain for opset in front.opset_import}
    front.opset_import.extend(opset for opset in network.opset_import if opset.domain not in known)


FORMAT = Onnx()
