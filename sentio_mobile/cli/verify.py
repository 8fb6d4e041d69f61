"""`sentio-mobile verify`: prove a bundle right, or say where it is not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from sentio_mobile.cli.options import console, json_option, threads_option

if TYPE_CHECKING:
    from sentio_mobile.bundle.verify import Verification


@click.command(epilog="Example: sentio-mobile verify bundle --songs prepared")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--songs",
    type=click.Path(path_type=Path),
    help="Songs that `data prepare` wrote: on its test songs, every precision is compared with 32 bits.",
)
@click.option(
    "--arm64",
    "emulate",
    is_flag=True,
    help="Run ONNX and TFLite artifacts on an emulated ARM64 processor, too; `sentio-mobile arm64 setup` makes it.",
)
@threads_option
@json_option
def verify(bundle: Path, songs: Path | None, emulate: bool, threads: int, as_json: bool) -> None:
    """Check a bundle's hashes, then run every artifact on its golden vectors and compare with PyTorch.

    Core ML runs by Core ML on a Mac; elsewhere the saved package is executed by an interpreter of our own. Leaves with
    status 1 when an artifact differs by more than its precision allows, loses accuracy on songs, or when the golden
    outputs are so alike that agreement would mean nothing.
    """
    import dataclasses
    import json

    from sentio_mobile.bundle.arm64.run import Arm64
    from sentio_mobile.bundle.bundle import open_bundle
    from sentio_mobile.bundle.verify import verify as verify_bundle
    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.data.prepared import open_data

    data = open_data(songs) if songs else None
    arm64 = Arm64.at() if emulate else None
    with Bars() as bars:
        found = verify_bundle(open_bundle(bundle), threads, songs=data, arm64=arm64, progress=bars)
    if as_json:
        click.echo(json.dumps({**dataclasses.asdict(found), "passed": found.passed}, indent=2, allow_nan=False))
    else:
        _show(found)
    if not found.passed:
        raise SystemExit(1)


def _show(found: Verification) -> None:
    from rich.table import Table

    table = Table("format", "fed with", "precision", "processor", "worst", "allowed", "PSNR", "spread kept", "verdict")
    for result in found.results:
        table.add_row(
            result.format,
            result.form,
            result.precision,
            result.processor,
            "-" if result.max_diff is None else f"{result.max_diff:.1e}",
            f"{result.tolerance:.0e}",
            "-" if result.psnr is None else f"{result.psnr:.0f} dB",
            "-" if result.kept_spread is None else f"{result.kept_spread:.0%}",
            _verdict(result.verdict),
        )
    console.print(table)
    if found.accuracy:
        table = Table("format", "precision", "mean CCC", "loss against 32 bits", "allowed", "verdict")
        for one in found.accuracy:
            ccc, loss = str(one.ccc["mean"]), one.loss["mean"].words(3)
            table.add_row(one.format, one.precision, ccc, loss, f"{one.most:g}", _verdict(one.verdict))
        console.print(table)
        console.print(f"{found.accuracy[0].songs} {found.accuracy[0].split} songs; bootstrap 95% intervals over songs")
    reasons = [(f"{result.label} on {result.processor}", result.reason) for result in found.results]
    reasons += [(one.label, one.reason) for one in found.accuracy]
    for label, reason in reasons:
        if reason:
            console.print(f"{label}: {reason}", markup=False)
    spread = ", ".join(f"{name} {sd:.2f}" for name, sd in zip(("valence", "arousal"), found.spread, strict=True))
    console.print(f"{found.vectors} golden vectors; standard deviation of their outputs: {spread}")
    if not found.spread_ok:
        console.print(
            f"[red]fail:[/] the golden outputs hardly differ (under {found.min_spread}); agreement on them proves "
            "nothing. Export a model that tells songs apart."
        )


def _verdict(verdict: str) -> str:
    colour = {"pass": "green", "fail": "red"}.get(verdict, "yellow")
    return f"[{colour}]{verdict}[/]"
