"""What can be chosen about each architecture. Free of torch, so that recipes can be read without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class ViTSettings:
    """A plain vision transformer (Dosovitskiy et al. 2021). The defaults are ViT-B/16: 86 M parameters.

    `patch_keep` is the number of patch tokens that a training step keeps (PatchDropout, Liu et al. 2023); 0 keeps all.
    Evaluation always sees every token. `norm_eps` is what the encoder's layer norms add to a variance: 1e-6 in
    torchvision and timm, 1e-12 in Hugging Face's models, whose answers another value would change.
    """

    architecture: Literal["vit"] = "vit"
    patch_size: int = 16
    layers: int = 12
    heads: int = 12
    width: int = 768
    mlp_width: int = 3072
    head_widths: tuple[int, ...] = (512, 128)
    head_dropout: tuple[float, ...] = (0.2, 0.2, 0.1)
    patch_keep: int = 0
    norm_eps: float = 1e-6


@dataclass(frozen=True, kw_only=True)
class ASTSettings:
    """An audio spectrogram transformer (Gong et al. 2021), by default that for 5 s; fields as in `ViTSettings`."""

    architecture: Literal["ast"] = "ast"
    patch_size: int = 16
    layers: int = 4
    heads: int = 4
    width: int = 256
    mlp_width: int = 1024
    head_widths: tuple[int, ...] = (128,)
    head_dropout: tuple[float, ...] = (0.1, 0.1)
    patch_keep: int = 0
    norm_eps: float = 1e-6


@dataclass(frozen=True, kw_only=True)
class CRNNSettings:
    """A convolutional recurrent network, what music emotion was heard with before transformers (5.8 M parameters).

    `conv_widths` are channels of the convolutions over time, each of which halves the time axis; `lstm_width` is that
    of each direction of `lstm_layers` recurrent layers.
    """

    architecture: Literal["crnn"] = "crnn"
    conv_widths: tuple[int, ...] = (128, 256, 512)
    lstm_layers: int = 2
    lstm_width: int = 344
    dropout: float = 0.2


WIDEST_LOGIT = 2.0
"""What goes into a student's last tanh may reach this when it is rounded, whatever it reached on the songs that ranges
are measured on: stronger emotions than theirs would be cut off. The tanh of it is 0.96."""


@dataclass(frozen=True, kw_only=True)
class MobileViTSettings:
    """The student: a convolutional stem, then transformer blocks on a 14 x 14 grid. The defaults are 7.3 M parameters.

    `head_width` is the width of one attention head. It is narrower than width / heads, because full-width attention
    would bring the model to 9.5 M. `patch_keep` is as in `ViTSettings`. `norm` is batch normalization after each linear
    map, which folds away, or layer normalization before each branch; `activation` is that of the blocks.
    """

    stem_widths: tuple[int, ...] = (32, 64, 128)
    layers: int = 8
    heads: int = 6
    head_width: int = 32
    width: int = 384
    mlp_width: int = 768
    output_width: int = 192
    patch_keep: int = 0
    norm: Literal["batch", "layer"] = "batch"
    activation: Literal["relu", "gelu"] = "relu"


@dataclass(frozen=True, kw_only=True)
class GanSettings:
    """A conditional GAN of log-mels. The defaults are for a GPU; `cgan_small` has two cores' numbers.

    `widths` are channels from the coarsest grid to half of the full resolution: each step doubles bands and frames, and
    a sub-pixel step makes the last doubling. Four of them begin 128 x 1292 at 8 x 81. `seed_width` is how many channels
    noise and condition are laid out in on the coarsest grid. `attention_at` says after which doubling self-attention
    stands. `noise` numbers are drawn for each sample; `condition_widths` are those of the network that reads the label.
    """

    noise: int = 100
    condition_widths: tuple[int, ...] = (128, 256)
    seed_width: int = 64
    widths: tuple[int, ...] = (256, 192, 128, 64)
    attention_at: int = 1
    spectral_norm: bool = True
