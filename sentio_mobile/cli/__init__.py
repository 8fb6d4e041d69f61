"""The command line: arguments, options, and how results are shown. The work is done by the package's other parts.

Commands are imported on use, and what takes long to import inside them, so that `--help` answers at once.
"""

from __future__ import annotations

import rich_click as click

from sentio_mobile import __version__
from sentio_mobile.cli.options import Group
from sentio_mobile.cli.output import set_verbosity

EPILOG = "Start here: sentio-mobile quickstart --out runs/quickstart"

COMMANDS = {
    "quickstart": ("run", "Run every step on generated music: nothing to download."),
    "train": ("train", "Train a model from SONGS, a CSV or a data set's folder, with everything decided: one command."),
    "run": ("run", "Run every step of a RECIPE: data, teacher, student, bundle, report."),
    "data": ("data", "Generate, prepare and check labelled music."),
    "teacher": ("teacher", "Train the large model that a student learns from."),
    "encoder": ("encoder", "Use audio networks that were pretrained on much music."),
    "pretrain": ("pretrain", "Let a student hear music without labels before it is distilled."),
    "distill": ("distill", "Teach a phone-sized student what a teacher knows."),
    "evaluate": ("evaluate", "Evaluate checkpoints and bundles on songs that they were not trained on."),
    "export": ("export", "Export a checkpoint to mobile formats, with golden vectors, a model card and hashes."),
    "verify": ("verify", "Check a bundle's hashes, and compare every artifact with PyTorch."),
    "benchmark": ("verify", "Measure latency, cold start, memory and size of every artifact, and check the budgets."),
    "predict": ("predict", "Predict valence and arousal, from -1 to 1, of songs and of folders of songs."),
    "bundle": ("bundle", "Sign a bundle, check it, compare two; send them to the Hugging Face hub or get them."),
    "package": ("package", "Write an app project with a bundle's model inside: Android, iOS or web."),
    "runs": ("runs", "List runs, show one, compare two, and mark what is in production."),
    "release": ("release", "Check whether a bundle may take the place of another."),
    "monitor": ("monitor", "Hold PREDICTIONS of production against a reference, and say whether to retrain."),
    "retrain": ("retrain", "Train the model of the run PRODUCTION further on SOURCES, and deploy it if it is better."),
    "gallery": ("gallery", "Show the songs of PREDICTIONS on the valence-arousal plane, in one page for a browser."),
    "rate": ("rate", "Rate the songs of FOLDER: valence and arousal by two sliders or keys, in the browser."),
    "serve": ("serve", "Try a bundle's model in the browser, or let a teacher answer programs, on this machine only."),
    "recipe": ("recipe", "List the recipes, show one, or describe what can be in it."),
    "arm64": ("machine", "Run artifacts on an emulated ARM64 processor, as phones have it."),
    "doctor": ("machine", "Show which formats and tools there are here, and which versions are installed."),
}
"""The module of each command, and the first line of its help."""

GROUPS = {
    "Start": ("quickstart", "predict", "doctor"),
    "Train": ("train", "run", "data", "teacher", "encoder", "pretrain", "distill", "evaluate", "recipe"),
    "Ship": ("export", "verify", "benchmark", "bundle", "package", "arm64"),
    "Operate": ("runs", "release", "monitor", "retrain", "gallery", "rate", "serve"),
}
"""The commands by what they are for, as the help shows them."""

# At 80 columns a column of types would leave thirty for what an option means; they stand behind it.
click.rich_click.OPTIONS_TABLE_COLUMN_TYPES = ["required", "opt_long", "opt_short", "help"]
click.rich_click.OPTIONS_TABLE_HELP_SECTIONS = ["help", "default", "required", "metavar"]
click.rich_click.TEXT_PARAGRAPH_LINEBREAKS = "\n\n"
click.rich_click.PADDING_HELPTEXT_FIRST_LINE = (0, 0, 1, 0)
click.rich_click.COMMAND_GROUPS = {
    # The name of the function below. A second key that fits too would make rich-click leave out every other command.
    "main": [{"name": group, "commands": list(commands)} for group, commands in GROUPS.items()]
}


@click.group(
    cls=Group,
    lazy={name: (f"sentio_mobile.cli.{module}", line) for name, (module, line) in COMMANDS.items()},
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="sentio-mobile")
@click.option("-q", "--quiet", is_flag=True, help="Print results and errors only: no progress and no notes.")
@click.option("-v", "--verbose", is_flag=True, help="Print every note, each epoch, and where an error came from.")
@click.pass_context
def main(ctx: click.Context, quiet: bool, verbose: bool) -> None:
    """Turn labelled music into a verified music-emotion model for phones."""
    set_verbosity(ctx, quiet, verbose)
