"""`sentio-mobile gallery`: a page with many songs on the plane, to look at and to listen to."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.options import PATH, Command, claim_output, force_option
from sentio_mobile.cli.output import console, json_option, print_json
from sentio_mobile.errors import InputError


@click.command(
    cls=Command, epilog="Example: sentio-mobile gallery predictions.csv --labels labels.csv --out gallery.html"
)
@click.argument("predictions", nargs=-1, required=True, type=PATH)
@click.option("--labels", type=PATH, help="Labels of songs: the columns song, valence, arousal (-1 to 1), group.")
@click.option(
    "--music", type=PATH, help="The folder that names of songs in PREDICTIONS start from; by default the current one."
)
@click.option("--title", default="Predictions", show_default=True, help="What the page says it shows.")
@click.option("--out", type=PATH, required=True, help="The .html file to write.")
@force_option
@json_option
def gallery(
    predictions: tuple[Path, ...], labels: Path | None, music: Path | None, title: str, out: Path, force: bool
) -> None:
    """Show the songs of PREDICTIONS on the valence-arousal plane, in one page for a browser.

    PREDICTIONS are files that `predict` wrote. A click on a point or on a name plays the song from where it lies. With
    --labels songs sort by how far predictions are off; groups can be shown alone. 10,000 songs are no burden.
    """
    from sentio_mobile.monitoring.gallery import gallery_songs, write_gallery

    if out.suffix.lower() != ".html":
        raise InputError(f"{out}: is no page; give a name that ends with .html")
    claim_output(out, force, file=True)
    songs = gallery_songs(predictions, page=out, music=music, labels=labels)
    write_gallery(out, songs, title)
    labelled = sum(song.label is not None for song in songs)
    console.print(
        f"{len(songs):,} songs, {labelled:,} of them labelled: {out} (open it in a browser)",
        markup=False,
        soft_wrap=True,
    )
    print_json({"page": str(out), "songs": len(songs), "labelled": labelled})
