"""torchvision's names, which are ours. Its older files, some that it downloads among them, name the MLP otherwise."""

from __future__ import annotations

import dataclasses

from sentio_mobile.teacher.import_weights.layout import Layout, pairs

TORCHVISION = Layout(
    name="torchvision",
    prefixes=("",),
    outer={
        "class_token": ("class_token",),
        "encoder.pos_embedding": ("encoder.pos_embedding",),
        **pairs({"conv_proj": "conv_proj", "encoder.ln": "encoder.ln"}),
    },
    block_prefix="encoder.layers.encoder_layer_{n}.",
    block={
        "self_attention.in_proj_weight": ("self_attention.in_proj_weight",),
        "self_attention.in_proj_bias": ("self_attention.in_proj_bias",),
        **pairs({part: part for part in ("ln_1", "self_attention.out_proj", "ln_2", "mlp.0", "mlp.3")}),
    },
    inside=("class_token", "conv_proj.", "encoder."),
)

TORCHVISION_OLD = dataclasses.replace(
    TORCHVISION,
    name="torchvision, older",
    block={**TORCHVISION.block, **pairs({"mlp.0": "mlp.linear_1", "mlp.3": "mlp.linear_2"})},
)
