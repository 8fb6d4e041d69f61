"""How many cases a door gets: few in `make test`, more in `make test-all`, and many with `make fuzz`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzz import harness
from hypothesis import HealthCheck, settings

CASES = {"test": 25, "all": 60, "fuzz": 600}
"""Cases of a property, of which there are about forty: 1,000 cases, 2,400 in `make test-all`, 24,000 by `make fuzz`."""

for name, cases in CASES.items():
    settings.register_profile(
        name,
        max_examples=cases,
        # Time is the harness's affair, and the same cases come each time but with `make fuzz`.
        deadline=None,
        derandomize=name != "fuzz",
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        print_blob=True,
    )
settings.load_profile("test")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the cases of a door, which overwrite each other."""
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="session", autouse=True)
def record() -> Iterator[None]:
    """Writes down what became of the cases, for `benchmarks/research/fuzz.py`."""
    yield
    harness.write_record()
