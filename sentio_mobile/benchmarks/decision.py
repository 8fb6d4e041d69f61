"""What to do with a bundle after its checks: ship it, fix it, or measure it again, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from sentio_mobile._internal.quantities import count
from sentio_mobile.benchmarks.gates import SLOWED_DOWN, Gate
from sentio_mobile.benchmarks.results import Benchmark

if TYPE_CHECKING:
    from sentio_mobile.bundle.verify import Verification

Decision = Literal["ship", "fix", "measure again"]


def decide(
    problems: Sequence[str], verification: Verification, benchmark: Benchmark, *, generated: bool
) -> tuple[Decision, str]:
    """The decision and its reason.

    A check that failed decides for "fix", whatever else was found. Without one, a latency that the machine's load or
    noise leaves open, or a bundle of which nothing could be run here, decides for "measure again".

    Args:
        problems: One line for each kind of failed check.
        verification: The comparison with PyTorch.
        benchmark: The measurements and their gates.
        generated: Whether the songs and their labels are generated.
    """
    if problems:
        return "fix", problems[0] if len(problems) == 1 else f"{count(len(problems), 'kind')} of check failed"
    if not verification.passed:
        return "measure again", "none of the model files could be run here"
    if open_ := benchmark.inconclusive:
        # The same reason for each of them: it is the machine's.
        return (
            "measure again",
            f"latency of {count(len(open_), 'model file')} is inconclusive, {_why(open_, benchmark)}",
        )
    on = ", on generated music" if generated else ""
    left_out = bool(benchmark.unmeasured) or any(result.verdict == "not run" for result in verification.results)
    return "ship", f"every check that could be made here passed{on}" if left_out else f"every check passed{on}"


def load_words(benchmark: Benchmark) -> str:
    """How busy the machine was while latency was measured: the second line of an outcome."""
    if benchmark.load is None or benchmark.max_load is None:
        return "Load: not known"
    words = f"Load: other work took {benchmark.load:.0%} of the cores (limit {benchmark.max_load:.0%})"
    return f"{words}, too much to judge latency" if _busy(benchmark) else words


def _busy(benchmark: Benchmark) -> bool:
    return benchmark.load is not None and benchmark.max_load is not None and benchmark.load > benchmark.max_load


def _why(gates: Sequence[Gate], benchmark: Benchmark) -> str:
    if all(SLOWED_DOWN in gate.note for gate in gates):
        return f"because {SLOWED_DOWN}"
    return (
        "because the machine was busy"
        if _busy(benchmark)
        else f"because the limit of {gates[0].limit:g} ms lies within the noise"
    )
