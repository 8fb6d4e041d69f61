"""Tuples of a pickle, counted before it is loaded.

A pickle can put one tuple twice into the next one, and so on: forty steps, a few hundred bytes, make one with 2^40
parts. As a key of a dictionary all of them are hashed while torch loads the file, and nothing stops that but the end of
the process.
"""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from sentio_mobile._internal.files import open_file
from sentio_mobile.errors import CheckpointError

MAX_PARTS = 10_000
"""Parts of a tuple, those of the tuples in it counted as often as they stand there. A tensor's has some fifty."""

_OLD_PICKLES = 4
"""Pickles at the start of what torch wrote before version 1.6; the last of them is the content."""


def require_small_tuples(path: Path) -> None:
    """Refuse a file whose pickle makes a tuple with too many parts. What cannot be read is torch's to tell.

    Raises:
        CheckpointError: There is such a tuple.
    """
    with ExitStack() as stack:
        try:
            largest = max((max(_parts(one), default=0) for one in _pickles(path, stack)), default=0)
        # As everywhere here: readers of archives and pickles can fail in any way on arbitrary bytes.
        except Exception:
            return
    if largest > MAX_PARTS:
        raise CheckpointError(f"{path} holds tuples inside tuples without end; save the model's state_dict() alone")


def _pickles(path: Path, stack: ExitStack) -> Iterator[IO[bytes]]:
    file = stack.enter_context(open_file(path))
    if not zipfile.is_zipfile(file):
        file.seek(0)
        yield from (file for _ in range(_OLD_PICKLES))
        return
    archive = stack.enter_context(zipfile.ZipFile(file))
    for name in archive.namelist():
        if name.endswith(".pkl"):
            yield stack.enter_context(archive.open(name))


def _parts(file: IO[bytes]) -> Iterator[int]:
    """How many parts each tuple of a pickle has: its opcodes are followed, and nothing is made."""
    stack: list[int | None] = []  # parts of each value, 0 of what is no tuple; None is a mark
    memo: dict[int, int] = {}
    for opcode, argument, _ in pickletools.genops(file):
        name, value = opcode.name, 0
        if name == "MARK":
            stack.append(None)
            continue
        if name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
            memo[len(memo) if argument is None else int(argument)] = stack[-1] or 0
            continue
        taken: list[int] = []
        if pickletools.markobject in opcode.stack_before:
            while (top := stack.pop()) is not None:
                taken.append(top)
            # What stands before the mark, such as the dictionary that gets the values.
            for _ in range(opcode.stack_before.index(pickletools.markobject)):
                stack.pop()
        else:
            taken = [stack.pop() or 0 for _ in opcode.stack_before]
        if name in ("GET", "BINGET", "LONG_BINGET"):
            value = memo[int(argument or 0)]
        elif name == "DUP":
            value = taken[0]
        elif name.startswith("TUPLE"):
            value = 1 + len(taken) + sum(taken)
            yield value
        # A number of any length would take as long as a tuple.
        stack.extend(min(value, MAX_PARTS + 1) for _ in opcode.stack_after)
