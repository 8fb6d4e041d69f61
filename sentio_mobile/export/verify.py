"""Every artifact against PyTorch's answers on the golden vectors."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

import numpy as np

from sentio_mobile.errors import MissingExtraError, SentioError
from sentio_mobile.export.bundle import Bundle
from sentio_mobile.export.protocol import get_format, require
from sentio_mobile.house import ROOT
from sentio_mobile.tables import read_table


@dataclass(frozen=True)
class Targets:
    """What `export/targets.toml` holds."""

    min_spread: float
    parity: dict[str, float]


@dataclass(frozen=True)
class Parity:
    """How far one artifact is from PyTorch. `max_diff` and `mean_diff` are None when it could not be run.

    `verdict` is `pass`, `fail`, or `not run` with the `reason` why it cannot run here.
    """

    format: str
    form: str
    precision: str
    verdict: str
    tolerance: float
    max_diff: float | None = None
    mean_diff: float | None = None
    reason: str = ""

    @property
    def label(self) -> str:
        """The words that tables use for it, as `Artifact.label`."""
        return f"{self.format} {self.form} {self.precision}"


@dataclass(frozen=True)
class Verification:
    """The outcome of `verify`: `spread` is the standard deviation of each golden output."""

    spread: tuple[float, ...]
    min_spread: float
    vectors: int
    results: tuple[Parity, ...]

    @property
    def spread_ok(self) -> bool:
        """Whether the golden outputs are spread widely enough for parity to mean something."""
        return min(self.spread) >= self.min_spread

    @property
    def passed(self) -> bool:
        """Whether the golden outputs are spread, at least one artifact ran, and none failed."""
        verdicts = [result.verdict for result in self.results]
        return self.spread_ok and "fail" not in verdicts and "pass" in verdicts


def load_targets() -> Targets:
    """The targets that stand in `export/targets.toml`."""
    return read_table(Targets, tomllib.loads((ROOT / "export" / "targets.toml").read_text()), "export/targets.toml")


def verify(bundle: Bundle, threads: int = 1) -> Verification:
    """Run every artifact of the bundle on the golden vectors, fed in its own form, and compare.

    Both forms are held to the same answers: PyTorch's after the reference front end. An artifact whose packages are
    missing counts as not run; one that cannot be loaded or answers wrongly has failed.
    """
    targets, golden = load_targets(), bundle.golden()
    results = []
    for artifact in bundle.artifacts:
        tolerance = targets.parity[artifact.precision]
        format_, spec = get_format(artifact.format), bundle.spec.in_form(artifact.form)
        who = (artifact.format, artifact.form, artifact.precision)
        try:
            require(format_, format_.runtimes)
            run = format_.open(artifact.path, spec, threads)
            answers = np.concatenate([run(given) for given in golden.inputs(spec)])
        except MissingExtraError as error:
            results.append(Parity(*who, "not run", tolerance, reason=str(error)))
            continue
        except SentioError as error:
            results.append(Parity(*who, "fail", tolerance, reason=str(error)))
            continue
        diff = np.abs(answers - golden.output)
        # A NaN compares false with everything, so the test is for what is right, never for what is wrong.
        right = bool(np.all(diff <= tolerance))
        worst, mean = (float(np.nan_to_num(x, nan=2.0)) for x in (diff.max(), diff.mean()))
        reason = "" if right else f"differs from PyTorch by {worst:.1e}, more than {tolerance:.0e}"
        results.append(Parity(*who, "pass" if right else "fail", tolerance, worst, mean, reason))
    return Verification(golden.spread, targets.min_spread, len(golden.output), tuple(results))
