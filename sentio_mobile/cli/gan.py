"""`sentio-mobile teacher gan`: train a GAN of log-mels, and draw samples from it; `gan_evaluate` evaluates it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import rich_click as click

from sentio_mobile.cli.options import (
    PATH,
    FiniteRange,
    Group,
    claim_output,
    force_option,
    out_option,
)
from sentio_mobile.cli.output import console, json_option, print_json
from sentio_mobile.cli.training_options import TrainingOptions, training_options

LAZY = {
    "evaluate": (
        "sentio_mobile.cli.gan_evaluate",
        "Evaluate a GAN, or a folder of its samples, against the songs that it was trained on.",
    )
}


@click.group(cls=Group, lazy=LAZY, renamed={"judge": "evaluate"})
def gan() -> None:
    """Train a GAN that generates log-mels, evaluate it, and draw samples from it."""


@gan.command(
    goes_on=True,
    epilog="Example: sentio-mobile teacher gan train --data prepared --recipe cgan_small --out gan-ckpt\n\n"
    "From sounds in folders, one per class: "
    "sentio-mobile teacher gan train --labels classes --data sounds --recipe cgan_classes --out gan-ckpt",
)
@click.option(
    "--data",
    "data_folder",
    type=PATH,
    required=True,
    help="A prepared folder, or with --labels classes a folder that has one folder of sounds per class.",
)
@click.option(
    "--labels",
    type=click.Choice(["emotion", "classes"]),
    default="emotion",
    show_default=True,
    help="The condition of a sample: valence and arousal, or a class.",
)
@click.option(
    "--recipe",
    default="cgan_small",
    show_default=True,
    help="cgan_small (half an hour on two cores), cgan_classes (two cores), cgan (needs a GPU), or a .toml file.",
)
@training_options
@out_option
@force_option
@json_option
def train(
    data_folder: Path,
    labels: Literal["emotion", "classes"],
    recipe: str,
    training: TrainingOptions,
    out: Path,
    force: bool,
) -> None:
    """Train a conditional GAN on the log-mels of training songs.

    A run that was stopped continues when the same command is given again. Training that collapses stops, and what was
    learned before is kept beside --out.
    """
    from sentio_mobile._internal.files import require_free
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.recipes import load_recipe
    from sentio_mobile.teacher.gan.config import STAGE, GanRecipe

    require_free(out, force)
    settings = load_recipe(GanRecipe, recipe, STAGE, changes=training.changes, seed=training.seed)
    with ProgressBars() as progress:
        if labels == "classes":
            from sentio_mobile.teacher.gan.classes import read_classes

            found = read_classes(data_folder, progress)
            from sentio_mobile.teacher.gan.batches import class_examples

            examples = class_examples(found)
        else:
            from sentio_mobile.data.prepared import open_data

            prepared = open_data(data_folder)
            from sentio_mobile.teacher.gan.batches import song_examples

            examples = song_examples(prepared)
        from sentio_mobile.teacher.gan.train import train_gan

        checkpoint = train_gan(
            examples, settings, out=out, progress=progress, overwrite=force, hardware=training.hardware
        )
    last = checkpoint.history[-1]
    console.print(
        f"Final accuracy of the discriminator: {last['discriminator_accuracy']:.0%}. Samples of one label differ "
        f"{last['diversity']:.2f} times as much as real clips.",
        markup=False,
    )
    if checkpoint.classes:
        following = f"render {out} --class {checkpoint.classes[0]} --out {checkpoint.classes[0]}.wav"
    else:
        following = f"evaluate {out} --data {data_folder}"
    console.print(f"Checkpoint: {out}. Next: sentio-mobile teacher gan {following}", soft_wrap=True, markup=False)
    print_json({"checkpoint": str(out), "last_epoch": last})


@gan.command(epilog="Example: sentio-mobile teacher gan sample gan-ckpt -n 3200 --out samples")
@click.argument("checkpoint", type=PATH)
@click.option("-n", "--n", "count", type=click.IntRange(1), default=3200, show_default=True, help="Number of samples.")
@click.option(
    "--labels",
    type=click.Choice(["density", "uniform"]),
    default="density",
    show_default=True,
    help="Distribution of valence and arousal: that of the training songs, or uniform over the square.",
)
@click.option(
    "--filter",
    "threshold",
    type=FiniteRange(0, 1),
    default=0.3,
    show_default=True,
    help="Lowest score of the discriminator at which a sample is kept; 0 keeps all.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed: another seed gives other samples.")
@out_option
@force_option
@json_option
def sample(
    checkpoint: Path,
    count: int,
    labels: Literal["density", "uniform"],
    threshold: float,
    seed: int,
    out: Path,
    force: bool,
) -> None:
    """Draw samples from the GAN in CHECKPOINT, for `teacher train --gan-samples`."""
    from sentio_mobile.cli.progress_bars import ProgressBars

    claim_output(out, force)
    from sentio_mobile.teacher.gan.checkpoint import GanCheckpoint
    from sentio_mobile.teacher.gan.sample import write_samples

    network = GanCheckpoint.load(checkpoint)
    with ProgressBars() as progress:
        written = write_samples(
            network,
            checkpoint.name,
            n=count,
            out=out,
            labels=labels,
            threshold=threshold,
            seed=seed,
            progress=progress,
            overwrite=force,
        )
    console.print(
        f"{count} samples in {out}; the filter kept {written.accepted:.0%} of those drawn. "
        f"Next: sentio-mobile teacher train --data ... --gan-samples {out} --out teacher-ckpt",
        soft_wrap=True,
        markup=False,
    )
    print_json({"out": str(out), "samples": count, "accepted": written.accepted})


@gan.command(
    epilog="Example: sentio-mobile teacher gan render gan-ckpt --valence 0.8 --arousal 0.7 --out song.wav\n\n"
    "From a GAN of classes: sentio-mobile teacher gan render gan-ckpt --class dog --out dog.wav"
)
@click.argument("checkpoint", metavar="GAN", type=PATH)
@click.option("--valence", type=float, help="From -1 (unpleasant) to 1 (pleasant).")
@click.option("--arousal", type=float, help="From -1 (calm) to 1 (energetic).")
@click.option("--class", "class_name", help="A class, if the GAN was trained on classes.")
@click.option("--out", type=PATH, required=True, help="A .wav file.")
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed: another seed gives another sample.")
@click.option("--seconds", type=float, help="Only the first seconds of the clip.")
@click.option("--plot", type=PATH, help="A .png or .svg file for the spectrogram.")
@json_option
def render(
    checkpoint: Path,
    valence: float | None,
    arousal: float | None,
    class_name: str | None,
    out: Path,
    seed: int,
    seconds: float | None,
    plot: Path | None,
) -> None:
    """Draw one sample from a GAN, and turn it into sound.

    A log-mel has no phases and no detail within a band; both are estimated. The result sounds hollow, even from a real
    song's log-mel. Its peak is at -1 dB. Needs librosa: pip install 'sentio-mobile\\[render]'.
    """
    from sentio_mobile.errors import InputError
    from sentio_mobile.inference.write import CHART_SUFFIXES, check_output_file

    check_output_file(out, (".wav",))
    if plot is not None:
        check_output_file(plot, CHART_SUFFIXES)
    if seconds is not None and not seconds > 0:
        raise InputError(f"--seconds must be above 0, not {seconds:g}")
    from sentio_mobile.audio.invert import write_wav
    from sentio_mobile.teacher.gan.checkpoint import GanCheckpoint
    from sentio_mobile.teacher.gan.render import label_of
    from sentio_mobile.teacher.gan.render import render as render_sample

    network = GanCheckpoint.load(checkpoint)
    audio = network.audio
    if seconds is not None and seconds > audio.seconds:
        raise InputError(f"--seconds {seconds:g}: clips of this GAN are {audio.seconds:.3g} s long; give less")
    mel, pcm = render_sample(network, label_of(network.classes, valence, arousal, class_name), seed)
    if seconds is not None:
        pcm = pcm[: round(seconds * audio.sample_rate)]
        mel = mel[:, : 1 + len(pcm) // audio.hop_length]
    if plot is not None:
        from sentio_mobile._internal.charts import write_chart
        from sentio_mobile.teacher.gan.spectrogram_chart import draw_spectrogram

        write_chart(plot, (8, 3.2), lambda axes: draw_spectrogram(axes, mel, audio))
    write_wav(out, pcm, audio.sample_rate)
    console.print(f"{len(pcm) / audio.sample_rate:.1f} s of sound in {out}", soft_wrap=True, markup=False)
    print_json({"out": str(out), "seconds": len(pcm) / audio.sample_rate})
