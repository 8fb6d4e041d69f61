"""`sentio-mobile rate`: people rate songs in the browser, on this machine only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from sentio_mobile._internal.stopping import Stopped
from sentio_mobile.cli.options import PATH, Command, FiniteRange
from sentio_mobile.cli.output import console, json_option, print_json, stderr
from sentio_mobile.errors import InputError

if TYPE_CHECKING:
    from sentio_mobile.monitoring.rating import Agreement
    from sentio_mobile.monitoring.rating_server import RatingServer


@click.command(cls=Command, goes_on=True, epilog="Example: sentio-mobile rate music --out ratings.csv --rater anna")
@click.argument("folder", type=PATH)
@click.option("--out", type=PATH, required=True, help="The .csv file of ratings. One that is there is gone on with.")
@click.option("--rater", default="me", show_default=True, help="Who rates. Several people rate into one file.")
@click.option(
    "--repeats", type=FiniteRange(0, 1), default=0.1, show_default=True, help="Share of the songs that come twice."
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Seed of the order.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="TCP port; 0 takes any that is free."
)
@click.option("--open", "open_it", is_flag=True, help="Open the page in the browser.")
@json_option
def rate(folder: Path, out: Path, rater: str, repeats: float, seed: int, port: int, open_it: bool) -> None:
    """Rate the songs of FOLDER: valence and arousal by two sliders or keys, in the browser.

    Songs come in an order drawn for the rater, without their names. Some come twice, to see whether the rater says the
    same. The page is served on 127.0.0.1 until all songs are rated, or until Ctrl-C; the same command goes on then.
    Repeats are kept in a second file, RATINGS.repeats.csv. At the end the agreement is printed: ICC between raters,
    split-half reliability, ICC of repeats. `data prepare RATINGS --scale -1 1` reads the ratings.
    """
    from sentio_mobile.inference.songs import find_songs
    from sentio_mobile.monitoring.rating import RatingTable, draw_order
    from sentio_mobile.monitoring.rating_server import RatingServer

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
    items = draw_order(found.songs, rater=rater, repeats=repeats, seed=seed)
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


def _serve(server: RatingServer) -> None:
    try:
        server.serve_forever(poll_interval=0.1)
    except (KeyboardInterrupt, Stopped):
        stderr.print("Stopped.")


def _show(found: Agreement, out: Path) -> None:
    from sentio_mobile.cli.tables import show_table

    console.print(
        f"{found.ratings} ratings by {found.raters} raters, {found.repeated} repeated: {out}",
        markup=False,
        soft_wrap=True,
    )
    rows = [
        (what, str(getattr(found.valence, name)), str(getattr(found.arousal, name)))
        for what, name in (
            (f"ICC of one rating, {found.shared} songs that all rated", "one"),
            ("ICC of the mean over raters", "mean"),
            ("split-half reliability of the mean", "halves"),
            (f"ICC of {found.repeated} repeats", "repeats"),
        )
    ]
    show_table(("agreement, with 95% interval", "valence", "arousal"), rows)
