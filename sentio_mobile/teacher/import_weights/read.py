"""Read a third-party file of weights as data: named tensors, or one line that says why not. No code in it runs.

A pickle can call any function while it is loaded. `weights_only=True` has torch rebuild tensors and plain containers
and refuse everything else. No option turns this off, on purpose.
"""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from sentio_mobile._internal.files import open_file
from sentio_mobile._internal.record_messages import shown
from sentio_mobile.errors import CheckpointError
from sentio_mobile.teacher.import_weights.not_weights import is_script, what_it_is, whole_object
from sentio_mobile.teacher.import_weights.pickled_tuples import require_small_tuples
from sentio_mobile.teacher.import_weights.shards import WeightFiles, find_files

MAX_DEPTH = 6
"""Depth to which dictionaries inside dictionaries are looked into."""


MAX_BYTES = 4 * 1024**3
"""The largest model that is read. The largest ViT that is imported has 1.3 GB, three times that with its optimizer."""

_PICKLE = b"\x80"
"""First byte of what torch wrote before version 1.6."""


@dataclass(frozen=True)
class State:
    """Named tensors that stand together: one state dictionary.

    Attributes:
        keys: The keys under which the file has it, outermost first.
        tensors: Tensors by name.
        others: Names of values beside them that are not tensors.
    """

    keys: tuple[str, ...]
    tensors: Mapping[str, torch.Tensor]
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Weights:
    """The content of a model's files.

    Attributes:
        path: What was given.
        files: The files that were read.
        states: Every state dictionary in them, such as those of a network and of the mean of its weights.
    """

    path: Path
    files: tuple[Path, ...]
    states: tuple[State, ...]


def read_weights(path: Path) -> Weights:
    """Read a safetensors file, or what torch saved: a state dictionary, bare or inside a training checkpoint.

    Args:
        path: The file; one of several parts, or their index, for all parts together; or a folder with one of these.

    Raises:
        CheckpointError: A file is missing, truncated, not a file of weights, or holds more than tensors in plain
            containers, such as code, which is not run.
    """
    try:
        found = find_files(path)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
    size = _size(found.files)
    states = (_joined(found),) if len(found.files) > 1 else tuple(_states(_read(found.files[0])))
    # A tensor may be a small storage that is repeated: a copy of it would take any amount of memory.
    for name, tensor in (pair for state in states for pair in state.tensors.items()):
        if tensor.numel() * tensor.element_size() > size:
            raise CheckpointError(f"{path}: {shown(name)} has more numbers than the file; save the state_dict() again")
    if not states:
        raise CheckpointError(f"{found.files[0]} holds no named tensors; save a model's state_dict(), or safetensors")
    return Weights(path, found.files, states)


def _size(files: Sequence[Path]) -> int:
    """Bytes of all files of a model, which must be few enough to be read."""
    try:
        size = sum(file.stat().st_size for file in files)
    except OSError as error:
        raise CheckpointError(f"cannot read {error.filename}: {error.strerror}") from error
    if size > MAX_BYTES:
        raise CheckpointError(
            f"{files[0]} has {size:,} bytes with its parts, more than the {MAX_BYTES:,} that are read; save the "
            "model's state_dict() alone"
        )
    return size


def _joined(found: WeightFiles) -> State:
    """The state dictionary of a model in several files."""
    tensors: dict[str, torch.Tensor] = {}
    for file in found.files:
        state = next(_states(_read(file)), State((), {}))
        for name, tensor in state.tensors.items():
            if name in tensors:
                raise CheckpointError(f"{file} has the tensor {name} once more; make the parts again")
            if found.places and found.places.get(name) != file:
                raise CheckpointError(f"{file} has the tensor {name} against the index; make the parts again")
            tensors[name] = tensor
    if missing := sorted(found.places.keys() - tensors.keys()):
        raise CheckpointError(f"{found.places[missing[0]]} lacks {missing[0]}, which the index says it has")
    return State((), tensors)


def _states(content: object) -> Iterator[State]:
    """Every dictionary in a file that has tensors in it, and those inside it, each once.

    A pickle may have one dictionary in many places, or inside itself.
    """
    level: list[tuple[tuple[str, ...], object]] = [((), content)]
    seen: set[int] = set()
    for _ in range(MAX_DEPTH + 1):
        below: list[tuple[tuple[str, ...], object]] = []
        for keys, one in level:
            if not isinstance(one, Mapping) or id(one) in seen:
                continue
            seen.add(id(one))
            values = {str(name): value for name, value in one.items()}
            tensors = {name: value for name, value in values.items() if isinstance(value, torch.Tensor)}
            if tensors:
                yield State(keys, tensors, tuple(sorted(values.keys() - tensors.keys())))
            below += [((*keys, name), value) for name, value in values.items()]
        level = below


def _read(path: Path) -> Any:
    try:
        with open_file(path) as file:
            start = file.read(9)
        fault = what_it_is(path)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
    # A safetensors file begins with eight bytes of length, then JSON; a file saved by torch has no brace there.
    if start[8:] == b"{":
        return _read_safetensors(path)
    if fault:
        raise CheckpointError(f"{path} {fault}")
    return _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is truncated, or not a safetensors file ({_first_line(error)})") from error


def _read_pickle(path: Path) -> Any:
    if is_script(path):
        raise CheckpointError(
            f"{path} is a TorchScript program, not a file of weights; save the state_dict() of the model that it was "
            "made of, or safetensors"
        )
    _require_stored(path)
    require_small_tuples(path)
    try:
        with warnings.catch_warnings():
            # torch warns about unusual files; all that matters here is whether this one can be read.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's message begins with how to load the file anyway. Only what follows this phrase is the fault.
        fault = str(error).rpartition("WeightsUnpickler error:")[2]
        if forbidden := re.search(r"GLOBAL (\S+)", fault):
            whole = whole_object(path)
            what = f"a whole pickled object ({whole})" if whole else f"more than tensors ({forbidden[1]})"
            raise CheckpointError(
                f"{path} holds {what} and is not loaded, because loading it could run any code; save the model's "
                "state_dict() alone, or safetensors"
            ) from error
        raise CheckpointError(f"{path} is truncated, or not a file of weights ({_first_line(fault)})") from error
    # Readers of archives and pickles can fail in any way on arbitrary bytes; every failure means the same here.
    except Exception as error:
        raise CheckpointError(f"{path} is truncated, or not a file of weights ({_first_line(error)})") from error


def _require_stored(path: Path) -> None:
    """Refuse what `torch.save` does not write, before torch takes memory for it: torch never compresses.

    A few megabytes can be deflated zeros of any length, and a file of nothing but zeros takes its length in memory.
    """
    with open_file(path) as file:
        start = file.read(1)
    if start == _PICKLE:
        return
    try:
        with zipfile.ZipFile(path) as archive:
            if all(item.compress_type == zipfile.ZIP_STORED for item in archive.infolist()):
                return
    # As above: a reader of archives can fail in any way on arbitrary bytes.
    except Exception as error:
        raise CheckpointError(f"{path} is truncated, or not a file of weights ({_first_line(error)})") from error
    raise CheckpointError(
        f"{path} is compressed, or not a file of weights; save the model's state_dict() with torch, or safetensors"
    )


def _first_line(error: object) -> str:
    """The first line of a message, cut to 160 characters. Readers that reach the end of a file give no message."""
    lines = str(error).strip().splitlines()
    return lines[0][:160] if lines else "it ends too early"
