"""`sentio-mobile teacher gan`: train a GAN of log-mels, evaluate it, and draw samples from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import rich_click as click

from sentio_mobile.cli.options import (
    PATH,
    Group,
    accelerator_option,
    console,
    data_option,
    force_option,
    json_option,
    out_option,
)

if TYPE_CHECKING:
    from sentio_mobile.teacher.gan.evaluation.evaluate import GanEvaluation

_COLOURS = {"good": "green", "usable": "yellow", "poor": "red"}


@click.group(cls=Group, renamed={"judge": "evaluate"})
def gan() -> None:
    """Train a GAN that generates log-mels, evaluate it, and draw samples from it."""


@gan.command(
    epilog="Example: sentio-mobile teacher gan train --data prepared --recipe cgan_small --out gan-ckpt\n\n"
    "From sounds in folders, one per class: "
    "sentio-mobile teacher gan train --labels classes --data sounds --recipe cgan_classes --out gan-ckpt"
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

    A run that was stopped continues when the same command is given again. Training that collapses stops, and what was
    learned before is kept beside --out.
    """
    from sentio_mobile._internal.files import require_free
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.recipes import load_recipe
    from sentio_mobile.teacher.gan.config import STAGE, GanRecipe

    require_free(out, force)
    settings = load_recipe(GanRecipe, recipe, STAGE)
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

        checkpoint = train_gan(examples, settings, out=out, progress=progress, overwrite=force, accelerator=accelerator)
    last = checkpoint.history[-1]
    console.print(
        f"Final accuracy of the discriminator: {last['discriminator_accuracy']:.0%}. Samples of one label differ "
        f"{last['diversity']:.2f} times as much as real clips."
    )
    if checkpoint.classes:
        following = f"render {out} --class {checkpoint.classes[0]} --out {checkpoint.classes[0]}.wav"
    else:
        following = f"evaluate {out} --data {data_folder}"
    console.print(f"Checkpoint: {out}. Next: sentio-mobile teacher gan {following}", soft_wrap=True)


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
    type=click.FloatRange(0, 1),
    default=0.3,
    show_default=True,
    help="Lowest score of the discriminator at which a sample is kept; 0 keeps all.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed: another seed gives other samples.")
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
    """Draw samples from the GAN in CHECKPOINT, for `teacher train --gan-samples`."""
    from sentio_mobile._internal.files import require_free
    from sentio_mobile.cli.progress_bars import ProgressBars

    require_free(out, force)
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
    )


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
        from sentio_mobile._internal.picture import write_picture
        from sentio_mobile.teacher.gan.spectrogram_chart import draw_spectrogram

        write_picture(plot, (8, 3.2), lambda axes: draw_spectrogram(axes, mel, audio))
    write_wav(out, pcm, audio.sample_rate)
    console.print(f"{len(pcm) / audio.sample_rate:.1f} s of sound in {out}", soft_wrap=True)


@gan.command(
    epilog="Example: sentio-mobile teacher gan evaluate gan-ckpt --data prepared --out evaluation.html\n\n"
    "With a teacher that was trained on other songs: "
    "sentio-mobile teacher gan evaluate gan-ckpt --data prepared --regressor teacher-ckpt"
)
@click.argument("evaluated", metavar="GAN", type=PATH)
@data_option
@click.option(
    "--regressor",
    type=PATH,
    help="A teacher's checkpoint, trained on real songs only, that predicts the samples' valence and arousal. By "
    "default a linear model is trained on the validation songs.",
)
@click.option("--n", type=click.IntRange(8), default=400, show_default=True, help="Largest number of samples.")
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed for samples and bootstrap.")
@click.option("--out", type=PATH, help="An .html file: real spectrograms beside GAN samples.")
@json_option
def evaluate(
    evaluated: Path, data_folder: Path, regressor: Path | None, n: int, seed: int, out: Path | None, as_json: bool
) -> None:
    """Evaluate a GAN, or a folder of its samples, against the songs that it was trained on.

    The score from 0 to 100 compares the spectrograms' statistics with those of the training songs; real songs score
    about 100, noise about 10. Other figures show what the score does not: whether samples have the requested valence
    and arousal, whether they differ as much as songs do, whether they copy training songs, and their distance from
    songs in an embedding. Reads training and validation songs, never test songs.
    """
    from sentio_mobile._internal.records import json_bytes
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.inference.write import check_output_file
    from sentio_mobile.teacher.gan.evaluation.clips import open_samples
    from sentio_mobile.teacher.gan.evaluation.emotion_models import open_teacher_model
    from sentio_mobile.teacher.gan.evaluation.evaluate import evaluate_gan
    from sentio_mobile.teacher.gan.evaluation.page import write_gan_evaluation

    if out is not None:
        check_output_file(out, (".html",))
    songs = open_data(data_folder)
    emotion_model = open_teacher_model(regressor, songs) if regressor is not None else None
    with ProgressBars() as progress:
        samples = open_samples(evaluated, songs, n=n, seed=seed, progress=progress)
        found = evaluate_gan(samples, songs, emotion_model=emotion_model, seed=seed, progress=progress)
    if out is not None:
        write_gan_evaluation(out, found, samples, songs)
    if as_json:
        click.echo(json_bytes(found).decode().rstrip())
        return
    _show(found)
    if out is not None:
        console.print(f"Report: {out} (open it in a browser)", soft_wrap=True)


def _show(found: GanEvaluation) -> None:
    from rich.markup import escape
    from rich.table import Table

    from sentio_mobile.spec import OUTPUTS
    from sentio_mobile.teacher.gan.evaluation.score import PART_NAMES

    colour, score = _COLOURS[found.score.tier], found.score
    console.print(f"[{colour}]Score: {score.total:.0f} of 100, {score.tier}[/] ({found.n} samples)")
    parts = Table("part", "points", "distance", "between real songs", "ratio")
    for part in score.parts:
        ratio = f"{part.distance / part.between_real:.2f}" if part.between_real else "-"
        distances = (f"{x:.3g}" for x in (part.distance, part.between_real))
        parts.add_row(PART_NAMES[part.name], f"{part.points:.1f} of {part.max_points}", *distances, ratio)
    console.print(parts)
    console.print(f"Valence and arousal predicted by: {found.consistency.emotion_model}", markup=False, soft_wrap=True)
    agreement = Table("CCC (95% interval)", "samples", f"real songs ({found.consistency.real_split})")
    for dimension in (*OUTPUTS, "mean"):
        pair = (escape(str(found.consistency.interval(dimension, real=real))) for real in (False, True))
        agreement.add_row(dimension, *pair)
    console.print(agreement)
    memorization, kernel = found.memorization, found.kernel
    other = Table("not in the score", "samples", "real songs")
    other.add_row("diversity", f"{found.diversity.overall:.2f}", "1")
    other.add_row("diversity at one label", f"{found.diversity.same_label:.2f}", "1")
    other.add_row("nearest training clip, median distance", f"{memorization.distance_ratio:.2f}", "1")
    other.add_row("copies of training songs", f"{memorization.copies:.1%}", f"{memorization.unseen_copies:.1%}")
    distances = (f"{x.value:.3g} ({x.low:.3g} to {x.high:.3g})" for x in (kernel.generated, kernel.between_real))
    other.add_row("kernel distance (95% of draws)", *distances)
    console.print(other)
    for line in found.notes:
        console.print("[yellow]note:[/] ", end="")
        console.print(line, markup=False, soft_wrap=True)
