"""What an artifact's precision cost, as its bundle's manifest states it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from sentio_mobile._internal.records import Record, from_plain
from sentio_mobile.bundle.accuracy import Accuracy
from sentio_mobile.bundle.parity import Parity
from sentio_mobile.errors import BundleError
from sentio_mobile.metrics.bootstrap import Interval

R = TypeVar("R", bound=Record)

_SONGS = {"val": "validation song", "test": "test song"}

_LOSS_DIGITS = 3
"""Digits of a loss of CCC after the point: losses of a hundredth matter."""


@dataclass(frozen=True)
class PrecisionCost:
    """Parity and accuracy of one artifact when its bundle was exported. None is what was not measured."""

    parity: Parity | None
    accuracy: Accuracy | None

    @property
    def songs(self) -> int:
        """Number of songs that the CCC was measured on; 0 where it was not measured."""
        return 0 if self.accuracy is None else self.accuracy.songs

    @property
    def kind(self) -> str:
        """What these songs are called, such as `validation song`."""
        return "song" if self.accuracy is None else _SONGS[self.accuracy.split]

    @property
    def ccc(self) -> Interval | None:
        """Mean CCC of the artifact."""
        return None if self.accuracy is None else self.accuracy.ccc["mean"]

    @property
    def loss(self) -> Interval | None:
        """Mean CCC of fp32 minus that of the artifact."""
        return None if self.accuracy is None else self.accuracy.loss["mean"]

    @property
    def max_diff(self) -> float | None:
        """Largest difference from PyTorch on the golden vectors."""
        return None if self.parity is None else self.parity.max_diff

    @property
    def psnr(self) -> float | None:
        """Peak signal-to-noise ratio in dB; None, too, where there is no noise at all."""
        return None if self.parity is None else self.parity.psnr

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


def cost_of(entry: Mapping[str, object]) -> PrecisionCost:
    """The cost in an artifact's entry of a manifest, which may lack both of its parts.

    Raises:
        BundleError: A part is damaged.
    """
    return PrecisionCost(_part(Parity, entry, "parity"), _part(Accuracy, entry, "accuracy"))


def psnr_words(psnr: float | None) -> str:
    """A peak signal-to-noise ratio of an artifact that was run."""
    return "no noise" if psnr is None else f"{psnr:.0f} dB"


def _part(kind: type[R], entry: Mapping[str, object], name: str) -> R | None:
    value = entry.get(name)
    return None if value is None else from_plain(kind, value, f"manifest.json: {name} of an artifact", BundleError)
