"""`sentio-mobile teacher train`: train a network as a teacher."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

import sentio_mobile
from sentio_mobile.cli.options import (
    PATH,
    Command,
    data_option,
    devices_option,
    embeddings_option,
    force_option,
    nodes_option,
    out_option,
    start_option,
    strategy_option,
    weak_labels_option,
)
from sentio_mobile.cli.output import console, json_option
from sentio_mobile.cli.training_options import TrainingOptions, training_options


@click.command(
    cls=Command,
    goes_on=True,
    epilog="Example: sentio-mobile teacher train --data prepared --recipe vit_small --out teacher-ckpt",
)
@data_option
@click.option(
    "--recipe",
    default="vit_small",
    show_default=True,
    help="vit_small (2.9 M parameters), vit_b_16 (86 M, needs a GPU), ast_audioset (87 M, the same), or a .toml "
    "file of your own.",
)
@start_option
@click.option(
    "--weights",
    help="First weights of the backbone only: imagenet (torchvision's, for vit_b_16), or a file or folder as for "
    "`teacher import`, such as AudioSet's for ast_audioset.",
)
@click.option(
    "--gan-samples", type=PATH, help="GAN samples, written by `teacher gan sample`, mixed in with training songs."
)
@weak_labels_option
@click.option(
    "--unlabelled",
    type=PATH,
    multiple=True,
    help="Music without labels, prepared by `data prepare`, of which only --embeddings are learned. May be given more "
    "than once.",
)
@embeddings_option
@devices_option
@nodes_option
@strategy_option
@training_options
@json_option
@out_option
@force_option
def train(
    data_folder: Path,
    recipe: str,
    start: Path | None,
    weights: str | None,
    gan_samples: Path | None,
    weak_labels: tuple[tuple[Path, Path], ...],
    unlabelled: tuple[Path, ...],
    embeddings: tuple[Path, ...],
    devices: int,
    nodes: int,
    strategy: str,
    training: TrainingOptions,
    out: Path,
    force: bool,
) -> None:
    """Train a teacher on prepared songs.

    Keeps the epoch with the best validation CCC, and reads the test songs once, at the end. A run that was stopped
    continues when the same command is given again. With few songs, start from a teacher that was trained on others,
    such as the quickstart's.
    """
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.cli.results import print_checkpoint, show_evaluation, show_parameters
    from sentio_mobile.recipes import load_recipe
    from sentio_mobile.teacher.config import TeacherRecipe

    if start and weights:
        raise click.UsageError("--start and --weights both give the first weights; give one of them")
    with ProgressBars() as progress:
        checkpoint = sentio_mobile.train_teacher(
            data=data_folder,
            out=out,
            recipe=load_recipe(TeacherRecipe, recipe, "teacher", changes=training.changes, seed=training.seed),
            start=start,
            weights=weights,
            gan_samples=gan_samples,
            weak_labels=weak_labels,
            unlabelled=unlabelled,
            embeddings=embeddings,
            devices=devices,
            nodes=nodes,
            strategy=strategy,
            accelerator=training.accelerator,
            logger=training.logger,
            overwrite=force,
            progress=progress,
        )
    if positions := checkpoint.recipe.get("interpolated_positions"):
        console.print(f"First weights: positions interpolated {positions}.", soft_wrap=True, markup=False)
    show_evaluation("teacher", checkpoint.evaluation.test)
    show_parameters("teacher", checkpoint)
    console.print(
        f"Checkpoint: {out}. Next: sentio-mobile distill --teacher {out} --data {data_folder} --out student-ckpt",
        soft_wrap=True,
        markup=False,
    )
    print_checkpoint(out)
