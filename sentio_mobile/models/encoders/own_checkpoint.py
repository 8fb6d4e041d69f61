"""Checkpoints of this package as encoders: `ckpt:FOLDER`, and `ckpt:FOLDER#layer=6`.

Any network with tokens or a feature map will do: students, vision transformers, networks of timm. An embedding is the
mean over one column of the image, which is one stretch of time. The class token is of the whole clip, and is left out.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sentio_mobile.audio.decode import fit_length
from sentio_mobile.audio.image import clip_to_input
from sentio_mobile.errors import CheckpointError, InputError
from sentio_mobile.models.capture import Capturable, HasFeatureMap, capture
from sentio_mobile.models.checkpoint import SHEET, Checkpoint, read_sheet
from sentio_mobile.models.encoders.base import EncoderInfo
from sentio_mobile.models.encoders.windowed import embed_in_windows, require_layer, split_layer

PREFIX = "ckpt:"

_VERSION = 1
"""Version of what is done with tokens. Embeddings of another version are made again."""


class CheckpointEncoder:
    """A network of tokens, or with a feature map, as an encoder.

    Args:
        checkpoint: The checkpoint; its network is in evaluation mode.
        columns: Columns of its tokens or of its map.
        block: The block whose output tokens are used, counted from 0; of a feature map it has no meaning.
        info: The encoder's facts.
    """

    def __init__(self, checkpoint: Checkpoint, columns: int, *, block: int, info: EncoderInfo) -> None:
        self.checkpoint, self.columns, self.block, self.info = checkpoint, columns, block, info

    def embed(self, pcm: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings [time, width] of a mono sound; see `AudioEncoder.embed`.

        A sound longer than the network's clip is embedded clip by clip. A shorter one is filled up as the checkpoint
        says, with silence or by repeating it, and only columns within the sound are given.

        Raises:
            AudioError: The sound is empty or holds NaN or infinity.
            CheckpointError: The weights give NaN or infinity.
        """
        step = self.checkpoint.spec.audio.n_samples / self.columns
        return embed_in_windows(pcm, self._embed_clip, step=step, steps=self.columns)

    def _embed_clip(self, pcm: NDArray[np.float32]) -> NDArray[np.float32]:
        spec = self.checkpoint.spec
        image = torch.from_numpy(clip_to_input(fit_length(pcm, spec.audio), spec))
        columns = _columns(self.checkpoint.model, image, self.block).numpy()
        if not np.isfinite(columns).all():
            raise CheckpointError(f"{self.info.name} gives NaN or infinity; train it again")
        return columns


@torch.inference_mode()
def _columns(model: nn.Module, image: torch.Tensor, block: int) -> torch.Tensor:
    """Mean over the rows of each column [columns, width] of an image [1, 3, height, width]."""
    if isinstance(model, Capturable):
        tokens = capture(model, image, hidden=(block,)).hidden[block][0]
        return tokens[1:].reshape(*model.grid, model.width).mean(dim=0)
    assert isinstance(model, HasFeatureMap)
    return model.capture_map(image).features[0].mean(dim=1).T.contiguous()


def load(place: str) -> CheckpointEncoder:
    """Load an encoder.

    Args:
        place: A checkpoint folder, and `#layer=6` where the output of another block than the last is wanted.

    Raises:
        CheckpointError: The folder is no checkpoint, or a damaged one.
        InputError: Its network has neither tokens nor a feature map, or no such block.
    """
    where, layer = split_layer(place)
    folder = Path(where)
    sheet = read_sheet(folder)
    checkpoint = Checkpoint.load(folder)
    model, audio = checkpoint.model, checkpoint.spec.audio
    if isinstance(model, Capturable):
        require_layer(layer, 1, len(model.blocks), f"{PREFIX}{where}")
        block = (layer or len(model.blocks)) - 1
    elif isinstance(model, HasFeatureMap):
        if layer is not None:
            raise InputError(f"{PREFIX}{where} has a feature map alone, and no layers to choose from; leave #layer out")
        block = 0
    else:
        raise InputError(
            f"{folder / SHEET}: a {type(model).__name__} has neither tokens nor a feature map; take a transformer or "
            "a network of timm"
        )
    columns, size = _columns(model, torch.zeros(1, 3, *audio.image_size), block).shape
    info = EncoderInfo(
        name=f"{PREFIX}{place}",
        sample_rate=audio.sample_rate,
        window_s=audio.seconds / columns,
        hop_s=audio.seconds / columns,
        size=size,
        parameters=sum(weight.numel() for weight in model.parameters()),
        licence="unknown",
        source=f"{checkpoint.spec.architecture} that was trained here, weights {sheet.weights_sha256[:12]}",
        digest=hashlib.sha256(f"{_VERSION} {sheet.weights_sha256} {checkpoint.spec} {layer}".encode()).hexdigest(),
    )
    return CheckpointEncoder(checkpoint, columns, block=block, info=info)
