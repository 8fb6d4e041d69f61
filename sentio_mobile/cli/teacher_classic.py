"""`sentio-mobile teacher classic`: regressions on 164 features, as a teacher for music that nobody labelled."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.options import console, data_option, force_option, out_option


@click.command(
    epilog="Example: sentio-mobile teacher classic --data prepared --music DEAM --on unlabelled albums/ "
    "--out answers.csv\n\n"
    "Then: sentio-mobile distill --teacher teacher-ckpt --data prepared --unlabelled unlabelled --answers answers.csv "
    "--out student-ckpt"
)
@data_option
@click.option(
    "--music", type=click.Path(path_type=Path), required=True, help="The folder that --data was prepared from."
)
@click.option(
    "--on",
    "others",
    type=(click.Path(path_type=Path), click.Path(path_type=Path)),
    multiple=True,
    required=True,
    metavar="PREPARED MUSIC",
    help="Prepared music without labels to be asked about, and the folder that it was prepared from.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of what is drawn.")
@out_option
@force_option
def classic(
    data_folder: Path, music: Path, others: tuple[tuple[Path, Path], ...], seed: int, out: Path, force: bool
) -> None:
    """Let Ridge, SVR and XGBoost answer for music without labels.

    They learn from the training songs of --data alone, and where songs are few they may know more than a network. Their
    mean answer is written for every clip; a student takes it for a label.
    """
    import tempfile

    from sentio_mobile._internal.files import require_free
    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.data.pseudo_labels import write_pseudo_labels
    from sentio_mobile.teacher.ensemble.ensemble import predict_windows, train_ensemble

    require_free(out, force)
    data = open_data(data_folder)
    asked = [(open_data(folder), place) for folder, place in others]
    with Bars() as bars, tempfile.TemporaryDirectory() as work:
        ensemble = train_ensemble(data, music, work=Path(work), seed=seed, progress=bars)
        labels = [label for folder, place in asked for label in predict_windows(ensemble, folder, place, bars)]
    write_pseudo_labels(out, labels)
    console.print(f"{len(labels)} pseudo-labels in {out}", soft_wrap=True)
