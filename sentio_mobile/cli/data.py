"""`sentio-mobile data`: make, prepare and look at labelled music."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from sentio_mobile.cli.options import Group, console, errors, force_option, json_option, out_option, show_skipped

if TYPE_CHECKING:
    from sentio_mobile.data.checks.report import DataFacts

_MOST_LINES = 20
"""Findings of a kind that are printed; a program gets them all."""


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
    from sentio_mobile.data.generated import write_deam

    with Bars() as bars:
        write_deam(out, songs, seed=seed, audio_format=audio_format, progress=bars)
    console.print(
        f"{songs} songs in {out}. Next: sentio-mobile data prepare {out} --out {out}-prepared", soft_wrap=True
    )


@data.command(
    epilog="Example: sentio-mobile data prepare DEAM --out prepared\n\n"
    "Several windows of each song, labelled moment by moment: "
    "sentio-mobile data prepare DEAM --out prepared --windows 4 --labels dynamic\n\n"
    "A CSV of your own: sentio-mobile data prepare songs.csv --out prepared --scale=-1-1\n\n"
    "The splits of a study: sentio-mobile data prepare DEAM --splits deam/meta/split --out prepared\n\n"
    "Songs without labels: sentio-mobile data prepare music/ --out unlabelled --store clips"
)
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
    "--labels",
    type=click.Choice(["static", "dynamic"]),
    default="static",
    show_default=True,
    help="One label for a whole song, or what was rated in the window itself (DEAM alone has that).",
)
@click.option(
    "--window",
    type=click.Choice(["start", "middle"]),
    default="start",
    show_default=True,
    help="Which 30 s of a longer song are evaluated.",
)
@click.option(
    "--windows",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many windows of a longer song are kept; training draws one of them in each epoch.",
)
@click.option(
    "--fractions",
    type=(float, float, float),
    default=(0.8, 0.1, 0.1),
    show_default=True,
    help="Shares of training, validation and test songs.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split.")
@click.option(
    "--splits",
    type=click.Path(path_type=Path),
    help="Splits of a published study or another folder: train.txt, val.txt and test.txt in a folder, or a songs.csv.",
)
@click.option(
    "--recipe",
    "teacher",
    help="A teacher's recipe, such as ast_5s, whose front end is the one to prepare for. By default 30 s at 22,050 Hz.",
)
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    help="Where spectrograms are kept, for several prepared folders to share; OUT/store otherwise.",
)
@force_option
def prepare(
    source: Path,
    out: Path,
    scale: str,
    labels: str,
    window: str,
    windows: int,
    fractions: tuple[float, float, float],
    seed: int,
    splits: Path | None,
    teacher: str | None,
    store: Path | None,
    force: bool,
) -> None:
    """Turn SOURCE into log-mel spectrograms and fixed training, validation and test songs.

    SOURCE is DEAM's root folder, however its archives were unpacked; or a CSV with the column path and, for labels,
    valence_mean and arousal_mean, and, if you like, group (songs of one group stay together) and song_id, with paths
    relative to the CSV; or a folder of audio without labels. A run that was stopped goes on when it is given again.
    """
    from sentio_mobile._internal.files import read_json
    from sentio_mobile._internal.records import from_plain
    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.data.config import DataRecipe
    from sentio_mobile.data.given_splits import read_splits
    from sentio_mobile.data.prepare import prepare as prepare_data
    from sentio_mobile.data.prepared import SHEET
    from sentio_mobile.errors import DataError
    from sentio_mobile.recipes import load_recipe
    from sentio_mobile.spec import AudioSpec
    from sentio_mobile.teacher.config import TeacherRecipe

    options = {
        "scale": scale,
        "labels": labels,
        "window": window,
        "windows": windows,
        "fractions": fractions,
        "seed": seed,
    }
    recipe = from_plain(DataRecipe, options, "the options")
    audio = (load_recipe(TeacherRecipe, teacher, "teacher").audio if teacher else None) or AudioSpec()
    with Bars() as bars:
        given = read_splits(splits) if splits else None
        skipped = prepare_data(
            source, out, recipe=recipe, audio=audio, progress=bars, overwrite=force, store=store, splits=given
        )
    show_skipped(skipped)
    sheet = read_json(out / SHEET, DataError)
    for line in sheet["notes"]:
        errors.print(f"note: {line}", markup=False, soft_wrap=True)
    if sheet["labels"] == "none":
        count = sum(sheet["songs"].values())
        errors.print(f"note: {count} songs without labels, for distillation without labels alone", soft_wrap=True)
    console.print(f"Prepared in {out}. Next: sentio-mobile data check {out}", soft_wrap=True)


@data.command(
    epilog="Example: sentio-mobile data check prepared\n\n"
    "With a page of pictures: sentio-mobile data check prepared --out checked"
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="A folder for check.html, with pictures, and check.json.")
@json_option
def check(folder: Path, out: Path | None, as_json: bool) -> None:
    """Look at prepared data: labels, splits, leaks between them, copies, and values that should not be there.

    Leaves with status 1 when there is a fault: a leak (a song, a group or a recording in two splits), a label or a
    spectrogram that is no number or off its range, labels that are all alike, or a damaged record. Silent, clipped and
    short files, copies within a split, splits that differ and empty parts of the plane are notes.
    """
    import json

    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.data.checks.page import PAGE, write_check
    from sentio_mobile.data.checks.report import check_data
    from sentio_mobile.data.prepared import open_data

    songs = open_data(folder)
    with Bars() as bars:
        found = check_data(songs, bars)
    if out is not None:
        write_check(out, songs, found)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2, allow_nan=False))
    else:
        _show_check(found)
        if out is not None:
            console.print(f"Page: {out / PAGE} (open it in a browser)", soft_wrap=True)
    if found.faults:
        raise SystemExit(1)


def _show_check(found: DataFacts) -> None:
    """What `check` found, in a screenful or two."""
    from rich.table import Table

    table = Table(
        "split", "songs", "groups", "clips", "valence mean (sd)", "arousal mean (sd)", title=f"Labels: {found.labels}"
    )
    for row in found.splits:
        labels = ("-" if x is None else f"{x[0]:+.2f} ({x[1]:.2f})" for x in (row.valence, row.arousal))
        table.add_row(row.name, *(str(n) for n in (row.songs, row.groups, row.clips)), *labels)
    console.print(table)
    grids = [(row.name, row.grid) for row in found.splits if row.grid is not None]
    if grids:
        plane = Table(title="Songs over the plane (up: energetic, right: pleasant)")
        cells = []
        for name, grid in grids:
            plane.add_column(name, no_wrap=True)
            width = max(len(str(n)) for column in grid for n in column)
            rows = reversed(list(zip(*grid, strict=True)))
            cells.append("\n".join(" ".join(f"{n:>{width}}" for n in row) for row in rows))
        plane.add_row(*cells)
        console.print(plane)
    if found.comparisons:
        tests = Table("splits", "label", "D", "p", "in words", title="Kolmogorov-Smirnov tests")
        for test in found.comparisons:
            names = " and ".join(test.splits)
            tests.add_row(names, test.dimension, f"{test.distance:.2f}", f"{test.p:.2g}", test.words)
        console.print(tests)
    for colour, word, lines in (("yellow", "note", found.notes), ("red", "fault", found.faults)):
        for line in lines[:_MOST_LINES]:
            console.print(f"[{colour}]{word}:[/] ", end="")
            console.print(line, markup=False, soft_wrap=True)
        if len(lines) > _MOST_LINES:
            console.print(f"... and {len(lines) - _MOST_LINES} {word}s more: see --json", markup=False)
    if not found.faults:
        console.print(
            "No fault found: no song, group or recording in two splits, every record as it was written, every value a "
            "number and in its range.",
            soft_wrap=True,
        )
