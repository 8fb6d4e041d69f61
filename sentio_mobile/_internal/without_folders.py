"""Texts for other people: what a record says must not tell where on its maker's machine a file was.

An absolute path has the name of an account, and often that of a customer or a project; it also makes two records of
the same work differ. Messages on the terminal keep their paths, since they are for who has the files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_STEP = r"[^\s/'\"`:;,()<>|]+"
_PATH = re.compile(rf"(?:file://|(?<![\w/.~-]))/(?:{_STEP}/)+({_STEP})?")
"""An absolute path of two steps or more; a URL has its slashes behind a word."""


def without_folders(text: str, *folders: Path) -> str:
    """A text whose absolute paths are shortened: below one of `folders` to the rest, else to the last name.

    Args:
        text: The text.
        folders: Folders of which it may name files.
    """
    for folder in sorted({str(folder.absolute()) for folder in folders} - {"/"}, key=len, reverse=True):
        text = text.replace(f"{folder}/", "")
    # The user's own folder may have a space, and only where it is known a path can be told from the words around it.
    if (home := str(Path.home())) != "/":
        text = text.replace(f"{home}/", "/home/")
    return _PATH.sub(lambda found: found[1] or "", text)


def values_without_folders(values: Mapping[str, object]) -> dict[str, object]:
    """The same in all texts of plain values, such as the settings that made a checkpoint."""
    return {name: _value(value) for name, value in values.items()}


def _value(value: object) -> object:
    if isinstance(value, str):
        return without_folders(value)
    if isinstance(value, Mapping):
        return values_without_folders(value)
    return [_value(one) for one in value] if isinstance(value, list | tuple) else value
