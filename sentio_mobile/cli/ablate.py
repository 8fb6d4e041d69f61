"""`sentio-mobile teacher ablate`: whether augmentation and GAN samples improve a teacher."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from sentio_mobile.cli.options import PATH, Command, claim_output, data_option, force_option, out_option, start_option
from sentio_mobile.cli.output import console, json_option, print_json
from sentio_mobile.cli.training_options import TrainingOptions, training_options_without_seed

if TYPE_CHECKING:
    from sentio_mobile.teacher.gan.ablation import AblationRecord


@click.command(
    cls=Command,
    epilog="Example: sentio-mobile teacher ablate --data prepared --gan-samples samples --recipe vit_small "
    "--out ablation",
)
@data_option
@click.option(
    "--gan-samples",
    type=PATH,
    required=True,
    help="GAN samples, written by `teacher gan sample`. The GAN must be trained on the training songs only.",
)
@click.option("--recipe", default="vit_small", show_default=True, help="The teacher's recipe, as for `teacher train`.")
@click.option("--seeds", default="0,1,2", show_default=True, help="Random seeds, separated by commas.")
@start_option
@out_option
@training_options_without_seed
@force_option
@json_option
def ablate(
    data_folder: Path,
    gan_samples: Path,
    recipe: str,
    seeds: str,
    start: Path | None,
    out: Path,
    training: TrainingOptions,
    force: bool,
) -> None:
    """Measure whether augmentation and GAN samples improve a teacher.

    Trains it on real songs only, with SpecAugment and mixup, with GAN samples, and with both: from the same songs and
    first weights, in the same number of steps. Writes ablation.json and ablation.png to --out. The runs are kept in
    OUT.runs, so that an ablation that was stopped continues.
    """
    from sentio_mobile._internal.files import new_folder
    from sentio_mobile._internal.records import write_record
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.data.gan_samples import open_gan_samples
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.recipes import load_recipe
    from sentio_mobile.teacher.config import TeacherRecipe

    claim_output(out, force)
    try:
        chosen = tuple(dict.fromkeys(int(seed) for seed in seeds.split(",")))
    except ValueError as error:
        raise click.UsageError(f"--seeds must be whole numbers with commas between them, not {seeds!r}") from error
    settings = load_recipe(TeacherRecipe, recipe, "teacher", changes=training.changes)
    songs, samples = open_data(data_folder), open_gan_samples(gan_samples)
    from sentio_mobile.models.checkpoint import Checkpoint
    from sentio_mobile.teacher.gan.ablation import ablate as compare
    from sentio_mobile.teacher.gan.ablation_chart import draw_ablation

    first = Checkpoint.load(start) if start else None
    with ProgressBars() as progress:
        record = compare(
            songs,
            samples,
            recipe=settings,
            seeds=chosen,
            work=out.with_name(f"{out.name}.runs"),
            progress=progress,
            start=first,
            hardware=training.hardware,
        )
    with new_folder(out, force) as part:
        write_record(part / "ablation.json", record)
        draw_ablation(part / "ablation.png", record)
    print_json(record)
    _show(record)
    console.print(f"Chart and figures: {out}", soft_wrap=True, markup=False)


def _show(record: AblationRecord) -> None:
    from rich.table import Table

    from sentio_mobile.spec import OUTPUTS

    songs, seeds = record.songs["test"], len(record.seeds)
    console.print(f"CCC on {songs} real test songs, mean of {seeds} seeds (95% interval over songs)", markup=False)
    table = Table("trained on", *OUTPUTS, "mean", "gain in the mean")
    for result in record.arms:
        cells = [str(interval) for interval in result.ccc.values()]
        cells.append("" if result.gain is None else str(result.gain["mean"]))
        table.add_row(result.arm, *(cell.replace("[", r"\[") for cell in cells))
    console.print(table)
    for result in record.arms[1:]:
        console.print(f"{result.arm.removeprefix('+ ')}: {result.verdict}", soft_wrap=True, markup=False)
