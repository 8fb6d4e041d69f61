"""Make a checkpoint from a third-party file of weights, or the first weights of a backbone to train."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from msgspec import Meta

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.records import Name, Record, Seed, Sha256, Text, to_plain
from sentio_mobile.errors import CheckpointError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import ViTSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.import_weights.convert import Converted, convert
from sentio_mobile.teacher.import_weights.layouts import HUGGING_FACE, HUGGING_FACE_5, find_layout
from sentio_mobile.teacher.import_weights.read import read_config, read_weights

Names = Annotated[tuple[Text, ...], Meta(max_length=100_000)]


class ImportSource(Record, frozen=True, kw_only=True):
    """Where an imported teacher came from: `imported` in its checkpoint's recipe."""

    file: Name  # name of the file
    sha256: Sha256  # hash of the file
    layout: Name  # layout of the file
    left_out: Names  # names in the file that have no counterpart here
    untrained: Names  # our names that the file lacks, which have random weights
    seed: Seed  # random seed for those weights


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A teacher made from a third-party file.

    Attributes:
        checkpoint: The network and its spec.
        source: Where the weights came from.
        taken: Number of our tensors that came from the file.
    """

    checkpoint: Checkpoint
    source: ImportSource
    taken: int


def import_teacher(
    path: Path,
    normalization: Literal["db80", "zscore"] | None = None,
    *,
    heads: int | None = None,
    seed: int = 0,
) -> Imported:
    """Make a teacher from weights that another project saved.

    Widths and depth come from shapes. The number of attention heads does not show in shapes: it is `heads`, or what a
    Hugging Face `config.json` beside the file says, or the width divided by 64.

    Args:
        path: A safetensors file, or a state dictionary that torch saved, in the layout of Hugging Face, torchvision,
            timm, or the original notebook.
        normalization: Spectrogram normalization that the model was trained with; by default `zscore` for the
            notebook's files and `db80` for all others.
        heads: Attention heads of a block.
        seed: Random seed for the head's weights, if the file has no head.

    Raises:
        CheckpointError: The file cannot be read, is not trusted, or is of another network.
    """
    converted = _convert_file(path, heads)
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
    source = ImportSource(
        file=path.name,
        sha256=sha256(path),
        layout=converted.layout.name,
        left_out=converted.left_out,
        untrained=untrained,
        seed=seed,
    )
    checkpoint = Checkpoint(model=model.eval(), spec=spec, recipe={"imported": to_plain(source)})
    return Imported(checkpoint=checkpoint, source=source, taken=len(converted.tensors))


def read_backbone(
    path: Path, settings: ViTSettings, image_size: tuple[int, int] = (224, 224)
) -> dict[str, torch.Tensor]:
    """Read first weights for `ViT.backbone`.

    The epsilon of the layer norms stays that of `settings`: it is a setting, not a weight.

    Args:
        path: A file as for `import_teacher`.
        settings: Settings of the network that takes the weights.
        image_size: Height and width of its input image.

    Raises:
        CheckpointError: The file cannot be read or trusted, or is of another width, depth, patch size or image size.
    """
    converted = _convert_file(path, settings.heads)
    for what, in_file, in_recipe in (
        ("layers", converted.settings.layers, settings.layers),
        ("width", converted.settings.width, settings.width),
        ("mlp_width", converted.settings.mlp_width, settings.mlp_width),
        ("patch_size", converted.settings.patch_size, settings.patch_size),
        ("image_size", converted.image_size, image_size),
    ):
        if in_file != in_recipe:
            raise CheckpointError(
                f"{path} has {what} {in_file}, and the model to train has {in_recipe}; change the recipe"
            )
    prefix = "backbone."
    return {name.removeprefix(prefix): tensor for name, tensor in converted.tensors.items() if name.startswith(prefix)}


def _convert_file(path: Path, heads: int | None) -> Converted:
    weights = read_weights(path)
    match = find_layout(weights.tensors)
    config = read_config(path) if match and match[0] in (HUGGING_FACE, HUGGING_FACE_5) else None
    if config is None:
        return convert(weights, heads)
    if heads is not None and heads != config.heads:
        raise CheckpointError(
            f"{path} has {config.heads} attention heads according to the config.json beside it, not {heads}"
        )
    return convert(weights, config.heads, config.norm_eps)
