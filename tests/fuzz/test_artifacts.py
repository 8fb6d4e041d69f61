"""The door of artifacts: what the check of operators lets through is what another reader of the format sees too.

A file that two readers read differently could show the check one program and the runtime another. So every case that
the check accepts is read a second time by the format's own library. No runtime is started: that is `test_process.py`'s.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import onnx
import pytest
import torch
from fuzz.cases import any_bytes, texts
from fuzz.harness import attempt
from hypothesis import given
from hypothesis import strategies as st

from sentio_mobile.errors import BundleError
from sentio_mobile.formats.registry import get_format

pytest.importorskip("sentio_mobile.formats.operators.allow_list")

from artifacts import (
    layers_model,
    message,
    mil_model,
    mil_operation,
    onnx_model,
    onnx_node,
    pte_model,
    tflite_model,
    write_package,
)

from sentio_mobile.formats.operators.allow_list import allowed_operators, check_operators


def traced() -> bytes:
    """A TorchScript archive of one layer, as `torch.jit.save` writes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.jit.freeze(torch.jit.trace(torch.nn.Linear(3, 2).eval(), torch.zeros(1, 3)))
        file = io.BytesIO()
        torch.jit.save(program, file)
    return file.getvalue()


SEEDS: dict[str, tuple[bytes, ...]] = {
    "onnx": (
        onnx_model(
            onnx_node("Conv"), onnx_node("Add", "ai.onnx"), graph=[(5, message((8, b"w"), (2, 1), (9, b"1234")))]
        ),
        onnx_model(onnx_node("Loop", attributes=[message((1, b"body"), (6, b""))])),
        onnx_model(graph=[(5, message((8, b"w"), (14, 1), (13, message((1, b"location"), (2, b"/etc/passwd")))))]),
        onnx_model(model=[(25, message((1, b"f"), (7, onnx_node("If"))))]),
    ),
    "executorch": (pte_model("aten::amax"), pte_model("aten::from_file", instructions=(4,))),
    "tflite": (tflite_model(0, 3, 126), tflite_model(0, custom="FlexReadFile"), tflite_model(119)),
    "coreml": (mil_model(mil_operation("conv")), mil_model(mil_operation("while_loop", (4, b"")))),
    "mlmodel": (layers_model(message((1, b"x"), (100, b""))), layers_model(message((1, b"x"), (500, b"")))),
    "torchscript": (traced(),),
}


def onnx_operators(path: Path) -> Iterable[str]:
    """What ONNX's own parser sees: operators of nodes and functions, graphs in nodes, numbers in other files."""
    model = onnx.load(str(path), load_external_data=False)
    nodes = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    for node in nodes:
        yield node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}:{node.op_type}"
        if any(one.HasField("g") or one.graphs for one in node.attribute):
            yield "[graph in a node]"
    for tensor in model.graph.initializer:
        if tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL:
            yield "[external data]"


def tflite_operators(path: Path) -> Iterable[str]:
    """What the schema's generated reader sees."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    for code in model.operatorCodes or []:
        yield str(max(code.builtinCode, code.deprecatedBuiltinCode))
        if code.customCode:
            yield "[custom]"


def coreml_operators(path: Path) -> Iterable[str]:
    """What protobuf's own reader sees, with coremltools' descriptions of the messages."""
    from coremltools.proto import Model_pb2

    inside = path / "Data" / "com.apple.CoreML" / "model.mlmodel"
    model = Model_pb2.Model.FromString((inside if path.is_dir() else path).read_bytes())
    for function in model.mlProgram.functions.values():
        for block in function.block_specializations.values():
            for operation in block.operations:
                yield operation.type
                if operation.blocks:
                    yield "[block in an operation]"
    for layer in model.neuralNetwork.layers:
        number = next((field.number for field, _ in layer.ListFields() if field.number >= 100), 0)
        if number:
            yield str(number)


def torch_parts(path: Path) -> Iterable[str]:
    """The parts that PyTorch's own reader of archives finds must be those that Python's finds."""
    theirs = set(torch._C.PyTorchFileReader(str(path)).get_all_records())
    with zipfile.ZipFile(path) as archive:
        ours = {name.partition("/")[2] for name in archive.namelist()}
    for name in theirs - ours:
        yield f"[part {name} that only PyTorch sees]"


SECOND: dict[str, Callable[[Path], Iterable[str]]] = {
    "onnx": onnx_operators,
    "tflite": tflite_operators,
    "coreml": coreml_operators,
    "mlmodel": coreml_operators,
    "torchscript": torch_parts,
}


def write(place: Path, name: str, content: bytes) -> Path:
    path = place / f"model{get_format(name).suffix}"
    if name != "coreml":
        path.write_bytes(content)
    elif path.exists():
        (path / "Data" / "com.apple.CoreML" / "model.mlmodel").write_bytes(content)
    else:
        write_package(path, content)
    return path


def hold(name: str, path: Path, place: Path) -> None:
    """Check a file; what is accepted must be harmless in the eyes of the second reader, if that can read it at all."""
    format_ = get_format(name)
    if attempt("artifacts", lambda: check_operators(format_, path) or True, place) is None:
        return
    try:
        second = set(SECOND[name](path))
    except Exception:  # a file that the format's library cannot read, no runtime runs
        return
    assert second <= allowed_operators(format_), second - allowed_operators(format_)


@pytest.mark.parametrize("name", SEEDS)
@given(data=st.data())
def test_any_bytes_as_an_artifact_are_harmless_or_one_error(name: str, data: st.DataObject, place: Path) -> None:
    hold(name, write(place, name, data.draw(any_bytes(SEEDS[name], head=60))), place)


@given(operator=texts, domain=texts)
def test_operator_of_any_name_is_listed_or_one_error(operator: str, domain: str, place: Path) -> None:
    names = [text.encode("utf-8", "surrogatepass") for text in (operator, domain)]
    content = onnx_model(message((4, names[0]), (7, names[1])))
    hold("onnx", write(place, "onnx", content), place)


@given(fields=st.lists(st.tuples(st.integers(1, 30), st.integers(0, 2**64 - 1) | st.binary(max_size=12)), max_size=6))
def test_node_of_any_fields_is_harmless_or_one_error(fields: list[tuple[int, int | bytes]], place: Path) -> None:
    node = message(*fields)
    for nodes in ((node,), (onnx_node("Add"), node), (onnx_node("Add", attributes=[node]),)):
        hold("onnx", write(place, "onnx", onnx_model(*nodes, graph=[(5, node)])), place)


@given(data=st.data())
def test_parts_of_an_archive_in_any_order_and_number_are_harmless_or_one_error(
    data: st.DataObject, place: Path
) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(SEEDS["torchscript"][0])) as old, zipfile.ZipFile(file, "w") as new:
        parts = [(item.filename, old.read(item)) for item in old.infolist()]
        chosen = data.draw(st.lists(st.sampled_from(parts), min_size=1, max_size=len(parts) + 3))
        for name, content in chosen if data.draw(st.booleans()) else parts:
            if data.draw(st.integers(0, 4)) == 0:
                name = data.draw(st.sampled_from((name + "\x00", name.upper(), f"x/{name}", f"../{name}", name)))
            if data.draw(st.integers(0, 2)) == 0:
                content = data.draw(any_bytes((content or b"x",)))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                new.writestr(name, content)
    hold("torchscript", write(place, "torchscript", file.getvalue()), place)


@pytest.mark.parametrize("name", SEEDS)
def test_seeds_reach_both_sides_of_the_check(name: str, tmp_path: Path) -> None:
    check_operators(get_format(name), write(tmp_path, name, SEEDS[name][0]))
    for content in SEEDS[name][1:]:
        if name == "tflite" and content == SEEDS[name][2]:
            continue
        with pytest.raises(BundleError):
            check_operators(get_format(name), write(tmp_path, name, content))
