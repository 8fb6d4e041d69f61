"""`sentio-mobile teacher gan evaluate`: what a GAN's samples are worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from sentio_mobile.cli.options import PATH, Command, data_option
from sentio_mobile.cli.output import console, json_option, print_json

if TYPE_CHECKING:
    from sentio_mobile.teacher.gan.evaluation.evaluate import GanEvaluation

_COLOURS = {"good": "green", "usable": "yellow", "poor": "red"}


@click.command(
    cls=Command,
    epilog="Example: sentio-mobile teacher gan evaluate gan-ckpt --data prepared --out evaluation.html\n\n"
    "With a teacher that was trained on other songs: "
    "sentio-mobile teacher gan evaluate gan-ckpt --data prepared --regressor teacher-ckpt",
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
def evaluate(evaluated: Path, data_folder: Path, regressor: Path | None, n: int, seed: int, out: Path | None) -> None:
    """Evaluate a GAN, or a folder of its samples, against the songs that it was trained on.

    The score from 0 to 100 compares the spectrograms' statistics with those of the training songs; real songs score
    about 100, noise about 10. Other figures show what the score does not: whether samples have the requested valence
    and arousal, whether they differ as much as songs do, whether they copy training songs, and their distance from
    songs in an embedding. Reads training and validation songs, never test songs.
    """
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
    _show(found)
    print_json(found)
    if out is not None:
        console.print(f"Report: {out} (open it in a browser)", soft_wrap=True, markup=False)


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
