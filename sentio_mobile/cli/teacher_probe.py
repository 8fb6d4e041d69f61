"""`sentio-mobile teacher probe`: train regressors on an encoder's embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from sentio_mobile.cli.options import PATH, Command, claim_output, data_option, force_option, out_option
from sentio_mobile.cli.output import console, json_option, print_json, stderr

if TYPE_CHECKING:
    from sentio_mobile.teacher.probe.sheet import ProbeSheet


@click.command(
    cls=Command,
    epilog="Example: sentio-mobile teacher probe --data prepared --embeddings embeddings.safetensors --out probe\n\n"
    "Then: sentio-mobile distill --teacher probe --data prepared --embeddings embeddings.safetensors --out student",
)
@data_option
@click.option(
    "--embeddings",
    type=PATH,
    metavar="FILE",
    help="Embeddings of the songs, written by `teacher embed`. Without it, the songs of --music are embedded first.",
)
@click.option(
    "--encoder",
    default="musicnn-msd",
    show_default=True,
    help="Encoder to embed the songs with, where there is no --embeddings.",
)
@click.option(
    "--music",
    type=PATH,
    help="The folder that --data was prepared from. With it, members may also hear 164 audio features, which takes "
    "about a second a window.",
)
@click.option("--no-features", is_flag=True, help="Leave the 164 audio features out.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Train on all labelled songs, not only on training songs. None is then left to evaluate on but by the "
    "cross-validation.",
)
@click.option("--folds", type=click.IntRange(2, 100), default=10, show_default=True, help="Outer folds, by group.")
@click.option("--xgboost", is_flag=True, help="Try boosted trees too. They take most of the time and seldom win.")
@click.option(
    "--weak-labels",
    type=PATH,
    metavar="CSV",
    help="High or low by song, for the AUC: the columns song_id, v_high and a_high (1 or 0). By default a song is high "
    "where its label is above 0.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed.")
@out_option
@force_option
@json_option
def probe(
    data_folder: Path,
    embeddings: Path | None,
    encoder: str,
    music: Path | None,
    no_features: bool,
    everything: bool,
    folds: int,
    xgboost: bool,
    weak_labels: Path | None,
    seed: int,
    out: Path,
    force: bool,
) -> None:
    """Train a probe: regressors on the embeddings of a pretrained encoder.

    Ridge, support vectors and a small network are tried on the embeddings, and with --music also on 164 audio features
    and on both. Their settings, and which of them predict together, are chosen by cross-validation over groups, inside
    an outer cross-validation that measures the result on songs whose groups were not heard. The folder also holds those
    out-of-fold predictions. A probe is a teacher: `distill`, `evaluate`, `teacher label` and `teacher explain` take it.
    """
    from sentio_mobile._internal.records import replace
    from sentio_mobile.cli.embeddings import embeddings_of
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.data.weak_labels import read_weak_labels
    from sentio_mobile.teacher.probe.config import ProbeRecipe
    from sentio_mobile.teacher.probe.train import train_probe

    if embeddings is None and music is None:
        raise click.UsageError("give embeddings as --embeddings, or the folder of the songs as --music")
    claim_output(out, force)
    recipe = ProbeRecipe(folds=folds, seed=seed)
    if xgboost:
        recipe = replace(recipe, regressors=(*recipe.regressors, "xgboost"))
    data = open_data(data_folder)
    with ProgressBars() as progress:
        found = train_probe(
            data,
            embeddings_of(data, music, encoder=encoder, file=embeddings, progress=progress),
            out=out,
            recipe=recipe,
            music=None if no_features else music,
            songs="all" if everything else "train",
            weak_labels=read_weak_labels(weak_labels) if weak_labels else None,
            overwrite=force,
            progress=progress,
        )
    _show(found.sheet)
    console.print(
        f"Probe: {out}. Next: sentio-mobile teacher label --teacher {out} --on PREPARED MUSIC --out pseudo-labels.csv",
        markup=False,
        soft_wrap=True,
    )
    print_json(found.sheet)


def _show(sheet: ProbeSheet) -> None:
    result = sheet.evaluation

    def line(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    for output in ("valence", "arousal"):
        members = ", ".join(
            f"{one.weight:.2f} x {one.regressor} on {' + '.join(one.parts)}"
            for one in sheet.members
            if one.output == output
        )
        line(f"{output}: {members}")
    line(
        f"{result.songs.n} songs in {result.groups} groups, out of fold ({result.folds} folds by group; 95% intervals "
        "over groups):"
    )
    line("CCC: " + ", ".join(f"{name} {ccc}" for name, ccc in result.songs.ccc.items()))
    auc = result.auc
    line(
        f"AUC (high: {auc.high}): valence {auc.valence}, arousal {auc.arousal}, valence of calm music "
        f"{auc.valence_when_calm}, of energetic music {auc.valence_when_energetic}"
    )
    if sheet.uncertainty is not None:
        valence, arousal = sheet.uncertainty.half_width
        line(f"{sheet.uncertainty.coverage:.0%} intervals: valence +-{valence:.2f}, arousal +-{arousal:.2f}")
    for warning in result.warnings:
        stderr.print("[yellow]warning:[/]", end=" ")
        stderr.print(warning, markup=False, soft_wrap=True)
