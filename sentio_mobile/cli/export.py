"""`sentio-mobile export`: a checkpoint becomes a bundle."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.options import console, errors, out_option
from sentio_mobile.spec import FORMATS, FORMS, MAIN_FORMATS, PRECISIONS


@click.command(
    epilog="Example: sentio-mobile export --checkpoint student-ckpt --format tflite --precision int8 --data prepared "
    "--out bundle\n\n"
    "Everything: sentio-mobile export --checkpoint student-ckpt --format all --precision all --data prepared --out all"
    "\n\nWhat 8 bits cost each layer: sentio-mobile export --checkpoint student-ckpt --data prepared --sensitivity "
    "--out ranked"
)
@click.option("--checkpoint", type=click.Path(path_type=Path), required=True, help="A checkpoint folder.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    default=MAIN_FORMATS,
    show_default=True,
    help=f"One of {', '.join(FORMATS)}, or all; may be given more than once. ptl, ort and mlmodel are for PyTorch "
    "Mobile, ONNX Runtime's mobile builds, and iOS 13-14.",
)
@click.option(
    "--precision",
    "precisions",
    multiple=True,
    type=click.Choice([*PRECISIONS, "all"]),
    default=("fp32",),
    show_default=True,
    help="int8: ranges measured on songs. int8-dynamic: ranges as they come. int8-full: integers in and out, for NPUs.",
)
@click.option(
    "--form",
    "forms",
    multiple=True,
    type=click.Choice([*FORMS, "all"]),
    default=("all",),
    show_default=True,
    help="spectrogram: fed the picture of a log-mel. waveform: fed PCM, the front end is part of the graph.",
)
@click.option(
    "--data",
    "data_folder",
    type=click.Path(path_type=Path),
    help="Songs that `data prepare` wrote: ranges are measured on training songs, losses on validation songs.",
)
@click.option(
    "--sensitivity",
    is_flag=True,
    help="Export nothing: rank the layers by what 8 bits cost each, and write sensitivity.json and .png to --out.",
)
@click.option(
    "--keep-float",
    multiple=True,
    metavar="LAYER",
    help="Leave this layer in floating point in int8 and int8-dynamic, by the name that --sensitivity prints; may be "
    "given more than once. In Core ML it keeps 16 bits.",
)
@click.option("--name", default="emotion", show_default=True, help="What the model is called in the names of files.")
@click.option("--release", default="1", show_default=True, help="The model's own version, in the names of files.")
@click.option("--licence", default="unknown", show_default=True, help="Of the model: an SPDX identifier.")
@out_option
@click.option(
    "--timeout",
    type=click.FloatRange(1),
    default=600.0,
    show_default=True,
    help="Seconds that the conversions of one format and form may take.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Replace what stands at --out, and keep artifacts that are refused; the bundle says so.",
)
def export(
    checkpoint: Path,
    formats: tuple[str, ...],
    precisions: tuple[str, ...],
    forms: tuple[str, ...],
    data_folder: Path | None,
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

    Each conversion runs in a process of its own; what it has to say goes to a log beside the bundle. One that fails
    costs itself alone, and status 1 at the end. An artifact that is not what its precision promises is refused, with
    status 3: weights that stayed wide, answers that collapsed, or a CCC that fell on validation songs. TorchScript and
    ptl are deprecated upstream; they are here for apps that have them.
    """
    from sentio_mobile._internal.files import require_free
    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.cli.sensitivity import rank
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.errors import InputError
    from sentio_mobile.export.build import build_bundle
    from sentio_mobile.export.config import ExportRecipe

    require_free(out, force)
    if sensitivity:
        if data_folder is None:
            raise InputError(
                "--sensitivity measures ranges on songs: give the folder that `data prepare` wrote as --data"
            )
        rank(checkpoint, data_folder, out, force)
        return
    recipe = ExportRecipe(
        formats=tuple(dict.fromkeys(FORMATS if "all" in formats else formats)),
        forms=tuple(form for form in FORMS if "all" in forms or form in forms),
        precisions=tuple(p for p in PRECISIONS if "all" in precisions or p in precisions),
        name=name,
        release=release,
        licence=licence,
        keep_float=tuple(dict.fromkeys(keep_float)),
        timeout_s=timeout,
    )
    data = open_data(data_folder) if data_folder else None
    with Bars() as bars:
        built = build_bundle(checkpoint, recipe, out=out, data=data, progress=bars, overwrite=force, keep_refused=force)
    for reason in built.failed.values():
        errors.print("[red]failed:[/]", end=" ")
        errors.print(reason, markup=False, soft_wrap=True)
    for reason in built.refused.values():
        errors.print("[red]refused:[/]", end=" ")
        errors.print(reason, markup=False, soft_wrap=True)
    console.print(f"Bundle: {out}. Next: sentio-mobile verify {out}", soft_wrap=True)
    if built.refused:
        errors.print(
            "Refused artifacts are in the bundle." if force else "Refused artifacts were left out; --force keeps them."
        )
        raise SystemExit(3)
    if built.failed:
        raise SystemExit(1)
