"""`sentio-mobile export`: a checkpoint becomes a bundle, or its layers are ranked by what int8 costs them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

import sentio_mobile
from sentio_mobile.cli.options import PATH, Command, FiniteRange, claim_output, known_format, out_option
from sentio_mobile.cli.output import console, json_option, print_json, stderr
from sentio_mobile.errors import InputError
from sentio_mobile.formats.registry import MAIN_FORMATS, format_names, names_of_all, other_formats
from sentio_mobile.spec import FORMS, OUTPUTS, PRECISIONS

if TYPE_CHECKING:
    from sentio_mobile.bundle.bundle import Bundle
    from sentio_mobile.quantization.sensitivity import Sensitivity

SENSITIVITY, SENSITIVITY_CHART = "sensitivity.json", "sensitivity.png"


@click.command(
    cls=Command,
    epilog="Example: sentio-mobile export --checkpoint student-ckpt --format tflite --precision int8 --data prepared "
    "--out bundle\n\n"
    "Everything: sentio-mobile export --checkpoint student-ckpt --format all --precision all --data prepared --out all"
    "\n\nWhat int8 costs each layer: sentio-mobile export --checkpoint student-ckpt --data prepared --sensitivity "
    "--out ranked",
)
@click.option("--checkpoint", type=PATH, required=True, help="A checkpoint folder.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    callback=known_format,
    default=MAIN_FORMATS,
    show_default=True,
    help=f"One of {', '.join(format_names())}, or all; may be given more than once. Made on request: "
    f"{other_formats()}. executorch needs its own extra, and all leaves it out without.",
)
@click.option(
    "--precision",
    "precisions",
    multiple=True,
    type=click.Choice([*PRECISIONS, "all"]),
    default=("fp32",),
    show_default=True,
    help="int8: activation ranges measured on songs. int8-dynamic: ranges computed at run time. int8-full: integers in "
    "and out, for NPUs. May be given more than once.",
)
@click.option(
    "--form",
    "forms",
    multiple=True,
    type=click.Choice([*FORMS, "all"]),
    default=("all",),
    show_default=True,
    help="The model's input. spectrogram: a log-mel image. waveform: PCM, with the front end inside the model.",
)
@click.option(
    "--data",
    "data_folder",
    type=PATH,
    help="A prepared folder, written by `data prepare`: ranges are measured on training songs, the loss of accuracy on "
    "validation songs.",
)
@click.option(
    "--music",
    type=PATH,
    help="The folder that --data was prepared from: the loss of the form waveform is measured on its sound.",
)
@click.option(
    "--sensitivity",
    is_flag=True,
    help="Export nothing; rank the layers by what int8 costs them, and write sensitivity.json and .png to --out.",
)
@click.option(
    "--keep-float",
    multiple=True,
    metavar="LAYER",
    help="Leave this layer, by its name in --sensitivity, in floating point in int8 and int8-dynamic (in Core ML: in "
    "fp16). May be given more than once.",
)
@click.option("--name", default="emotion", show_default=True, help="The model's name in file names.")
@click.option("--release", default="1", show_default=True, help="The model's version in file names.")
@click.option("--licence", default="unknown", show_default=True, help="The model's licence, an SPDX identifier.")
@out_option
@click.option(
    "--timeout",
    type=FiniteRange(1),
    default=600.0,
    show_default=True,
    help="Seconds that the conversions of one format and form may take.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Overwrite what exists at --out, and keep artifacts that are refused; the bundle names them.",
)
@json_option
def export(
    checkpoint: Path,
    formats: tuple[str, ...],
    precisions: tuple[str, ...],
    forms: tuple[str, ...],
    data_folder: Path | None,
    music: Path | None,
    sensitivity: bool,
    keep_float: tuple[str, ...],
    name: str,
    release: str,
    licence: str,
    out: Path,
    timeout: float,
    force: bool,
) -> None:
    """Export a checkpoint to mobile formats, with golden vectors, a model card and hashes.

    Each conversion runs in its own process, and its output goes to a log beside the bundle. A failed conversion does
    not stop the others; the exit status is then 1. An artifact that is not what its precision promises is refused, with
    exit status 3: weights that are not quantized, predictions that collapsed, or a CCC that fell on validation songs.
    TorchScript and ptl are deprecated upstream; they are here for apps that use them.
    """
    from sentio_mobile.cli.progress_bars import ProgressBars

    if sensitivity:
        if data_folder is None:
            raise InputError(
                "--sensitivity measures ranges on songs: give the folder that `data prepare` wrote as --data"
            )
        _rank_layers(checkpoint, data_folder, out, force)
        return
    with ProgressBars() as progress:
        bundle = sentio_mobile.export(
            checkpoint,
            out=out,
            formats=names_of_all() if "all" in formats else formats,
            forms=[form for form in FORMS if "all" in forms or form in forms],
            precisions=[p for p in PRECISIONS if "all" in precisions or p in precisions],
            data=data_folder,
            music=music,
            name=name,
            release=release,
            licence=licence,
            keep_float=keep_float,
            timeout_s=timeout,
            keep_refused=force,
            overwrite=force,
            progress=progress,
        )
    failed, refused = bundle.manifest.failed, bundle.manifest.refused
    for what, reasons in (("failed", failed), ("refused", refused)):
        for reason in reasons.values():
            stderr.print(f"[red]{what}:[/]", end=" ")
            stderr.print(reason, markup=False, soft_wrap=True)
    _show_artifacts(bundle)
    console.print(f"Bundle: {out}. Next: sentio-mobile verify {out}", soft_wrap=True, markup=False)
    print_json(bundle.manifest)
    if refused:
        stderr.print(
            "Refused artifacts are in the bundle." if force else "Refused artifacts were left out; --force keeps them."
        )
        raise SystemExit(3)
    if failed:
        raise SystemExit(1)


def _show_artifacts(bundle: Bundle) -> None:
    """Print what was exported, what it weighs and loses, and what was refused or failed."""
    from sentio_mobile.benchmarks.formatting import megabytes
    from sentio_mobile.cli.tables import show_table

    manifest = bundle.manifest
    rows = [
        (
            entry.label,
            megabytes(bundle.size(bundle.artifact(entry.format, entry.form, entry.precision))),
            "not measured" if entry.accuracy is None else entry.accuracy.loss["mean"].words(3),
            "refused" if entry.label in manifest.refused else "pass",
        )
        for entry in manifest.artifacts
    ]
    there = {row[0] for row in rows}
    rows += [(label, "-", "-", "refused") for label in manifest.refused if label not in there]
    rows += [(label, "-", "-", "failed") for label in manifest.failed]
    show_table(("artifact", "size", "loss of mean CCC", "verdict"), rows, droppable=("loss of mean CCC",))
    counts = [f"{sum(row[3] == word for row in rows)} {word}" for word in ("refused", "failed")]
    good = sum(row[3] == "pass" for row in rows)
    console.print(
        f"{good} of {len(rows)} artifacts exported; {', '.join(counts)}. {manifest.parameters_in_words} parameters.",
        style="bold",
        markup=False,
        soft_wrap=True,
    )


def _rank_layers(checkpoint: Path, data_folder: Path, out: Path, force: bool) -> None:
    """Rank a checkpoint's layers, write the ranking and its chart to the folder `out`, and show it."""
    from sentio_mobile._internal.files import new_folder, sha256, write_json
    from sentio_mobile._internal.records import to_plain
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.models.blocks import fold_norms
    from sentio_mobile.models.checkpoint import WEIGHTS, Checkpoint
    from sentio_mobile.quantization.calibration import collect_calibration
    from sentio_mobile.quantization.sensitivity import CLIPS, draw_sensitivity, rank_layers

    claim_output(out, force)
    data, loaded = open_data(data_folder), Checkpoint.load(checkpoint)
    fold_norms(loaded.model.eval())
    with ProgressBars() as progress:
        ranking = rank_layers(loaded.model, loaded.spec, collect_calibration(data, loaded.spec, CLIPS), progress)
    with new_folder(out, force) as part:
        record = {"checkpoint_sha256": sha256(checkpoint / WEIGHTS), **to_plain(ranking)}
        write_json(part / SENSITIVITY, record)
        draw_sensitivity(part / SENSITIVITY_CHART, ranking)
    _show_sensitivity(ranking)
    console.print(
        f"Figures and chart: {out}. Next: sentio-mobile export --keep-float LAYER", soft_wrap=True, markup=False
    )
    print_json(record)


def _show_sensitivity(ranking: Sensitivity) -> None:
    from rich.table import Column, Table

    output_std = ", ".join(f"{name} {sd:.2f}" for name, sd in zip(OUTPUTS, ranking.output_std, strict=True))
    console.print(
        f"{ranking.clips} training clips; standard deviation of their fp32 predictions: {output_std}", markup=False
    )
    # Folded, never cut: the name is what --keep-float takes.
    figures = (Column(name, no_wrap=True) for name in ("kind", "weights", "RMS change", "largest change"))
    table = Table(Column("layer", overflow="fold"), *figures)
    for row in ranking.layers:
        table.add_row(row.layer, row.kind, f"{row.weights:,}", f"{row.change.rms:.1e}", f"{row.change.max:.1e}")
    table.add_section()
    weights, change = sum(row.weights for row in ranking.layers), ranking.all_layers
    table.add_row("all layers", "", f"{weights:,}", f"{change.rms:.1e}", f"{change.max:.1e}")
    console.print(table)
