"""Options and outcome of commands that can work on many machines."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import rich_click as click

from sentio_mobile.cli.options import PATH
from sentio_mobile.cli.output import console, print_json, show_faults
from sentio_mobile.errors import InputError


class PlaceType(click.ParamType[Any]):
    """A path, or a URL such as s3://bucket/music, which stays a text: a path would lose one of its slashes."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A path or a URL."""
        return value if "://" in str(value) else PATH.convert(value, param, ctx)


PLACE = PlaceType()


def engine_options(command: Any) -> Any:
    """Options of a command that can work on many machines."""
    for option in (
        click.option(
            "--shard-songs",
            type=click.IntRange(1, 100_000),
            default=100,
            show_default=True,
            help="With --engine ray: songs of a shard, which a machine that dies loses.",
        ),
        click.option(
            "--address",
            metavar="ADDRESS",
            help="With --engine ray: HOST:PORT of the cluster's head, `auto` for the cluster that this machine belongs "
            "to, or `local`. By default the variable RAY_ADDRESS, or else local.",
        ),
        click.option(
            "--engine",
            type=click.Choice(["local", "ray"]),
            default="local",
            show_default=True,
            help="Where the work is done: in processes of this machine, or by Ray on a cluster.",
        ),
    ):
        command = option(command)
    return command


def require_paths(*places: Path | str | None) -> None:
    """Refuse URLs where the work is done on this machine.

    Raises:
        InputError: One of the places is a URL.
    """
    for place in places:
        if isinstance(place, str):
            raise InputError(f"{place}: is a URL; those need --engine ray")


def show_outcome(songs: int, known: int, shards: int, out: Path | str, faults: list[str]) -> None:
    """Tell what a cluster has made, and end with status 1 where songs failed, and 2 where all did."""
    console.print(
        f"{songs:,} song{'s' * (songs != 1)} in {shards:,} shard{'s' * (shards != 1)} in {out}, {known:,} of them from "
        "before",
        markup=False,
        soft_wrap=True,
    )
    print_json({"out": str(out), "songs": songs, "from_before": known, "shards": shards, "faults": faults})
    if faults:
        show_faults(faults)
        sys.exit(2 if len(faults) >= songs else 1)
