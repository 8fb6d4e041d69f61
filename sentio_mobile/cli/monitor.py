"""`sentio-mobile monitor`: does production drift, is the model still right, and is it to be retrained?"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import rich_click as click

from sentio_mobile.cli.options import PATH, Command, FiniteRange
from sentio_mobile.cli.output import console, json_option


@click.command(
    cls=Command,
    epilog="Example: sentio-mobile monitor log/*.csv --bundle bundle --labels labels.csv --out monitored\n\n"
    "Against the first weeks: sentio-mobile monitor log/*.csv --bundle bundle --reference log/2026-W40.csv",
)
@click.argument("predictions", nargs=-1, required=True, type=PATH)
@click.option("--bundle", type=PATH, required=True, help="The bundle that predicted.")
@click.option(
    "--reference",
    type=PATH,
    multiple=True,
    help="Predictions to hold weeks against, such as those of the first weeks. By default those of the songs that the "
    "bundle was judged on. May be given more than once.",
)
@click.option(
    "--labels", type=PATH, help="Labels that came later: the columns song, valence, arousal (-1 to 1), group."
)
@click.option(
    "--deployed",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Since when the model is in production. By default the first day of PREDICTIONS.",
)
@click.option(
    "--floor", type=FiniteRange(0, 1), default=0.65, show_default=True, help="Mean CCC under which to retrain."
)
@click.option(
    "--ccc-weeks",
    type=click.IntRange(1, 520),
    default=4,
    show_default=True,
    help="Newest weeks whose labelled songs that CCC is of.",
)
@click.option(
    "--new-songs",
    type=click.IntRange(1, 10**9),
    default=500,
    show_default=True,
    help="New labelled songs that are enough to retrain.",
)
@click.option(
    "--every-days", type=click.IntRange(1, 3650), default=90, show_default=True, help="Days after which to retrain."
)
@click.option(
    "--false-alarms",
    type=FiniteRange(0, 0.2, min_open=True),
    default=0.01,
    show_default=True,
    help="Chance that a week without drift is called one.",
)
@click.option("--min-ks", type=FiniteRange(0, 1), default=0.1, show_default=True, help="Smallest KS that matters.")
@click.option("--min-psi", type=FiniteRange(0, 10), default=0.1, show_default=True, help="Smallest PSI that matters.")
@click.option(
    "--min-songs",
    type=click.IntRange(20, 1_000_000),
    default=50,
    show_default=True,
    help="Independent songs without which a week is not tested.",
)
@click.option("--out", type=PATH, help="Folder for monitor.html and monitor.json.")
@json_option
def monitor(
    predictions: tuple[Path, ...],
    bundle: Path,
    reference: tuple[Path, ...],
    labels: Path | None,
    deployed: datetime | None,
    floor: float,
    ccc_weeks: int,
    new_songs: int,
    every_days: int,
    false_alarms: float,
    min_ks: float,
    min_psi: float,
    min_songs: int,
    out: Path | None,
) -> None:
    """Hold PREDICTIONS of production against a reference, and say whether to retrain.

    PREDICTIONS are CSV, JSON, JSONL or Parquet files with the columns that `predict` writes, and with a column `date`;
    without it the file's name says the day or the week, such as 2026-W48.csv. Optional columns are `group` (songs that
    are alike, such as an artist's) and numbers of the sound whose names begin with `input_`.

    Drift of valence, arousal and inputs is tested by week, and told with bootstrap intervals. With --labels the CCC and
    the share outside of the model's interval are told by week and group. The exit status is 0 where nothing asks for
    retraining, 1 where a trigger fired, and 3 where none did and one could not be decided.
    """
    from sentio_mobile.bundle.bundle import open_bundle
    from sentio_mobile.cli.tables import show_table
    from sentio_mobile.cli.verdict import end_with
    from sentio_mobile.monitoring.monitor import monitor as hold
    from sentio_mobile.monitoring.monitor_page import PAGE, write_monitoring
    from sentio_mobile.monitoring.monitor_records import MonitorSettings

    found = hold(
        predictions,
        open_bundle(bundle),
        reference=reference,
        labels=labels,
        deployed=deployed.date() if deployed else None,
        settings=MonitorSettings(
            floor=floor,
            ccc_weeks=ccc_weeks,
            new_songs=new_songs,
            every_days=every_days,
            false_alarms=false_alarms,
            min_ks=min_ks,
            min_psi=min_psi,
            min_songs=min_songs,
        ),
    )
    if out is not None:
        write_monitoring(out, found)
    show_table(("trigger", "state", "why"), [(one.name, one.state, one.reason) for one in found.triggers], right=False)
    drifted = sum(bool(week.drifted) for week in found.weeks)
    console.print(
        f"{found.tested_weeks} of {len(found.weeks)} weeks were tested for drift; {drifted} drifted; chance gives "
        f"up to {found.settings.false_alarms * found.tested_weeks:.1f}.",
        markup=False,
        soft_wrap=True,
    )
    end_with(found, verdict=found.state, headline=found.headline, page=None if out is None else out / PAGE)
