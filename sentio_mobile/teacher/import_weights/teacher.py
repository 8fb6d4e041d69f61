"""A foreign file of weights becomes a checkpoint of ours, or the first weights of a backbone to train."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from sentio_mobile._internal.files import sha256
from sentio_mobile.errors import CheckpointError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import ViTSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.import_weights.convert import Converted, convert
from sentio_mobile.teacher.import_weights.huggingface import HUGGING_FACE, HUGGING_FACE_5, read_config
from sentio_mobile.teacher.import_weights.layouts import find_layout
from sentio_mobile.teacher.import_weights.read import read_weights


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A teacher made of a foreign file.

    Attributes:
        checkpoint: the network and its spec; `recipe["imported"]` says how it came to be.
        layout: how the file names its tensors.
        taken: how many of our tensors came from the file.
        left_out: names in the file that have no place here.
        untrained: our names that the file does not have: freshly drawn, they know nothing yet.
    """

    checkpoint: Checkpoint
    layout: str
    taken: int
    left_out: tuple[str, ...]
    untrained: tuple[str, ...]


def import_teacher(
    path: Path,
    normalization: Literal["db80", "zscore"] | None = None,
    heads: int | None = None,
    seed: int = 0,
) -> Imported:
    """Make a teacher of weights that another project saved.

    Widths and depth come from shapes. How many attention heads a block has does not show in them: it is `heads`, or
    what a Hugging Face `config.json` beside the file says, or one for every 64 of the width.

    Args:
        path: safetensors, or a state dictionary that torch saved, in a layout of Hugging Face, torchvision, timm, or
            the original notebook.
        normalization: what the model was fed; by default `zscore` for the notebook's, else `db80`.
        heads: attention heads of a block.
        seed: of the head, where the file has none.

    Raises:
        CheckpointError: the file cannot be read, is not trusted, or is of another network.
    """
    converted = _converted(path, heads)
    audio = AudioSpec(
        normalization=normalization or converted.layout.normalization,
        image_size=converted.image_size,
    )
    spec = spec_of(converted.settings, audio)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(spec)
    model.load_state_dict(converted.tensors, strict=False)
    untrained = tuple(name for name in model.state_dict() if name not in converted.tensors)
    recipe = {
        "imported": {
            "file": path.name,
            "sha256": sha256(path),
            "layout": converted.layout.name,
            "left_out": list(converted.left_out),
            "untrained": list(untrained),
            "seed": seed,
        }
    }
    checkpoint = Checkpoint(model=model.eval(), spec=spec, recipe=recipe)
    return Imported(
        checkpoint=checkpoint,
        layout=converted.layout.name,
        taken=len(converted.tensors),
        left_out=converted.left_out,
        untrained=untrained,
    )


def read_backbone(
    path: Path, settings: ViTSettings, image_size: tuple[int, int] = (224, 224)
) -> dict[str, torch.Tensor]:
    """Weights for `ViT.backbone`, to start training from.

    The epsilon of the layer norms stays that of `settings`: it is a setting, not a weight.

    Args:
        path: a file as for `import_teacher`.
        settings: of the network that will take them.
        image_size: height and width of the picture that it looks at.

    Raises:
        CheckpointError: the file cannot be read or trusted, or is of another width, depth, patch or picture.
    """
    converted = _converted(path, settings.heads)
    for what, theirs, ours in (
        ("layers", converted.settings.layers, settings.layers),
        ("width", converted.settings.width, settings.width),
        ("mlp_width", converted.settings.mlp_width, settings.mlp_width),
        ("patch_size", converted.settings.patch_size, settings.patch_size),
        ("image_size", converted.image_size, image_size),
    ):
        if theirs != ours:
            raise CheckpointError(f"{path} has {what} {theirs}, and the model to train has {ours}; change the recipe")
    beginning = "backbone."
    return {
        name.removeprefix(beginning): tensor for name, tensor in converted.tensors.items() if name.startswith(beginning)
    }


def _converted(path: Path, heads: int | None) -> Converted:
    weights = read_weights(path)
    found = find_layout(weights.tensors)
    config = read_config(path) if found and found[0] in (HUGGING_FACE, HUGGING_FACE_5) else None
    if config is None:
        return convert(weights, heads)
    if heads is not None and heads != config.heads:
        raise CheckpointError(f"{path} has {config.heads} attention heads by the config.json beside it, not {heads}")
    return convert(weights, config.heads, config.norm_eps)
