"""`sentio-mobile pretrain`: a student learns music from an encoder's embeddings, before anybody's labels."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.options import (
    PATH,
    Command,
    devices_option,
    force_option,
    nodes_option,
    out_option,
    strategy_option,
)
from sentio_mobile.cli.output import console, json_option
from sentio_mobile.cli.training_options import TrainingOptions, training_options


@click.command(
    cls=Command,
    goes_on=True,
    epilog="Example: sentio-mobile pretrain --data prepared --embeddings embeddings.safetensors --out first-ckpt",
)
@click.option(
    "--data",
    "folders",
    type=PATH,
    multiple=True,
    required=True,
    help="Music, prepared by `data prepare`; of a folder with labels, its training songs. May be given more than once.",
)
@click.option(
    "--embeddings",
    type=PATH,
    multiple=True,
    help="For a recipe without [online]: embeddings of the music, written by `teacher embed`. May be given more than "
    "once.",
)
@click.option(
    "--pseudo-labels", type=PATH, help="A CSV of a teacher's predictions for the music, learned beside the embeddings."
)
@click.option(
    "--recipe",
    default="mobilevit",
    show_default=True,
    help="default (mobilevit, 7.3 M parameters), small (mobilevit_xs, 2.0 M), mobilevit_frames, mobilevit_xs_frames, "
    "or a .toml file of your own.",
)
@click.option("--steps", type=click.IntRange(1), help="Training steps, in place of the recipe's.")
@devices_option
@nodes_option
@strategy_option
@training_options
@json_option
@out_option
@force_option
def pretrain(
    folders: tuple[Path, ...],
    embeddings: tuple[Path, ...],
    pseudo_labels: Path | None,
    recipe: str,
    steps: int | None,
    devices: int,
    nodes: int,
    strategy: str,
    training: TrainingOptions,
    out: Path,
    force: bool,
) -> None:
    """Let a student hear music without labels before it is distilled.

    It learns what an audio encoder makes of every few seconds of the music: the stored embeddings, or, with a recipe
    that has a table [online] (mobilevit_frames, mobilevit_xs_frames), what musicnn makes of each clip as the student
    hears it. `distill --start` goes on from the checkpoint. A share of the music is held out: OUT.training/metrics.csv
    says after each epoch how well the student predicts it. A run that was stopped continues when the same command is
    given again.
    """
    import sentio_mobile
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.cli.results import print_checkpoint
    from sentio_mobile.distill.config import PretrainRecipe
    from sentio_mobile.recipes import load_recipe

    with ProgressBars() as progress:
        student = sentio_mobile.pretrain(
            data=folders,
            embeddings=embeddings,
            pseudo_labels=pseudo_labels,
            recipe=load_recipe(
                PretrainRecipe, recipe, "distill/pretrain", changes=training.changes, seed=training.seed
            ),
            steps=steps,
            devices=devices,
            nodes=nodes,
            strategy=strategy,
            accelerator=training.accelerator,
            logger=training.logger,
            out=out,
            overwrite=force,
            progress=progress,
        )
    last = student.history[-1]
    words = {"val_r2": "R2 of embeddings", "val_tags": "correlation of tags", "val_ccc": "CCC of pseudo-labels"}
    shown = [f"{text} {last[name]:.3f}" for name, text in words.items() if last.get(name) is not None]
    console.print(f"Held-out music: {', '.join(shown)}", soft_wrap=True, markup=False)
    console.print(
        f"Checkpoint: {out}. Next: sentio-mobile distill --start {out} --teacher teacher-ckpt --data prepared --out "
        "student-ckpt",
        soft_wrap=True,
        markup=False,
    )
    print_checkpoint(out)
