"""Parity: how close the outputs of an artifact on the golden vectors are to PyTorch's, and whether that passes."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.records import Finite, Name, NonNegative, Record
from sentio_mobile._internal.without_folders import without_folders
from sentio_mobile.bundle.golden import Golden
from sentio_mobile.bundle.targets import Difference, Targets
from sentio_mobile.errors import MissingExtraError, SentioError
from sentio_mobile.formats.process import RuntimeProcess, open_artifact
from sentio_mobile.spec import Artifact, Form, ModelSpec, Precision

PEAK = 2.0
"""The range of the outputs, from -1 to 1: the peak of the signal-to-noise ratio."""

MAX_REASON_LENGTH = 16_384
Reason = Annotated[str, Meta(max_length=MAX_REASON_LENGTH)]
Verdict = Literal["pass", "fail", "not run"]
Processor = Literal["this machine", "arm64"]


class Parity(Record, frozen=True, kw_only=True):
    """One artifact on the golden vectors. The measurements are null if it was not run."""

    # The artifact's format.
    format: Name
    # The artifact's form.
    form: Form
    # The artifact's precision.
    precision: Precision
    # The processor that ran it; `arm64` is emulated.
    processor: Processor
    # `not run` if it cannot run on this machine.
    verdict: Verdict
    # Largest difference of an output that passes.
    tolerance: Difference
    # Largest absolute difference of an output.
    max_diff: NonNegative | None = None
    # Mean absolute difference of the outputs.
    mean_diff: NonNegative | None = None
    # Peak signal-to-noise ratio, in dB; null if there is no noise at all.
    psnr: Finite | None = None
    # Standard deviation over the vectors, relative to PyTorch's; the smaller one of valence and arousal.
    std_ratio: NonNegative | None = None
    # Why it did not pass; empty if it did.
    reason: Reason = ""

    @property
    def label(self) -> str:
        """The artifact's name in tables and messages, as `Artifact.label`."""
        return f"{self.format} {self.form} {self.precision}"

    @property
    def max_diff_text(self) -> str:
        """The largest difference, for tables."""
        return "not run" if self.max_diff is None else f"{self.max_diff:.1e}"

    @property
    def psnr_text(self) -> str:
        """The signal-to-noise ratio, for tables."""
        if self.max_diff is None:
            return "not run"
        return "no noise" if self.psnr is None else f"{self.psnr:.0f} dB"


def measure_parity(
    artifact: Artifact,
    golden: Golden,
    *,
    spec: ModelSpec,
    targets: Targets,
    threads: int = 1,
    process: RuntimeProcess | None = None,
) -> Parity:
    """Run an artifact on this machine and compare its outputs with the golden ones.

    The verdict is `not run` if its packages are missing, and `fail` if it cannot be loaded or run.

    Args:
        artifact: An artifact that was exported or opened.
        golden: The golden vectors.
        spec: The spec of the model, in either form.
        targets: The limits.
        threads: The number of threads that the runtime may use, at least 1.
        process: The process that runs it; by default one of its own.
    """
    spec = spec.in_form(artifact.form)
    try:
        run = (process.open if process else open_artifact)(artifact, spec, threads)
        outputs = np.concatenate([run(one) for one in golden.inputs(spec)])
        run.close()
    except MissingExtraError as error:
        return parity_without_outputs(artifact, targets, verdict="not run", reason=str(error))
    except SentioError as error:
        return parity_without_outputs(artifact, targets, verdict="fail", reason=str(error))
    return compare_outputs(artifact, outputs, expected=golden.output, targets=targets)


def compare_outputs(
    artifact: Artifact,
    outputs: NDArray[np.float32],
    *,
    expected: NDArray[np.float32],
    targets: Targets,
    processor: Processor = "this machine",
) -> Parity:
    """Compare outputs with PyTorch's.

    Args:
        artifact: The artifact that gave the outputs.
        outputs: Its outputs [vectors, 2].
        expected: PyTorch's outputs [vectors, 2].
        targets: The limits.
        processor: The processor that ran it.
    """
    tolerance = targets.tolerance(artifact.precision, processor == "arm64")
    diff = np.abs(outputs.astype(np.float64) - expected)
    # A NaN compares false with everything, so each test is for what is right, never for what is wrong.
    is_close = bool(np.all(diff <= tolerance))
    max_diff, mean_diff = (float(np.nan_to_num(x, nan=PEAK)) for x in (diff.max(), diff.mean()))
    noise = float(np.nan_to_num(np.mean(diff**2), nan=PEAK**2))
    psnr = 10 * math.log10(PEAK**2 / noise) if noise > 0 else None
    min_psnr = targets.psnr[artifact.precision]
    is_quiet = psnr is None or psnr >= min_psnr
    expected_std = expected.std(axis=0)
    std_ratio = float(np.nan_to_num((outputs.std(axis=0) / np.maximum(expected_std, 1e-9)).min()))
    # If PyTorch's own outputs hardly differ, their ratio says nothing.
    is_spread = bool(expected_std.min() < targets.min_spread) or std_ratio >= targets.min_std_ratio
    reasons = []
    if not is_close:
        reasons.append(f"differs from PyTorch by {max_diff:.1e}, more than {tolerance:.0e}")
    if not is_quiet:
        reasons.append(f"has a signal-to-noise ratio of {psnr:.0f} dB, under {min_psnr:g}")
    if not is_spread:
        reasons.append(f"retains {std_ratio:.0%} of the outputs' spread, under {targets.min_std_ratio:.0%}")
    return Parity(
        format=artifact.format,
        form=artifact.form,
        precision=artifact.precision,
        processor=processor,
        verdict="fail" if reasons else "pass",
        tolerance=tolerance,
        max_diff=max_diff,
        mean_diff=mean_diff,
        psnr=psnr,
        std_ratio=std_ratio,
        reason="; ".join(reasons),
    )


def parity_without_outputs(
    artifact: Artifact, targets: Targets, *, verdict: Verdict, reason: str, processor: Processor = "this machine"
) -> Parity:
    """The parity of an artifact that gave no outputs.

    Args:
        artifact: The artifact.
        targets: The limits.
        verdict: `not run` or `fail`.
        reason: Why there are no outputs.
        processor: The processor that should have run it.
    """
    return Parity(
        format=artifact.format,
        form=artifact.form,
        precision=artifact.precision,
        processor=processor,
        verdict=verdict,
        tolerance=targets.tolerance(artifact.precision, processor == "arm64"),
        # It gets into the manifest, for people who have the bundle somewhere else.
        reason=without_folders(reason, artifact.path.parent)[:MAX_REASON_LENGTH],
    )
