"""Read a transformer's sizes from the shapes of a few tensors. All other tensors must fit them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from pathlib import Path

from sentio_mobile.errors import CheckpointError, RecordError
from sentio_mobile.models.config import ASTSettings, ViTSettings
from sentio_mobile.teacher.import_weights.config_json import SpectrogramSize
from sentio_mobile.teacher.import_weights.layouts import DISTILLATION_TOKEN

CHANNELS = 3
"""Channels of a network's input image; an AST has one."""

HEAD_WIDTH = 64
"""Width of one attention head in ViT-Ti to ViT-L (Dosovitskiy et al. 2021, table 1), DeiT (table 1) and AST."""

BANDS, FRAMES = 128, 1024
"""Mel bands and frames of an AST for AudioSet."""

Shapes = Mapping[str, tuple[str, tuple[int, ...]]]
"""torchvision's name -> the name in the file, and the tensor's shape."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """A transformer's sizes.

    Attributes:
        settings: Settings of the network that takes the weights: an `AST` if there is a distillation token.
        image_size: Height and width of the image that the positions are for.
        spectrogram: What an AST takes, which has one channel; None for networks of images.
    """

    settings: ViTSettings | ASTSettings
    image_size: tuple[int, int]
    spectrogram: SpectrogramSize | None

    @property
    def channels(self) -> int:
        """Channels of the image."""
        return CHANNELS if self.spectrogram is None else 1


def find_sizes(
    path: Path,
    shapes: Shapes,
    *,
    heads: int | None,
    norm_eps: float,
    spectrogram: SpectrogramSize | None,
    head: bool,
) -> Sizes:
    """Read a network's sizes.

    Args:
        path: The file, for messages.
        shapes: The shapes of its tensors.
        heads: Attention heads of a block; None for the width divided by 64.
        norm_eps: Epsilon of the layer norms.
        spectrogram: What an AST takes, if its config.json says so.
        head: Whether the file has our head.

    Raises:
        CheckpointError: A shape is impossible, or no network here has these sizes.
    """

    def shape(target: str, rank: int) -> tuple[int, ...]:
        name, sizes = shapes[target]
        if len(sizes) != rank or 0 in sizes:
            raise CheckpointError(f"{path}: the tensor {name} has the shape {sizes}, not one of {rank} sizes")
        return sizes

    width = shape("class_token", 3)[2]
    patch = shape("conv_proj.weight", 4)
    side, first = patch[3], 1 + (DISTILLATION_TOKEN in shapes)
    channels = 1 if first > 1 and patch[1] == 1 else CHANNELS
    if patch != (width, channels, side, side):
        raise CheckpointError(
            f"{path}: the patch projection has the shape {patch}; a vit here has square patches of {CHANNELS} "
            f"channels, ({width}, {CHANNELS}, {side}, {side}), and an ast has one channel and a distillation token"
        )
    patches, overlap = shape("encoder.pos_embedding", 3)[1] - first, 0
    if channels == 1:
        spectrogram = spectrogram or _of_audio_set(path, patches, side)
        _check_grid(path, spectrogram, patches=patches, side=side)
        image_size, overlap = (spectrogram.bands, spectrogram.frames), side - spectrogram.stride
    else:
        spectrogram, across = None, isqrt(max(patches, 0))
        if across < 1 or across * across != patches:
            tokens = "a class token" if first == 1 else "a class token, a distillation token"
            raise CheckpointError(
                f"{path}: {patches + first} positions are not those of {tokens} and a square of patches"
            )
        image_size = (across * side, across * side)
    if heads is None and width % HEAD_WIDTH:
        raise CheckpointError(f"{path}: the width {width} does not show the number of attention heads; give --heads")
    if heads is not None and (heads < 1 or width % heads):
        raise CheckpointError(f"{path}: {heads} attention heads do not divide the width {width}")
    heads = heads or width // HEAD_WIDTH
    layers = sum(target.endswith(".ln_1.weight") for target in shapes)
    mlp_width = shape("encoder.layers.encoder_layer_0.mlp.0.weight", 2)[0]
    head_widths = (shape("head.2.weight", 2)[0], shape("head.5.weight", 2)[0]) if head else ViTSettings().head_widths
    settings: ViTSettings | ASTSettings
    try:
        if first == 1:
            settings = ViTSettings(
                patch_size=side,
                layers=layers,
                heads=heads,
                width=width,
                mlp_width=mlp_width,
                norm_eps=norm_eps,
                head_widths=head_widths,
            )
        else:
            settings = ASTSettings(
                patch_size=side,
                patch_overlap=overlap,
                distillation_token=True,
                layers=layers,
                heads=heads,
                width=width,
                mlp_width=mlp_width,
                norm_eps=norm_eps,
            )
    except RecordError as error:
        raise CheckpointError(f"{path}: no model of these sizes can be built: {error}") from error
    return Sizes(settings=settings, image_size=image_size, spectrogram=spectrogram)


def _of_audio_set(path: Path, patches: int, side: int) -> SpectrogramSize:
    """What an AST for AudioSet takes, whose spectrograms are of one size. The number of patches shows the stride."""
    for stride in range(1, min(side, BANDS) + 1):
        if _count(BANDS, side, stride) * _count(FRAMES, side, stride) == patches:
            return SpectrogramSize(bands=BANDS, frames=FRAMES, stride=stride)
    raise CheckpointError(
        f"{path}: {patches} patches of {side} do not show the size of a spectrogram; put the model's config.json "
        "beside it"
    )


def _check_grid(path: Path, spectrogram: SpectrogramSize, *, patches: int, side: int) -> None:
    """Check what a config.json says against the number of patches."""
    bands, frames, stride = spectrogram.bands, spectrogram.frames, spectrogram.stride
    if not stride <= side <= min(bands, frames):
        raise CheckpointError(
            f"{path}: patches of {side}, {stride} apart, do not cover a spectrogram of {bands} x {frames}; is the "
            "config.json beside it that of another model?"
        )
    rows, columns = _count(bands, side, stride), _count(frames, side, stride)
    if rows * columns != patches:
        raise CheckpointError(
            f"{path}: has {patches} patches, and the config.json beside it describes {rows} x {columns}; is it that "
            "of another model?"
        )


def _count(size: int, patch: int, stride: int) -> int:
    """Patches along one side of an image."""
    return (size - patch) // stride + 1
