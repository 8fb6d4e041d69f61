"""Which files hold a model's weights: one file, a folder, or the parts that large models are saved in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from sentio_mobile._internal.files import is_file
from sentio_mobile._internal.records import Name, from_plain, read_plain
from sentio_mobile.errors import CheckpointError

IN_FOLDERS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
"""Files of weights in a Hugging Face folder; the first one found is read."""

SUFFIXES = (".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".th")
"""Endings of files of weights."""

INDEX = ".index.json"
"""Ending of the file that says which part has which tensor."""

SHARD = re.compile(r"(?P<name>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<suffix>\.\w+)")

MAX_SHARDS = 1000
MAX_LISTED = 5

WeightMap = Annotated[dict[Name, Name], Meta(min_length=1, max_length=1_000_000)]
"""The part of an index with the file of each tensor."""


@dataclass(frozen=True)
class WeightFiles:
    """The files of one model.

    Attributes:
        files: Every file, in order.
        places: The file that each tensor must be in, by the tensor's name; empty without an index.
    """

    files: tuple[Path, ...]
    places: Mapping[str, Path] = field(default_factory=dict)


def find_files(path: Path) -> WeightFiles:
    """Find all files of a model.

    Args:
        path: A file of weights, one part of several, the index of several, or a folder with one of these.

    Raises:
        CheckpointError: A folder has no or several models, a part is missing, or an index has a fault.
    """
    if path.is_dir():
        path = _file_in(path)
    if path.name.endswith(INDEX):
        return _indexed(path)
    if not (shard := SHARD.fullmatch(path.name)):
        return WeightFiles((path,))
    index = path.with_name(f"{shard['name']}{shard['suffix']}{INDEX}")
    return _indexed(index) if is_file(index) else WeightFiles(_all_shards(path, shard))


def _file_in(folder: Path) -> Path:
    if is_file(folder / "checkpoint.json"):
        raise CheckpointError(
            f"{folder} is a checkpoint of sentio-mobile already; give it to `distill --teacher`, or to --start"
        )
    for name in IN_FOLDERS:
        if is_file(folder / name):
            return folder / name
    found = sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES and is_file(file))
    sets = {shard.group("name", "count", "suffix") for file in found if (shard := SHARD.fullmatch(file.name))}
    if found and (len(found) == 1 or (len(sets) == 1 and all(SHARD.fullmatch(file.name) for file in found))):
        return found[0]
    if not found:
        raise CheckpointError(f"{folder} has no file of weights ({', '.join(SUFFIXES)}); give the file itself")
    more = f", and {len(found) - MAX_LISTED} more" if len(found) > MAX_LISTED else ""
    names = ", ".join(file.name for file in found[:MAX_LISTED])
    raise CheckpointError(f"{folder} has several files of weights ({names}{more}); give one of them")


def _indexed(index: Path) -> WeightFiles:
    values = read_plain(index, CheckpointError)
    table = values.get("weight_map") if isinstance(values, dict) else None
    if table is None:
        raise CheckpointError(f"{index} is no index of weights: it has no weight_map; give the folder of the model")
    names = from_plain(WeightMap, table, f"{index}: weight_map", CheckpointError)
    files = sorted(set(names.values()))
    if strange := [name for name in files if Path(name).name != name or name in (".", "..")]:
        raise CheckpointError(f"{index} names a file in another folder, {strange[0]!r}; give a folder with all parts")
    if len(files) > MAX_SHARDS:
        raise CheckpointError(f"{index} names {len(files):,} files, more than {MAX_SHARDS:,}")
    _require([index.with_name(name) for name in files], index)
    places = {name: index.with_name(file) for name, file in names.items()}
    return WeightFiles(tuple(index.with_name(name) for name in files), places)


def _all_shards(path: Path, shard: re.Match[str]) -> tuple[Path, ...]:
    count = int(shard["count"])
    if not 1 <= count <= MAX_SHARDS:
        raise CheckpointError(f"{path} is one of {count:,} parts, by its name; at most {MAX_SHARDS:,} are read")
    files = [
        path.with_name(f"{shard['name']}-{number:05}-of-{shard['count']}{shard['suffix']}")
        for number in range(1, count + 1)
    ]
    _require(files, path)
    return tuple(files)


def _require(files: list[Path], path: Path) -> None:
    if missing := [file.name for file in files if not is_file(file)]:
        more = f", and {len(missing) - MAX_LISTED} more" if len(missing) > MAX_LISTED else ""
        raise CheckpointError(
            f"{path}: the model is in {len(files)} files, of which {', '.join(missing[:MAX_LISTED])}{more} "
            "is missing; put all of them into one folder"
        )
