"""What files ask their runtimes for is read without running them, and what no export asks for is refused."""

import io
import pickle
import struct
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from artifacts import (
    layers_model,
    message,
    mil_model,
    mil_operation,
    onnx_model,
    onnx_node,
    ort_model,
    pte_model,
    tflite_model,
    write_package,
)

from sentio_mobile.errors import BundleError
from sentio_mobile.formats.operators.allow_list import check_operators, listed_operators, unknown_operators
from sentio_mobile.formats.registry import builtin_names, get_format

OUTSIDE = message((1, b"x"), (2, message((1, message((2, message((5, message((1, b"/etc/passwd"))))))))))


def write(folder: Path, format_name: str, content: bytes) -> Path:
    path = folder / f"model{get_format(format_name).suffix}"
    if format_name == "coreml":
        write_package(path, content)
    else:
        path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("format_name", "content", "words"),
    [
        (
            "onnx",
            onnx_model(onnx_node("Loop", attributes=[message((1, b"body"), (6, b""))])),
            ["Loop", "[graph in a node]"],
        ),
        ("onnx", onnx_model(onnx_node("Conv", "evil.domain")), ["evil.domain:Conv"]),
        ("onnx", onnx_model(graph=[(5, message((8, b"w"), (14, 1), (13, b"")))]), ["[external data]"]),
        ("onnx", onnx_model(onnx_node("Add", attributes=[message((5, message((13, b""))))])), ["[external data]"]),
        ("onnx", onnx_model(model=[(25, message((1, b"f"), (7, onnx_node("If"))))]), ["If"]),
        ("onnx", onnx_model(model=[(7, message((1, onnx_node("Scan"))))]), ["Scan"]),
        ("onnx", onnx_model(graph=[(15, b"")], model=[(20, b"")]), ["[sparse tensor]", "[training]"]),
        ("onnx", onnx_model(message((4, b"Scan"), (4, b"Add"))), ["Scan"]),
        ("ort", ort_model("Add", "Loop"), ["Loop"]),
        ("executorch", pte_model("aten::from_file"), ["aten::from_file.out"]),
        ("executorch", pte_model(backend="QnnBackend"), ["[backend QnnBackend]"]),
        ("executorch", pte_model(instructions=(1, 3, 4)), ["[instruction 3]", "[instruction 4]"]),
        ("executorch", pte_model(method="load"), ["[method load]"]),
        ("executorch", pte_model(outside=True), ["[external data]"]),
        ("executorch", pte_model(nodes=(1, 200)), ["xnnpack 200"]),
        ("tflite", tflite_model(0, custom="FlexReadFile"), ["32", "[custom operator FlexReadFile]"]),
        ("tflite", tflite_model(119), ["119"]),
        ("coreml", mil_model(mil_operation("while_loop", (4, b""))), ["while_loop", "[block in an operation]"]),
        ("coreml", mil_model(mil_operation("add", (2, OUTSIDE))), ["[external data]"]),
        ("coreml", message((1, 6), (502, b""), (555, b"")), ["[model of the kind 555]"]),
        ("mlmodel", layers_model(message((1, b"x"), (500, b""))), ["500"]),
        ("mlmodel", message((1, 4), (500, message((10, b""))), (10, 1)), ["[model of the kind 10]", "[training]"]),
    ],
)
def test_file_that_asks_for_more_than_exports_do_is_refused(
    format_name: str, content: bytes, words: list[str], tmp_path: Path
) -> None:
    path, format_ = write(tmp_path, format_name, content), get_format(format_name)
    assert unknown_operators(format_, path) == words
    with pytest.raises(BundleError, match="which no export does"):
        check_operators(format_, path)


@pytest.mark.parametrize(
    ("format_name", "content"),
    [
        ("onnx", onnx_model(onnx_node("Conv"), onnx_node("Add", "ai.onnx"))),
        ("ort", ort_model("Conv", "com.microsoft:FusedConv")),
        ("executorch", pte_model("aten::amax", nodes=(1, 2, 7))),
        ("tflite", tflite_model(0, 3, 126)),
        ("coreml", mil_model(mil_operation("conv"))),
        ("mlmodel", layers_model(message((1, b"x"), (100, b"")))),
    ],
)
def test_file_of_known_operators_is_taken(format_name: str, content: bytes, tmp_path: Path) -> None:
    check_operators(get_format(format_name), write(tmp_path, format_name, content))


@pytest.mark.parametrize("format_name", builtin_names())
def test_file_that_is_damaged_is_one_line(format_name: str, tmp_path: Path) -> None:
    for number, content in enumerate((bytes(100), b"\xff" * 200, b"PK\x05\x06" + bytes(18))):
        (tmp_path / str(number)).mkdir()
        path = write(tmp_path / str(number), format_name, content)
        with pytest.raises(BundleError, match=r"^[^\n]*that can be checked[^\n]*\Z"):
            check_operators(get_format(format_name), path)


def test_file_of_another_suffix_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.ort"
    path.write_bytes(onnx_model(onnx_node("Conv")))
    with pytest.raises(BundleError, match=r"said to be of the format onnx, whose files end in \.onnx"):
        check_operators(get_format("onnx"), path)


def test_lists_have_nothing_that_reads_writes_or_loops() -> None:
    listed = listed_operators()
    assert set(listed) == set(builtin_names())
    every = {word.split(".")[-1].split(":")[-1].lower() for words in listed.values() for word in words}
    assert every.isdisjoint(
        {"from_file", "load", "save", "loop", "if", "scan", "while_loop", "cond", "print", "[for]", "[while]"}
    )
    assert not {"32", "118", "119"} & listed["tflite"], "custom operators, IF and WHILE"


# --- TorchScript


class Harmless(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x)


class ReadsFile(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.from_file("/victim", True, 10) + x.sum()


class Loops(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(4_611_686_018_427_387_904):
            x = x + 1
        return x


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        for kind in (Harmless, ReadsFile, Loops):
            program = torch.jit.script(kind().eval())
            # Freezing a program runs those of its parts that need no input.
            program = torch.jit.freeze(program) if kind is Harmless else program
            torch.jit.save(program, str(folder / f"{kind.__name__}.pt"))
            program._save_for_lite_interpreter(str(folder / f"{kind.__name__}.ptl"))
    return folder


@pytest.mark.parametrize("suffix", ["pt", "ptl"])
@pytest.mark.parametrize(("name", "word"), [("ReadsFile", "torch.from_file"), ("Loops", "[For]")])
def test_program_that_reads_a_file_or_loops_is_refused(programs: Path, name: str, word: str, suffix: str) -> None:
    format_ = get_format({"pt": "torchscript", "ptl": "ptl"}[suffix])
    check_operators(format_, programs / f"Harmless.{suffix}")
    assert word in unknown_operators(format_, programs / f"{name}.{suffix}")
    if suffix == "ptl" and name == "ReadsFile":
        assert "aten::from_file" in unknown_operators(format_, programs / f"{name}.ptl")


def rewritten(source: Path, target: Path, changes: dict[str, bytes], **names: str) -> Path:
    """An archive with other content in some parts."""
    torch_file = torch._C.PyTorchFileWriter(str(target))
    with zipfile.ZipFile(source) as archive:
        for entry in archive.infolist():
            name = entry.filename.split("/", 1)[1]
            if name not in (".data/serialization_id", "version", "byteorder"):
                content = next((value for end, value in changes.items() if name.endswith(end)), archive.read(entry))
                torch_file.write_record(names.get(name, name), content, len(content))
    torch_file.write_end_of_file()
    return target


@pytest.mark.parametrize(
    "line",
    [
        "x = torch . from_file('/victim', True, 10)",
        "f = torch.from_file",
        "x = ops.aten.from_file('/victim', True, 10)",
        "x = torch.relu(x)  # torch",
        "x = torch.relu(x); x = torch.relu(x)",
        "x = self.other(x)",
        "print(x)",
        "while True:\n      x = torch.relu(x)",
        "x = torch.r\u00e9lu(x)",
        "x = \\\n      torch.relu(x)",
    ],
)
def test_source_that_no_export_writes_is_refused(programs: Path, tmp_path: Path, line: str) -> None:
    source = f"class Harmless(Module):\n  def forward(self, x: Tensor) -> Tensor:\n    {line}\n    return x\n"
    path = rewritten(programs / "Harmless.pt", tmp_path / "model.pt", {".py": source.encode()})
    with pytest.raises(BundleError):
        check_operators(get_format("torchscript"), path)


def test_archive_that_two_readers_see_differently_is_refused(programs: Path, tmp_path: Path) -> None:
    whole, format_ = (programs / "Harmless.pt").read_bytes(), get_format("torchscript")
    hostile = (programs / "ReadsFile.pt").read_bytes()
    assert check_operators(format_, rewritten(programs / "Harmless.pt", tmp_path / "same.pt", {})) is None
    copies = {
        "appended": hostile + whole,
        "comment": whole[:-2] + struct.pack("<H", 4) + b"PK\x05\x06",
        "behind": whole + b"\0",
    }
    for name, content in copies.items():
        path = tmp_path / f"{name}.pt"
        path.write_bytes(content)
        with pytest.raises(BundleError, match="no torchscript file that can be checked"):
            check_operators(format_, path)
    legacy = io.BytesIO()
    with zipfile.ZipFile(legacy, "w") as archive:
        archive.writestr("x/model.json", "{}")
    (tmp_path / "legacy.pt").write_bytes(legacy.getvalue())
    with pytest.raises(BundleError):
        check_operators(format_, tmp_path / "legacy.pt")


def test_archive_whose_compressed_source_is_damaged_is_one_line(programs: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.pt"
    content = bytearray((programs / "Harmless.pt").read_bytes())
    with zipfile.ZipFile(programs / "Harmless.pt") as archive:
        code = next(entry for entry in archive.infolist() if entry.filename.endswith(".py") and entry.compress_type)
    start = (
        code.header_offset + 30 + sum(struct.unpack("<HH", content[code.header_offset + 26 : code.header_offset + 30]))
    )
    content[start : start + 8] = b"\xff" * 8
    path.write_bytes(content)
    with pytest.raises(BundleError) as refused:
        check_operators(get_format("torchscript"), path)
    assert "\n" not in str(refused.value)


def test_bytecode_that_is_more_than_numbers_and_words_is_not_run(programs: Path, tmp_path: Path) -> None:
    class Writes:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.write_text, (tmp_path / "written", "x")

    for content in (pickle.dumps((8, Writes()), 2), pickle.dumps((8, ("f", (("instructions", ()),))), 2), b"\x80\x02."):
        path = rewritten(programs / "Harmless.ptl", tmp_path / "model.ptl", {"bytecode.pkl": content})
        with pytest.raises(BundleError):
            check_operators(get_format("ptl"), path)
    assert not (tmp_path / "written").exists()
