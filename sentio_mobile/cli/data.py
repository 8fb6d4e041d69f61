"""`sentio-mobile data`: generate, prepare and check labelled music."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import rich_click as click

import sentio_mobile
from sentio_mobile.cli.engine_options import PLACE, engine_options
from sentio_mobile.cli.options import PATH, Group, force_option, out_option
from sentio_mobile.cli.output import console, json_option, print_json, show_notes, show_skipped, stderr
from sentio_mobile.cli.table_options import columns_option, norms_options, scale_option, table_settings

if TYPE_CHECKING:
    from sentio_mobile.data.checks.report import CheckReport

_MAX_LINES = 20
"""Findings of each kind that are printed; JSON has all of them."""


@click.group(cls=Group)
def data() -> None:
    """Generate, prepare and check labelled music."""


@data.command(epilog="Example: sentio-mobile data synth --out music --songs 200 --seed 7")
@out_option
@click.option("--songs", type=click.IntRange(1), default=600, show_default=True, help="Number of songs.")
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Random seed: another seed gives another data set."
)
@click.option(
    "--audio-format",
    type=click.Choice(["mp3", "flac", "ogg", "wav"]),
    default="mp3",
    show_default=True,
    help="Format of the audio files.",
)
@json_option
def synth(out: Path, songs: int, seed: int, audio_format: str) -> None:
    """Generate music with known valence and arousal, in DEAM's layout.

    The labels are the generator's settings, not what people felt. Use this music to try things out; it says nothing
    about human listeners.
    """
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.data.generated import write_deam

    with ProgressBars() as progress:
        write_deam(out, songs, seed=seed, audio_format=audio_format, progress=progress)
    console.print(
        f"{songs} songs in {out}. Next: sentio-mobile data prepare {out} --out {out}-prepared",
        soft_wrap=True,
        markup=False,
    )
    print_json({"out": str(out), "songs": songs, "seed": seed})


@data.command(
    goes_on=True,
    epilog="Example: sentio-mobile data prepare DEAM --out prepared\n\n"
    "Several windows of each song, each with its own labels: "
    "sentio-mobile data prepare DEAM --out prepared --windows 4 --labels dynamic\n\n"
    "Your own CSV: sentio-mobile data prepare songs.csv --out prepared --scale -1 1\n\n"
    "With other columns: sentio-mobile data prepare songs.csv --out prepared --columns path='music/{id}.mp3' "
    "valence=V arousal=A\n\n"
    "Several sets: sentio-mobile data prepare PMEmo2019 emoMusic songs.csv --out prepared\n\n"
    "The splits of a study: sentio-mobile data prepare DEAM --splits deam/meta/split --out prepared\n\n"
    "Songs without labels: sentio-mobile data prepare music/ --out unlabelled --store clips",
)
@click.argument("sources", metavar="SOURCE...", type=PATH, nargs=-1, required=True)
@out_option
@scale_option
@columns_option
@norms_options
@click.option(
    "--labels",
    type=click.Choice(["static", "dynamic"]),
    default="static",
    show_default=True,
    help="One label for a whole song, or those rated within each window (DEAM only).",
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
    help="Windows kept of a longer song; training draws one of them in each epoch.",
)
@click.option(
    "--perturb",
    type=click.IntRange(0, 5),
    default=0,
    show_default=True,
    help="Perturbed copies of each window of a training song: MP3 at 64 kbit/s, noise, an equalizer, a gain, as drawn "
    "for the song. Training draws one of them in each epoch.",
)
@click.option(
    "--fractions",
    type=(float, float, float),
    default=(0.8, 0.1, 0.1),
    show_default=True,
    help="Shares of training, validation and test songs.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed of the split.")
@click.option(
    "--splits",
    type=PATH,
    help="Existing splits: a folder with train.txt, val.txt and test.txt, or the songs.csv of a prepared folder.",
)
@click.option(
    "--recipe",
    help="A teacher's recipe, such as ast_5s, whose front end is used. The default takes 30 s at 22,050 Hz.",
)
@click.option(
    "--store",
    type=PATH,
    help="Folder for the spectrograms, which several prepared folders can share; by default OUT/store.",
)
@click.option(
    "--shards",
    type=PLACE,
    metavar="PLACE",
    help="With --engine ray: a folder or a URL that all machines see, where their work lies until it is in the store. "
    "By default OUT with `.shards` after it.",
)
@engine_options
@force_option
@json_option
def prepare(
    sources: tuple[Path, ...],
    out: Path,
    scale: tuple[tuple[float, float], ...],
    columns: tuple[dict[str, str], ...],
    norms: Path | None,
    norms_scale: tuple[float, float] | None,
    labels: str,
    window: str,
    windows: int,
    perturb: int,
    fractions: tuple[float, float, float],
    seed: int,
    splits: Path | None,
    recipe: str | None,
    store: Path | None,
    shards: Path | str | None,
    engine: str,
    address: str | None,
    shard_songs: int,
    force: bool,
) -> None:
    """Turn SOURCE into log-mel spectrograms and fixed training, validation and test songs.

    A SOURCE is one of three. The root folder of a data set, however its archives were unpacked: DEAM, PMEmo, emoMusic,
    4Q, MERGE, EMOPIA, MTG-Jamendo. A CSV with the columns path (relative to the CSV), valence_mean and arousal_mean,
    and optionally group (songs of one group stay in one split), song_id, start and end (a row is a segment of a song)
    and rater (a row is one person's rating). Or a folder of audio without labels. Several labelled sources are prepared
    together, each on its scale. A run that was stopped continues when the same command is given again.

    With --engine ray a cluster reads the songs: see "Many songs, many machines" in the documentation.
    """
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.data.weak_labels import WEAK_LABELS

    with ProgressBars() as progress:
        read = None
        if engine == "ray":
            from sentio_mobile.engines.places import Place
            from sentio_mobile.engines.prepare import ReadOnRay
            from sentio_mobile.engines.run import Engine

            place = Place(str(shards or f"{out}.shards")).absolute()
            read = ReadOnRay(engine=Engine(address, shard_songs), shards=place, overwrite=force, progress=progress)
        prepared = sentio_mobile.prepare(
            sources,
            out=out,
            tables=table_settings(scale, columns),
            norms=norms,
            norms_scale=norms_scale,
            labels=cast(Any, labels),
            window=cast(Any, window),
            windows=windows,
            perturb=perturb,
            fractions=fractions,
            seed=seed,
            splits=splits,
            recipe=recipe,
            store=store,
            read=read,
            overwrite=force,
            progress=progress,
        )
        if read is not None:
            read.remove_shards()
    sheet = prepared.sheet
    show_skipped(list(sheet.skipped))
    show_notes(sheet.notes)
    if (out / WEAK_LABELS).is_file():
        stderr.print(
            f"note: weak labels are in {out / WEAK_LABELS}: train with --weak-labels {out} {out / WEAK_LABELS}",
            markup=False,
            soft_wrap=True,
        )
    elif sheet.labels == "none":
        count = sum(sheet.songs.values())
        stderr.print(
            f"note: {count} songs without labels, for distillation without labels only", soft_wrap=True, markup=False
        )
    console.print(f"Prepared in {out}. Next: sentio-mobile data check {out}", soft_wrap=True, markup=False)
    print_json(sheet)


@data.command(
    epilog="Example: sentio-mobile data check prepared\n\n"
    "With a page of charts: sentio-mobile data check prepared --out checked"
)
@click.argument("folder", type=PATH)
@click.option("--out", type=PATH, help="Folder for check.html, with charts, and check.json.")
@json_option
def check(folder: Path, out: Path | None) -> None:
    """Check prepared data: labels, splits, leaks between splits, copies, and values out of range.

    The exit status is 1 when there is a fault: a leak (a song, a group or a recording in two splits), a label or a
    spectrogram that is not a number or out of range, labels that are all alike, or a damaged record. Silent, clipped
    and short files, copies within a split, splits that differ, and empty parts of the plane are notes.
    """
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.data.checks.page import PAGE, write_check
    from sentio_mobile.data.checks.report import check_data
    from sentio_mobile.data.prepared import open_data

    songs = open_data(folder)
    with ProgressBars() as progress:
        found = check_data(songs, progress)
    if out is not None:
        write_check(out, songs, found)
    _show_check(found)
    if out is not None:
        console.print(f"Page: {out / PAGE} (open it in a browser)", soft_wrap=True, markup=False)
    print_json(found)
    if found.faults:
        raise SystemExit(1)


def _show_check(found: CheckReport) -> None:
    """Print what `check` found, in a screen or two."""
    from rich.table import Table
    from rich.text import Text

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
            cells.append(Text("\n".join(" ".join(f"{n:>{width}}" for n in row) for row in rows)))
        plane.add_row(*cells)
        console.print(plane)
    if found.comparisons:
        tests = Table("splits", "label", "D", "p", "verdict", title="Kolmogorov-Smirnov tests")
        for test in found.comparisons:
            names = " and ".join(test.splits)
            tests.add_row(names, test.dimension, f"{test.distance:.2f}", f"{test.p:.2g}", test.words)
        console.print(tests)
    for colour, word, lines in (("yellow", "note", found.notes), ("red", "fault", found.faults)):
        for line in lines[:_MAX_LINES]:
            console.print(f"[{colour}]{word}:[/] ", end="")
            console.print(line, markup=False, soft_wrap=True)
        if len(lines) > _MAX_LINES:
            console.print(f"... and {len(lines) - _MAX_LINES} {word}s more: see --json", markup=False)
    if not found.faults:
        console.print(
            "No fault found: no song, group or recording is in two splits, no record is damaged, and every value is in "
            "its range.",
            soft_wrap=True,
        )
