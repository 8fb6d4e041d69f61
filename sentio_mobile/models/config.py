"""Settings of each architecture. Free of torch, so that recipes can be read without it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sentio_mobile._internal.records import Name, Record
from sentio_mobile.errors import RecordError
from sentio_mobile.spec import Setting

Width = Annotated[int, Meta(ge=1, le=8192)]
Layers = Annotated[int, Meta(ge=1, le=64)]
Heads = Annotated[int, Meta(ge=1, le=128)]
PatchSize = Annotated[int, Meta(ge=4, le=128)]
PatchOverlap = Annotated[int, Meta(ge=0, le=127)]
PatchKeep = Annotated[int, Meta(ge=0, le=65_536)]
HeadWidths = Annotated[tuple[Width, ...], Meta(max_length=8)]
HeadDropout = Annotated[tuple[Annotated[float, Meta(ge=0, lt=1)], ...], Meta(min_length=1, max_length=9)]
GanWidth = Annotated[int, Meta(ge=1, le=2048)]
Epsilon = Annotated[float, Meta(gt=0, le=0.1)]

MAX_WEIGHTS = 2_000_000_000
"""Weights of the largest network that may be described: 8 GB in fp32."""

NORM_GROUPS = 8
"""Groups of the GAN's group normalization, where a layer has so many channels."""

MAX_LOGIT = 2.0
"""Range of the student's last tanh input under quantization, whatever its range on the calibration songs.

Stronger emotions than those of the calibration songs would be cut off otherwise. tanh(2) is 0.96.
"""


def _check_transformer(layers: int, width: int, attention_width: int, mlp_width: int) -> None:
    weights = layers * width * (4 * attention_width + 2 * mlp_width)
    if weights > MAX_WEIGHTS:
        raise RecordError(f"layers and widths come to {weights:,} weights, more than {MAX_WEIGHTS:,}")


def _check_encoder(settings: ViTSettings | ASTSettings) -> None:
    if settings.width % settings.heads:
        raise RecordError(f"heads must divide width, {settings.width}; {settings.heads} does not")
    if len(settings.head_dropout) != len(settings.head_widths) + 1:
        raise RecordError(
            f"head_dropout must have one value more than head_widths: {len(settings.head_widths) + 1}, "
            f"not {len(settings.head_dropout)}"
        )
    _check_transformer(settings.layers, settings.width, settings.width, settings.mlp_width)


class ViTSettings(Record, frozen=True, kw_only=True, tag_field="architecture", tag="vit"):
    """A plain vision transformer (Dosovitskiy et al. 2021). The defaults are ViT-B/16: 86 M parameters."""

    patch_size: PatchSize = 16  # side of a square patch, in pixels
    layers: Layers = 12  # transformer blocks
    heads: Heads = 12  # attention heads of a block; they divide the width
    width: Width = 768  # numbers of a token
    mlp_width: Width = 3072  # hidden width of a block's perceptron
    head_widths: HeadWidths = (512, 128)  # hidden widths of the regression head
    head_dropout: HeadDropout = (0.2, 0.2, 0.1)  # dropout before each linear map of the head
    patch_keep: PatchKeep = 0  # patch tokens that a training step keeps (PatchDropout, Liu et al. 2023); 0 keeps all
    norm_eps: Epsilon = 1e-6  # added to variances in layer norms: 1e-6 in torchvision and timm, 1e-12 in Hugging Face

    def check(self) -> None:
        """Heads must divide the width, and the head's lists must agree."""
        _check_encoder(self)


class ASTSettings(Record, frozen=True, kw_only=True, tag_field="architecture", tag="ast"):
    """An audio spectrogram transformer (Gong et al. 2021). The defaults are a small one for clips of 5 s."""

    patch_size: PatchSize = 16  # side of a square patch, in pixels
    patch_overlap: PatchOverlap = 0  # pixels that neighbouring patches share: 6 in the paper
    distillation_token: bool = False  # a token beside the class token, as in DeiT and the paper; the head reads both
    layers: Layers = 4  # transformer blocks
    heads: Heads = 4  # attention heads of a block; they divide the width
    width: Width = 256  # numbers of a token
    mlp_width: Width = 1024  # hidden width of a block's perceptron
    head_widths: HeadWidths = (128,)  # hidden widths of the regression head
    head_dropout: HeadDropout = (0.1, 0.1)  # dropout before each linear map of the head
    patch_keep: PatchKeep = 0  # patch tokens that a training step keeps (PatchDropout, Liu et al. 2023); 0 keeps all
    norm_eps: Epsilon = 1e-6  # added to variances in layer norms

    def check(self) -> None:
        """Heads must divide the width, the head's lists must agree, and a patch must have pixels of its own."""
        _check_encoder(self)
        if self.patch_overlap >= self.patch_size:
            raise RecordError(f"patch_overlap must be below patch_size, {self.patch_size}, not {self.patch_overlap}")


class CRNNSettings(Record, frozen=True, kw_only=True, tag_field="architecture", tag="crnn"):
    """A convolutional recurrent network, the usual choice before transformers. The defaults are 5.8 M parameters."""

    # channels of the convolutions over time, each of which halves the time axis
    conv_widths: Annotated[tuple[Width, ...], Meta(min_length=1, max_length=5)] = (128, 256, 512)
    lstm_layers: Annotated[int, Meta(ge=1, le=8)] = 2  # recurrent layers
    lstm_width: Width = 344  # width of each direction of a recurrent layer
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.2  # dropout after each convolution and recurrent layer


class MobileViTSettings(Record, frozen=True, kw_only=True, tag_field="architecture", tag="mobilevit"):
    """The student: a convolutional stem, then transformer blocks on a 14 x 14 grid. The defaults are 7.3 M parameters.

    Attention heads are narrower than width / heads, because full-width attention would bring the model to 9.5 M.
    """

    # channels of the stem's convolutions, each of which halves the image
    stem_widths: Annotated[tuple[Width, ...], Meta(min_length=1, max_length=5)] = (32, 64, 128)
    # columns of the image that the first convolution takes as one: with 6, an image with all frames of the log-mel has
    # as many tokens as one of a sixth of its width, at nearly the same cost
    time_stride: Annotated[int, Meta(ge=1, le=64)] = 1
    layers: Layers = 8  # transformer blocks
    heads: Heads = 6  # attention heads of a block
    head_width: Annotated[int, Meta(ge=1, le=1024)] = 32  # width of one attention head
    width: Width = 384  # numbers of a token
    mlp_width: Width = 768  # hidden width of a block's perceptron
    output_width: Width = 192  # hidden width of the regression head
    patch_keep: PatchKeep = 0  # patch tokens that a training step keeps (PatchDropout, Liu et al. 2023); 0 keeps all
    norm: Literal["batch", "layer"] = "batch"  # batch norm after each linear map (it folds away), or layer norm before
    activation: Literal["relu", "gelu"] = "relu"  # activation of the blocks

    @property
    def stride(self) -> tuple[int, int]:
        """Rows and columns of the image that become one token."""
        side = int(2 ** (1 + len(self.stem_widths)))
        return side, side * self.time_stride

    def check(self) -> None:
        """The network must fit into memory."""
        _check_transformer(self.layers, self.width, self.heads * self.head_width, self.mlp_width)


class TimmSettings(Record, frozen=True, kw_only=True, tag_field="architecture", tag="timm"):
    """A student whose backbone is a network of timm, from random weights, with the same head as ours."""

    name: Name  # the network's name in timm, without a tag of weights, such as mobilenetv4_conv_small
    output_width: Width = 192  # hidden width of the regression head
    drop_path: Annotated[float, Meta(ge=0, lt=1)] = 0.0  # stochastic depth (Huang et al. 2016); 0 is off


class MusicnnSettings(Record, frozen=True, kw_only=True, tag_field="architecture", tag="musicnn"):
    """musicnn (Pons & Serra 2019) as a student behind our front end, with a linear head: 0.15 M parameters."""

    # parts of 3 s that are heard of a clip, evenly spread, at the same cost each
    patches: Annotated[int, Meta(ge=1, le=64)] = 5
    # filters that are kept of each group: two over timbre (of 204), three over time (of 51). The defaults, and that of
    # `middle`, are those of musicnn-msd whose channels are not constant in music
    filters: tuple[Width, Width, Width, Width, Width] = (22, 14, 2, 7, 17)
    middle: Annotated[int, Meta(ge=1, le=64)] = 20  # channels that are kept of the layer behind the filters (of 64)
    # level that the loudest cell of a clip is taken to have, in dB: musicnn knows levels, and our log-mels do not
    loudest_db: Annotated[float, Meta(ge=-40, le=80)] = 30.0


class CustomSettings(Record, frozen=True, kw_only=True, tag_field="architecture", tag="custom"):
    """A student of another package, which it registers as an entry point of the group `sentio_mobile.students`."""

    name: Name  # the entry point's name
    # the student's own settings, which its package checks
    options: Annotated[dict[Name, Setting], Meta(max_length=60)] = msgspec.field(default_factory=dict)

    def check(self) -> None:
        """A spec has the options beside the name and the architecture."""
        if taken := {"name", "architecture"} & self.options.keys():
            raise RecordError(f"options must not have a key {min(taken)!r}; choose another")


class GanSettings(Record, frozen=True, kw_only=True):
    """A conditional GAN of log-mels. The defaults are for a GPU; the recipe `cgan_small` is for two cores.

    Each of `widths` but the last is followed by a doubling of bands and frames; a sub-pixel step makes the last
    doubling. Four widths begin a log-mel of 128 x 1292 at 8 x 81.
    """

    noise: Annotated[int, Meta(ge=1, le=4096)] = 100  # random numbers drawn for each sample
    # widths of the network that reads the label
    condition_widths: Annotated[tuple[Width, ...], Meta(min_length=1, max_length=8)] = (128, 256)
    seed_width: Annotated[int, Meta(ge=1, le=1024)] = 64  # channels of the coarsest grid
    # channels from the coarsest grid to half of the full resolution
    widths: Annotated[tuple[GanWidth, ...], Meta(min_length=1, max_length=7)] = (256, 192, 128, 64)
    attention_at: Annotated[int, Meta(ge=0, le=6)] = 1  # doubling after which self-attention stands, counted from 0
    spectral_norm: bool = True  # spectral normalization of the discriminator

    def check(self) -> None:
        """Group normalization must be able to group the channels, and attention must stand somewhere."""
        if any(width > NORM_GROUPS and width % NORM_GROUPS for width in self.widths):
            raise RecordError(f"widths above {NORM_GROUPS} must be multiples of {NORM_GROUPS}, not {list(self.widths)}")
        if self.attention_at >= len(self.widths):
            raise RecordError(f"attention_at must be from 0 to {len(self.widths) - 1}, not {self.attention_at}")
