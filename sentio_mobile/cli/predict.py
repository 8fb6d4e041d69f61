"""`sentio-mobile predict`: valence and arousal of songs."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import rich_click as click
from click import get_current_context

import sentio_mobile
from sentio_mobile._internal.quantities import count
from sentio_mobile.cli.engine_options import PLACE, engine_options, require_paths, show_outcome
from sentio_mobile.cli.options import PATH, Command, claim_output, known_format, signature_option, threads_option
from sentio_mobile.cli.output import console, json_option, print_json, show_faults, show_notes, stderr, wants_json
from sentio_mobile.errors import AudioError, InputError
from sentio_mobile.formats.registry import DEFAULT_FORMAT
from sentio_mobile.spec import FORMS, PRECISIONS, Form, Precision

if TYPE_CHECKING:
    from sentio_mobile.engines.run import Engine
    from sentio_mobile.inference.emotion import Emotion
    from sentio_mobile.inference.log import SongNames
    from sentio_mobile.inference.predictor import Predictor
    from sentio_mobile.inference.songs import SongPredictions


@click.command(
    cls=Command,
    epilog="Example: sentio-mobile predict song.mp3\n\n"
    "With a bundle of your own: sentio-mobile predict bundle song.mp3 --every 1 --plot song.png\n\n"
    "With a teacher: sentio-mobile predict probe song.mp3\n\n"
    "While `train --out runs/mine` is at work: sentio-mobile predict runs/mine song.mp3",
)
@click.argument("places", nargs=-1, required=True, type=PLACE, metavar="[MODEL] SONGS...")
@click.option(
    "--every",
    type=float,
    metavar="SECONDS",
    help="Predict a window of 30 s every so many seconds, over the whole song.",
)
@click.option(
    "--out",
    type=PLACE,
    metavar="FILE",
    help="Write the predictions to a .csv or .json file; times are in seconds. With --engine ray: a folder or a URL, "
    "for Parquet files of the same columns.",
)
@click.option(
    "--log",
    type=PATH,
    metavar="FILE",
    help="Add to a log for `monitor`, a .jsonl file: when, which song, values with intervals, level, and the model.",
)
@click.option(
    "--log-songs",
    type=click.Choice(("path", "name", "hash")),
    help="How the log names songs: by path (default), by the file's name, or by the hash of the file alone.",
)
@click.option(
    "--plot",
    type=PATH,
    metavar="FILE",
    help="Draw the predictions to a .png or .svg file: over time with --every (one song), else songs on the plane.",
)
@click.option(
    "--format",
    "format_name",
    default=DEFAULT_FORMAT,
    show_default=True,
    callback=known_format,
    help="Which of the bundle's formats to run.",
)
@click.option(
    "--form",
    type=click.Choice(FORMS),
    help="The model's input: a log-mel image, or PCM. By default the faster of those that the bundle has.",
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    help="The precision of the model's numbers. By default the highest that the bundle has.",
)
@threads_option
@signature_option
@engine_options
@click.option("--force", is_flag=True, help="With --engine ray: overwrite what other songs or settings left at --out.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Processes for many songs, each with a model of its own; by default one for each core.",
)
@json_option
def predict(
    places: tuple[Path | str, ...],
    every: float | None,
    out: Path | str | None,
    log: Path | None,
    log_songs: SongNames | None,
    plot: Path | None,
    format_name: str,
    form: Form | None,
    precision: Precision | None,
    threads: int,
    signature_key: Path | None,
    engine: str,
    address: str | None,
    shard_songs: int,
    force: bool,
    workers: int | None,
) -> None:
    """Predict valence and arousal, from -1 to 1, of songs and of folders of songs.

    MODEL is a bundle, the folder that `sentio-mobile export` wrote, or a teacher: a probe or a checkpoint. The --out of
    a training that is not over is one too: the best epoch so far predicts. The folder of a run stands for the best that
    it has made. Without a MODEL the default model predicts, which comes with this package. It was trained without
    ratings: its card says on what, and how accurate it is.

    The prediction is for the first 30 s of each song, or with --every for one window after another. Windows start at
    multiples of SECONDS, rounded down to 23 ms, and end within the song: less than SECONDS of its end is not used. A
    song shorter than a window is padded.

    Files are whatever FFmpeg decodes, videos too. One that was cut or is damaged is predicted as far as it goes, with a
    note; so is one in which nothing can be heard. A file that cannot be used is listed, and the others are predicted.

    With --out, songs are kept in FILE.part as they are predicted, until all are: after Ctrl-C the same command goes on.

    The exit status is 0 when all songs were
    predicted, 1 when some were, and 2 when none was.

    With --engine ray a cluster predicts: see "Many songs, many machines" in the documentation.
    """
    if engine == "ray":
        if out is None or plot or wants_json():
            raise click.UsageError(
                "--engine ray writes to --out alone; give a folder or a URL, without --plot and --json"
            )
        if log is not None:
            raise click.UsageError("--engine ray writes no log; `monitor` reads the Parquet files of --out, too")
        if precision is not None:
            raise click.UsageError("--engine ray runs the highest precision of a bundle; leave --precision out")
        from sentio_mobile.engines.run import Engine

        _predict_on_ray(
            places,
            out,
            every=every,
            format_name=format_name,
            form=form,
            threads=threads,
            signature_key=signature_key,
            engine=Engine(address, shard_songs),
            force=force,
        )
        return
    require_paths(*places, out)
    from sentio_mobile._internal.stopping import WORK
    from sentio_mobile.audio.sliding import check_every
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.cli.song_table import SongTable
    from sentio_mobile.inference.default_model import bundle_and_songs
    from sentio_mobile.inference.log import LogFile, check_log
    from sentio_mobile.inference.opening import ModelChoice
    from sentio_mobile.inference.part_file import PartFile, PartSettings
    from sentio_mobile.inference.songs import find_songs, predict_songs
    from sentio_mobile.inference.write import CHART_SUFFIXES, TABLE_SUFFIXES, check_output_file, write_predictions

    if out:
        out = Path(out)
        check_output_file(out, TABLE_SUFFIXES)
    if plot:
        check_output_file(plot, CHART_SUFFIXES)
    if log_songs and not log:
        raise click.UsageError("--log-songs is for a --log")
    if log:
        check_log(log)
        claim_output(log, force=True, file=True)
    bundle, songs = bundle_and_songs([_finished(Path(places[0])), *map(Path, places[1:])])
    found = find_songs(songs)
    if plot and every is not None and len(found.songs) > 1:
        raise InputError(f"--plot with --every draws one song, not {len(found.songs)}; give one, or leave --every out")
    model = ModelChoice(
        folder=bundle,
        format_name=format_name,
        form=form,
        precision=precision,
        threads=threads,
        key=signature_key,
        every=every,
    )
    predictor = model.open()
    if every is not None:
        check_every(every, predictor.spec.audio)
    if bundle is None and not wants_json():
        _name_default_model(predictor)
    table = None if wants_json() or out or plot else SongTable(predictor.spec.uncertainty)
    WORK.goes_on = out is not None
    with ExitStack() as stack:
        part = None
        if out and len(found.songs) > 1:
            settings = PartSettings(model=model.sha256, format=format_name, form=form, precision=precision, every=every)
            part = stack.enter_context(PartFile(out, settings))
            if part.songs:
                stderr.print(f"going on with {part.path}", markup=False, soft_wrap=True)
        lines = None
        if log:
            named, digest = _model_name(predictor, bundle), model.sha256
            lines = stack.enter_context(LogFile(log, model=named, model_sha256=digest, songs=log_songs or "path"))

        def on_song(song: SongPredictions) -> None:
            if table:
                table.add(song)
            # What a stopped run predicted is in the log since then.
            if lines and not song.known:
                lines.add(song)

        # Rows on the terminal are progress enough, and a bar would be drawn over them.
        progress = None if table and console.is_terminal else stack.enter_context(ProgressBars())
        predictions = predict_songs(
            predictor,
            found.songs,
            every=every,
            progress=progress,
            model=model,
            workers=workers,
            part=part,
            on_song=on_song,
        )
    faults = found.faults + predictions.faults
    if not predictions.emotions:
        if part:
            part.remove()
        show_notes(found.notes)
        _exit_without_prediction(faults)
    if out:
        write_predictions(out, predictions.emotions)
    if part:
        part.remove()
    if plot:
        _plot(plot, predictions.emotions, every)
    print_json([emotion.to_prediction() for emotion in predictions.emotions])
    for file in filter(None, (out, plot)):
        console.print(f"{file}: {count(len(predictions.emotions), 'prediction')}", markup=False, soft_wrap=True)
    if log:
        console.print(f"{log}: added to", markup=False, soft_wrap=True)
    show_notes([*found.notes, *predictions.notes])
    if faults:
        show_faults(faults)
        sys.exit(1)


def _finished(place: Path) -> Path:
    """What a place stands for, for as long as the command runs."""
    from sentio_mobile._internal.files import scratch_folder
    from sentio_mobile.inference.model_of import finished_model

    scratch = get_current_context().with_resource(scratch_folder())
    model, note = finished_model(place, scratch)
    if note:
        stderr.print(f"note: {note}", markup=False, soft_wrap=True)
    return model


def _predict_on_ray(
    places: tuple[Path | str, ...],
    out: Path | str,
    *,
    every: float | None,
    format_name: str,
    form: Form | None,
    threads: int,
    signature_key: Path | None,
    engine: Engine,
    force: bool,
) -> None:
    """Predict on a cluster."""
    from sentio_mobile.audio.sliding import check_every
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.engines.places import require_shared
    from sentio_mobile.engines.predict import predict_library
    from sentio_mobile.inference.default_model import bundle_and_songs, default_bundle

    # Before the model is opened and named.
    require_shared([*(place for place in places if isinstance(place, str)), str(out)])
    first = places[0]
    # A URL is a song, or a folder of songs: models lie on disks.
    bundle = bundle_and_songs([first, *map(Path, places[1:])])[0] if isinstance(first, Path) else None
    predictor = sentio_mobile.load(bundle, format=format_name, form=form, require_signature=signature_key)
    if every is not None:
        check_every(every, predictor.spec.audio)
    if bundle is None:
        _name_default_model(predictor)
    with ProgressBars() as progress:
        found = predict_library(
            [str(place) for place in (places if bundle is None else places[1:])],
            str(out),
            model=bundle or default_bundle(),
            format_name=format_name,
            form=form,
            threads=threads,
            every=every,
            engine=engine,
            overwrite=force,
            progress=progress,
        )
    show_outcome(found.songs, found.known, len(found.shards), out, list(found.faults))


def _model_name(predictor: Predictor, folder: Path | None) -> str:
    """Name and release of a bundle, or the name of a teacher's folder."""
    if predictor.bundle:
        return f"{predictor.bundle.manifest.name} {predictor.bundle.manifest.release}"
    assert folder is not None
    return folder.resolve().name[:200] or "teacher"


def _name_default_model(predictor: Predictor) -> None:
    from sentio_mobile.bundle.bundle import CARD

    if predictor.bundle:
        name = f"{predictor.bundle.manifest.name} {predictor.bundle.manifest.release}"
        card = predictor.bundle.folder / CARD
        stderr.print(f"default model {name}; its card: {card}", style="dim", markup=False, soft_wrap=True)


def _plot(place: Path, predictions: list[Emotion], every: float | None) -> None:
    from sentio_mobile.inference.chart import plot_plane, plot_trajectory

    (plot_plane if every is None else plot_trajectory)(place, predictions)


def _exit_without_prediction(faults: list[str]) -> NoReturn:
    if len(faults) == 1:
        raise AudioError(faults[0])
    show_faults(faults)
    raise AudioError("no song could be predicted; the reasons are listed above")
