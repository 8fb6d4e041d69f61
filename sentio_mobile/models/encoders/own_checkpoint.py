"""Checkpoints of this package as encoders: `ckpt:FOLDER`, and `ckpt:FOLDER#layer=6`.

Any network of tokens will do, a student as well as a vision transformer. An embedding is the mean of the patches in one
column of the image, which is one stretch of time. The class token is of the whole clip, and is left out.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sentio_mobile.audio.decode import fit_length
from sentio_mobile.audio.image import clip_to_input
from sentio_mobile.errors import CheckpointError, InputError
from sentio_mobile.models.capture import capture, require_capturable
from sentio_mobile.models.checkpoint import SHEET, Checkpoint, read_sheet
from sentio_mobile.models.encoders.base import EncoderInfo
from sentio_mobile.models.encoders.windowed import embed_in_windows, require_layer, split_layer

PREFIX = "ckpt:"

_VERSION = 1
"""Version of what is done with tokens. Embeddings of another version are made again."""


class CheckpointEncoder:
    """A network of tokens as an encoder.

    Args:
        checkpoint: The checkpoint; its network is `Capturable` and in evaluation mode.
        layer: The block whose output tokens are used, counted from 1; None for the last one.
        info: The encoder's facts.
    """

    def __init__(self, checkpoint: Checkpoint, layer: int | None, info: EncoderInfo) -> None:
        self.checkpoint, self.info = checkpoint, info
        self.network = require_capturable(checkpoint.model)
        self.block = (layer or len(self.network.blocks)) - 1

    def embed(self, pcm: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings [time, width] of a mono sound; see `AudioEncoder.embed`.

        A sound longer than the network's clip is embedded clip by clip. A shorter one is filled up as the checkpoint
        says, with silence or by repeating it, and only columns within the sound are given.

        Raises:
            AudioError: The sound is empty or holds NaN or infinity.
            CheckpointError: The weights give NaN or infinity.
        """
        audio, (_, columns) = self.checkpoint.spec.audio, self.network.grid
        return embed_in_windows(pcm, self._embed_clip, step=audio.n_samples / columns, steps=columns)

    def _embed_clip(self, pcm: NDArray[np.float32]) -> NDArray[np.float32]:
        spec = self.checkpoint.spec
        image = torch.from_numpy(clip_to_input(fit_length(pcm, spec.audio), spec))
        with torch.inference_mode():
            tokens = capture(self.checkpoint.model, image, hidden=(self.block,)).hidden[self.block][0]
        columns = tokens[1:].reshape(*self.network.grid, self.network.width).mean(dim=0).numpy()
        if not np.isfinite(columns).all():
            raise CheckpointError(f"{self.info.name} gives NaN or infinity; train it again")
        return columns


def load(place: str) -> CheckpointEncoder:
    """Load an encoder.

    Args:
        place: A checkpoint folder, and `#layer=6` where the output of another block than the last is wanted.

    Raises:
        CheckpointError: The folder is no checkpoint, or a damaged one.
        InputError: Its network has no tokens, or no such block.
    """
    where, layer = split_layer(place)
    folder = Path(where)
    sheet = read_sheet(folder)
    checkpoint = Checkpoint.load(folder)
    try:
        network = require_capturable(checkpoint.model)
    except InputError as error:
        raise InputError(f"{folder / SHEET}: {error}") from error
    require_layer(layer, 1, len(network.blocks), f"{PREFIX}{where}")
    audio, (_, columns) = checkpoint.spec.audio, network.grid
    info = EncoderInfo(
        name=f"{PREFIX}{place}",
        sample_rate=audio.sample_rate,
        window_s=audio.seconds / columns,
        hop_s=audio.seconds / columns,
        size=network.width,
        parameters=sum(weight.numel() for weight in checkpoint.model.parameters()),
        licence="unknown",
        source=f"{checkpoint.spec.architecture} that was trained here, weights {sheet.weights_sha256[:12]}",
        digest=hashlib.sha256(f"{_VERSION} {sheet.weights_sha256} {checkpoint.spec} {layer}".encode()).hexdigest(),
    )
    return CheckpointEncoder(checkpoint, layer, info)
