"""What an artifact's precision cost, as its manifest says: read strictly, for a stranger may have written it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sentio_mobile.errors import BundleError
from sentio_mobile.metrics.bootstrap import UNDEFINED, Interval

_KINDS = {"val": "validation song", "test": "test song"}

_LOSS_DIGITS = 3
"""A loss that matters is of a hundredth."""


@dataclass(frozen=True, kw_only=True)
class PrecisionCost:
    """How one artifact answered when its bundle was made. None is what nobody measured.

    Attributes:
        max_diff: the largest difference from PyTorch on the golden vectors.
        psnr: peak signal-to-noise ratio in dB; None, too, where there was no noise at all.
        songs: on how many songs the CCC was measured; 0 where it was not.
        kind: what they are called, such as `validation song`.
        ccc: mean CCC on them.
        loss: by how much that of 32 bits is higher.
    """

    max_diff: float | None
    psnr: float | None
    songs: int
    kind: str
    ccc: Interval | None
    loss: Interval | None

    @property
    def difference_words(self) -> str:
        """The largest difference, as tables show it."""
        return "not run" if self.max_diff is None else f"{self.max_diff:.1e}"

    @property
    def psnr_words(self) -> str:
        """The signal-to-noise ratio, as tables show it."""
        return "not run" if self.max_diff is None else psnr_words(self.psnr)

    @property
    def ccc_words(self) -> str:
        """The CCC with its interval, as tables show it."""
        return "not measured" if self.ccc is None else str(self.ccc)

    @property
    def loss_words(self) -> str:
        """The loss with its interval, as tables show it."""
        return "not measured" if self.loss is None else self.loss.words(_LOSS_DIGITS)


def cost_of(entry: Mapping[str, Any]) -> PrecisionCost:
    """What an artifact's entry in a manifest says; older ones, and those of other makers, may say nothing.

    Raises:
        BundleError: it is not what an entry must be.
    """
    try:
        parity, accuracy = (_table(entry.get(name) or {}) for name in ("parity", "accuracy"))
        return PrecisionCost(
            max_diff=_finite(parity.get("max_diff")),
            psnr=_finite(parity.get("psnr")),
            songs=int(accuracy["songs"]) if accuracy else 0,
            kind=_KINDS.get(accuracy.get("split", ""), "song"),
            ccc=_interval(accuracy["ccc"]["mean"]) if accuracy else None,
            loss=_interval(accuracy["loss"]["mean"]) if accuracy else None,
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BundleError(
            f"manifest.json: what it says of an artifact's answers is damaged ({error!r}); export again"
        ) from error


def psnr_words(psnr: float | None) -> str:
    """A peak signal-to-noise ratio of an artifact that was run."""
    return "no noise" if psnr is None else f"{psnr:.0f} dB"


def _interval(value: object) -> Interval:
    low, figure, high = (_finite(_table(value)[name]) for name in ("low", "value", "high"))
    # A figure without its interval is not one that this project states.
    return UNDEFINED if figure is None or low is None or high is None else Interval(figure, low, high)


def _finite(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _table(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"a table is wanted, not {value!r:.40}")
    return value
