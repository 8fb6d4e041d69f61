"""What a file is that holds no weights, in words: most are downloads that went wrong, or another kind of model file."""

from __future__ import annotations

import pickletools
import re
import zipfile
from itertools import islice
from pathlib import Path

from sentio_mobile._internal.files import open_file

START_BYTES = 1024
"""Bytes at the start of a file by which its kind is told."""

MAX_PICKLE_BYTES = 64 * 1024 * 1024
"""The largest pickle inside an archive that is looked into."""

POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/.*?\bsize (\d+)", re.DOTALL)

SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (rb"\x89HDF\r\n", "a Keras or HDF5 file", "convert it with the program that made it, to safetensors"),
    (rb"GGUF", "a GGUF file, whose weights are quantized", "give the weights that it was made of, as safetensors"),
    (rb"....TFL3", "a TensorFlow Lite model", "give the weights that it was made of"),
    (rb"\x08[\x01-\x20]\x12", "an ONNX model", "give the weights that it was made of"),
    (rb"\x93NUMPY", "one numpy array", "save a model's state_dict(), or safetensors"),
    (
        rb"\x1f\x8b|7z\xbc\xaf|BZh|\xfd7zXZ|Rar!|.{257}ustar",
        "an archive",
        "unpack it, and give the file of weights in it",
    ),
    (rb"RIFF|ID3|OggS|fLaC|....ftyp", "a sound or a film", "give a file of weights"),
)
"""Patterns of the first bytes of other kinds of files, what these are, and what to do."""

SHORTEST_TEXT = 12
"""Letters from which on a file can be told to be a text: the first bytes of any file may happen to be letters."""

CONTAINERS = {"collections OrderedDict", "builtins dict", "__builtin__ dict"}
"""Classes of state dictionaries, as a pickle names them."""


def what_it_is(path: Path) -> str | None:
    """What a file is that is not weights, and what to do, as the rest of a sentence; None if that does not show."""
    with open_file(path) as file:
        start = file.read(START_BYTES)
    if not start:
        return "is empty; download it again"
    if pointer := POINTER.match(start):
        return (
            f"is a Git LFS pointer, a text in place of a file of {int(pointer[1][:20]):,} bytes; "
            "run `git lfs pull` in its repository, or download the file itself"
        )
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] == b"<":
        return "is a web page; download the file itself, not the page about it"
    for pattern, kind, advice in SIGNATURES:
        if re.match(pattern, start, re.DOTALL):
            return f"is {kind}, no file of weights; {advice}"
    if _is_text(start):
        return "is a text, no file of weights; download the file itself"
    return None


def is_script(path: Path) -> bool:
    """Whether a file is a TorchScript program: an archive with code in it."""
    return any(re.match(r"[^/]+/(code/|constants\.pkl$|bytecode\.pkl$)", name) for name in _archive_names(path))


def whole_object(path: Path) -> str | None:
    """The class of a pickled object that is no dictionary, such as a whole module; None for a dictionary.

    The pickle is read as a list of instructions. Nothing in it is run.
    """
    try:
        if names := [name for name in _archive_names(path) if re.fullmatch(r"[^/]+/data\.pkl", name)]:
            with zipfile.ZipFile(path) as archive, archive.open(names[0]) as file:
                pickled = file.read(MAX_PICKLE_BYTES)
        else:
            with open_file(path) as file:
                pickled = file.read(MAX_PICKLE_BYTES)
        first = next(
            (op, argument)
            for op, argument, _ in islice(pickletools.genops(pickled), 4)
            if op.name not in ("PROTO", "FRAME")
        )
    # Readers of archives and pickles can fail in any way on arbitrary bytes; then it is no whole object.
    except Exception:
        return None
    name = str(first[1])
    if first[0].name != "GLOBAL" or name in CONTAINERS:
        return None
    return name.replace(" ", ".")[:160]


def _archive_names(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    # As above.
    except Exception:
        return []


def _is_text(start: bytes) -> bool:
    try:
        text = start[: START_BYTES - 4].decode()
    except UnicodeDecodeError:
        return False
    return len(text) >= SHORTEST_TEXT and all(letter.isprintable() or letter in "\r\n\t" for letter in text)
