"""Measurements on phones: the file that the demo apps and `benchmark --adb` write, and what is read from it.

Android's and iOS' demos write the same JSON, a `PhoneBenchmark`. It has every timed run in its order: percentiles are
computed here as they are for this machine, and a phone that heats up and slows down is seen.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from msgspec import Meta

from sentio_mobile._internal.records import Name, NonNegative, Record, Sha256, Size, Text, read_record
from sentio_mobile.benchmarks.latency import MIN_RUNS, Latency, percentiles_of
from sentio_mobile.errors import InputError
from sentio_mobile.metrics.bootstrap import Interval, interval_of, resampled_medians

if TYPE_CHECKING:
    from sentio_mobile.bundle.bundle import Bundle

PHONE = "phone.json"
MAX_ALL_RUNS = 20_000
"""Timed runs of a whole file: to find the intervals of more takes long."""
MAX_PHONE_RUNS = MAX_ALL_RUNS // 2
"""Timed runs of one artifact."""
SLOWED = 1.1
"""How much slower the last third of the runs must be than the first, with its whole interval, to be called slowed."""

RunTime = Annotated[float, Meta(ge=1e-3, le=3.6e6)]
"""Milliseconds of one run, from a microsecond to an hour."""
RunTimes = Annotated[tuple[RunTime, ...], Meta(min_length=MIN_RUNS, max_length=MAX_PHONE_RUNS)]


class Device(Record, frozen=True, kw_only=True):
    """What measured."""

    # An emulator or a simulator has the speed of the computer that it runs on, and says nothing of a phone's.
    kind: Literal["phone", "emulator", "computer"]
    maker: Name  # who makes it, such as Google
    model: Name  # its model, such as Pixel 8 or iPhone14,2
    system: Name  # its system with the version, such as Android 16

    @property
    def words(self) -> str:
        """The device in a few words."""
        return f"{self.maker} {self.model}, {self.system}"


class PhoneRuns(Record, frozen=True, kw_only=True):
    """The timed runs of one artifact on one processor."""

    artifact: Name  # format, form and precision, as in tables
    # SHA-256 of each file of the artifact, by its path in the bundle: which model was measured.
    files: Annotated[dict[Name, Sha256], Meta(min_length=1, max_length=1000)]
    runs_on: Name  # runtime, processor and threads in words
    warm_up: Annotated[int, Meta(ge=0, le=MAX_PHONE_RUNS)]  # runs before the timed ones
    milliseconds: RunTimes  # time of each run, in the order of the runs
    load_ms: NonNegative | None = None  # time to load the artifact; None where it was not measured
    # Largest difference from the golden predictions; None where the runs had other inputs.
    golden_max_diff: NonNegative | None = None
    peak_memory_bytes: Size | None = None  # peak memory of the whole process; None where it was not measured

    @property
    def latency(self) -> Latency:
        """Percentiles of the times."""
        return _latency_of(self.milliseconds)

    @property
    def drift(self) -> Interval:
        """Median of the last third of the runs over that of the first, with a bootstrap 95% interval over runs."""
        third, rng = len(self.milliseconds) // 3, np.random.default_rng(0)
        first, last = np.array(self.milliseconds[:third]), np.array(self.milliseconds[-third:])
        drawn = resampled_medians(last, rng) / resampled_medians(first, rng)
        return interval_of(np.concatenate([[np.median(last) / np.median(first)], drawn]))

    @property
    def slowed(self) -> bool:
        """Whether the phone became slower while it measured, as phones do that become hot."""
        low = self.drift.low
        return low is not None and low > SLOWED


@lru_cache(maxsize=100)
def _latency_of(milliseconds: tuple[float, ...]) -> Latency:
    """As `PhoneRuns.latency`, which gates, tables and pages ask for, and which takes a second for the longest."""
    return percentiles_of(np.array(milliseconds))


class PhoneBenchmark(Record, frozen=True, kw_only=True):
    """What was measured on one phone: what the demo apps write, and `benchmark --adb`."""

    schema: Literal[1]  # version of this form
    tool: Name  # what timed the runs
    model: Name  # name and release of the model
    device: Device  # the phone
    # Date and time in UTC, as ISO 8601.
    measured_at: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|\+00:00)\Z")]
    measured: Annotated[tuple[PhoneRuns, ...], Meta(max_length=100)]  # what was timed
    passed_over: Annotated[tuple[Text, ...], Meta(max_length=100)]  # what was not, each with the reason


def read_phone_benchmark(path: Path, bundle: Bundle | None = None) -> PhoneBenchmark:
    """Read what a phone measured.

    Args:
        path: The file that a demo app or `benchmark --adb` wrote.
        bundle: The bundle whose artifacts must be those that were measured; None for any.

    Raises:
        InputError: The file cannot be read or is none of these, was measured on no phone, or of other files than the
            bundle's.
    """
    found = read_record(PhoneBenchmark, path)
    check_phone_benchmark(found, str(path), bundle)
    return found


def check_phone_benchmark(found: PhoneBenchmark, where: str, bundle: Bundle | None = None) -> None:
    """Check that figures are a phone's, that there are any, and that they are of the bundle's files.

    Args:
        found: The figures.
        where: What messages call them, such as a file's path.
        bundle: The bundle whose artifacts must be those that were measured; None for any.

    Raises:
        InputError: They are not.
    """
    if found.device.kind != "phone":
        kind = "an emulator" if found.device.kind == "emulator" else "a computer"
        raise InputError(f"{where}: was measured on {kind} ({found.device.words}); only a phone shows a phone's speed")
    if not found.measured:
        why = "; ".join(found.passed_over) or "it does not say why"
        raise InputError(f"{where}: nothing was measured on {found.device.words}: {why}")
    check_number_of_runs(where, sum(len(runs.milliseconds) for runs in found.measured))
    if bundle is not None:
        for runs in found.measured:
            _check_files(runs, where, bundle)


def check_number_of_runs(where: str, runs: int) -> None:
    """Check that a file has no more runs than are read again.

    Raises:
        InputError: It has.
    """
    if runs > MAX_ALL_RUNS:
        raise InputError(f"{where}: {runs:,} timed runs are more than {MAX_ALL_RUNS:,}; measure fewer of each artifact")


def _check_files(runs: PhoneRuns, where: str, bundle: Bundle) -> None:
    entries = {entry.label: bundle.manifest.files_of(entry) for entry in bundle.manifest.artifacts}
    if runs.artifact not in entries:
        raise InputError(
            f"{where}: {runs.artifact} was measured, and {bundle.folder} has none; it has {', '.join(entries)}"
        )
    hashes = {name: bundle.manifest.files[name].sha256 for name in entries[runs.artifact]}
    if hashes != runs.files:
        raise InputError(
            f"{where}: the {runs.artifact} that was measured is another file than that of {bundle.folder}; measure an "
            "app that was packaged from this bundle"
        )
