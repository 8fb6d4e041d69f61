"""`sentio-mobile export`: a checkpoint becomes a bundle."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.words import console, errors, force_option, out_option
from sentio_mobile.spec import FORMATS, FORMS


@click.command(epilog="Example: sentio-mobile export --checkpoint student-ckpt --format tflite --out bundle")
@click.option("--checkpoint", type=click.Path(path_type=Path), required=True, help="A checkpoint folder.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    default=("all",),
    show_default=True,
    help=f"One of {', '.join(FORMATS)}, or all; may be given more than once.",
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
@out_option
@click.option(
    "--timeout",
    type=click.FloatRange(1),
    default=600.0,
    show_default=True,
    help="Seconds that one conversion may take.",
)
@force_option
def export(
    checkpoint: Path, formats: tuple[str, ...], forms: tuple[str, ...], out: Path, timeout: float, force: bool
) -> None:
    """Export a checkpoint to mobile formats, with golden vectors and hashes.

    Each conversion runs in a process of its own; what it has to say goes to a log beside the bundle. One that fails
    costs itself alone, and status 1 at the end. TorchScript is deprecated upstream; it is here for apps that have it.
    """
    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.export.build import build_bundle
    from sentio_mobile.files import require_free

    require_free(out, force)
    wanted = tuple(dict.fromkeys(FORMATS if "all" in formats else formats))
    fed = tuple(form for form in FORMS if "all" in forms or form in forms)
    with Bars() as bars:
        failed = build_bundle(checkpoint, wanted, out, fed, timeout, bars, replace=force)
    for reason in failed.values():
        errors.print(f"[red]failed:[/] {reason}")
    console.print(f"Bundle: {out}. Next: sentio-mobile verify {out}", soft_wrap=True)
    if failed:
        raise SystemExit(1)
