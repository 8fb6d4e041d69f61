"""The gates of an export: every artifact is run and checked before it gets into a bundle.

An artifact is refused if it is not what its precision promises: too few of its weights are stored in the precision's
type (some tools quantize nothing and do not say so), its predictions on the golden vectors are too far from PyTorch's,
or it loses too much CCC on validation songs, because an artifact close to PyTorch on a few vectors may still order
songs differently. Where a model was trained without validation songs, training songs take their place: what rounding
costs shows on them too, though the CCC itself does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from sentio_mobile._internal.progress import Progress
from sentio_mobile.bundle.accuracy import Accuracy, Outputs, Split, measure_accuracy, predict_split
from sentio_mobile.bundle.golden import Golden
from sentio_mobile.bundle.parity import Parity, measure_parity
from sentio_mobile.bundle.targets import Targets, load_targets
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.formats.operators.allow_list import unknown_operators
from sentio_mobile.formats.process import open_artifact
from sentio_mobile.formats.registry import get_format
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.quantization.layer_choice import head_weights, quantizable_layers
from sentio_mobile.spec import Artifact, Precision


def gate_split(data: PreparedData) -> Split:
    """The split whose songs decide whether an artifact is refused. Only the final evaluation reads test songs."""
    return "val" if len(data.split("val")) else "train"


_STORED_AS: Mapping[Precision, tuple[str, ...]] = {
    "fp16": ("float16",),
    "int8-dynamic": ("int8", "uint8"),
    "int8": ("int8", "uint8"),
    "int8-full": ("int8", "uint8"),
}
"""The types in which a precision stores weights."""


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """What the gates found for one artifact."""

    artifact: Artifact
    parity: Parity
    # None without songs, and in the form `waveform` without their sound: prepared songs have no PCM.
    accuracy: Accuracy | None
    # Why it is not what its precision promises; empty if it is.
    refusal: str


def run_gates(
    artifacts: Sequence[Artifact],
    loaded: Checkpoint,
    *,
    golden: Golden,
    data: PreparedData | None,
    progress: Progress,
    keep_float: Sequence[str] = (),
    music: Path | None = None,
) -> list[GateResult]:
    """Run every artifact that can be run here, and check it.

    An fp32 artifact promises nothing but itself, and `verify` checks it; it is refused only for an operator that is not
    on the list of `sentio_mobile.formats.operators`. An artifact in the form
    `waveform` is refused with the one in the form `spectrogram`, which has the same network.

    Args:
        artifacts: Artifacts of one checkpoint.
        loaded: The checkpoint, its norms folded.
        golden: The checkpoint's golden vectors.
        data: Prepared songs; None skips the check on validation songs.
        progress: Advances artifact by artifact.
        keep_float: Names of layers that int8 and int8-dynamic were told to leave in floating point.
        music: The folder that the songs were prepared from; with it the form `waveform` predicts them too, from their
            sound.
    """
    targets, spec = load_targets(), loaded.spec
    split = "val" if data is None else gate_split(data)
    fp32 = (
        None
        if data is None
        else predict_split(_network(loaded), data, split=split, spec=spec, progress=progress, name="PyTorch")
    )
    results: list[GateResult] = []
    for artifact in artifacts:
        format_, is_promise = get_format(artifact.format), artifact.precision != "fp32"
        parity = measure_parity(artifact, golden, spec=spec, targets=targets)
        accuracy, refusal = None, ""
        if parity.verdict != "not run":
            if is_promise:
                stored = format_.stored_numbers(artifact.path)
                weights = _quantized_weights(loaded, artifact.precision, keep_float)
                refusal = check_stored(artifact.precision, stored, weights=weights, targets=targets) or parity.reason
            has_input = artifact.form == "spectrogram" or music is not None
            if data is not None and fp32 is not None and has_input and not refusal:
                own = spec.in_form(artifact.form)
                predictions = predict_split(
                    open_artifact(artifact, own),
                    data,
                    split=split,
                    spec=own,
                    progress=progress,
                    name=artifact.label,
                    music=music,
                )
                accuracy = measure_accuracy(
                    artifact,
                    data.split(split).labels,
                    predictions=predictions,
                    fp32_predictions=fp32,
                    split=split,
                    targets=targets,
                )
                refusal = accuracy.reason if is_promise else ""
        if unknown := unknown_operators(format_, artifact.path):
            # Its own `verify` would refuse the bundle.
            refusal = f"asks for {', '.join(unknown)}, not on the list of operators; its student's package can add them"
        results.append(GateResult(artifact=artifact, parity=parity, accuracy=accuracy, refusal=refusal))
    return [_refused_with_network(result, results) for result in results]


def check_stored(precision: Precision, stored: Mapping[str, int], *, weights: int, targets: Targets) -> str | None:
    """Check that an artifact's weights are stored in the precision's type.

    Args:
        precision: The artifact's precision.
        stored: How many numbers the artifact stores of each type; empty if its format cannot be read for this.
        weights: Number of weights that the precision quantizes. Biases and positions may stay in floating point.
        targets: The limits.

    Returns:
        The reason to refuse the artifact; None if there is none.
    """
    if precision not in _STORED_AS or not stored:
        return None
    types = _STORED_AS[precision]
    share = sum(stored.get(name, 0) for name in types) / weights
    if share >= targets.min_quantized:
        return None
    return f"only {share:.0%} of as many numbers as the network has weights, {weights:,}, are {' or '.join(types)}"


def _quantized_weights(loaded: Checkpoint, precision: Precision, keep_float: Sequence[str]) -> int:
    """How many weights a precision quantizes: those of all layers, but for layers that may stay in floating point."""
    spared = set(keep_float) if precision in ("int8-dynamic", "int8") else set()
    if precision == "int8":
        # Formats may leave the output layers as they are.
        spared |= set(head_weights(loaded.model))
    return sum(layer.weight.numel() for name, layer in quantizable_layers(loaded.model).items() if name not in spared)


def _network(loaded: Checkpoint) -> Callable[[Outputs], Outputs]:
    def run(inputs: Outputs) -> Outputs:
        with torch.inference_mode():
            predictions: Outputs = loaded.model(torch.from_numpy(inputs)).numpy()
        return predictions

    return run


def _refused_with_network(result: GateResult, results: Sequence[GateResult]) -> GateResult:
    """Refuse an artifact, too, if its network was refused in the form `spectrogram`; never the other way round."""
    network = (result.artifact.format, result.artifact.precision, "spectrogram")
    if result.refusal:
        return result
    for other in results:
        if (other.artifact.format, other.artifact.precision, other.artifact.form) == network and other.refusal:
            return replace(result, refusal=f"the same network in the form spectrogram: {other.refusal}")
    return result
