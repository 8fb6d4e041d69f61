"""Whether an artifact is what its precision promises, before it is given out under that name.

Some tools quantize nothing and say nothing; some flatten answers; and an artifact that is near PyTorch on a few vectors
may still order songs differently.
"""

from __future__ import annotations

from collections.abc import Mapping

from sentio_mobile.bundle.targets import Targets
from sentio_mobile.spec import Artifact, Precision

_NARROW: Mapping[Precision, tuple[str, ...]] = {
    "fp16": ("float16",),
    "int8-dynamic": ("int8", "uint8"),
    "int8": ("int8", "uint8"),
    "int8-full": ("int8", "uint8"),
}


def weights_that_stayed_wide(
    artifact: Artifact, numbers: Mapping[str, int], weights: int, targets: Targets
) -> str | None:
    """The reason to refuse an artifact whose weights are wider than its name says; None where there is none.

    Args:
        artifact: the artifact.
        numbers: how many numbers it keeps of each type; empty where its format does not tell.
        weights: how many the network's matrices have, but for those that are wide on purpose; biases and positions may
            stay wide.
        targets: how many of them must be narrow.
    """
    if artifact.precision not in _NARROW or not numbers:
        return None
    kinds = _NARROW[artifact.precision]
    narrow = sum(numbers.get(kind, 0) for kind in kinds) / weights
    if narrow >= targets.min_narrow:
        return None
    return f"only {narrow:.0%} of as many numbers as the network has weights, {weights:,}, are {' or '.join(kinds)}"
