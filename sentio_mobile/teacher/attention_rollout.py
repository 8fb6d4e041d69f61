"""Attention rollout: how much of each patch reaches the class token through all blocks (Abnar and Zuidema 2020).

Rollout follows attention alone and ignores what values and MLPs do with a patch. It shows where a model looks, not why
it predicts what it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.records import NonNegative, Record, Share, Text
from sentio_mobile.audio.decode import decode, fit_length
from sentio_mobile.audio.image import clip_to_input
from sentio_mobile.audio.logmel import log_mel
from sentio_mobile.errors import InputError
from sentio_mobile.models.capture import capture, check_blocks, require_capturable
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.spec import AudioSpec

Emotion = Annotated[float, Meta(ge=-1, le=1)]
"""Valence or arousal."""

Row = Annotated[tuple[Share, ...], Meta(max_length=10_000)]
"""Shares of the patches of one row."""


class ExplanationRecord(Record, frozen=True, kw_only=True):
    """An explanation as JSON: everything but the spectrogram."""

    # The audio file.
    song: Text
    # Start of the clip in seconds.
    start: NonNegative
    # End of the clip in seconds.
    end: NonNegative
    # Predicted valence.
    valence: Emotion
    # Predicted arousal.
    arousal: Emotion
    # Range of valence and arousal.
    scale: tuple[Literal[-1], Literal[1]] = (-1, 1)
    # Blocks whose attention was followed, from 0.
    blocks: Annotated[tuple[Annotated[int, Meta(ge=0, le=1000)], ...], Meta(max_length=1000)]
    # Height of a patch in mel bands.
    patch_mels: NonNegative
    # Width of a patch in seconds.
    patch_seconds: NonNegative
    # Share of each patch in the class token, by row (lowest frequencies first) and column.
    rollout: Annotated[tuple[Row, ...], Meta(max_length=10_000)]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A model's predictions for a clip, and where the model looks.

    Attributes:
        song: The audio file.
        start: Start of the clip in seconds.
        valence: Predicted valence in [-1, 1].
        arousal: Predicted arousal in [-1, 1].
        blocks: Blocks whose attention was followed, from 0.
        rollout: Share of each patch in the class token [rows, columns], lowest frequencies first. Together with the
            class token's share of itself, the shares sum to 1.
        levels: Log-mel of the clip [n_mels, n_frames] in dB relative to its loudest cell.
        covered: Parts of the spectrogram's height and width that the patches cover; above 1 if the last patch is
            padded.
        audio: Front end.
    """

    song: str
    start: float
    valence: float
    arousal: float
    blocks: tuple[int, ...]
    rollout: NDArray[np.float32]
    levels: NDArray[np.float32]
    covered: tuple[float, float]
    audio: AudioSpec

    def to_record(self) -> ExplanationRecord:
        """The explanation without the spectrogram, for JSON."""
        rows, columns = self.rollout.shape
        return ExplanationRecord(
            song=self.song,
            start=self.start,
            end=self.start + self.audio.seconds,
            valence=round(self.valence, 6),
            arousal=round(self.arousal, 6),
            blocks=self.blocks,
            patch_mels=self.covered[0] * self.audio.n_mels / rows,
            patch_seconds=self.covered[1] * self.audio.seconds / columns,
            rollout=tuple(tuple(round(float(share), 8) for share in row) for row in self.rollout),
        )


def explain(checkpoint: Checkpoint, song: Path, start: float = 0.0, blocks: Sequence[int] | None = None) -> Explanation:
    """Compute the attention rollout of one clip of a song.

    Args:
        checkpoint: A model with attention.
        song: An audio file.
        start: Start of the clip in seconds.
        blocks: Blocks whose attention is followed, from 0; all by default.

    Raises:
        InputError: The model has no attention or lacks one of the blocks, no block is chosen, or `start` is negative.
        AudioError: The song cannot be decoded, or ends before `start`.
    """
    if not 0 <= start < inf:
        raise InputError(f"a clip cannot start at {start} s; give seconds from the beginning of the song")
    model, spec = require_capturable(checkpoint.model), checkpoint.spec
    count = len(model.blocks)
    chosen = tuple(range(count)) if blocks is None else tuple(sorted(set(blocks)))
    if not chosen:
        raise InputError("no block is chosen; leave blocks out to follow all of them")
    check_blocks(count, chosen)
    audio = spec.audio
    clip = fit_length(decode(song, audio.sample_rate, start, audio.seconds), audio)
    image = torch.from_numpy(clip_to_input(clip, spec))
    with torch.inference_mode():
        captured = capture(checkpoint.model, image, attention=chosen)
        shares = patches_to_class(rollout([captured.attention[number] for number in chosen]), model.grid)
    height, width = image.shape[-2:]
    rows, columns = model.grid
    side = height // rows
    return Explanation(
        song=str(song),
        start=start,
        valence=float(captured.output[0, 0]),
        arousal=float(captured.output[0, 1]),
        blocks=chosen,
        rollout=shares[0].numpy(),
        levels=log_mel(clip, audio),
        covered=(rows * side / height, columns * side / width),
        audio=audio,
    )


def rollout(attention: Sequence[torch.Tensor]) -> torch.Tensor:
    """Multiply (A + I) / 2 over all blocks, A being a block's attention averaged over its heads.

    Abnar and Zuidema, Quantifying Attention Flow in Transformers, 2020, section 3. The identity stands for the residual
    path.

    Args:
        attention: Attention weights [batch, heads, tokens, tokens] of one or more blocks, first to last.

    Returns:
        Shares [batch, tokens, tokens]: how much of input token j is in output token i. Each row sums to 1.
    """
    shares = torch.eye(attention[0].shape[-1], device=attention[0].device).expand(attention[0].shape[0], -1, -1)
    for weights in attention:
        mixed = (weights.mean(dim=1) + torch.eye(weights.shape[-1], device=weights.device)) / 2
        shares = mixed @ shares
    return shares


def patches_to_class(shares: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
    """The class token's row of a rollout without its share of itself, as a grid [batch, rows, columns]."""
    return shares[:, 0, 1:].reshape(-1, *grid)
