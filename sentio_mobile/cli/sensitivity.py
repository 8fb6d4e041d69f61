"""What `sentio-mobile export --sensitivity` writes and says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sentio_mobile.cli.options import console

if TYPE_CHECKING:
    from sentio_mobile.quantization.sensitivity import Sensitivity

RECORD, PICTURE = "sensitivity.json", "sensitivity.png"


def rank(checkpoint: Path, data_folder: Path, out: Path, force: bool) -> None:
    """Rank a checkpoint's layers, write the ranking and its picture to the folder `out`, and show it."""
    import dataclasses

    from sentio_mobile._internal.files import new_folder, sha256, write_json
    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.models.blocks import fold_norms
    from sentio_mobile.models.checkpoint import WEIGHTS, Checkpoint
    from sentio_mobile.quantization.calibration import calibration_of
    from sentio_mobile.quantization.sensitivity import CLIPS, rank_layers
    from sentio_mobile.quantization.sensitivity_chart import draw_sensitivity

    data, loaded = open_data(data_folder), Checkpoint.load(checkpoint)
    fold_norms(loaded.model.eval())
    with Bars() as bars:
        found = rank_layers(loaded.model, loaded.spec, calibration_of(data, loaded.spec, CLIPS), bars)
    with new_folder(out, force) as part:
        record = {"checkpoint_sha256": sha256(checkpoint / WEIGHTS), **dataclasses.asdict(found)}
        write_json(part / RECORD, record)
        draw_sensitivity(part / PICTURE, found)
    _show(found)
    console.print(f"Figures and picture: {out}. Next: sentio-mobile export --keep-float LAYER", soft_wrap=True)


def _show(found: Sensitivity) -> None:
    from rich.table import Column, Table

    spread = ", ".join(f"{name} {sd:.2f}" for name, sd in zip(("valence", "arousal"), found.spread, strict=True))
    console.print(f"{found.clips} training clips; standard deviation of their answers in 32 bits: {spread}")
    # Folded, never cut: the name is what --keep-float is given.
    figures = (Column(name, no_wrap=True) for name in ("kind", "weights", "RMS change", "largest change"))
    table = Table(Column("layer", overflow="fold"), *figures)
    for cost in found.layers:
        table.add_row(
            cost.layer, cost.kind, f"{cost.weights:,}", f"{cost.change.rms:.1e}", f"{cost.change.largest:.1e}"
        )
    table.add_section()
    weights, together = sum(cost.weights for cost in found.layers), found.together
    table.add_row("all at once", "", f"{weights:,}", f"{together.rms:.1e}", f"{together.largest:.1e}")
    console.print(table)
