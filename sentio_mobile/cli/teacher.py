"""`sentio-mobile teacher`: train a teacher, import one, or let an ensemble label music."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import rich_click as click

import sentio_mobile
from sentio_mobile.cli.options import (
    PATH,
    Group,
    accelerator_option,
    console,
    data_option,
    force_option,
    out_option,
    start_option,
    weak_labels_option,
)

LAZY = {
    "explain": ("sentio_mobile.cli.explain", "Draw which parts of a song a teacher attends to."),
    "gan": ("sentio_mobile.cli.gan", "Train a GAN that generates log-mels, evaluate it, and draw samples from it."),
    "ablate": ("sentio_mobile.cli.ablate", "Measure whether augmentation and GAN samples improve a teacher."),
}


@click.group(cls=Group, lazy=LAZY, renamed={"classic": "ensemble"})
def teacher() -> None:
    """Train the large model that a student learns from."""


@teacher.command(epilog="Example: sentio-mobile teacher train --data prepared --recipe vit_small --out teacher-ckpt")
@data_option
@click.option(
    "--recipe",
    default="vit_small",
    show_default=True,
    help="vit_small (2.9 M parameters), vit_b_16 (86 M, needs a GPU), or a .toml file of your own.",
)
@start_option
@click.option(
    "--weights",
    help="First weights of the backbone only: imagenet (torchvision's, for vit_b_16), or a file as for `teacher "
    "import`.",
)
@click.option(
    "--gan-samples", type=PATH, help="GAN samples, written by `teacher gan sample`, mixed in with training songs."
)
@weak_labels_option
@click.option("--devices", type=click.IntRange(1), default=1, show_default=True, help="Processes or GPUs per machine.")
@click.option("--nodes", type=click.IntRange(1), default=1, show_default=True, help="Number of machines.")
@click.option("--strategy", default="auto", show_default=True, help="Lightning's strategy: ddp, fsdp, ...")
@accelerator_option
@out_option
@force_option
def train(
    data_folder: Path,
    recipe: str,
    start: Path | None,
    weights: str | None,
    gan_samples: Path | None,
    weak_labels: tuple[tuple[Path, Path], ...],
    devices: int,
    nodes: int,
    strategy: str,
    accelerator: str,
    out: Path,
    force: bool,
) -> None:
    """Train a teacher on prepared songs.

    Keeps the epoch with the best validation CCC, and reads the test songs once, at the end. A run that was stopped
    continues when the same command is given again. With few songs, start from a teacher that was trained on others,
    such as the quickstart's.
    """
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.cli.results import show_evaluation

    if start and weights:
        raise click.UsageError("--start and --weights both give the first weights; give one of them")
    with ProgressBars() as progress:
        checkpoint = sentio_mobile.train_teacher(
            data=data_folder,
            out=out,
            recipe=recipe,
            start=start,
            weights=weights,
            gan_samples=gan_samples,
            weak_labels=weak_labels,
            devices=devices,
            nodes=nodes,
            strategy=strategy,
            accelerator=accelerator,
            overwrite=force,
            progress=progress,
        )
    show_evaluation("teacher", checkpoint.evaluation.test)
    console.print(
        f"Checkpoint: {out}. Next: sentio-mobile distill --teacher {out} --data {data_folder} --out student-ckpt",
        soft_wrap=True,
    )


@teacher.command("import", epilog="Example: sentio-mobile teacher import model.safetensors --out teacher-ckpt")
@click.argument("file", type=PATH)
@click.option(
    "--normalization",
    type=click.Choice(["db80", "zscore"]),
    help="The normalization that the model was trained with: by default zscore for the original notebook's files, db80 "
    "for all others.",
)
@click.option(
    "--heads",
    type=click.IntRange(1),
    help="Attention heads per block: by default those of a Hugging Face config.json beside FILE, or width / 64.",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Random seed for weights that FILE does not have, such as the head's.",
)
@out_option
@force_option
def import_(
    file: Path, normalization: Literal["db80", "zscore"] | None, heads: int | None, seed: int, out: Path, force: bool
) -> None:
    """Make a checkpoint from a vision transformer's weights that another program saved.

    FILE is a .safetensors file, or a state dictionary saved by torch (.pth, .pt, .bin), with the names of Hugging
    Face's ViT, torchvision's, timm's, or the original notebook's. It is read as data: a file that contains code is
    refused, and nothing in it is run. Tensors that have no counterpart, on either side, are listed.
    """
    from sentio_mobile._internal.files import require_free

    require_free(out, force)
    from sentio_mobile.teacher.import_weights import import_teacher

    found = import_teacher(file, normalization, heads=heads, seed=seed)
    found.checkpoint.save(out, force)
    spec = found.checkpoint.spec
    settings = spec.settings
    _print(f"{file}: {found.source.layout}; {found.taken} tensors imported")
    sizes = ", ".join(f"{name} {settings[name]}" for name in ("layers", "heads", "width", "mlp_width", "patch_size"))
    _print(f"{sizes}, norm_eps {settings['norm_eps']:g}, normalization {spec.audio.normalization}")
    _list("in the file, without a counterpart here", found.source.left_out)
    _list(f"not in the file, initialized from seed {seed}", found.source.untrained)
    if not found.source.untrained:
        _print(f"Checkpoint: {out}. Next: sentio-mobile distill --teacher {out} --data prepared --out student-ckpt")
        return
    console.print("[yellow]The head is untrained: its predictions mean nothing yet.[/]", soft_wrap=True)
    _print(
        f"Checkpoint: {out}. Next: sentio-mobile teacher train --data prepared --start {out} --out trained-ckpt, "
        "with a recipe of these sizes"
    )


def _list(what: str, names: tuple[str, ...]) -> None:
    if names:
        _print(f"{len(names)} {what}:")
        for name in names:
            _print(f"  {name}")


def _print(line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)


@teacher.command(
    epilog="Example: sentio-mobile teacher ensemble --data prepared --music DEAM --on unlabelled albums/ "
    "--out pseudo-labels.csv\n\n"
    "Then: sentio-mobile distill --teacher teacher-ckpt --data prepared --unlabelled unlabelled "
    "--pseudo-labels pseudo-labels.csv --out student-ckpt"
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
def ensemble(
    data_folder: Path, music: Path, unlabelled: tuple[tuple[Path, Path], ...], seed: int, out: Path, force: bool
) -> None:
    """Label music with an ensemble of Ridge, SVR and XGBoost on 164 audio features.

    The ensemble is trained on the training songs of --data only. Where songs are few, it can be more accurate than a
    network. Its mean prediction for every clip is written to a CSV, which `distill --pseudo-labels` uses as labels.
    """
    import tempfile

    from sentio_mobile._internal.files import require_free
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.data.pseudo_labels import write_pseudo_labels
    from sentio_mobile.teacher.ensemble.ensemble import predict_windows, train_ensemble

    require_free(out, force)
    data = open_data(data_folder)
    targets = [(open_data(folder), place) for folder, place in unlabelled]
    with ProgressBars() as progress, tempfile.TemporaryDirectory() as work:
        trained = train_ensemble(data, music, work=Path(work), seed=seed, progress=progress)
        predictions = [one for folder, place in targets for one in predict_windows(trained, folder, place, progress)]
    write_pseudo_labels(out, predictions)
    console.print(f"{len(predictions)} pseudo-labels in {out}", soft_wrap=True)
