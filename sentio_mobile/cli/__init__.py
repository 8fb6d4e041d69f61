"""The command line: arguments and words, nothing else.

Imports nothing heavy: `--help` must answer at once. What a command needs is imported inside it.
"""

from __future__ import annotations

import rich_click as click

from sentio_mobile import __version__
from sentio_mobile.cli import (
    arm64,
    benchmark,
    bundle,
    data,
    distill,
    doctor,
    evaluate,
    export,
    package,
    predict,
    run,
    serve,
    teacher,
    verify,
)
from sentio_mobile.cli.options import Group

EPILOG = "Start here: sentio-mobile quickstart --out runs/quickstart"


@click.group(cls=Group, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sentio-mobile")
def main() -> None:
    """Labelled music in; a verified music-emotion model for phones out."""


for command in (
    run.quickstart,
    run.run,
    data.data,
    teacher.teacher,
    distill.distill,
    export.export,
    evaluate.evaluate,
    verify.verify,
    bundle.bundle,
    benchmark.benchmark,
    predict.predict,
    package.package,
    serve.serve,
    arm64.arm64,
    doctor.doctor,
):
    main.add_command(command)
