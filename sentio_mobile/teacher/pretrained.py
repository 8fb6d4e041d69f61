"""Pretrained first weights for a teacher's backbone: torchvision's ImageNet weights, or a third-party file."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import torch
from torchvision.models import ViT_B_16_Weights

from sentio_mobile.errors import CheckpointError
from sentio_mobile.models.config import ASTSettings, CRNNSettings, ViTSettings
from sentio_mobile.models.registry import architecture_of
from sentio_mobile.teacher.import_weights import read_backbone

IMAGENET = "imagenet"
_SIZES = ("patch_size", "layers", "heads", "width", "mlp_width")


def pretrained_backbone(
    weights: str, settings: ViTSettings | ASTSettings | CRNNSettings, image_size: tuple[int, int]
) -> dict[str, torch.Tensor]:
    """Get first weights for `ViT.backbone`.

    Args:
        weights: `imagenet`, which torchvision downloads unless its cache holds them, or the path of a file.
        settings: Settings of the network that takes the weights.
        image_size: Height and width of its input image.

    Raises:
        CheckpointError: The architecture has no pretrained weights, the download fails, the file cannot be read or
            trusted, or the weights are of another width, depth, patch size or image size.
    """
    if not isinstance(settings, ViTSettings):
        raise CheckpointError(
            f"there are no pretrained weights for the architecture {architecture_of(settings)}; leave --weights "
            "out, or train a vit"
        )
    if weights != IMAGENET:
        return read_backbone(Path(weights), settings, image_size)
    vit_b_16 = ViTSettings()
    if any(getattr(settings, name) != getattr(vit_b_16, name) for name in _SIZES):
        raise CheckpointError("torchvision's ImageNet weights are those of ViT-B/16; train with the recipe vit_b_16")
    source = ViT_B_16_Weights.IMAGENET1K_V1
    try:
        state = source.get_state_dict(progress=False, check_hash=True)
    except (URLError, OSError, RuntimeError) as error:
        raise CheckpointError(
            f"torchvision's ImageNet weights cannot be downloaded ({' '.join(str(error).split())}); "
            f"copy {source.url.rsplit('/', 1)[-1]} from a machine with network access and give it as --weights FILE"
        ) from error
    return {name: tensor for name, tensor in state.items() if not name.startswith("heads.")}
