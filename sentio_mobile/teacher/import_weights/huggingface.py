"""Hugging Face's names for ViT, on its hub and in memory, and the settings that stand beside a file of theirs.

The hub's files keep the names that transformers had before version 5; a state dictionary that is saved from memory
has those of the version that made it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from sentio_mobile._internal.files import read_json
from sentio_mobile.errors import CheckpointError
from sentio_mobile.teacher.import_weights.layout import Layout, pairs

HUGGING_FACE = Layout(
    name="Hugging Face",
    prefixes=("vit.", ""),
    outer={
        "class_token": ("embeddings.cls_token",),
        "encoder.pos_embedding": ("embeddings.position_embeddings",),
        **pairs({"conv_proj": "embeddings.patch_embeddings.projection", "encoder.ln": "layernorm"}),
    },
    block_prefix="encoder.layer.{n}.",
    block=pairs(
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

HUGGING_FACE_5 = dataclasses.replace(
    HUGGING_FACE,
    name="Hugging Face, transformers 5",
    block_prefix="layers.{n}.",
    block=pairs(
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


@dataclass(frozen=True)
class Config:
    """What `config.json` says that weights cannot."""

    heads: int
    norm_eps: float


def read_config(weights: Path) -> Config | None:
    """The settings beside a file of weights; None where there are none of a ViT's.

    Raises:
        CheckpointError: they are no JSON, or name an activation that is not the exact GELU, or values of another kind.
    """
    path = weights.with_name("config.json")
    if not path.is_file():
        return None
    config = read_json(path, CheckpointError)
    if config.get("model_type") != "vit":
        return None
    if config.get("hidden_act", "gelu") != "gelu":
        raise CheckpointError(f"{path}: the activation {config['hidden_act']!r} is not one that a ViT has here: gelu")
    heads, eps = config.get("num_attention_heads", 12), config.get("layer_norm_eps", HUGGING_FACE.norm_eps)
    if not isinstance(heads, int) or heads < 1 or not isinstance(eps, int | float) or not 0 <= eps < 1:
        raise CheckpointError(f"{path}: num_attention_heads must be a count and layer_norm_eps a small number")
    return Config(heads, float(eps))
