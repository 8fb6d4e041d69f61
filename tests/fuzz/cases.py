"""What strangers send: files with bytes changed, JSON with values changed, and texts that break things."""

from __future__ import annotations

import copy
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

NASTY_TEXTS = (
    *("", " ", "\x00", "\r", "\n", "\r\n", "\x1b[31m", "\x07", "\ufeff", "\u202e", "\ud800", "\udcff", "'", '"', "\\"),
    *("=1+1", "+1", "-1", "@SUM(A1)", "../../etc/passwd", "/etc/passwd", ".", "..", "a/../b", "C:\\x", "CON", "~"),
    *(
        "[red]",
        "[/]",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "${jndi:x}",
        "%s%n",
        "&amp;",
        "]]>",
        "nan",
        "inf",
        "1e999",
    ),
    *("n" * 300, "n" * 5000, "d/" * 2500, "9" * 5000, "\U0001f3b5", "é" * 200, "a\tb", "null", "True", "0x10", "1_000"),
)
NUMBERS = (0, -1, 1, 255, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, 2**70, 10**400, -(2**63))
FLOATS = (0.0, -0.0, 1e-320, 1e308, -1e308, 1.5, float("nan"), float("inf"), float("-inf"))

texts = st.sampled_from(NASTY_TEXTS) | st.text(st.characters(), max_size=20)
"""Any text, surrogates and control characters included."""


def _deep(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


_CONTAINERS: tuple[Callable[[], Any], ...] = (
    *(list, dict, lambda: [None], lambda: [[]], lambda: {"": 0}, lambda: {"a": {"a": {}}}),
    *(lambda: _deep(50), lambda: _deep(400), lambda: [0] * 5000, lambda: ["x"] * 50),
)

nasty = (
    st.none()
    | st.booleans()
    | st.sampled_from(NUMBERS)
    | st.sampled_from(FLOATS)
    | texts
    # Made anew each time, because cases change them.
    | st.sampled_from(_CONTAINERS).map(lambda make: make())
)
"""A value of JSON where another one belongs."""


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values inside a nested one."""
    found = [at] if at else []
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        found += _places(one, (*at, key))
    return found


@st.composite
def changed_json(draw: DrawFn, plain: Any) -> Any:
    """Nested values with one to three of them replaced, left out or doubled, or with another key beside them."""
    value = copy.deepcopy(plain)
    for _ in range(draw(st.integers(1, 3))):
        places = _places(value)
        if not places:
            return draw(nasty)
        *above, last = draw(st.sampled_from(places))
        parent = value
        for step in above:
            parent = parent[step]
        how = draw(st.sampled_from(("replace", "replace", "replace", "leave out", "add", "double", "rename")))
        if how == "replace":
            parent[last] = draw(nasty)
        elif how == "leave out":
            del parent[last]
        elif isinstance(parent, list):
            parent.extend([parent[last]] * draw(st.sampled_from((1, 2, 2000))))
        elif how == "rename":
            parent[draw(texts)] = parent.pop(last)
        else:
            parent[draw(texts)] = parent[last] if how == "double" else draw(nasty)
    return value


_INTERESTING = (
    *(b"\x00", b"\xff", b"\x7f", b"\x80", b"\n", b"\r", b'"', b"\x00" * 8, b"\xff" * 8, b"{", b"}", b"\x1b[31m"),
    *(struct.pack(form, number) for form in ("<I", ">I", "<Q", ">Q", "<H") for number in (0, 1, 32767)),
    *(struct.pack(form, number) for form in ("<I", ">I", "<Q", ">Q") for number in (2**31 - 1, 2**31, 2**32 - 1)),
    *(struct.pack(form, number) for form in ("<Q", ">Q") for number in (2**40, 2**63 - 1, 2**63, 2**64 - 1)),
)


@st.composite
def changed_bytes(draw: DrawFn, seeds: tuple[bytes, ...], head: int = 0) -> bytes:
    """A file with one to six changes: bytes flipped, overwritten, put in, left out, doubled, cut off.

    Args:
        draw: Draws values.
        seeds: Right files, one of which is changed.
        head: Half of the changes are in the first so many bytes, where formats have their lengths and types.
    """
    content = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 6))):
        if not content:
            break
        near = min(len(content), head) - 1 if head and draw(st.booleans()) else len(content) - 1
        at = draw(st.integers(0, near))
        size = draw(st.sampled_from((1, 1, 2, 4, 8, 16, 100, 1000)))
        how = draw(st.sampled_from(("flip", "set", "overwrite", "put in", "leave out", "double", "cut", "fill")))
        if how == "flip":
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "set":
            content[at] = draw(st.integers(0, 255))
        elif how == "overwrite":
            new = draw(st.sampled_from(_INTERESTING))
            content[at : at + len(new)] = new
        elif how == "put in":
            content[at:at] = draw(st.sampled_from(_INTERESTING) | st.binary(max_size=16))
        elif how == "leave out":
            del content[at : at + size]
        elif how == "double":
            content[at:at] = content[at : at + size] * draw(st.sampled_from((1, 2, 50)))
        elif how == "cut":
            del content[at:]
        else:
            content[at : at + size] = bytes([draw(st.integers(0, 255))]) * len(content[at : at + size])
    return bytes(content)


def any_bytes(seeds: tuple[bytes, ...], head: int = 0) -> st.SearchStrategy[bytes]:
    """Mostly files with changes, sometimes bytes without any order."""
    return (
        changed_bytes(seeds, head) | changed_bytes(seeds, head) | changed_bytes(seeds, head) | st.binary(max_size=300)
    )


NO_FILES = ("folder", "pipe", "loop", "device", "nothing")
"""Kinds of `no_file`."""


def no_file(kind: str, place: Path, suffix: str) -> Path:
    """A path that is named like a file and is none. A device has no end, and a pipe no beginning."""
    path = place / f"{kind}{suffix}"
    if kind == "folder":
        path.mkdir(exist_ok=True)
    elif kind == "pipe" and not path.exists():
        os.mkfifo(path)
    elif kind in ("loop", "device") and not path.is_symlink():
        path.symlink_to(path.name if kind == "loop" else "/dev/zero")
    return path
