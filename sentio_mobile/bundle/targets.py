"""The limits that exported artifacts must meet: `export/targets.toml`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from sentio_mobile._internal.records import Record, Share, from_plain, read_toml
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.errors import RecordError
from sentio_mobile.spec import PRECISIONS, Precision

Difference = Annotated[float, Meta(gt=0, le=2)]
"""A difference of outputs, which lie in [-1, 1]."""
Loss = Annotated[float, Meta(ge=-2, le=2)]
"""A loss of mean CCC; below zero it is a gain."""
Decibels = Annotated[float, Meta(ge=0, le=200)]


class Targets(Record, frozen=True, kw_only=True):
    """The limits, by precision where they depend on it; the file explains each."""

    # Smallest standard deviation of each output over the golden vectors.
    min_spread: Annotated[float, Meta(gt=0, le=1)]
    # Smallest standard deviation of an artifact's outputs over the golden vectors, relative to PyTorch's.
    min_std_ratio: Share
    # Smallest share of the network's weights that must be stored in the precision's type.
    min_quantized: Share
    # Largest absolute difference from PyTorch on any golden vector.
    parity: dict[Precision, Difference]
    # Smallest peak signal-to-noise ratio on the golden vectors, in dB.
    psnr: dict[Precision, Decibels]
    # Largest loss of mean CCC against fp32 on the same songs.
    loss: dict[Precision, Loss]
    # The same as `parity` on ARM64 processors; precisions that are missing here are as there.
    parity_arm64: dict[Precision, Difference] = field(default_factory=dict)

    def check(self) -> None:
        """Every precision needs its limits."""
        for name in ("parity", "psnr", "loss"):
            if missing := [precision for precision in PRECISIONS if precision not in getattr(self, name)]:
                raise RecordError(f"{name} lacks the precision {missing[0]}")

    def tolerance(self, precision: Precision, arm64: bool = False) -> float:
        """The largest difference from PyTorch that passes, on ARM64 or on this machine."""
        return self.parity_arm64.get(precision, self.parity[precision]) if arm64 else self.parity[precision]


def load_targets() -> Targets:
    """Read `export/targets.toml`.

    Raises:
        InputError: A limit is missing or out of its range.
    """
    path = ROOT / "export" / "targets.toml"
    return from_plain(Targets, read_toml(path), str(path))
