"""`sentio-mobile arm64`: phones' kernels, emulated on this machine."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.options import Group, console


@click.group(cls=Group)
def arm64() -> None:
    """Run artifacts on the kernels that phones have, emulated."""


@arm64.command(epilog="Example: sentio-mobile arm64 setup")
@click.option(
    "--place", type=click.Path(path_type=Path), help="Where it is to stand; by default in the user's cache folder."
)
def setup(place: Path | None) -> None:
    """Make the ARM64 userland that `verify --arm64` runs TFLite, ONNX and ORT in.

    Fetches Debian's Python for ARM64 and the wheels of the runtimes in the versions that are installed here: 60 MB to
    fetch, 230 MB on disk, a minute. Installs nothing and needs no root, only the packages qemu-user-static, dpkg and
    apt. One that stands already is left alone; one that was interrupted goes on where it was.
    """
    from sentio_mobile.bundle.arm64.place import default_place
    from sentio_mobile.bundle.arm64.setup import setup as make
    from sentio_mobile.cli.bars import Bars

    place = place or default_place()
    with Bars() as bars:
        make(place, bars)
    console.print(f"ARM64 userland: {place}. Next: sentio-mobile verify BUNDLE --arm64", soft_wrap=True)
