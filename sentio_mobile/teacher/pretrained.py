"""Pretrained first weights for a teacher's backbone: torchvision's ImageNet weights, or a third-party file."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

from torchvision.models import ViT_B_16_Weights

from sentio_mobile.errors import CheckpointError
from sentio_mobile.models.config import ASTSettings, CRNNSettings, ViTSettings
from sentio_mobile.models.registry import architecture_of
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.import_weights import Backbone, backbone_of, read_backbone
from sentio_mobile.teacher.import_weights.read import State, Weights

IMAGENET = "imagenet"
_SIZES = ("patch_size", "layers", "heads", "width", "mlp_width")


def pretrained_backbone(weights: str, settings: ViTSettings | ASTSettings | CRNNSettings, audio: AudioSpec) -> Backbone:
    """Get first weights for the backbone of a `ViT` or an `AST`.

    Args:
        weights: `imagenet`, which torchvision downloads unless its cache holds them, or the path of a file or folder.
        settings: Settings of the network that takes the weights.
        audio: Its front end.

    Raises:
        CheckpointError: The architecture has no pretrained weights, the download fails, the file cannot be read or
            trusted, or the weights are of another width, depth or patch size.
    """
    if isinstance(settings, CRNNSettings):
        raise CheckpointError(
            f"there are no pretrained weights for a {architecture_of(settings)}; leave --weights out, or train a vit "
            "or an ast"
        )
    if weights != IMAGENET:
        return read_backbone(Path(weights), settings, audio)
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
    return backbone_of(Weights(Path(IMAGENET), (), (State((), dict(state)),)), settings, audio)
