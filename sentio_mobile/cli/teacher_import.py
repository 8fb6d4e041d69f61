"""`sentio-mobile teacher import`: make a teacher from weights that another program saved."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import rich_click as click

from sentio_mobile.cli.options import PATH, Command, force_option, out_option
from sentio_mobile.cli.output import console, json_option

SIZES = ("layers", "heads", "width", "mlp_width", "patch_size", "patch_overlap", "distillation_token")
"""Settings that are shown."""


@click.command(
    "import", cls=Command, epilog="Example: sentio-mobile teacher import model.safetensors --out teacher-ckpt"
)
@click.argument("file", type=PATH)
@click.option(
    "--normalization",
    type=click.Choice(["db80", "zscore"]),
    help="The normalization that the model was trained with: by default zscore for an AST and for the original "
    "notebook's files, db80 for all others.",
)
@click.option(
    "--heads",
    type=click.IntRange(1),
    help="Attention heads per block: by default those of a Hugging Face config.json beside FILE, or width / 64.",
)
@click.option(
    "--image-size",
    type=click.IntRange(1, 2048),
    nargs=2,
    metavar="HEIGHT WIDTH",
    help="Size of the image, to which positions are interpolated: by default that of the file.",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Random seed for weights that FILE does not have, such as the head's.",
)
@out_option
@force_option
@json_option
def import_(
    file: Path,
    normalization: Literal["db80", "zscore"] | None,
    heads: int | None,
    image_size: tuple[int, int] | None,
    seed: int,
    out: Path,
    force: bool,
) -> None:
    """Make a checkpoint from a transformer's weights that another program saved.

    FILE is a .safetensors file, or a state dictionary saved by torch (.pth, .pt, .bin), with the names of Hugging
    Face's ViT, DeiT or AST, torchvision's, timm's, or the original notebook's. It may also be one part of several,
    their index, or the folder that they are in. It is read as data: a file that contains code is refused, and nothing
    in it is run. Tensors that have no counterpart, on either side, are listed.
    """
    from sentio_mobile._internal.files import require_free

    require_free(out, force)
    from sentio_mobile.cli.results import print_checkpoint
    from sentio_mobile.teacher.import_weights import import_teacher

    found = import_teacher(file, normalization, heads=heads, image_size=image_size, seed=seed)
    found.checkpoint.save(out, force)
    spec = found.checkpoint.spec
    settings = spec.settings
    place = f", under {found.source.place}" if found.source.place else ""
    _print(f"{file}: {found.source.layout}{place}; {found.taken} tensors imported as {spec.architecture}")
    sizes = ", ".join(f"{name} {settings[name]}" for name in SIZES if name in settings)
    height, width = spec.audio.image_size
    _print(f"{sizes}, norm_eps {settings['norm_eps']:g}, image {height} x {width}, {spec.audio.normalization}")
    if found.source.positions:
        _print(f"positions interpolated {found.source.positions}")
    _list("in the file, without a counterpart here", found.source.left_out)
    _list(f"not in the file, initialized from seed {seed}", found.source.untrained)
    if not found.source.untrained:
        _print(f"Checkpoint: {out}. Next: sentio-mobile distill --teacher {out} --data prepared --out student-ckpt")
        print_checkpoint(out)
        return
    console.print("[yellow]The head is untrained: its predictions mean nothing yet.[/]", soft_wrap=True)
    _print(
        f"Checkpoint: {out}. Next: sentio-mobile teacher train --data prepared --start {out} --out trained-ckpt, "
        "with a recipe of these sizes"
    )
    print_checkpoint(out)


def _list(what: str, names: tuple[str, ...]) -> None:
    if names:
        _print(f"{len(names)} {what}:")
        for name in names:
            _print(f"  {name}")


def _print(line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)
