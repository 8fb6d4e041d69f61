"""A backbone that has seen pictures before: torchvision's own ImageNet weights, or a file of somebody's."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import torch
from torchvision.models import ViT_B_16_Weights

from sentio_mobile.errors import CheckpointError
from sentio_mobile.models.config import ASTSettings, CRNNSettings, ViTSettings
from sentio_mobile.teacher.import_weights import read_backbone

IMAGENET = "imagenet"
_SIZES = ("patch_size", "layers", "heads", "width", "mlp_width")


def pretrained_backbone(
    weights: str, settings: ViTSettings | ASTSettings | CRNNSettings, image_size: tuple[int, int]
) -> dict[str, torch.Tensor]:
    """Weights for `ViT.backbone`, to start training from.

    Args:
        weights: `imagenet`, which torchvision fetches unless its cache has them, or the path of a file.
        settings: of the network that will take them.
        image_size: height and width of the picture that it looks at.

    Raises:
        CheckpointError: there is no network to fetch them from, the file cannot be read or trusted, or they are of
            another width, depth, patch or picture.
    """
    if not isinstance(settings, ViTSettings):
        raise CheckpointError(
            f"the architecture {settings.architecture} has no backbone that others have trained; leave --weights out, "
            "or train a vit"
        )
    if weights != IMAGENET:
        return read_backbone(Path(weights), settings, image_size)
    whole = ViTSettings()
    if any(getattr(settings, name) != getattr(whole, name) for name in _SIZES):
        raise CheckpointError("torchvision's ImageNet weights are those of ViT-B/16; train with the recipe vit_b_16")
    enum = ViT_B_16_Weights.IMAGENET1K_V1
    try:
        found = enum.get_state_dict(progress=False, check_hash=True)
    except (URLError, OSError, RuntimeError) as error:
        raise CheckpointError(
            f"torchvision's ImageNet weights cannot be fetched ({' '.join(str(error).split())}); "
            f"bring {enum.url.rsplit('/', 1)[-1]} from a machine with a network and give it as --weights FILE"
        ) from error
    return {name: tensor for name, tensor in found.items() if not name.startswith("heads.")}
