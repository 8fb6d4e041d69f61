"""`sentio-mobile teacher`: train the large model."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.ablate import ablate
from sentio_mobile.cli.explain import explain
from sentio_mobile.cli.gan import gan
from sentio_mobile.cli.options import (
    Group,
    accelerator_option,
    console,
    data_option,
    force_option,
    out_option,
    sides_option,
    start_option,
)
from sentio_mobile.cli.teacher_classic import classic
from sentio_mobile.cli.teacher_import import import_


@click.group(cls=Group)
def teacher() -> None:
    """Train the large model that a student will learn from."""


@teacher.command(epilog="Example: sentio-mobile teacher train --data prepared --recipe vit_small --out teacher-ckpt")
@data_option
@click.option(
    "--recipe",
    default="vit_small",
    show_default=True,
    help="vit_small (2.9 M parameters), vit_b_16 (86 M, wants a GPU), or a .toml file of your own.",
)
@start_option
@click.option(
    "--weights",
    help="First weights of the backbone alone: imagenet (torchvision's own, for vit_b_16), or a file as for import.",
)
@click.option(
    "--synthetic",
    type=click.Path(path_type=Path),
    help="Made-up clips that take turns with training songs: a folder that `teacher gan sample` wrote.",
)
@sides_option
@click.option("--devices", type=click.IntRange(1), default=1, show_default=True, help="Processes or GPUs of each node.")
@click.option("--nodes", type=click.IntRange(1), default=1, show_default=True, help="Machines.")
@click.option("--strategy", default="auto", show_default=True, help="One of Lightning's: ddp, fsdp, ...")
@accelerator_option
@out_option
@force_option
def train(
    data_folder: Path,
    recipe: str,
    start: Path | None,
    weights: str | None,
    synthetic: Path | None,
    sides: tuple[tuple[Path, Path], ...],
    devices: int,
    nodes: int,
    strategy: str,
    accelerator: str,
    out: Path,
    force: bool,
) -> None:
    """Train a vision transformer on prepared songs.

    Keeps the epoch with the best validation CCC; reads the test songs once, at the end. A run that was stopped goes on
    where it was when the same command is given again. With few songs, start from a teacher that has heard others: the
    one that the quickstart trains on generated music, say.
    """
    from sentio_mobile._internal.files import require_free
    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.cli.results import show_evaluation
    from sentio_mobile.data.gan_samples import open_gan_samples
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.data.weak_labels import read_weak_labels
    from sentio_mobile.recipes import load_recipe
    from sentio_mobile.teacher.config import TeacherRecipe

    require_free(out, force)
    if start and weights:
        raise click.UsageError("--start and --weights both give the first weights; give one of them")
    settings = load_recipe(TeacherRecipe, recipe, "teacher")
    songs = open_data(data_folder)
    made_up = open_gan_samples(synthetic) if synthetic else None
    sided = [(open_data(folder), read_weak_labels(place)) for folder, place in sides]
    # Last, because it takes seconds: what is wrong with the arguments is said at once.
    from sentio_mobile.models.checkpoint import Checkpoint
    from sentio_mobile.teacher.train import train_teacher
    from sentio_mobile.training.trainer import Hardware

    first = Checkpoint.load(start) if start else None
    backbone = None
    if weights:
        from sentio_mobile.teacher.pretrained import pretrained_backbone

        backbone = pretrained_backbone(weights, settings.model, songs.audio.image_size)
    hardware = Hardware(devices, nodes, strategy, accelerator)
    with Bars() as bars:
        checkpoint = train_teacher(
            songs,
            settings,
            out=out,
            progress=bars,
            overwrite=force,
            start=first,
            backbone=backbone,
            hardware=hardware,
            synthetic=made_up,
            sides=sided,
        )
    show_evaluation("teacher", checkpoint.evaluation["test"])
    console.print(
        f"Checkpoint: {out}. Next: sentio-mobile distill --teacher {out} --data {data_folder} --out student-ckpt"
    )


teacher.add_command(import_)
teacher.add_command(classic)
teacher.add_command(explain)
teacher.add_command(gan)
teacher.add_command(ablate)
