"""Make a checkpoint from a third-party file of weights, or the first weights of a backbone to train."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from msgspec import Meta

from sentio_mobile._internal.files import open_file, sha256
from sentio_mobile._internal.records import Name, Record, Seed, Sha256, Text, replace, to_plain
from sentio_mobile.errors import CheckpointError, InputError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import ASTSettings, ViTSettings
from sentio_mobile.models.first_weights import interpolate_positions
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.import_weights.config_json import read_config
from sentio_mobile.teacher.import_weights.convert import Converted, convert, network, own_name
from sentio_mobile.teacher.import_weights.one_channel import front_end
from sentio_mobile.teacher.import_weights.read import Weights, read_weights

Names = Annotated[tuple[Text, ...], Meta(max_length=100_000)]

POSITIONS = "encoder.pos_embedding"
"""torchvision's name of the positions."""


class ImportSource(Record, frozen=True, kw_only=True):
    """Where an imported teacher came from: `imported` in its checkpoint's recipe."""

    file: Name  # name of what was given: a file, or a folder
    sha256: Sha256  # hash of the file; if there are several, of their bytes, one file after another
    layout: Name  # layout of the file
    place: Text = ""  # keys and wrappers that stand before the network's names, such as state_dict.module
    positions: Text = ""  # grids that positions were interpolated from and to; empty if they were not
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


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """First weights of a `ViT` or an `AST`, all but the head's.

    Attributes:
        tensors: Tensors under the network's own names.
        positions: Grids that positions were interpolated from and to, in words; empty if they were not.
    """

    tensors: Mapping[str, torch.Tensor]
    positions: str = ""


def import_teacher(
    path: Path,
    normalization: Literal["db80", "zscore"] | None = None,
    *,
    heads: int | None = None,
    image_size: tuple[int, int] | None = None,
    seed: int = 0,
) -> Imported:
    """Make a teacher from weights that another project saved.

    Widths and depth come from shapes. The number of attention heads does not show in shapes: it is `heads`, or what a
    Hugging Face `config.json` beside the file says, or the width divided by 64. A network with a distillation token
    becomes an `ast`, any other a `vit`.

    Args:
        path: A safetensors file, or a state dictionary that torch saved, in the layout of Hugging Face (ViT, DeiT,
            AST), torchvision, timm, or the original notebook; one of several parts, their index, or a folder.
        normalization: Spectrogram normalization that the model was trained with; by default `zscore` for an AST and
            the notebook's files, and `db80` for all others.
        heads: Attention heads of a block.
        image_size: Height and width of the image; by default those that the positions in the file are for. Positions
            are interpolated to another size.
        seed: Random seed for the head's weights, if the file has no head.

    Raises:
        CheckpointError: The file cannot be read, is not trusted, or is of another network, or `image_size` does not
            suit it.
    """
    converted, files = _convert_file(path, heads)
    sizes, layout = converted.sizes, converted.found.layout
    if sizes.spectrogram is None:
        audio = AudioSpec(normalization=normalization or layout.normalization)
    elif normalization in (None, "zscore"):
        audio = front_end(sizes.spectrogram)
    else:
        raise CheckpointError(f"{path}: an AST takes spectrograms of mean 0, zscore; leave {normalization} out")
    size = image_size or sizes.image_size
    backbone = _fit(path, converted, sizes.settings, size)
    spec = spec_of(sizes.settings, replace(audio, image_size=size))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(spec)
    heads_own = {name: tensor for name, tensor in converted.tensors.items() if name.startswith("head.")}
    tensors = {**backbone.tensors, **heads_own}
    model.load_state_dict(tensors, strict=False)
    source = ImportSource(
        file=path.resolve().name,
        sha256=_digest(files),
        layout=layout.name,
        place=converted.found.place,
        positions=backbone.positions,
        left_out=converted.left_out,
        untrained=tuple(name for name in model.state_dict() if name not in tensors),
        seed=seed,
    )
    checkpoint = Checkpoint(model=model.eval(), spec=spec, recipe={"imported": to_plain(source)})
    return Imported(checkpoint=checkpoint, source=source, taken=len(tensors))


def read_backbone(path: Path, settings: ViTSettings | ASTSettings, audio: AudioSpec) -> Backbone:
    """Read first weights for the backbone of a `ViT` or an `AST`.

    Args:
        path: A file or folder as for `import_teacher`.
        settings: Settings of the network that takes the weights.
        audio: Its front end.

    Raises:
        CheckpointError: As for `backbone_of`, or the file cannot be read or trusted.
    """
    converted, _ = _convert_file(path, settings.heads)
    return _backbone(path, converted, settings, audio)


def backbone_of(weights: Weights, settings: ViTSettings | ASTSettings, audio: AudioSpec) -> Backbone:
    """Make first weights for the backbone of a `ViT` or an `AST` of weights that were read.

    The epsilon of the layer norms and the overlap of patches stay those of `settings`: they are settings, not weights.

    Args:
        weights: The weights.
        settings: Settings of the network that takes them.
        audio: Its front end.

    Raises:
        CheckpointError: They are of another network, width, depth or patch size, or of an AST where the front end's
            normalization is not `zscore`.
    """
    return _backbone(weights.path, convert(weights, settings.heads), settings, audio)


def _backbone(path: Path, converted: Converted, settings: ViTSettings | ASTSettings, audio: AudioSpec) -> Backbone:
    if converted.sizes.spectrogram is not None and audio.normalization != "zscore":
        raise CheckpointError(
            f"{path} is of an AST, which takes spectrograms of mean 0; prepare the songs for the recipe ast_audioset, "
            "or for one with normalization zscore in its table audio"
        )
    return _fit(path, converted, settings, audio.image_size)


def _fit(
    path: Path, converted: Converted, settings: ViTSettings | ASTSettings, image_size: tuple[int, int]
) -> Backbone:
    """A file's weights, all but the head's, as those of a network that takes images of a size."""
    have = converted.sizes.settings
    for what, advice in (
        *((size, "change the recipe") for size in ("layers", "width", "mlp_width", "patch_size")),
        ("distillation_token", "train an ast that has it as the file has it"),
    ):
        in_file, wanted = getattr(have, what, False), getattr(settings, what, False)
        if in_file != wanted:
            raise CheckpointError(f"{path} has {what} {in_file}, and the model to train has {wanted}; {advice}")
    try:
        with torch.device("meta"):
            source, target = network(have, converted.sizes.image_size).grid, network(settings, image_size).grid
    except (InputError, AssertionError, RuntimeError) as error:
        height, width = image_size
        raise CheckpointError(
            f"{path}: cannot take images of {height} by {width}: {str(error).splitlines()[0]}"
        ) from error
    tensors = {name: tensor for name, tensor in converted.tensors.items() if not name.startswith("head.")}
    positions = ""
    if source != target:
        tensors[POSITIONS] = interpolate_positions(tensors[POSITIONS], source, target)
        positions = f"from {source[0]} x {source[1]} to {target[0]} x {target[1]} patches"
    return Backbone(tensors={own_name(settings, name): tensor for name, tensor in tensors.items()}, positions=positions)


def _convert_file(path: Path, heads: int | None) -> tuple[Converted, Sequence[Path]]:
    weights = read_weights(path)
    config = read_config(weights.files[0])
    if config is not None and heads is not None and heads != config.heads:
        raise CheckpointError(
            f"{path} has {config.heads} attention heads according to the config.json beside it, not {heads}"
        )
    return convert(weights, heads, config=config), weights.files


def _digest(files: Sequence[Path]) -> str:
    if len(files) == 1:
        return sha256(files[0])
    digest = hashlib.sha256()
    for path in files:
        with open_file(path) as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
