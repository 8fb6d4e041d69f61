"""`sentio-mobile teacher ablate`: whether made-up songs help."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from sentio_mobile.cli.options import console, data_option, force_option, json_option, out_option, start_option

if TYPE_CHECKING:
    from sentio_mobile.teacher.gan.ablation import Outcome


@click.command(
    epilog="Example: sentio-mobile teacher ablate --data prepared --synthetic made-up --recipe vit_small --out ablation"
)
@data_option
@click.option(
    "--synthetic",
    type=click.Path(path_type=Path),
    required=True,
    help="A folder that `teacher gan sample` wrote; its generator must have learnt from the training songs alone.",
)
@click.option("--recipe", default="vit_small", show_default=True, help="The teacher, as for `teacher train`.")
@click.option("--seeds", default="0,1,2", show_default=True, help="Of weights and draws, with commas between them.")
@start_option
@out_option
@force_option
@json_option
def ablate(
    data_folder: Path,
    synthetic: Path,
    recipe: str,
    seeds: str,
    start: Path | None,
    out: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Train a teacher from real songs only, with SpecAugment and mixup, with made-up songs, and with both.

    All ways have the same songs, first weights and steps. Writes ablation.json and ablation.png to --out. The runs are
    kept in OUT.runs, so that an ablation that was stopped goes on where it was.
    """
    import json

    from sentio_mobile._internal.files import new_folder, require_free, write_json
    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.data.gan_samples import open_gan_samples
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.recipes import load_recipe
    from sentio_mobile.teacher.config import TeacherRecipe

    require_free(out, force)
    try:
        chosen = tuple(dict.fromkeys(int(seed) for seed in seeds.split(",")))
    except ValueError as error:
        raise click.UsageError(f"--seeds must be whole numbers with commas between them, not {seeds!r}") from error
    settings = load_recipe(TeacherRecipe, recipe, "teacher")
    songs, made_up = open_data(data_folder), open_gan_samples(synthetic)
    from sentio_mobile.models.checkpoint import Checkpoint
    from sentio_mobile.teacher.gan.ablation import ablate as compare
    from sentio_mobile.teacher.gan.ablation import record_of
    from sentio_mobile.teacher.gan.ablation_chart import draw_ablation

    first = Checkpoint.load(start) if start else None
    with Bars() as bars:
        outcomes = compare(
            songs,
            made_up,
            recipe=settings,
            seeds=chosen,
            work=out.with_name(f"{out.name}.runs"),
            progress=bars,
            start=first,
        )
    record = record_of(outcomes, songs, synthetic=made_up, recipe=settings, seeds=chosen)
    with new_folder(out, force) as part:
        write_json(part / "ablation.json", record)
        draw_ablation(part / "ablation.png", outcomes, len(songs.split("test")))
    if as_json:
        click.echo(json.dumps(record, indent=2))
        return
    _show(outcomes, len(songs.split("test")), len(chosen))
    console.print(f"Picture and figures: {out}", soft_wrap=True)


def _show(outcomes: tuple[Outcome, ...], songs: int, seeds: int) -> None:
    from rich.table import Table

    from sentio_mobile.spec import OUTPUTS

    console.print(f"CCC on {songs} real test songs, mean of {seeds} seeds (95% interval over songs)")
    table = Table("trained on", *OUTPUTS, "mean", "gain in the mean")
    for outcome in outcomes:
        cells = [str(outcome.agreement[name]) for name in (*OUTPUTS, "mean")]
        cells.append("" if outcome.gain is None else str(outcome.gain["mean"]))
        table.add_row(outcome.arm, *(cell.replace("[", r"\[") for cell in cells))
    console.print(table)
    for outcome in outcomes[1:]:
        assert outcome.gain is not None
        console.print(f"{outcome.arm.removeprefix('+ ')}: {outcome.verdict}", soft_wrap=True)
