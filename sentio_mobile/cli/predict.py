"""`sentio-mobile predict`: how does this song feel?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import rich_click as click

from sentio_mobile.cli.options import console, errors, json_option, threads_option
from sentio_mobile.errors import AudioError, InputError
from sentio_mobile.spec import FORMS, Form

if TYPE_CHECKING:
    from sentio_mobile.inference.emotion import Emotion


@click.command(epilog="Example: sentio-mobile predict bundle song.mp3 --every 1 --plot song.png")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("songs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--every", type=float, metavar="SECONDS", help="A window of 30 s every so often, over the whole song.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the answers: .csv or .json, times in seconds."
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw them: .png or .svg. One song over time with --every, else songs on the plane.",
)
@click.option(
    "--format", "format_name", default="onnx", show_default=True, help="Which of the bundle's formats predictions."
)
@click.option(
    "--form",
    type=click.Choice(FORMS),
    help="What the model is fed: a log-mel's picture, or PCM. By default the first that the bundle has.",
)
@threads_option
@json_option
def predict(
    bundle: Path,
    songs: tuple[Path, ...],
    every: float | None,
    out: Path | None,
    plot: Path | None,
    format_name: str,
    form: Form | None,
    threads: int,
    as_json: bool,
) -> None:
    """Valence and arousal, from -1 to 1, of songs and of folders with songs.

    The answer is for the first 30 s of each song, or with --every for window after window of it. Windows start at
    multiples of SECONDS, rounded down to 23 ms, and lie wholly within the song, so that of its end less than SECONDS is
    not heard; a song shorter than a window is filled up to one.

    A file that cannot be used is named, and the others are answered. Leaves with 0 when all were answered, 1 when some
    were, 2 when none was.
    """
    from sentio_mobile.audio.sliding import check_every
    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.inference.predictor import Predictor
    from sentio_mobile.inference.songs import find_songs, predict_songs
    from sentio_mobile.inference.write import CHART_SUFFIXES, TABLE_SUFFIXES, check_output_file, write_predictions

    if out:
        check_output_file(out, TABLE_SUFFIXES)
    if plot:
        check_output_file(plot, CHART_SUFFIXES)
    found, faults = find_songs(songs)
    if plot and every is not None and len(found) > 1:
        raise InputError(f"--plot with --every draws one song, not {len(found)}; give one, or leave --every out")
    predictor = Predictor.open(bundle, format_name=format_name, threads=threads, form=form)
    if every is not None:
        check_every(every, predictor.spec.audio)
    with Bars() as bars:
        predictions = predict_songs(predictor, found, every=every, progress=bars)
    faults += predictions.faults
    if not predictions.emotions:
        _leave_without_answer(faults)
    if out:
        write_predictions(out, predictions.emotions)
    if plot:
        _plot(plot, predictions.emotions, every)
    if as_json:
        from sentio_mobile._internal.records import json_bytes

        click.echo(json_bytes([emotion.to_prediction() for emotion in predictions.emotions]), nl=False)
    elif out or plot:
        for file in filter(None, (out, plot)):
            console.print(f"{file}: {_plural(len(predictions.emotions), 'answer')}", markup=False, soft_wrap=True)
    else:
        _show(predictions.emotions)
    if faults:
        _name(faults)
        sys.exit(1)


def _plot(place: Path, answers: list[Emotion], every: float | None) -> None:
    from sentio_mobile.inference.chart import plot_plane, plot_trajectory

    (plot_plane if every is None else plot_trajectory)(place, answers)


def _show(answers: list[Emotion]) -> None:
    """A table whose last column is the song: names are of any length."""
    from sentio_mobile.inference.songs import clock

    console.print("[dim]valence: unpleasant -1 to 1 pleasant; arousal: calm -1 to 1 energetic[/]", soft_wrap=True)
    known = answers[0].uncertainty
    if known:
        console.print(
            f"with {known.coverage:.0%} probability within {known.half_width[0]:.2f} of the valence and "
            f"{known.half_width[1]:.2f} of the arousal (from {known.songs} validation songs)",
            style="dim",
            soft_wrap=True,
        )
    console.print("[bold]  from       to   valence  arousal  feeling                song[/]", soft_wrap=True)
    for answer in answers:
        console.print(
            f"{clock(answer.start):>6}  {clock(answer.end):>7}   {answer.valence:+7.2f}  {answer.arousal:+7.2f}"
            f"  {answer.quadrant:21}  {answer.song}",
            markup=False,
            soft_wrap=True,
        )


def _name(faults: list[str]) -> None:
    errors.print(f"[yellow]{_plural(len(faults), 'fault')}:[/]")
    for line in faults:
        errors.print(f"  {line}", markup=False, soft_wrap=True)


def _leave_without_answer(faults: list[str]) -> NoReturn:
    if len(faults) == 1:
        raise AudioError(faults[0])
    _name(faults)
    raise AudioError("no song could be answered; what is wrong with each stands above")


def _plural(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
