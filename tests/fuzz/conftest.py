"""What all doors share: a folder for their cases, and a record of what became of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzz import harness


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the cases of a door, which overwrite each other."""
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="session", autouse=True)
def record() -> Iterator[None]:
    """Writes down what became of the cases, for `benchmarks/research/fuzz.py`."""
    yield
    harness.write_record()
