"""The operators of a TorchScript archive, read from its source and its bytecode without compiling either.

Both readers must see what PyTorch sees. So whatever our exports do not write is refused: other parts of the archive,
other characters and other syntax in the source, other steps in the pickle of the bytecode.
"""

from __future__ import annotations

import ast
import io
import pickle
import pickletools
import re
import struct
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_PARTS = re.compile(
    r"[^/]+/(data\.pkl|constants\.pkl|bytecode\.pkl|version|byteorder|\.data/(serialization_id|version)|extra/sentio_mobile\.spec"
    r"|constants/\d+(\.storage)?|data/\d+|code/__torch__/[A-Za-z0-9_/]+\.py(\.debug_pkl)?)"
)
_SOURCE = re.compile(r"[A-Za-z0-9_ \n.,()\[\]=:>\"'-]*")
"""What source is made of: no comment, no escape, no semicolon, nothing beyond ASCII."""
_NAMESPACES = ("torch.", "ops.")
_MAX_SOURCE = 16 * 1024 * 1024
_END, _END64, _LOCATOR = 22, 56, 20
"""Bytes of the records at the end of an archive."""

_STEPS = frozenset(
    {
        *("PROTO", "STOP", "GLOBAL", "REDUCE", "BINPERSID", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET", "MARK"),
        *("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_TUPLE", "BINUNICODE", "NONE", "NEWTRUE", "NEWFALSE"),
        *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "EMPTY_LIST", "APPEND", "APPENDS"),
    }
)
"""Steps of the pickle machine that bytecode is written with."""
_MAX_MEMO = 1_000_000
_FIELDS = ("instructions", "operators", "constants", "types", "register_size")


def operators_in(path: Path) -> set[str]:
    """What a `.pt` or `.ptl` archive asks for.

    Names of the source are as there (`torch.add`), those of bytecode have PyTorch's namespace (`aten::add.Tensor`), its
    instructions and all other syntax are words in brackets, `[character]` for one that no export writes.

    Raises:
        ValueError: The archive is not laid out as PyTorch writes it, or has something that our exports do not write.
        OSError: It cannot be read.
    """
    found: set[str] = set()
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            _check_layout(file, archive)
            for entry in archive.infolist():
                if entry.filename.endswith(".py"):
                    if entry.file_size > _MAX_SOURCE:
                        raise ValueError(f"its source has {entry.file_size:,} bytes")
                    found.update(_of_source(archive.read(entry).decode("ascii")))
                elif entry.filename.endswith("/bytecode.pkl"):
                    if entry.file_size > _MAX_SOURCE:
                        raise ValueError(f"its bytecode has {entry.file_size:,} bytes")
                    found.update(_of_bytecode(archive.read(entry)))
    except (OSError, ValueError):
        raise
    # Readers of archives, source and pickles can fail in any way on arbitrary bytes.
    except Exception as error:
        raise ValueError(str(error) or "it ends too early") from error
    return found


def _check_layout(file: Any, archive: zipfile.ZipFile) -> None:
    """Make sure that PyTorch's reader finds the same parts as Python's does."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _END - _LOCATOR - _END64))
    tail = file.read()
    if tail[:4] != b"PK\x06\x06" or tail[_END64 : _END64 + 4] != b"PK\x06\x07" or tail[-_END:][:4] != b"PK\x05\x06":
        raise ValueError("it does not end as PyTorch's archives do")
    directory_size, directory_at = struct.unpack_from("<QQ", tail, 40)
    (end64_at,) = struct.unpack_from("<Q", tail, _END64 + 8)
    comment = struct.unpack_from("<H", tail, len(tail) - 2)[0]
    if comment or directory_at + directory_size != end64_at or end64_at + len(tail) != size:
        raise ValueError("its directory is not where PyTorch's archives have it")
    names = [entry.filename for entry in archive.infolist()]
    if len({name.casefold() for name in names}) < len(names) or len({name.split("/")[0] for name in names}) != 1:
        raise ValueError("it has two parts of one name, or two folders")
    for entry in archive.infolist():
        if not _PARTS.fullmatch(entry.filename):
            raise ValueError(f"it has the part {entry.filename[:80]!r}, which no export writes")
        # PyTorch compresses source, and nothing else.
        kinds = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) if "/code/" in entry.filename else (zipfile.ZIP_STORED,)
        if entry.compress_type not in kinds or entry.flag_bits & 1:
            raise ValueError(f"its part {entry.filename[:80]!r} is compressed or encrypted, which no export does")


def _of_source(source: str) -> Iterator[str]:
    if not _SOURCE.fullmatch(source):
        yield "[character]"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            # A name counts whether it is called or not; `ops.prim` in `ops.prim.add` is none.
            name = _dotted(node)
            if name.startswith(_NAMESPACES) and not re.fullmatch(r"ops\.\w+", name):
                yield name
        elif isinstance(node, ast.Call):
            if not _dotted(node.func).startswith(_NAMESPACES):
                yield f"[call of {ast.unparse(node.func):.60}]"
        elif isinstance(node, ast.FunctionDef) and node.decorator_list:
            yield "[decorator]"
        if not isinstance(node, ast.expr_context | ast.operator | ast.Attribute):
            yield f"[{type(node).__name__}]"


def _dotted(node: ast.expr) -> str:
    """`torch.add` as it stands in the source; what is no dotted name begins with a question mark."""
    words = []
    while isinstance(node, ast.Attribute):
        words.append(node.attr)
        node = node.value
    return ".".join([node.id if isinstance(node, ast.Name) else "?", *reversed(words)])


class _Inert(pickle.Unpickler):
    """Builds tuples of numbers and words. Everything that has a name of its own becomes nothing."""

    def find_class(self, module: str, name: str, /) -> Any:
        return lambda *_: None

    def persistent_load(self, pid: Any, /) -> Any:
        return None


def _of_bytecode(content: bytes) -> Iterator[str]:
    for step, argument, _ in pickletools.genops(content):
        if step.name not in _STEPS or (step.name == "LONG_BINPUT" and int(argument or 0) > _MAX_MEMO):
            raise ValueError(f"its bytecode is written with the step {step.name}, which no export uses")
    version, *functions = _Inert(io.BytesIO(content)).load()
    if len(functions) != 1 or not isinstance(version, int):
        raise ValueError("its bytecode has not one function")
    ((_, table, *_),) = functions
    if tuple(name for name, _ in table) != _FIELDS:
        raise ValueError("its bytecode is not laid out as PyTorch writes it")
    instructions, operators = table[0][1], table[1][1]
    yield from _words(instructions)
    for name, overload, *_ in operators:
        yield f"{name}.{overload}" if overload else str(name)


def _words(instructions: Iterable[Any]) -> Iterator[str]:
    for instruction, *_ in instructions:
        yield f"[{instruction}]"
