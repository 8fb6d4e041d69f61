"""The list of operators that an artifact may ask its runtime for, and the check against it.

A runtime does whatever a file asks for: read another file, write one, loop for ever. So a file is read before any
runtime loads it, and one that asks for more than our own exports do is refused. The list is `allowed.toml` beside
this file, derived from exports of every architecture by `python -m sentio_mobile.export.operators`.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from sentio_mobile._internal.protobuf import FAULTS
from sentio_mobile._internal.record_messages import shown
from sentio_mobile.errors import BundleError

if TYPE_CHECKING:
    from sentio_mobile.formats.base import Format

LIST = Path(__file__).with_name("allowed.toml")

ENTRY_POINTS = "sentio_mobile.operators"
"""The group of entry points through which a package adds operators that its own student needs."""

_SHOWN = 3
"""Number of operators that a message names."""


@functools.cache
def listed_operators() -> Mapping[str, frozenset[str]]:
    """The operators of the list, by format."""
    return {name: frozenset(words) for name, words in tomllib.loads(LIST.read_text(encoding="utf-8")).items()}


def allowed_operators(format_: Format) -> frozenset[str]:
    """The operators that files of a format may ask for: those of the list, of the format, and of installed packages."""
    added: set[str] = set()
    for point in entry_points(group=ENTRY_POINTS):
        if point.name == format_.name:
            added.update(point.load())
    return listed_operators().get(format_.name, frozenset()) | format_.allowed | added


def check_operators(format_: Format, path: Path) -> None:
    """Make sure that an artifact asks for nothing but what our exports ask for. No runtime loads it for this.

    Args:
        format_: The format that the artifact is said to be of.
        path: The artifact.

    Raises:
        BundleError: It asks for something else, has another suffix than its format, or cannot be read.
    """
    # ONNX Runtime tells its two formats apart by the suffix: what was read here as one would run as the other.
    if path.suffix != format_.suffix:
        raise BundleError(f"{path}: is said to be of the format {format_.name}, whose files end in {format_.suffix}")
    if unknown := unknown_operators(format_, path):
        words = ", ".join(map(shown, unknown[:_SHOWN])) + (" and more" if len(unknown) > _SHOWN else "")
        raise BundleError(
            f"{path}: asks {format_.name} for {words}, which no export does; do not use it unless you trust its maker "
            "and have it exported again"
        )


def unknown_operators(format_: Format, path: Path) -> list[str]:
    """What an artifact asks for that is not on the list, sorted, operators before words in brackets.

    Raises:
        BundleError: The file cannot be read.
    """
    allowed = allowed_operators(format_)
    try:
        found: Iterable[str] = format_.operators(path)
        return sorted(set(found) - allowed, key=lambda word: (word.startswith("["), word))
    except RecursionError as error:
        raise BundleError(f"{path}: is nested too deeply to be read; do not use it") from error
    except FAULTS as error:
        fault = str(error) or type(error).__name__
        raise BundleError(
            f"{path}: is no {format_.name} file that can be checked ({fault:.200}); copy it or export it again"
        ) from error
