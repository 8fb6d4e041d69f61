"""`sentio-mobile teacher gan`: made-up songs for a teacher to learn from, and what they are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import rich_click as click

from sentio_mobile.cli.gan_judge import judge
from sentio_mobile.cli.gan_render import render
from sentio_mobile.cli.options import accelerator_option, console, force_option, out_option


@click.group()
def gan() -> None:
    """Train a network that makes up songs, judge it, and let it make some."""


@gan.command(
    epilog="Example: sentio-mobile teacher gan train --data prepared --recipe cgan_small --out gan-ckpt\n\n"
    "Of sounds in folders named after them: "
    "sentio-mobile teacher gan train --labels classes --data sounds --recipe cgan_classes --out gan-ckpt"
)
@click.option(
    "--data",
    "data_folder",
    type=click.Path(path_type=Path),
    required=True,
    help="A folder that `data prepare` wrote, or with --labels classes one with a folder of sounds for each class.",
)
@click.option(
    "--labels",
    type=click.Choice(["emotion", "classes"]),
    default="emotion",
    show_default=True,
    help="What a sample is asked for.",
)
@click.option(
    "--recipe",
    default="cgan_small",
    show_default=True,
    help="cgan_small (two cores, half an hour), cgan_classes (two cores), cgan (wants a GPU), or a .toml file.",
)
@accelerator_option
@out_option
@force_option
def train(
    data_folder: Path,
    labels: Literal["emotion", "classes"],
    recipe: str,
    accelerator: str,
    out: Path,
    force: bool,
) -> None:
    """Train a conditional GAN on the log-mels of training songs.

    A run that was stopped goes on where it was when the same command is given again. One that collapses stops, and
    keeps what it had learnt beside --out.
    """
    from sentio_mobile._internal.files import require_free
    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.recipes import load_recipe
    from sentio_mobile.teacher.gan.config import STAGE, GanRecipe

    require_free(out, force)
    settings = load_recipe(GanRecipe, recipe, STAGE)
    with Bars() as bars:
        if labels == "classes":
            from sentio_mobile.teacher.gan.classes import read_classes

            found = read_classes(data_folder, bars)
            from sentio_mobile.teacher.gan.batches import sounds

            examples = sounds(found)
        else:
            from sentio_mobile.data.prepared import open_data

            prepared = open_data(data_folder)
            from sentio_mobile.teacher.gan.batches import songs

            examples = songs(prepared)
        from sentio_mobile.teacher.gan.train import train_gan

        checkpoint = train_gan(examples, settings, out=out, progress=bars, overwrite=force, accelerator=accelerator)
    last = checkpoint.history[-1]
    console.print(
        f"Discriminator {last['discriminator_accuracy']:.0%} right at the end; samples of one label differ "
        f"{last['diversity']:.2f} times as much as real clips."
    )
    if checkpoint.classes:
        after = f"render {out} --class {checkpoint.classes[0]} --out {checkpoint.classes[0]}.wav"
    else:
        after = f"judge {out} --data {data_folder}"
    console.print(f"Checkpoint: {out}. Next: sentio-mobile teacher gan {after}", soft_wrap=True)


@gan.command(epilog="Example: sentio-mobile teacher gan sample gan-ckpt -n 3200 --out made-up")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("-n", "--n", "count", type=click.IntRange(1), default=3200, show_default=True, help="How many.")
@click.option(
    "--labels",
    type=click.Choice(["density", "uniform"]),
    default="density",
    show_default=True,
    help="Valence and arousal like those of the training songs, or uniform over the square.",
)
@click.option(
    "--filter",
    "threshold",
    type=click.FloatRange(0, 1),
    default=0.3,
    show_default=True,
    help="The least score of the discriminator that is kept; 0 keeps all.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, other samples.")
@out_option
@force_option
def sample(
    checkpoint: Path,
    count: int,
    labels: Literal["density", "uniform"],
    threshold: float,
    seed: int,
    out: Path,
    force: bool,
) -> None:
    """Make samples of the network CHECKPOINT for `teacher train --synthetic`."""
    from sentio_mobile._internal.files import require_free
    from sentio_mobile.cli.bars import Bars

    require_free(out, force)
    from sentio_mobile.teacher.gan.checkpoint import GanCheckpoint
    from sentio_mobile.teacher.gan.sample import write_samples

    network = GanCheckpoint.load(checkpoint)
    with Bars() as bars:
        made = write_samples(
            network,
            checkpoint.name,
            n=count,
            out=out,
            labels=labels,
            threshold=threshold,
            seed=seed,
            progress=bars,
            overwrite=force,
        )
    console.print(
        f"{count} samples in {out}, {made['kept']:.0%} of those made. "
        f"Next: sentio-mobile teacher train --data ... --synthetic {out} --out teacher-ckpt",
        soft_wrap=True,
    )


gan.add_command(judge)
gan.add_command(render)
