"""`sentio-mobile teacher import`: a teacher that somebody else trained."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import rich_click as click

from sentio_mobile.cli.options import console, force_option, out_option


@click.command("import", epilog="Example: sentio-mobile teacher import model.safetensors --out teacher-ckpt")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--normalization",
    type=click.Choice(["db80", "zscore"]),
    help="What the model was trained on. By default zscore for the original notebook's files, db80 for all others.",
)
@click.option(
    "--heads",
    type=click.IntRange(1),
    help="Attention heads of a block. By default what a Hugging Face config.json beside FILE says, or width / 64.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Of what is drawn anew: the head, where FILE has none."
)
@out_option
@force_option
def import_(
    file: Path, normalization: Literal["db80", "zscore"] | None, heads: int | None, seed: int, out: Path, force: bool
) -> None:
    """Make a checkpoint of a vision transformer's weights that another program saved.

    FILE is a .safetensors, or a state dictionary that torch saved (.pth, .pt, .bin), with the names of Hugging Face's
    ViT, torchvision's, timm's, or the original notebook's. It is read as data: code in it is not run, the file is
    refused. Tensors without a place on either side are listed.
    """
    from sentio_mobile._internal.files import require_free

    require_free(out, force)
    from sentio_mobile.teacher.import_weights import import_teacher

    found = import_teacher(file, normalization, heads=heads, seed=seed)
    found.checkpoint.save(out, force)
    spec = found.checkpoint.spec
    settings = spec.settings
    _say(f"{file}: {found.layout}; {found.taken} tensors imported")
    sizes = ", ".join(f"{name} {settings[name]}" for name in ("layers", "heads", "width", "mlp_width", "patch_size"))
    _say(f"{sizes}, norm_eps {settings['norm_eps']:g}, normalization {spec.audio.normalization}")
    _list("in the file, without a place here", found.left_out)
    _list(f"not in the file, drawn anew from seed {seed}", found.untrained)
    if not found.untrained:
        _say(f"Checkpoint: {out}. Next: sentio-mobile distill --teacher {out} --data prepared --out student-ckpt")
        return
    console.print("[yellow]The head is untrained: what it answers means nothing yet.[/]", soft_wrap=True)
    _say(
        f"Checkpoint: {out}. Next: sentio-mobile teacher train --data prepared --start {out} --out trained-ckpt, "
        "with a recipe of these sizes"
    )


def _list(what: str, names: tuple[str, ...]) -> None:
    if names:
        _say(f"{len(names)} {what}:")
        for name in names:
            _say(f"  {name}")


def _say(line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)
