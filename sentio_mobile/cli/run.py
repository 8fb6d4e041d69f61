"""`sentio-mobile run` and `quickstart`: the whole way, resumed where an earlier run stopped."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.options import console, errors, out_option, show_skipped, start_option


@click.command(epilog="Example: sentio-mobile run small_library --source songs.csv --out runs/mine")
@click.argument("recipe")
@out_option
@click.option("--source", type=click.Path(path_type=Path), help="DEAM or a manifest, in place of the recipe's.")
@click.option("--seed", type=click.IntRange(0), help="Another split and other first weights than the recipe's.")
@start_option
def run(recipe: str, out: Path, source: Path | None, seed: int | None, start: Path | None) -> None:
    """Go the whole way of one RECIPE: data, teacher, student, bundle, report.

    RECIPE is a .toml file, or the name of one that comes along (see benchmarks/recipes). A stage whose inputs have not
    changed is not done again, so a run that was stopped goes on when the same command is given.
    """
    _go(recipe, out, source, seed, start)


@click.command(epilog="Example: sentio-mobile quickstart --out runs/quickstart")
@out_option
def quickstart(out: Path) -> None:
    """Go the whole way on generated music: nothing to download, about thirteen minutes on two cores.

    Makes music with known valence and arousal, trains a small teacher, distills the full-size student, exports and
    verifies it in every format, measures it, and writes a report.
    """
    _go("quickstart", out, None, None, None)


def _go(recipe: str, out: Path, source: Path | None, seed: int | None, start: Path | None) -> None:
    from sentio_mobile.benchmarks.report import REPORT
    from sentio_mobile.benchmarks.summary import read_summary
    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.cli.results import show_summary
    from sentio_mobile.pipeline import Run
    from sentio_mobile.recipes import load_run_recipe, with_seed

    settings = load_run_recipe(recipe, source)
    if seed is not None:
        settings = with_seed(settings, seed)
    with Bars() as bars:
        whole = Run(
            folder=out,
            recipe=settings,
            progress=bars,
            announce=lambda line: errors.print(f"[dim]{line}[/]"),
            start=start,
        )
        whole.go()
    show_skipped(whole.skipped)
    show_summary(read_summary(out))
    console.print(f"Bundle: {out / 'bundle'}", soft_wrap=True)
    console.print(f"Report: {out / REPORT} (open it in a browser)", soft_wrap=True)
    console.print(f"Next:   sentio-mobile predict {out / 'bundle'} SONG.mp3", soft_wrap=True)
    if whole.broken:
        raise SystemExit(1)
