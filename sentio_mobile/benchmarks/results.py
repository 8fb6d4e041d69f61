"""What a benchmark of a bundle found, as written to benchmark.json."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from sentio_mobile._internal.records import Count, Name, Record, Share, Size, Text, read_record
from sentio_mobile.benchmarks.cold import ColdStart
from sentio_mobile.benchmarks.gates import Gate, Threads
from sentio_mobile.benchmarks.latency import MAX_RUNS, MIN_RUNS, Latency
from sentio_mobile.benchmarks.machine import Machine
from sentio_mobile.benchmarks.phones import PhoneBenchmark
from sentio_mobile.benchmarks.roofs import Roofline
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.spec import Form, Precision

BENCHMARK = "benchmark.json"


class ArtifactBenchmark(Record, frozen=True, kw_only=True):
    """One artifact of the bundle."""

    format: Name  # name of its format
    form: Form  # form of its input
    precision: Precision  # precision of its weights
    size: Size  # size on disk in bytes
    latency: Latency | None  # time of one prediction; None where it was not measured
    cold: ColdStart | None  # cold start; None where it was not measured
    reason: Text = ""  # why latency or cold start were not measured; empty where they were

    @property
    def label(self) -> str:
        """Name for tables, as `Artifact.label`."""
        return f"{self.format} {self.form} {self.precision}"


class PeerRow(Record, frozen=True, kw_only=True):
    """One file of the bundle or of a peer."""

    name: Name  # name of the peer; of the bundle's own files, the architecture
    own: bool  # whether it is an artifact of the bundle
    format: Name  # its format
    precision: Precision  # precision of its weights
    parameters: Count  # its weights, norms folded where its exporter folds them
    multiply_accumulates: Size  # multiplications with additions of one clip, without the front end
    size: Size | None = None  # size on disk in bytes; None where there is no file
    latency: Latency | None = None  # time of one prediction; None where it was not measured
    ratio: Interval | None = None  # its median latency over that of the base, with its 95% interval over rounds
    ccc: Interval | None = None  # mean CCC on songs that were not learned from; None where it is not known
    reason: Text = ""  # why there is no file, or it was not timed


class PeerComparison(Record, frozen=True, kw_only=True):
    """A bundle's artifacts and its peers, timed in turns."""

    base: Name | None  # label of the artifact that ratios are to; None where none could be timed
    form: Form  # form of all files
    threads: Threads  # threads that each runtime could use
    runs: Annotated[int, Meta(ge=MIN_RUNS, le=MAX_RUNS)]  # timed runs of each file
    rows: Annotated[tuple[PeerRow, ...], Meta(max_length=1000)]  # the bundle's files, then the peers'


class Benchmark(Record, frozen=True, kw_only=True):
    """Measurements of all artifacts of a bundle, how they were made, and the verdicts of the gates."""

    machine: Machine  # the machine that measured
    # Date and time in UTC, as ISO 8601.
    measured_at: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+00:00\Z")]
    threads: Threads  # threads that each runtime could use
    runs: Annotated[int, Meta(ge=MIN_RUNS, le=MAX_RUNS)]  # timed runs of each artifact
    warm_up: Annotated[int, Meta(ge=0, le=MAX_RUNS)]  # runs of each artifact before the timed ones
    cold_starts: Annotated[int, Meta(ge=1, le=1000)]  # fresh processes for each artifact
    measured: Annotated[tuple[ArtifactBenchmark, ...], Meta(max_length=1000)]  # every artifact of the bundle
    gates: Annotated[tuple[Gate, ...], Meta(max_length=3000)]  # the gates
    load: Share | None = None  # share of the usable cores' time that other work took while latency was measured
    max_load: Share | None = None  # the share above which a latency over its limit is inconclusive
    # What phones measured of the same files; None where none did.
    phones: Annotated[tuple[PhoneBenchmark, ...], Meta(max_length=100)] | None = None
    # Other networks beside the bundle's; None where none were asked for.
    peers: PeerComparison | None = None
    # The machine's roofs and the artifacts below them; None where they were not asked for.
    roofline: Roofline | None = None

    @property
    def failed(self) -> tuple[Gate, ...]:
        """The gates that failed."""
        return tuple(gate for gate in self.gates if gate.verdict == "fail")

    @property
    def inconclusive(self) -> tuple[Gate, ...]:
        """The gates that were measured, and must be measured again."""
        return tuple(gate for gate in self.gates if gate.verdict == "inconclusive")

    @property
    def unmeasured(self) -> tuple[Gate, ...]:
        """The gates that could not be measured here."""
        return tuple(gate for gate in self.gates if gate.verdict == "not measured")

    def ratio(self, artifact: ArtifactBenchmark) -> float | None:
        """An artifact's median latency relative to fp32 in the same format and form; None where one is not known."""
        for fp32 in self.measured:
            if (fp32.format, fp32.form, fp32.precision) == (artifact.format, artifact.form, "fp32"):
                return artifact.latency.p50_ms / fp32.latency.p50_ms if artifact.latency and fp32.latency else None
        return None


def read_benchmark(path: Path) -> Benchmark:
    """Read the benchmark.json of `sentio-mobile benchmark`.

    Raises:
        InputError: The file is missing, or is not such a benchmark.
    """
    return read_record(Benchmark, path)
