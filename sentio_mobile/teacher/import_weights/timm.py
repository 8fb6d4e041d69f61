"""timm's names for a plain vision transformer that reads its class token."""

from __future__ import annotations

from sentio_mobile.teacher.import_weights.layout import Layout, pairs

TIMM = Layout(
    name="timm",
    prefixes=("",),
    outer={
        "class_token": ("cls_token",),
        "encoder.pos_embedding": ("pos_embed",),
        **pairs({"conv_proj": "patch_embed.proj", "encoder.ln": "norm"}),
    },
    block_prefix="blocks.{n}.",
    block=pairs(
        {
            "ln_1": "norm1",
            "self_attention.in_proj": "attn.qkv",
            "self_attention.out_proj": "attn.proj",
            "ln_2": "norm2",
            "mlp.0": "mlp.fc1",
            "mlp.3": "mlp.fc2",
        }
    ),
    # The last three are of variants: a norm before the blocks, the mean of all tokens in place of one, further tokens.
    inside=("cls_token", "patch_embed.", "blocks.", "norm.", "norm_pre.", "fc_norm.", "dist_token", "reg_token"),
)
