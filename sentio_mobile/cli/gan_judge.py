"""`sentio-mobile teacher gan judge`: what made-up spectrograms are worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from sentio_mobile.cli.options import console, data_option, json_option

if TYPE_CHECKING:
    from sentio_mobile.teacher.gan.evaluation.evaluation import GanEvaluation

_COLOURS = {"good": "green", "usable": "yellow", "poor": "red"}


@click.command(
    epilog="Example: sentio-mobile teacher gan judge gan-ckpt --data prepared --out judged.html\n\n"
    "With a teacher that has learnt from other songs: "
    "sentio-mobile teacher gan judge gan-ckpt --data prepared --regressor teacher-ckpt"
)
@click.argument("subject", type=click.Path(path_type=Path))
@data_option
@click.option(
    "--regressor",
    type=click.Path(path_type=Path),
    help="A teacher's checkpoint that listens for valence and arousal, trained on real songs alone. Without one a "
    "linear model learns it from the validation songs.",
)
@click.option("--n", type=click.IntRange(8), default=400, show_default=True, help="How many samples, at most.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the samples and of every draw.")
@click.option("--out", type=click.Path(path_type=Path), help="An .html file: real spectrograms beside made-up ones.")
@json_option
def judge(
    subject: Path, data_folder: Path, regressor: Path | None, n: int, seed: int, out: Path | None, as_json: bool
) -> None:
    """Judge SUBJECT, a GAN's checkpoint or a folder of its samples, by the songs that it learnt from.

    The score from 0 to 100 compares looks with those of the training songs; real songs get about 100, noise about 10.
    Beside it stands what that cannot see: whether the samples have the valence and arousal that they were asked for,
    whether they differ as songs do, whether they are copies of training songs, and how far they lie from songs in an
    embedding. Reads training and validation songs, never test songs.
    """
    import json

    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.inference.write import check_output_file
    from sentio_mobile.teacher.gan.evaluation.emotion_model import open_teacher
    from sentio_mobile.teacher.gan.evaluation.evaluated import open_subject
    from sentio_mobile.teacher.gan.evaluation.evaluation import evaluate_gan as judge_clips
    from sentio_mobile.teacher.gan.evaluation.page import write_gan_evaluation

    if out is not None:
        check_output_file(out, (".html",))
    songs = open_data(data_folder)
    listener = open_teacher(regressor, songs) if regressor is not None else None
    with Bars() as bars:
        made = open_subject(subject, songs, n=n, seed=seed, progress=bars)
        found = judge_clips(made, songs, listener=listener, seed=seed, progress=bars)
    if out is not None:
        write_gan_evaluation(out, found, made, songs)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2, allow_nan=False))
        return
    _show(found)
    if out is not None:
        console.print(f"Page: {out} (open it in a browser)", soft_wrap=True)


def _show(found: GanEvaluation) -> None:
    from rich.table import Table

    from sentio_mobile.spec import OUTPUTS
    from sentio_mobile.teacher.gan.evaluation.score_parts import PART_NAMES

    colour, scored = _COLOURS[found.score.tier], found.score
    console.print(f"[{colour}]Looks: {scored.total:.0f} of 100, {scored.tier}[/] ({found.n} samples)")
    parts = Table("part", "points", "distance", "between real songs", "ratio")
    for part in scored.parts:
        ratio = f"{part.distance / part.between_real:.2f}" if part.between_real else "-"
        distances = (f"{x:.3g}" for x in (part.distance, part.between_real))
        parts.add_row(PART_NAMES[part.name], f"{part.points:.1f} of {part.most}", *distances, ratio)
    console.print(parts)
    console.print(f"Listener: {found.consistency.listener}", markup=False, soft_wrap=True)
    heard = Table("CCC (95% interval)", "samples", f"real songs ({found.consistency.real_split})")
    for dimension in (*OUTPUTS, "mean"):
        pair = (str(found.consistency.interval(dimension, real=x)).replace("[", r"\[") for x in (False, True))
        heard.add_row(dimension, *pair)
    console.print(heard)
    beside = Table("what the score cannot see", "samples", "real songs")
    memory, kernel = found.memory, found.kernel
    beside.add_row("diversity", f"{found.diversity.overall:.2f}", "1")
    beside.add_row("diversity at one label", f"{found.diversity.same_label:.2f}", "1")
    beside.add_row("nearest training clip, median distance", f"{memory.ratio:.2f}", "1")
    beside.add_row("copies of training songs", f"{memory.copies:.1%}", f"{memory.unseen_copies:.1%}")
    for_kernel = (f"{x.value:.3g} ({x.low:.3g} to {x.high:.3g})" for x in (kernel.made, kernel.between_real))
    beside.add_row("kernel distance (95% of draws)", *for_kernel)
    console.print(beside)
    for line in found.notes:
        console.print("[yellow]note:[/] ", end="")
        console.print(line, markup=False, soft_wrap=True)
