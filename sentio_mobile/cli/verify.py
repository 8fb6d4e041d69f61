"""`sentio-mobile verify`: prove a bundle right, or say where it is not."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.words import console, json_option, threads_option


@click.command(epilog="Example: sentio-mobile verify bundle")
@click.argument("bundle", type=click.Path(path_type=Path))
@threads_option
@json_option
def verify(bundle: Path, threads: int, as_json: bool) -> None:
    """Check a bundle's hashes, then run every format on its golden vectors and compare with PyTorch.

    Core ML runs by Core ML on a Mac; elsewhere the saved package is executed by an interpreter of our own. Leaves with
    status 1 when an artifact differs, or when the golden outputs are so alike that agreement would mean nothing.
    """
    import dataclasses
    import json

    from rich.table import Table

    from sentio_mobile.export.bundle import open_bundle
    from sentio_mobile.export.verify import verify as verify_bundle

    found = verify_bundle(open_bundle(bundle), threads)
    if as_json:
        click.echo(json.dumps({**dataclasses.asdict(found), "passed": found.passed}, indent=2, allow_nan=False))
    else:
        table = Table("format", "fed with", "precision", "worst difference", "tolerance", "verdict")
        for result in found.results:
            worst = "-" if result.max_diff is None else f"{result.max_diff:.1e}"
            colour = {"pass": "green", "fail": "red"}.get(result.verdict, "yellow")
            verdict = f"[{colour}]{result.verdict}[/]"
            table.add_row(result.format, result.form, result.precision, worst, f"{result.tolerance:.0e}", verdict)
        console.print(table)
        for result in found.results:
            if result.reason:
                console.print(f"{result.label}: {result.reason}", markup=False)
        spread = ", ".join(f"{name} {sd:.2f}" for name, sd in zip(("valence", "arousal"), found.spread, strict=True))
        console.print(f"{found.vectors} golden vectors; standard deviation of their outputs: {spread}")
        if not found.spread_ok:
            console.print(
                f"[red]fail:[/] the golden outputs hardly differ (under {found.min_spread}); agreement on them proves "
                "nothing. Export a model that tells songs apart."
            )
    if not found.passed:
        raise SystemExit(1)
