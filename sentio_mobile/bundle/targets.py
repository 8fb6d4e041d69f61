"""What `export/targets.toml` holds."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

from sentio_mobile._internal.resources import ROOT
from sentio_mobile._internal.tables import read_table
from sentio_mobile.spec import Precision


@dataclass(frozen=True, kw_only=True)
class Targets:
    """See the file; the tables are by precision."""

    min_spread: float
    min_kept_spread: float
    min_narrow: float
    parity: Mapping[str, float]
    psnr: Mapping[str, float]
    loss: Mapping[str, float]
    parity_arm64: Mapping[str, float] = field(default_factory=dict)

    def tolerance(self, precision: Precision, arm64: bool = False) -> float:
        """The largest difference from PyTorch, on processors of the kind that is asked about."""
        return self.parity_arm64.get(precision, self.parity[precision]) if arm64 else self.parity[precision]


def load_targets() -> Targets:
    """The targets that stand in `export/targets.toml`."""
    return read_table(Targets, tomllib.loads((ROOT / "export" / "targets.toml").read_text()), "export/targets.toml")
