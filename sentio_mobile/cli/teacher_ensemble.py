"""`sentio-mobile teacher ensemble`: let regressors on 164 features label music."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.options import PATH, Command, claim_output, data_option, force_option, out_option
from sentio_mobile.cli.output import console, json_option, print_json


@click.command(
    cls=Command,
    epilog="Example: sentio-mobile teacher ensemble --data prepared --music DEAM --on unlabelled albums/ "
    "--out pseudo-labels.csv\n\n"
    "Then: sentio-mobile distill --teacher teacher-ckpt --data prepared --unlabelled unlabelled "
    "--pseudo-labels pseudo-labels.csv --out student-ckpt",
)
@data_option
@click.option("--music", type=PATH, required=True, help="The folder that --data was prepared from.")
@click.option(
    "--on",
    "unlabelled",
    type=(PATH, PATH),
    multiple=True,
    required=True,
    metavar="PREPARED MUSIC",
    help="Music to label: its prepared folder, and the folder that it was prepared from. May be given more than once.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed for the regressors.")
@out_option
@force_option
@json_option
def ensemble(
    data_folder: Path, music: Path, unlabelled: tuple[tuple[Path, Path], ...], seed: int, out: Path, force: bool
) -> None:
    """Label music with an ensemble of Ridge, SVR and XGBoost on 164 audio features.

    The ensemble is trained on the training songs of --data only. Where songs are few, it can be more accurate than a
    network. Its mean prediction for every clip is written to a CSV, which `distill --pseudo-labels` uses as labels.
    """
    from sentio_mobile._internal.files import scratch_folder
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.data.pseudo_labels import write_pseudo_labels
    from sentio_mobile.teacher.ensemble.ensemble import predict_windows, train_ensemble

    claim_output(out, force, file=True)
    data = open_data(data_folder)
    targets = [(open_data(folder), place) for folder, place in unlabelled]
    with ProgressBars() as progress, scratch_folder() as work:
        trained = train_ensemble(data, music, work=work, seed=seed, progress=progress)
        predictions = [one for folder, place in targets for one in predict_windows(trained, folder, place, progress)]
    write_pseudo_labels(out, predictions)
    console.print(f"{len(predictions)} pseudo-labels in {out}", soft_wrap=True, markup=False)
    print_json({"out": str(out), "pseudo_labels": len(predictions)})
