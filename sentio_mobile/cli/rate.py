"""`sentio-mobile rate`: people rate songs in the browser, on this machine only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from sentio_mobile._internal.quantities import count
from sentio_mobile._internal.stopping import Stopped
from sentio_mobile.cli.options import PATH, Command, FiniteRange
from sentio_mobile.cli.output import console, json_option, print_json, show_faults, show_notes, stderr
from sentio_mobile.errors import InputError

if TYPE_CHECKING:
    from sentio_mobile.inference.songs import SongPredictions
    from sentio_mobile.monitoring.rating import Agreement
    from sentio_mobile.monitoring.rating_server import RatingServer

_WIDEST = 50
"""Songs to rate where a model chooses them."""


@click.command(
    cls=Command,
    goes_on=True,
    epilog="Example: sentio-mobile rate music --out ratings.csv --rater anna\n\n"
    "Those that a model is least sure of: sentio-mobile rate music --out ratings.csv --model bundle --widest 50",
)
@click.argument("folder", type=PATH)
@click.option("--out", type=PATH, required=True, help="The .csv file of ratings. One that is there is gone on with.")
@click.option("--rater", default="me", show_default=True, help="Who rates. Several people rate into one file.")
@click.option(
    "--repeats", type=FiniteRange(0, 1), default=0.1, show_default=True, help="Share of the songs that come twice."
)
@click.option("--model", type=PATH, help="Rate the songs first that this bundle, probe or checkpoint is least sure of.")
@click.option(
    "--predictions", type=PATH, help="The same by a file of predictions (`predict --out`), in place of a model."
)
@click.option("--widest", type=click.IntRange(1), help="With either: how many songs (default: 50).")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Seed of the order.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="TCP port; 0 takes any that is free."
)
@click.option("--open", "open_it", is_flag=True, help="Open the page in the browser.")
@json_option
def rate(
    folder: Path,
    out: Path,
    rater: str,
    repeats: float,
    model: Path | None,
    predictions: Path | None,
    widest: int | None,
    seed: int,
    port: int,
    open_it: bool,
) -> None:
    """Rate the songs of FOLDER: valence and arousal by two sliders or keys, in the browser.

    Songs come in an order drawn for the rater, without their names. Some come twice, to see whether the rater says the
    same. The page is served on 127.0.0.1 until all songs are rated, or until Ctrl-C; the same command goes on then.
    Repeats are kept in a second file, RATINGS.repeats.csv. At the end the agreement is printed: ICC between raters,
    split-half reliability, ICC of repeats. `data prepare RATINGS --scale -1 1` reads the ratings.

    With --model or --predictions only the songs are rated that a model is least sure of: those whose intervals, over
    all windows of a song, are the widest together. The page and the order tell nothing of it. For the next songs give
    the same command with a larger --widest.
    """
    from sentio_mobile.inference.songs import find_songs
    from sentio_mobile.monitoring.rating import RatingTable, draw_order
    from sentio_mobile.monitoring.rating_server import RatingServer

    if (model and predictions) or (widest and not model and not predictions):
        raise click.UsageError("--widest goes with --model or with --predictions, and these not together")
    if out.suffix.lower() != ".csv":
        raise InputError(f"{out}: is no CSV; give a name that ends with .csv")
    if not 1 <= len(rater) <= 100 or not rater.isprintable():
        raise InputError("--rater must be a name of 1 to 100 letters")
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder; give the one that has the songs")
    found = find_songs([folder])
    if not found.songs:
        raise InputError((found.faults or [f"{folder}: has no song in it"])[0])
    table = RatingTable(out)
    songs = _least_sure(found.songs, folder, model=model, predictions=predictions, widest=widest)
    items = draw_order(songs, rater=rater, repeats=repeats, seed=seed)
    with RatingServer(items, table, rater=rater, port=port) as server:
        if server.left:
            words = f"{server.total - len(server.left)} of {server.total} rated by {rater}: {server.url}"
            for line in (words, "Press Ctrl-C to stop; the same command goes on."):
                stderr.print(line, markup=False, soft_wrap=True)
            if open_it:
                click.launch(server.url)
            _serve(server)
        if server.fault is not None:
            raise server.fault
    agreement = table.agreement(seed)
    _show(agreement, out)
    print_json(agreement)


def _least_sure(
    songs: Sequence[Path], folder: Path, *, model: Path | None, predictions: Path | None, widest: int | None
) -> Sequence[Path]:
    """The songs that a model is least sure of; all where there is no model."""
    from sentio_mobile.monitoring.least_sure import least_sure, read_widths

    if predictions is not None:
        widths = read_widths(predictions, folder)
    elif model is not None:
        widths = _widths(songs, model)
    else:
        return songs
    chosen = least_sure(songs, widths, widest or _WIDEST)
    if chosen.unknown:
        stderr.print(f"note: {chosen.unknown:,} songs without a prediction are left out", markup=False)
    if chosen.alike:
        stderr.print(
            "note: all intervals are as wide, so that the choice says nothing; give predictions of several windows a "
            "song (`predict --every 30`), or a model",
            markup=False,
            soft_wrap=True,
        )
    return chosen.songs


def _widths(songs: Sequence[Path], model: Path) -> dict[str, float]:
    """How wide a model's intervals are over all windows of each song, by absolute path."""
    import numpy as np

    from sentio_mobile._internal.files import scratch_folder
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.inference.model_of import finished_model
    from sentio_mobile.inference.opening import ModelChoice
    from sentio_mobile.inference.songs import predict_songs
    from sentio_mobile.monitoring.least_sure import widths_of

    rows: list[tuple[str, tuple[float, float], tuple[float, ...]]] = []

    def keep(song: SongPredictions) -> None:
        for one in song.emotions:
            ends = (end for pair in one.intervals.values() for end in pair) if one.intervals else [np.nan] * 4
            rows.append((str(song.song.absolute()), (one.valence, one.arousal), tuple(ends)))

    with scratch_folder() as scratch, ProgressBars() as progress:
        choice = ModelChoice(folder=finished_model(model, scratch)[0])
        predictor = choice.open()
        every = predictor.spec.audio.seconds
        found = predict_songs(predictor, songs, every=every, progress=progress, model=choice, on_song=keep)
    show_notes(found.notes)
    if found.faults:
        show_faults(found.faults)
    if not rows:
        raise InputError(f"{songs[0]} and the others: none of them could be predicted")
    names, values, bounds = zip(*rows, strict=True)
    return widths_of(names, np.array(values), np.array(bounds))


def _serve(server: RatingServer) -> None:
    try:
        server.serve_forever(poll_interval=0.1)
    except (KeyboardInterrupt, Stopped):
        stderr.print("Stopped.")


def _show(found: Agreement, out: Path) -> None:
    from sentio_mobile.cli.tables import show_table

    repeated = f", {found.repeated:,} repeated" if found.repeated else ""
    console.print(
        f"{count(found.ratings, 'rating')} by {count(found.raters, 'rater')}{repeated}: {out}",
        markup=False,
        soft_wrap=True,
    )
    rows = []
    if found.raters > 1 and found.shared > 1:
        rows += [
            (f"ICC of one rating, {found.shared:,} songs that all rated", "one"),
            ("ICC of the mean over raters", "mean"),
            ("split-half reliability of the mean", "halves"),
        ]
    else:
        console.print("How far raters agree is known when two or more have rated the same songs.", soft_wrap=True)
    if found.repeated > 1:
        rows.append((f"ICC of {found.repeated:,} repeats", "repeats"))
    if rows:
        show_table(
            ("agreement, with 95% interval", "valence", "arousal"),
            [(what, str(getattr(found.valence, name)), str(getattr(found.arousal, name))) for what, name in rows],
        )
