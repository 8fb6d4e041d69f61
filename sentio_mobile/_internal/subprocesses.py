"""What a process of our own must be told, so that it finds this package wherever it starts."""

from __future__ import annotations

import os
from pathlib import Path

import sentio_mobile


def environment() -> dict[str, str]:
    """This process's environment, with all that `PYTHONPATH` names, and this package itself, as absolute paths."""
    root = str(Path(sentio_mobile.__file__).parents[1])
    named = (path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, *(str(Path(path).absolute()) for path in named)])}
