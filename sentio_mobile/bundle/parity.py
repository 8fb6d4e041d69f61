"""How far an artifact's answers on the golden vectors are from PyTorch's, and whether that is near enough."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.bundle.golden import Golden
from sentio_mobile.bundle.targets import Targets
from sentio_mobile.errors import MissingExtraError, SentioError
from sentio_mobile.formats.base import require_packages
from sentio_mobile.formats.registry import get_format
from sentio_mobile.spec import Artifact, ModelSpec

Answers = NDArray[np.float32]

PEAK = 2.0
"""Of answers in [-1, 1], from end to end."""


@dataclass(frozen=True, kw_only=True)
class Parity:
    """One artifact on the golden vectors. The figures are None when it could not be run.

    Attributes:
        format: of the artifact.
        form: of the artifact.
        precision: of the artifact.
        processor: what ran it: this machine, or an emulated one.
        verdict: `pass`, `fail`, or `not run` with the `reason` why it cannot run here.
        tolerance: the largest difference that passes.
        max_diff: the largest difference of any answer.
        mean_diff: the mean difference.
        psnr: peak signal-to-noise ratio in dB; None where there is no noise at all.
        kept_spread: deviation of valence and arousal over the vectors, as a share of PyTorch's; the smaller one.
        reason: why it did not pass.
    """

    format: str
    form: str
    precision: str
    processor: str
    verdict: str
    tolerance: float
    max_diff: float | None = None
    mean_diff: float | None = None
    psnr: float | None = None
    kept_spread: float | None = None
    reason: str = ""

    @property
    def label(self) -> str:
        """The words that tables use for it, as `Artifact.label`."""
        return f"{self.format} {self.form} {self.precision}"


def parity_here(artifact: Artifact, golden: Golden, *, spec: ModelSpec, targets: Targets, threads: int = 1) -> Parity:
    """Run an artifact by its own runtime on this machine, and compare.

    One whose packages are missing counts as not run; one that cannot be loaded or run has failed.

    Args:
        artifact: one that was made or opened.
        golden: the vectors.
        spec: of the model; the form is the artifact's.
        targets: what is near enough.
        threads: that the runtime may use.
    """
    format_, spec = get_format(artifact.format), spec.in_form(artifact.form)
    try:
        require_packages(format_, format_.runtimes)
        run = format_.open(artifact.path, spec, threads)
        answers = np.concatenate([run(given) for given in golden.inputs(spec)])
    except MissingExtraError as error:
        return unrun(artifact, targets, verdict="not run", reason=str(error))
    except SentioError as error:
        return unrun(artifact, targets, verdict="fail", reason=str(error))
    return parity_of(artifact, answers, wanted=golden.output, targets=targets)


def parity_of(
    artifact: Artifact, answers: Answers, *, wanted: Answers, targets: Targets, arm64: bool = False
) -> Parity:
    """Compare.

    Args:
        artifact: whose answers these are.
        answers: [vectors, 2].
        wanted: PyTorch's [vectors, 2].
        targets: what is near enough.
        arm64: whether an ARM64 processor gave the answers, in place of this machine.
    """
    tolerance = targets.tolerance(artifact.precision, arm64)
    diff = np.abs(answers.astype(np.float64) - wanted)
    # A NaN compares false with everything, so the tests are for what is right, never for what is wrong.
    near = bool(np.all(diff <= tolerance))
    worst, mean = (float(np.nan_to_num(x, nan=PEAK)) for x in (diff.max(), diff.mean()))
    noise = float(np.nan_to_num(np.mean(diff**2), nan=PEAK**2))
    psnr = 10 * math.log10(PEAK**2 / noise) if noise > 0 else None
    quiet = psnr is None or psnr >= targets.psnr[artifact.precision]
    before = wanted.std(axis=0)
    kept = float(np.nan_to_num((answers.std(axis=0) / np.maximum(before, 1e-9)).min()))
    # Where PyTorch's own answers hardly differ there is nothing to keep.
    spread = bool(before.min() < targets.min_spread) or kept >= targets.min_kept_spread
    reasons = [
        *([] if near else [f"differs from PyTorch by {worst:.1e}, more than {tolerance:.0e}"]),
        *(
            []
            if quiet
            else [f"has a signal-to-noise ratio of {psnr:.0f} dB, under {targets.psnr[artifact.precision]:g}"]
        ),
        *([] if spread else [f"keeps {kept:.0%} of the spread of answers, under {targets.min_kept_spread:.0%}"]),
    ]
    return Parity(
        format=artifact.format,
        form=artifact.form,
        precision=artifact.precision,
        processor="arm64" if arm64 else "this machine",
        verdict="fail" if reasons else "pass",
        tolerance=tolerance,
        max_diff=worst,
        mean_diff=mean,
        psnr=psnr,
        kept_spread=kept,
        reason="; ".join(reasons),
    )


def unrun(artifact: Artifact, targets: Targets, *, verdict: str, reason: str, arm64: bool = False) -> Parity:
    """An artifact that gave no answers."""
    processor = "arm64" if arm64 else "this machine"
    tolerance = targets.tolerance(artifact.precision, arm64)
    return Parity(
        format=artifact.format,
        form=artifact.form,
        precision=artifact.precision,
        processor=processor,
        verdict=verdict,
        tolerance=tolerance,
        reason=reason,
    )
