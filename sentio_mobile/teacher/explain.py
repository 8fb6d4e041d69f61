"""Where a teacher looks when it hears a song."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sentio_mobile.audio.decode import decode, fit_length
from sentio_mobile.audio.image import clip_to_input
from sentio_mobile.audio.logmel import log_mel
from sentio_mobile.errors import InputError
from sentio_mobile.models.capture import check_blocks, observe, require_observable
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.attention_rollout import patches_to_class, rollout


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a model answers for a clip, and where it looks.

    Attributes:
        song: the file, as it was given.
        start: where the clip begins, in seconds.
        valence: the answer, from -1 to 1.
        arousal: the answer, from -1 to 1.
        blocks: those whose attention was followed, the first being 0.
        rollout: shares [rows, columns] of the patches in the class token, the lowest frequencies first; with the class
            token's share of itself they sum to 1.
        levels: the log-mel that the model saw [n_mels, n_frames], in dB relative to its loudest cell.
        covered: parts of the spectrogram's height and width that the patches lie on; beyond 1 where the last is padded.
        audio: the front end.
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

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: everything but the spectrogram. Times are in seconds."""
        rows, columns = self.rollout.shape
        return {
            "song": self.song,
            "start": self.start,
            "end": self.start + self.audio.seconds,
            "valence": round(self.valence, 6),
            "arousal": round(self.arousal, 6),
            "scale": [-1, 1],
            "blocks": list(self.blocks),
            "patch_mels": self.covered[0] * self.audio.n_mels / rows,
            "patch_seconds": self.covered[1] * self.audio.seconds / columns,
            "rollout": [[round(float(share), 8) for share in row] for row in self.rollout],
        }


def explain(checkpoint: Checkpoint, song: Path, start: float = 0.0, blocks: Sequence[int] | None = None) -> Explanation:
    """Attention rollout of one clip of a song.

    Args:
        checkpoint: a model whose blocks attend.
        song: an audio file.
        start: where the clip begins, in seconds.
        blocks: whose attention is followed, the first being 0; all by default.

    Raises:
        InputError: the model has no attention, no such block, or none is chosen, or `start` is before the song.
        AudioError: the song cannot be used.
    """
    if not 0 <= start < inf:
        raise InputError(f"a clip cannot start at {start} s; give seconds from the beginning of the song")
    model, spec = require_observable(checkpoint.model), checkpoint.spec
    count = len(model.blocks)
    chosen = tuple(range(count)) if blocks is None else tuple(sorted(set(blocks)))
    if not chosen:
        raise InputError("no block is chosen; leave blocks out to follow all of them")
    check_blocks(count, chosen)
    audio = spec.audio
    clip = fit_length(decode(song, audio.sample_rate, start, audio.seconds), audio)
    picture = torch.from_numpy(clip_to_input(clip, spec))
    with torch.inference_mode():
        seen = observe(checkpoint.model, picture, attention=chosen)
        shares = patches_to_class(rollout([seen.attention[number] for number in chosen]), model.grid)
    height, width = picture.shape[-2:]
    rows, columns = model.grid
    side = height // rows
    return Explanation(
        song=str(song),
        start=start,
        valence=float(seen.output[0, 0]),
        arousal=float(seen.output[0, 1]),
        blocks=chosen,
        rollout=shares[0].numpy(),
        levels=log_mel(clip, audio),
        covered=(rows * side / height, columns * side / width),
        audio=audio,
    )
