"""`sentio-mobile release`: may a bundle take the place of another?"""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.options import PATH, FiniteRange, Group
from sentio_mobile.cli.output import json_option


@click.group(cls=Group)
def release() -> None:
    """Check whether a bundle may take the place of another."""


@release.command(epilog="Example: sentio-mobile release check production bundle --key release.pub.pem --out checked")
@click.argument("old", type=PATH)
@click.argument("new", type=PATH)
@click.option("--key", type=PATH, help="Public key of whoever signs releases. Without it the signature is missing.")
@click.option(
    "--changelog",
    type=PATH,
    default=Path("CHANGELOG.md"),
    show_default=True,
    help="A text with a heading for the new release.",
)
@click.option(
    "--floor", type=FiniteRange(0, 1), default=0.7, show_default=True, help="Smallest mean CCC on songs not heard."
)
@click.option(
    "--max-loss",
    type=FiniteRange(0, 1),
    default=0.02,
    show_default=True,
    help="Largest loss of mean CCC against OLD that may remain possible.",
)
@click.option("--runs", type=click.IntRange(50), help="Timed runs of each file (default: 100).")
@click.option("--out", type=PATH, help="Folder for release.html and release.json.")
@json_option
def check(
    old: Path,
    new: Path,
    key: Path | None,
    changelog: Path,
    floor: float,
    max_loss: float,
    runs: int | None,
    out: Path | None,
) -> None:
    """Check whether the bundle NEW may take the place of OLD.

    Its CCC is over the floor, and no worse than that of OLD by a paired bootstrap on the same songs; its files keep to
    their budgets of time, need about the memory of OLD's, and predict what PyTorch does; it has a model card, a
    changelog and a signature. The exit status is 0 to release, 1 where a check failed, and 3 where one is open.
    """
    from sentio_mobile.bundle.bundle import open_bundle
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.cli.tables import show_table
    from sentio_mobile.cli.verdict import end_with
    from sentio_mobile.monitoring.release import PAGE, ReleaseLimits, check_release, write_release

    bundles = open_bundle(old), open_bundle(new)
    with ProgressBars() as progress:
        found = check_release(
            *bundles,
            limits=ReleaseLimits(floor=floor, max_loss=max_loss),
            key=key,
            changelog=changelog,
            runs=runs,
            progress=progress,
        )
    if out is not None:
        write_release(out, found)
    show_table(("check", "verdict", "why"), [(one.name, one.verdict, one.reason) for one in found.lines], right=False)
    end_with(found, verdict=found.verdict, headline=found.headline, page=None if out is None else out / PAGE)
