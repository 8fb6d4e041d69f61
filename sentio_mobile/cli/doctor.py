"""`sentio-mobile doctor`: what is installed, and what can be made here."""

from __future__ import annotations

import rich_click as click

from sentio_mobile.cli.options import console, json_option


@click.command(epilog="Example: sentio-mobile doctor")
@json_option
def doctor(as_json: bool) -> None:
    """Show which formats can be made and run here, and which versions are installed."""
    import json

    from rich.table import Table

    from sentio_mobile.formats.base import get_format, missing
    from sentio_mobile.models.checkpoint import package_versions
    from sentio_mobile.spec import FORMATS

    formats = {}
    for name in FORMATS:
        format_ = get_format(name)
        absent = missing(format_.converters + format_.runtimes)
        formats[name] = {
            "ready": not absent,
            "missing": absent,
            "install": f"pip install 'sentio-mobile[{format_.extra}]'" if absent else None,
            "own_runtime_here": not missing(format_.runtimes) and format_.timed_here,
        }
    versions = package_versions()
    if as_json:
        click.echo(json.dumps({"formats": formats, "versions": versions}, indent=2))
        return
    table = Table("format", "can be made here", "runs here by")
    for name, facts in formats.items():
        ready = "[green]yes[/]" if facts["ready"] else f"[red]no[/]: {facts['install']}".replace("mobile[", r"mobile\[")
        runs = "its own runtime" if facts["own_runtime_here"] else "our interpreter" if facts["ready"] else "-"
        table.add_row(name, ready, runs)
    console.print(table)
    console.print(", ".join(f"{name} {version}" for name, version in versions.items()))
