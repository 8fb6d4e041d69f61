"""What encoders share whose network takes windows of a fixed length: the choice of a layer, and one grid of time steps.

A network sees a whole window, such as 10 s, and gives many frames for it. An embedding is the mean of the frames in one
time step, such as 1 s. Steps follow each other without gaps over the whole sound, also where windows meet.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.record_messages import shown
from sentio_mobile.errors import AudioError, InputError

_ROUNDING = 1e-6
"""Share of a step by which a sound may be too short, because the length of a step in samples is not exact."""


def split_layer(place: str) -> tuple[str, int | None]:
    """Split `PLACE#layer=6` into the place and the number of the layer; None where no layer is chosen.

    Raises:
        InputError: The choice is not a whole number.
    """
    before, mark, choice = place.rpartition("#")
    if not mark or not choice.startswith("layer"):
        return place, None
    if not re.fullmatch(r"layer=[0-9]{1,4}", choice):
        raise InputError(f"#{shown(choice)[1:-1]} chooses no layer; write its number, as in #layer=6")
    return before, int(choice.removeprefix("layer="))


def require_layer(layer: int | None, first: int, last: int, where: str) -> None:
    """Refuse a layer that a network does not have.

    Raises:
        InputError: It is below `first` or above `last`.
    """
    if layer is not None and not first <= layer <= last:
        raise InputError(f"{where} has no layer {layer}; choose one from {first} to {last}")


def require_sound(pcm: NDArray[np.float32]) -> None:
    """Refuse what cannot be embedded.

    Raises:
        AudioError: The sound is empty or holds NaN or infinity.
    """
    if not len(pcm):
        raise AudioError("the sound is empty; an embedding needs at least one sample")
    if not np.isfinite(pcm).all():
        raise AudioError("the sound holds NaN or infinity; decode it again")


def embed_in_windows(
    pcm: NDArray[np.float32],
    embed_window: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    *,
    step: float,
    steps: int,
) -> NDArray[np.float32]:
    """Embed a sound of any length window by window.

    Windows follow each other; the last one ends with the sound's last whole step, and overlaps the one before. What
    remains after the last whole step is left out.

    Args:
        pcm: Mono sound [samples].
        embed_window: Gives the embeddings [steps, size] of one window. It gets `steps * step` samples, or the whole
            sound where that is shorter.
        step: Samples of a time step; need not be whole.
        steps: Time steps of a window.

    Returns:
        Embeddings [time, size]: one for each whole step of the sound, at least one.

    Raises:
        AudioError: The sound is empty or holds NaN or infinity.
    """
    require_sound(pcm)
    pcm = pcm.astype(np.float32, copy=False)
    count = max(1, int(len(pcm) / step + _ROUNDING))
    window, found, done = round(steps * step), [], 0
    for start in (*range(0, count - steps, steps), max(0, count - steps)):
        at = round(start * step)
        found.append(embed_window(pcm[at : at + window])[done - start : count - start])
        done = start + steps
    return np.concatenate(found).astype(np.float32, copy=False)


def means_by_step(
    frames: NDArray[np.float32], centres: NDArray[np.floating], *, step: float, steps: int
) -> NDArray[np.float32]:
    """Mean of the frames whose centre lies in each time step.

    Args:
        frames: Hidden states [frames, size] in the order of time.
        centres: Centre of each frame [frames] in samples, ascending. Each step has one at least.
        step: Samples of a time step.
        steps: Number of time steps. Frames after the last one are left out.

    Returns:
        [steps, size].
    """
    edges = np.searchsorted(centres, step * np.arange(steps + 1))
    sums = np.add.reduceat(frames[: edges[-1]], edges[:-1], axis=0)
    return (sums / np.diff(edges)[:, None]).astype(np.float32)
