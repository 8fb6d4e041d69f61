"""`sentio-mobile teacher embed`: embeddings of prepared songs, for probes and students."""

from __future__ import annotations

import sys
from pathlib import Path

import rich_click as click

from sentio_mobile.cli.engine_options import PLACE, engine_options, require_paths, show_outcome
from sentio_mobile.cli.options import PATH, Command, FiniteRange, claim_output, data_option, force_option
from sentio_mobile.cli.output import console, json_option, print_json, show_faults


@click.command(
    cls=Command,
    goes_on=True,
    epilog="Example: sentio-mobile teacher embed --data prepared --music songs/ --out embeddings.safetensors\n\n"
    "Or: sentio-mobile teacher embed --data prepared --from-table embeddings.csv --out embeddings.safetensors",
)
@data_option
@click.option("--music", type=PLACE, help="The folder that --data was prepared from.")
@click.option(
    "--on",
    "more",
    type=(PATH, PLACE),
    multiple=True,
    metavar="PREPARED MUSIC",
    help="More music: its prepared folder, and the folder that it was prepared from. May be given more than once.",
)
@click.option(
    "--encoder", default="musicnn-msd", show_default=True, help="One of those that `sentio-mobile encoder list` shows."
)
@click.option(
    "--from-table",
    "table",
    type=PATH,
    metavar="FILE",
    help="Instead of an encoder: embeddings as a CSV or Parquet file with the columns song_id and time_s (where in the "
    "song the sound of the row begins, in seconds), and one column for each value.",
)
@click.option(
    "--step",
    type=FiniteRange(0, 600),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Shortest time from one embedding to the next. Those that follow each other faster are averaged.",
)
@click.option(
    "--clean",
    is_flag=True,
    help="Give perturbed copies (`data prepare --perturb`) the embeddings of the clean sound, so that students learn "
    "not to mind. By default they get their own.",
)
@click.option(
    "--workers", type=click.IntRange(1), help="Processes, each on one core. By default one for each usable core."
)
@engine_options
@click.option(
    "--out",
    type=PLACE,
    required=True,
    help="The file to write. With --engine ray: a folder or a URL, for Parquet files.",
)
@force_option
@json_option
def embed(
    data_folder: Path,
    music: Path | str | None,
    more: tuple[tuple[Path, Path | str], ...],
    encoder: str,
    table: Path | None,
    step: float,
    clean: bool,
    workers: int | None,
    engine: str,
    address: str | None,
    shard_songs: int,
    out: Path | str,
    force: bool,
) -> None:
    """Write embeddings of prepared songs by a pretrained encoder.

    All windows of the songs go into one file, with tags where the encoder knows any. What was embedded stays in the
    user's cache, so that a run that was stopped continues, and a second run, or other prepared folders with the same
    songs, embed only what is new.

    A song that cannot be embedded is listed, and the others are written. The exit status is 0 when all songs were
    embedded, 1 when more than 95% of them were, and 2 otherwise.

    With --engine ray a cluster embeds: see "Many songs, many machines" in the documentation.
    """
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.data.prepared import open_data

    if table is None and music is None:
        raise click.UsageError("give the folder that --data was prepared from as --music, or a table as --from-table")
    places = [place for place in (music, *(place for _, place in more)) if place is not None]
    if engine == "ray":
        if table is not None or workers is not None:
            raise click.UsageError(
                "--engine ray embeds by an encoder on a cluster; leave --from-table and --workers out"
            )
        from sentio_mobile.engines.embed import embed_library
        from sentio_mobile.engines.run import Engine

        on = Engine(address, shard_songs)
        opened = [open_data(folder) for folder in (data_folder, *(folder for folder, _ in more))]
        pairs = [(data, str(place)) for data, place in zip(opened, places, strict=True)]
        with ProgressBars() as progress:
            outcome = embed_library(
                pairs, str(out), encoder=encoder, step=step, clean=clean, engine=on, overwrite=force, progress=progress
            )
        show_outcome(outcome.songs, outcome.known, len(outcome.shards), out, list(outcome.faults))
        return
    require_paths(*places, out)
    out, paths = Path(out), [Path(place) for place in places]
    claim_output(out, force, file=True)
    folders = [open_data(folder) for folder in (data_folder, *(folder for folder, _ in more))]
    if table is not None:
        from sentio_mobile.teacher.embedding_table import map_table, read_table

        found = map_table(read_table(table), folders, step=step)
    else:
        from sentio_mobile.teacher.embed import embed_clips

        with ProgressBars() as progress:
            sources = list(zip(folders, paths, strict=True))
            found = embed_clips(sources, encoder, step=step, clean=clean, workers=workers, progress=progress)
    found.write(out)
    info, tags = found.info, f", {len(found.tag_names)} tags" if found.tag_names else ""
    console.print(
        f"{len(found.steps):,} clips in {out}: {info.size} values{tags}, every {info.hop_s:.1f} s, from {info.name}",
        markup=False,
        soft_wrap=True,
    )
    print_json({"out": str(out), "clips": len(found.steps), "encoder": info, "faults": list(found.faults)})
    if found.faults:
        show_faults(list(found.faults))
        sys.exit(1)
