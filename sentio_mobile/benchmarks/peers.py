"""Other networks beside a bundle's: networks of timm, and the same student as PyTorch's exporter alone writes it.

A peer has random weights, whose norms were set by the bundle's golden vectors: neither size nor speed depends on
training, and its accuracy is not known. It is converted by the code that makes a bundle's artifacts, in a process of
its own, and is timed in turns with them.
"""

from __future__ import annotations

import copy
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.records import replace, write_record
from sentio_mobile._internal.subprocesses import exit_cause, run_logged
from sentio_mobile.errors import ConversionError, InputError, SentioError
from sentio_mobile.export.conversion import ConversionJob, convert
from sentio_mobile.formats.registry import get_format
from sentio_mobile.models.config import TimmSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.spec import Artifact, ModelSpec, Precision

if TYPE_CHECKING:
    from torch import nn

PLAIN = "plain"
"""The name of the bundle's own network as `torch.onnx.export` alone writes it."""
MAX_PEERS = 20
PEER_PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")
CONVERSION_LIMIT_S = 900.0
"""Seconds that a conversion of a peer may take."""

_FIRST_NORMS = 0.1
"""Standard deviation of the norms' weights that a network starts with at zero: it would say the same of all clips."""


@dataclass(frozen=True, kw_only=True)
class PeerFiles:
    """What one peer became.

    Attributes:
        name: Its name on the command line.
        spec: Its spec.
        parameters: Its weights, norms folded; as the file of `plain` has them, not folded.
        multiply_accumulates: Multiplications with additions of one clip, without the front end.
        artifacts: Its files.
        failed: Why there is no file, by format or by format and precision.
    """

    name: str
    spec: ModelSpec
    parameters: int
    multiply_accumulates: int
    artifacts: tuple[Artifact, ...]
    failed: dict[str, str]


def peer_names(text: str) -> tuple[str, ...]:
    """Names from `NAME,NAME`, each once.

    Raises:
        InputError: There is none, or there are too many.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not 1 <= len(names) <= MAX_PEERS:
        raise InputError(f"peers are 1 to {MAX_PEERS} names with commas between them, not {len(names)}")
    return names


def peer_spec(name: str, spec: ModelSpec) -> ModelSpec:
    """The spec of a peer that hears what a bundle's model hears, and sees the same image.

    Raises:
        InputError: Neither `plain` nor a network of timm has that name, or it does not take such an image.
        MissingExtraError: timm is not installed.
    """
    if name == PLAIN:
        return spec
    found = replace(spec_of(TimmSettings(name=name), spec.audio), form=spec.form)
    # A wrong name is told now, and not after minutes of conversions.
    build(found)
    return found


def random_network(spec: ModelSpec, inputs: Sequence[NDArray[np.float32]]) -> nn.Module:
    """A network with random weights whose norms have the statistics of the inputs, so that numbers stay moderate.

    Args:
        spec: The network's spec.
        inputs: Inputs in the form `spectrogram`, [1, 3, height, width] each.
    """
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = build(spec)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.momentum = None  # the mean over all batches
                if module.weight is not None and not module.weight.any():
                    nn.init.normal_(module.weight, std=_FIRST_NORMS)
        model.train()(torch.from_numpy(np.concatenate(inputs)))
    return model.eval()


def costs_of(model: nn.Module, example: NDArray[np.float32]) -> tuple[int, int]:
    """A network's weights with its norms folded, and its multiply-accumulates of one input."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    from sentio_mobile.models.blocks import fold_norms

    folded = copy.deepcopy(model).eval()
    fold_norms(folded)
    counter = FlopCounterMode(display=False)
    # The counter does not know the fused attention of a CPU; as products of matrices it is counted.
    with counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        folded(torch.from_numpy(example))
    return sum(weight.numel() for weight in folded.parameters()), counter.get_total_flops() // 2


def make_peer(
    name: str,
    spec: ModelSpec,
    images: NDArray[np.float32],
    *,
    wanted: dict[str, tuple[Precision, ...]],
    folder: Path,
) -> PeerFiles:
    """Make the files of a peer. A conversion that fails is told with its reason, and costs no other.

    Args:
        name: Its name; `plain` becomes one ONNX file of PyTorch's exporter.
        spec: Its spec, in the form that is made.
        images: Images [clips, height, width], before standardization: its norms and activation ranges are from these.
        wanted: Precisions by format.
        folder: An empty folder for its files.
    """
    from sentio_mobile.models.checkpoint import Checkpoint

    calibration = Calibration(images)
    inputs = list(calibration.inputs(spec))
    model = random_network(spec, inputs)
    parameters, operations = costs_of(model, inputs[0])
    checkpoint = folder / "checkpoint"
    Checkpoint(model=model, spec=spec.in_form("spectrogram")).save(checkpoint)
    artifacts: list[Artifact] = []
    failed: dict[str, str] = {}
    if name == PLAIN:
        parameters = sum(weight.numel() for weight in model.parameters())
        try:
            artifacts.append(_plain(checkpoint, spec, folder))
        except SentioError as error:
            failed["onnx"] = str(error)
        wanted = {}  # PyTorch's exporter makes this one file
    for format_name, precisions in wanted.items():
        known = get_format(format_name).precisions_of(spec.form)
        job = ConversionJob(
            format=format_name,
            form=spec.form,
            precisions=tuple(one for one in precisions if one in known),
            stem=re.sub(r"\W", "_", name),
        )
        try:
            made = convert(
                checkpoint,
                job,
                folder=folder,
                log=folder / f"{format_name}.log",
                timeout_s=CONVERSION_LIMIT_S,
                calibration=calibration,
            )
        except SentioError as error:
            failed[format_name] = _without_log(error)
            continue
        artifacts += made.artifacts
        failed |= {f"{format_name} {precision}": _without_log(why) for precision, why in made.failures.items()}
    return PeerFiles(
        name=name,
        spec=spec,
        parameters=parameters,
        multiply_accumulates=operations,
        artifacts=tuple(artifacts),
        failed=failed,
    )


def _plain(checkpoint: Path, spec: ModelSpec, folder: Path) -> Artifact:
    """Export a checkpoint with PyTorch's exporter alone.

    Raises:
        ConversionError: It failed.
    """
    write_record(folder / "spec.json", spec)
    log, path = folder / "plain.log", folder / "plain.onnx"
    command = [sys.executable, "-m", "sentio_mobile.benchmarks.plain_export", str(checkpoint), str(path)]
    status = run_logged(command, log, CONVERSION_LIMIT_S, folder)
    if status != 0 or not path.is_file():
        lines = log.read_text(errors="replace").strip().splitlines()
        reason = exit_cause(status, CONVERSION_LIMIT_S) or (lines[-1] if lines else f"exit status {status}")
        raise ConversionError(f"torch.onnx.export failed: {reason}")
    return Artifact("onnx", "fp32", spec.form, path)


def _without_log(error: object) -> str:
    """A reason without the log, which is gone with its folder."""
    return str(error).partition("; the log is ")[0]
