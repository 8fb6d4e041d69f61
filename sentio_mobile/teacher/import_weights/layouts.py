"""How other projects name the weights of a transformer: one table. `convert.py` reads all layouts alike.

A row follows the names that the library itself gives; tests compare each with the library's own network. Our names, on
the left, are torchvision's. What stands before all names of a network, such as `module.`, `vit.` or `deit.`, is no part
of a layout: see `find.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Names = Mapping[str, tuple[str, ...]]
"""Our name -> the source's names. Tensors of several names are stacked along the first axis, in this order."""

HEAD_NAMES: tuple[str, ...] = tuple(f"head.{i}.{kind}" for i in (0, 2, 5, 8) for kind in ("weight", "bias"))
"""Our head with two hidden layers: its layer norm and its linear maps."""

DISTILLATION_TOKEN = "distillation_token"
"""Our name of the token that DeiT and AST have beside the class token."""


def weight_and_bias(parts: Mapping[str, str | tuple[str, ...]]) -> Names:
    """The names of the weight and the bias of each part.

    Args:
        parts: Our part -> the source's part, or several source parts to be stacked.
    """
    names = {}
    for target, source in parts.items():
        # torch keeps queries, keys and values as one parameter of the attention itself, not of a linear map in it.
        joint = "_" if target.endswith("in_proj") else "."
        sources = (source,) if isinstance(source, str) else source
        for kind in ("weight", "bias"):
            names[f"{target}{joint}{kind}"] = tuple(f"{part}.{kind}" for part in sources)
    return names


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One way to name the weights of a transformer. Our own names are torchvision's.

    Attributes:
        name: What messages call the layout.
        outer: Names of the backbone's tensors outside of blocks.
        block_prefix: Prefix of a block's tensors; `{n}` is the block's number, from 0.
        block: Names of a block's tensors.
        inside: Beginnings of names that belong to the backbone. An unknown name among them means another network.
        optional: Names of tensors outside of blocks that some networks have.
        backbone: Prefix of the backbone's names, where the file has our head beside it.
        norm_eps: Epsilon of the layer norms, which a file of weights does not state.
        normalization: Spectrogram normalization that such models were trained with, unless the caller knows better.
    """

    name: str
    outer: Names
    block_prefix: str
    block: Names
    inside: tuple[str, ...]
    optional: Names = field(default_factory=dict)
    backbone: str = ""
    norm_eps: float = 1e-6
    normalization: Literal["db80", "zscore"] = "db80"

    @property
    def head(self) -> bool:
        """Whether the file also holds our head, under our names."""
        return bool(self.backbone)

    @property
    def marks(self) -> tuple[str, ...]:
        """The names that tell this layout: the class token's, and that of the first linear map in the first block.

        A layout with a head is also told by the last linear map of the head.
        """
        first = self.block_prefix.format(n=0) + self.block["mlp.0.weight"][0]
        return (
            self.backbone + self.outer["class_token"][0],
            self.backbone + first,
            *(HEAD_NAMES[-2:-1] if self.head else ()),
        )


HUGGING_FACE = Layout(
    name="Hugging Face",
    outer={
        "class_token": ("embeddings.cls_token",),
        "encoder.pos_embedding": ("embeddings.position_embeddings",),
        **weight_and_bias({"conv_proj": "embeddings.patch_embeddings.projection", "encoder.ln": "layernorm"}),
    },
    optional={DISTILLATION_TOKEN: ("embeddings.distillation_token",)},
    block_prefix="encoder.layer.{n}.",
    block=weight_and_bias(
        {
            "ln_1": "layernorm_before",
            "self_attention.in_proj": tuple(f"attention.attention.{part}" for part in ("query", "key", "value")),
            "self_attention.out_proj": "attention.output.dense",
            "ln_2": "layernorm_after",
            "mlp.0": "intermediate.dense",
            "mlp.3": "output.dense",
        }
    ),
    inside=("embeddings.patch_embeddings.", "encoder.", "layernorm."),
    norm_eps=1e-12,
)
"""Hugging Face's ViT, DeiT and AST on its hub: the names that transformers had before version 5."""

HUGGING_FACE_5 = dataclasses.replace(
    HUGGING_FACE,
    name="Hugging Face (transformers 5)",
    block_prefix="layers.{n}.",
    block=weight_and_bias(
        {
            "ln_1": "layernorm_before",
            "self_attention.in_proj": tuple(f"attention.{part}_proj" for part in "qkv"),
            "self_attention.out_proj": "attention.o_proj",
            "ln_2": "layernorm_after",
            "mlp.0": "mlp.fc1",
            "mlp.3": "mlp.fc2",
        }
    ),
    inside=("embeddings.patch_embeddings.", "layers.", "layernorm."),
)
"""The same networks as a state dictionary saved from memory by transformers 5 or later."""

NOTEBOOK = dataclasses.replace(
    HUGGING_FACE, name="the original notebook's", backbone="vit.", optional={}, normalization="zscore"
)
"""The notebook that this project grew out of: Hugging Face's encoder under `vit.`, and the head that we still use.

Its models were trained on log-mels in decibels, standardized to zero mean and unit deviation per clip.
"""

NOTEBOOK_5 = dataclasses.replace(
    NOTEBOOK,
    name=f"{NOTEBOOK.name} (transformers 5)",
    block_prefix=HUGGING_FACE_5.block_prefix,
    block=HUGGING_FACE_5.block,
    inside=HUGGING_FACE_5.inside,
)

TORCHVISION = Layout(
    name="torchvision",
    outer={
        "class_token": ("class_token",),
        "encoder.pos_embedding": ("encoder.pos_embedding",),
        **weight_and_bias({"conv_proj": "conv_proj", "encoder.ln": "encoder.ln"}),
    },
    block_prefix="encoder.layers.encoder_layer_{n}.",
    block={
        "self_attention.in_proj_weight": ("self_attention.in_proj_weight",),
        "self_attention.in_proj_bias": ("self_attention.in_proj_bias",),
        **weight_and_bias({part: part for part in ("ln_1", "self_attention.out_proj", "ln_2", "mlp.0", "mlp.3")}),
    },
    inside=("class_token", "conv_proj.", "encoder."),
)

TORCHVISION_OLD = dataclasses.replace(
    TORCHVISION,
    name="torchvision (older)",
    block={**TORCHVISION.block, **weight_and_bias({"mlp.0": "mlp.linear_1", "mlp.3": "mlp.linear_2"})},
)
"""Older torchvision files, some of which it still downloads, name the MLP differently."""

TIMM = Layout(
    name="timm",
    outer={
        "class_token": ("cls_token",),
        "encoder.pos_embedding": ("pos_embed",),
        **weight_and_bias({"conv_proj": "patch_embed.proj", "encoder.ln": "norm"}),
    },
    optional={DISTILLATION_TOKEN: ("dist_token",)},
    block_prefix="blocks.{n}.",
    block=weight_and_bias(
        {
            "ln_1": "norm1",
            "self_attention.in_proj": "attn.qkv",
            "self_attention.out_proj": "attn.proj",
            "ln_2": "norm2",
            "mlp.0": "mlp.fc1",
            "mlp.3": "mlp.fc2",
        }
    ),
    # The last three belong to variants: a norm before the blocks, the mean of all tokens in place of the class token,
    # and further tokens.
    inside=("cls_token", "patch_embed.", "blocks.", "norm.", "norm_pre.", "fc_norm.", "reg_token"),
)
"""timm's plain vision transformer and DeiT, which read their class token; the original AST is built on them."""

LAYOUTS: tuple[Layout, ...] = (
    # The notebook's layouts come before Hugging Face's: they have the same names and a head.
    NOTEBOOK,
    NOTEBOOK_5,
    HUGGING_FACE,
    HUGGING_FACE_5,
    TORCHVISION,
    TORCHVISION_OLD,
    TIMM,
)
