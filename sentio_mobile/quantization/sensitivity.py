"""Quantization sensitivity: how much the predictions change when each layer alone is rounded to 8 bits.

The rounding is simulated with the arithmetic that all formats share. A runtime rounds more tensors and spares others,
so the ranking of the layers carries over to it, not the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from matplotlib.axes import Axes
from msgspec import Meta
from torch import nn

from sentio_mobile._internal.charts import LIGHT, write_chart
from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import Count, Name, NonNegative, Record
from sentio_mobile.quantization.activation_ranges import LayerRanges, measure_ranges
from sentio_mobile.quantization.calibration import Calibration, CalibrationOrigin
from sentio_mobile.quantization.fake_quant import fake_quantized_layers
from sentio_mobile.quantization.layer_choice import Layer, quantizable_layers
from sentio_mobile.spec import ModelSpec

CLIPS = 16
"""Default number of clips. Each runs once per layer: more of them hardly change the ranking, and take minutes."""

_ROW_INCHES = 0.19


class OutputChange(Record, frozen=True, kw_only=True):
    """How far predictions move, on the scale from -1 to 1, over clips and both outputs."""

    # Root mean square of the changes.
    rms: NonNegative
    # Largest absolute change.
    max: NonNegative


class LayerSensitivity(Record, frozen=True, kw_only=True):
    """The effect of rounding the weights, input and output of one layer."""

    # Name of the layer, as `export --keep-float` takes it.
    layer: Name
    # Class of the layer: `Linear`, `Conv1d` or `Conv2d`.
    kind: Name
    # Number of weights.
    weights: Count
    # Change of the predictions when this layer alone is rounded.
    change: OutputChange


class Sensitivity(Record, frozen=True, kw_only=True):
    """The layers of a network, ranked by the effect of rounding each of them alone."""

    # Number of clips that the network was run on.
    clips: Count
    # Standard deviation of valence and arousal over the clips in fp32, as a yardstick for the changes.
    output_std: tuple[NonNegative, NonNegative]
    # The layers, the most sensitive first.
    layers: Annotated[tuple[LayerSensitivity, ...], Meta(max_length=100_000)]
    # Change of the predictions when all layers are rounded together.
    all_layers: OutputChange
    # Where the clips come from; None if that is not known.
    origin: CalibrationOrigin | None = None


def rank_layers(
    model: nn.Module, spec: ModelSpec, calibration: Calibration, progress: Progress | None = None
) -> Sensitivity:
    """Round each layer alone and measure the change of the predictions.

    Args:
        model: The network, in evaluation mode and with folded norms. It is not changed.
        spec: The model's spec.
        calibration: Clips on which ranges and predictions are computed.
        progress: Receives each layer.
    """
    progress = progress or NoProgress()
    images = torch.from_numpy(np.concatenate(list(calibration.inputs(spec))))
    layers = quantizable_layers(model)
    progress.start("rounding layer by layer", len(layers) + 1)
    with torch.no_grad():
        ranges = measure_ranges(model, layers, images)
        predictions = model(images)
        sensitivities = []
        for name, layer in layers.items():
            progress.advance(0, note=name)
            change = output_change(model, images, predictions=predictions, layers=[layer], ranges=ranges)
            sensitivities.append(
                LayerSensitivity(layer=name, kind=_kind(layer), weights=layer.weight.numel(), change=change)
            )
            progress.advance()
        all_layers = output_change(model, images, predictions=predictions, layers=list(layers.values()), ranges=ranges)
    progress.finish()
    valence_std, arousal_std = (float(sd) for sd in predictions.std(dim=0, correction=0))
    return Sensitivity(
        clips=len(images),
        output_std=(valence_std, arousal_std),
        # Ties are broken by name, so that the ranking is reproducible.
        layers=tuple(sorted(sensitivities, key=lambda one: (-one.change.rms, one.layer))),
        all_layers=all_layers,
        origin=calibration.origin,
    )


def output_change(
    model: nn.Module,
    images: torch.Tensor,
    *,
    predictions: torch.Tensor,
    layers: Sequence[Layer],
    ranges: Mapping[Layer, LayerRanges],
) -> OutputChange:
    """Measure how far predictions move when some layers are rounded together.

    Args:
        model: The network.
        images: Network input [clips, 3, height, width].
        predictions: The network's predictions in fp32 [clips, 2].
        layers: The layers to round.
        ranges: Their activation ranges.
    """
    with fake_quantized_layers(layers, ranges):
        difference = (model(images) - predictions).abs().double()
    return OutputChange(rms=float(difference.square().mean().sqrt()), max=float(difference.max()))


def draw_sensitivity(path: Path, sensitivity: Sensitivity) -> None:
    """Draw one bar per layer, the most sensitive on top, with a mark at the largest change of any prediction.

    Args:
        path: A .png or .svg file.
        sensitivity: The ranking.

    Raises:
        OutputError: The file cannot be written.
    """
    rows = [(one.layer, one.change) for one in sensitivity.layers]
    rows = [("all layers", sensitivity.all_layers), *rows]

    def draw(axes: Axes) -> None:
        for row, (_, change) in enumerate(rows):
            axes.barh(row, change.rms, height=0.7, color=LIGHT.second if row == 0 else LIGHT.first)
            axes.plot([change.max], [row], "|", color=LIGHT.ink, label="largest change" if row == 0 else None)
        axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=7)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(left=0)
        axes.set_xlabel(
            f"change of predictions when this layer alone is int8: root mean square, {sensitivity.clips} clips"
        )
        axes.legend(loc="lower right", frameon=False)

    write_chart(path, (8, 1 + _ROW_INCHES * len(rows)), draw)


def _kind(layer: Layer) -> str:
    # The output projection of nn.MultiheadAttention is of a class derived from Linear.
    return "Linear" if isinstance(layer, nn.Linear) else type(layer).__name__
