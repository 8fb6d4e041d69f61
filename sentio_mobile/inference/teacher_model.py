"""Predictions by what is no bundle: a probe with its encoder, or a network's checkpoint, in the shape of a predictor.

Nothing heavy is imported until one is opened: telling it from a bundle must stay fast.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import is_file
from sentio_mobile.formats.base import Runner
from sentio_mobile.inference.predictor import Predictor
from sentio_mobile.spec import ModelSpec

PROBE_SHEET, CHECKPOINT_SHEET = "probe.json", "checkpoint.json"
"""Files by which the folders of both are known."""

BATCH = 4
"""Windows that a network takes at once in PyTorch; more of them are no faster, and need more memory."""


def is_teacher(place: Path) -> bool:
    """Whether a place is the folder of a probe or of a checkpoint."""
    return any(is_file(place / name) for name in (PROBE_SHEET, CHECKPOINT_SHEET))


def open_teacher(folder: Path, threads: int = 1) -> Predictor:
    """Open a probe or a checkpoint for predictions. It has no golden vectors to be checked against.

    Args:
        folder: A folder that `teacher probe`, `teacher train` or `distill` wrote.
        threads: Threads that the network may use, at least 1.

    Raises:
        CheckpointError: The folder is damaged.
        InputError: A probe's encoder is not installed, or is another version of the one that the probe was made for.
    """
    if is_file(folder / PROBE_SHEET):
        from sentio_mobile.teacher.probe.listen import ListeningProbe
        from sentio_mobile.teacher.probe.probe import Probe

        probe = Probe.load(folder)
        # A probe hears PCM: its encoder has a front end of its own.
        spec = ModelSpec(
            architecture="probe", audio=probe.sheet.audio, form="waveform", uncertainty=probe.sheet.uncertainty
        )
        return Predictor(spec=spec, run=_with_threads(ListeningProbe(probe).predict, threads))
    import torch

    from sentio_mobile.models.checkpoint import Checkpoint

    checkpoint = Checkpoint.load(folder)
    network = checkpoint.model.eval()

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(network(torch.from_numpy(images)).numpy())

    return Predictor(spec=checkpoint.spec, run=_with_threads(run, threads), batch=BATCH)


def _with_threads(run: Runner, threads: int) -> Runner:
    """The same with so many threads. Torch has one number of them for the whole process: it is restored."""
    import torch

    def limited(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            return run(inputs)
        finally:
            torch.set_num_threads(before)

    return limited
