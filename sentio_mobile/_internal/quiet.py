"""Libraries that talk past Python, to whoever looks at the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silence_output() -> Iterator[None]:
    """Keep off the terminal what a library writes to standard error, by whatever way: some have no setting for it.

    What they say of a fault comes as an exception too.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
