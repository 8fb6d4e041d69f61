"""`sentio-mobile data`: make, prepare and look at labelled music."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.words import Group, console, force_option, json_option, out_option, show_skipped


@click.group(cls=Group)
def data() -> None:
    """Make, prepare and look at labelled music."""


@data.command(epilog="Example: sentio-mobile data synth --out music --songs 200 --seed 7")
@out_option
@click.option("--songs", type=click.IntRange(1), default=600, show_default=True, help="How many songs.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another data set.")
@click.option(
    "--audio-format",
    type=click.Choice(["mp3", "flac", "ogg", "wav"]),
    default="mp3",
    show_default=True,
    help="How the audio is stored.",
)
def synth(out: Path, songs: int, seed: int, audio_format: str) -> None:
    """Generate music with known valence and arousal, laid out as DEAM is.

    The labels are what the generator was asked for, not what people felt: good for trying things out, and for nothing
    that is said about human listeners.
    """
    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.data.synth import write_deam

    with Bars() as bars:
        write_deam(out, songs, seed, audio_format, bars)
    console.print(
        f"{songs} songs in {out}. Next: sentio-mobile data prepare {out} --out {out}-prepared", soft_wrap=True
    )


@data.command(epilog="Example: sentio-mobile data prepare DEAM --out prepared")
@click.argument("source", type=click.Path(path_type=Path))
@out_option
@click.option(
    "--scale",
    type=click.Choice(["1-9", "-1-1"]),
    default="1-9",
    show_default=True,
    help="The scale that a manifest's labels are on (DEAM's is 1-9). Write --scale=-1-1 for the other.",
)
@click.option(
    "--window",
    type=click.Choice(["start", "middle"]),
    default="start",
    show_default=True,
    help="Which 30 s of a longer song to take.",
)
@click.option(
    "--fractions",
    type=(float, float, float),
    default=(0.8, 0.1, 0.1),
    show_default=True,
    help="Shares of training, validation and test songs.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split.")
@force_option
def prepare(
    source: Path, out: Path, scale: str, window: str, fractions: tuple[float, float, float], seed: int, force: bool
) -> None:
    """Turn SOURCE into log-mel spectrograms and fixed training, validation and test songs.

    SOURCE is DEAM's root folder, or a CSV with the columns path, valence_mean and arousal_mean, and, if you like, group
    (songs of one group stay together) and song_id. Paths in it are relative to the CSV.
    """
    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.data.prepare import prepare as prepare_data
    from sentio_mobile.recipes import DataRecipe
    from sentio_mobile.spec import AudioSpec
    from sentio_mobile.tables import read_table

    recipe = read_table(
        DataRecipe, {"scale": scale, "window": window, "fractions": fractions, "seed": seed}, "the options"
    )
    with Bars() as bars:
        skipped = prepare_data(source, out, recipe, AudioSpec(), bars, replace=force)
    show_skipped(skipped)
    console.print(f"Prepared in {out}. Next: sentio-mobile data check {out}", soft_wrap=True)


@data.command(epilog="Example: sentio-mobile data check prepared")
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
def check(folder: Path, as_json: bool) -> None:
    """Look at prepared data: counts, labels, leaks between splits, values that should not be there.

    Leaves with status 1 when something is wrong.
    """
    import json

    from rich.table import Table

    from sentio_mobile.data.check import check_data
    from sentio_mobile.data.prepared import open_data

    found = check_data(open_data(folder))
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2, allow_nan=False))
    else:
        table = Table(
            "split", "songs", "groups", "valence mean (sd)", "arousal mean (sd)", title=f"Labels: {found.labels}"
        )
        for row in found.splits:
            table.add_row(
                row.name,
                str(row.songs),
                str(row.groups),
                f"{row.valence[0]:+.2f} ({row.valence[1]:.2f})",
                f"{row.arousal[0]:+.2f} ({row.arousal[1]:.2f})",
            )
        console.print(table)
        for line in found.faults:
            console.print(f"[red]fault:[/] {line}")
        if not found.faults:
            console.print("No fault found: no song or group in two splits, every value a number and in its range.")
    if found.faults:
        raise SystemExit(1)
