"""`sentio-mobile doctor` and `arm64`: what this machine can make and run."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.options import PATH, Command, Group
from sentio_mobile.cli.output import console, json_option, print_json


@click.command(cls=Command, epilog="Example: sentio-mobile doctor")
@json_option
def doctor() -> None:
    """Show which formats and tools there are here, and which versions are installed."""
    from rich.markup import escape
    from rich.table import Table

    from sentio_mobile._internal.sandbox import protections
    from sentio_mobile.cli.found_tools import find_cache, find_tools
    from sentio_mobile.formats.base import missing_packages
    from sentio_mobile.formats.registry import format_names, get_format
    from sentio_mobile.models.checkpoint import package_versions

    formats = {}
    for name in format_names():
        format_ = get_format(name)
        absent = missing_packages(format_.converters + format_.runtimes)
        formats[name] = {
            "ready": not absent,
            "missing": absent,
            "install": f"pip install 'sentio-mobile[{format_.extra}]'" if absent else None,
            "own_runtime_here": not missing_packages(format_.runtimes) and format_.timed_here,
        }
    versions, tools, cache = package_versions(), find_tools(), find_cache()
    print_json({"formats": formats, "sandbox": protections(), "tools": tools, "cache": cache, "versions": versions})
    table = Table("format", "can be made here", "runs here by")
    for name, facts in formats.items():
        ready = "[green]yes[/]" if facts["ready"] else f"[red]no[/]: {escape(str(facts['install']))}"
        runtime = "its own runtime" if facts["own_runtime_here"] else "our interpreter" if facts["ready"] else "-"
        table.add_row(name, ready, runtime)
    console.print(table)
    table = Table("tool", "found", "for")
    for name, tool in tools.items():
        table.add_row(name, escape(str(tool["found"])) if tool["found"] else "[yellow]no[/]", str(tool["for"]))
    console.print(table)
    console.print(f"cache: {cache['place']}, {int(cache['bytes']) / 1e6:,.1f} MB", markup=False, soft_wrap=True)
    limits = ", ".join(protections()) or "memory and time only"
    console.print(f"artifacts run in a process with limits: {limits}", markup=False)
    console.print(", ".join(f"{name} {version}" for name, version in versions.items()))


@click.group(cls=Group)
def arm64() -> None:
    """Run artifacts on an emulated ARM64 processor, as phones have it."""


@arm64.command(epilog="Example: sentio-mobile arm64 setup")
@click.option("--place", type=PATH, help="Folder to install to; by default one in the user's cache.")
@json_option
def setup(place: Path | None) -> None:
    """Install the ARM64 userland in which `verify --arm64` runs TFLite, ONNX and ORT.

    Downloads Debian's Python for ARM64, and the runtimes' wheels in the versions that are installed here: 60 MB to
    download, 230 MB on disk, about a minute. Needs no root, only the packages qemu-user-static, dpkg and apt. A
    complete installation is left alone; an interrupted one is continued.
    """
    from sentio_mobile.bundle.arm64.place import default_place
    from sentio_mobile.bundle.arm64.setup import setup as install
    from sentio_mobile.cli.progress_bars import ProgressBars

    place = place or default_place()
    with ProgressBars() as progress:
        install(place, progress)
    console.print(f"ARM64 userland: {place}. Next: sentio-mobile verify BUNDLE --arm64", soft_wrap=True, markup=False)
    print_json({"place": str(place)})
