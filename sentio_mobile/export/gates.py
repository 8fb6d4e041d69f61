"""Every artifact of a bundle is run before it is given out: on the golden vectors, and on validation songs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import replace
from sentio_mobile.bundle.accuracy import Accuracy, accuracy_of, answers_on
from sentio_mobile.bundle.check_quantized import weights_that_stayed_wide
from sentio_mobile.bundle.golden import Golden
from sentio_mobile.bundle.parity import Answers, Parity, parity_here
from sentio_mobile.bundle.targets import load_targets
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.formats.registry import get_format
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.quantization.layer_choice import head_weights, layer_weights, quantizable_layers
from sentio_mobile.spec import Artifact

SPLIT = "val"
"""Whose songs say whether an artifact is given out: test songs are read once, by the final evaluation."""


@dataclass(frozen=True)
class GateResult:
    """One artifact. `accuracy` is None without songs, and for PCM, which prepared songs do not keep.

    `refusal` is why it is not what its precision promises; empty where it is.
    """

    artifact: Artifact
    parity: Parity
    accuracy: Accuracy | None
    refusal: str


def run_gates(
    artifacts: Sequence[Artifact],
    loaded: Checkpoint,
    *,
    golden: Golden,
    data: PreparedData | None,
    progress: Progress,
    keep_float: Sequence[str] = (),
) -> list[GateResult]:
    """Run every artifact that can be run here.

    A 32-bit artifact is never refused: it promises nothing but itself, and `verify` judges it. What is fed PCM has the
    network of the artifact that is fed pictures: where that one is refused, so is this one.

    Args:
        artifacts: of one checkpoint.
        loaded: the checkpoint, its norms folded.
        golden: its golden vectors.
        data: prepared songs.
        progress: shown artifact by artifact.
        keep_float: layers that 8 bits were to leave as they are.
    """
    targets = load_targets()
    wide = (
        None
        if data is None
        else answers_on(_network(loaded), data, split=SPLIT, spec=loaded.spec, progress=progress, what="PyTorch")
    )
    weights = sum(layer.weight.numel() for layer in quantizable_layers(loaded.model).values())
    kept = layer_weights(loaded.model, keep_float)
    # In 8 bits with ranges, formats may leave these as they are.
    spared = {"int8-dynamic": kept, "int8": {**head_weights(loaded.model), **kept}}
    judged: list[GateResult] = []
    for artifact in artifacts:
        parity = parity_here(artifact, golden, spec=loaded.spec, targets=targets)
        ran, promises = parity.verdict != "not run", artifact.precision != "fp32"
        accuracy, refusal = None, ""
        if ran and promises:
            numbers = get_format(artifact.format).stored_numbers(artifact.path)
            promised = weights - sum(weight.size for weight in spared.get(artifact.precision, {}).values())
            refusal = weights_that_stayed_wide(artifact, numbers, promised, targets) or parity.reason
        if data is not None and wide is not None and ran and artifact.form == "spectrogram" and not refusal:
            run = get_format(artifact.format).open(artifact.path, loaded.spec, 1)
            answers = answers_on(run, data, split=SPLIT, spec=loaded.spec, progress=progress, what=artifact.label)
            accuracy = accuracy_of(
                artifact, data.split(SPLIT).labels, answers=answers, wide=wide, split=SPLIT, targets=targets
            )
            refusal = accuracy.reason if promises else ""
        judged.append(GateResult(artifact, parity, accuracy, refusal))
    return [_with_its_network(one, judged) for one in judged]


def _network(loaded: Checkpoint) -> Callable[[Answers], Answers]:
    def run(given: Answers) -> Answers:
        with torch.inference_mode():
            answers: Answers = loaded.model(torch.from_numpy(given)).numpy()
        return answers

    return run


def _with_its_network(one: GateResult, judged: Sequence[GateResult]) -> GateResult:
    """Refused, too, if its network was refused in the form that is fed pictures; never the other way round."""
    who = (one.artifact.format, one.artifact.precision, "spectrogram")
    if one.refusal:
        return one
    for other in judged:
        if (other.artifact.format, other.artifact.precision, other.artifact.form) == who and other.refusal:
            return replace(one, refusal=f"the same network, fed pictures: {other.refusal}")
    return one
