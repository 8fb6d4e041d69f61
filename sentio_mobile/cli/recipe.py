"""`sentio-mobile recipe`: which recipes there are, what one says, and what can be in one."""

from __future__ import annotations

import re
from pathlib import Path

import rich_click as click

from sentio_mobile.cli.options import Command, Group
from sentio_mobile.cli.output import json_option, print_json
from sentio_mobile.errors import InputError

STAGES = {
    "run": "benchmarks",
    "teacher": "teacher",
    "distill": "distill",
    "pretrain": "distill/pretrain",
}
"""The stages that have recipes, and the folders whose `recipes` they are. Those of `train` lie with those of `run`."""

stage_option = click.option(
    "--stage", type=click.Choice(list(STAGES)), help="Only recipes of this stage; `run` has those of `train`, too."
)


@click.group(cls=Group)
def recipe() -> None:
    """List the recipes, show one, or describe what can be in it."""


@recipe.command("list", cls=Command, epilog="Example: sentio-mobile recipe list")
@stage_option
@json_option
def list_(stage: str | None) -> None:
    """List the recipes with the first sentence of what they are for."""
    from sentio_mobile.cli.tables import show_table

    rows = [(name, path.stem, _first_words(path)) for name, path in _recipes(stage)]
    show_table(("stage", "recipe", "what it is"), rows, right=False)
    print_json([{"stage": name, "recipe": one, "what": what} for name, one, what in rows])


@recipe.command(cls=Command, epilog="Example: sentio-mobile recipe show mobilevit --stage distill")
@click.argument("name")
@stage_option
def show(name: str, stage: str | None) -> None:
    """Print a recipe as its file has it: a start for your own .toml file."""
    from sentio_mobile.recipes import PRESETS

    found = [
        (where, path) for where, path in _recipes(stage) if path.stem == PRESETS.get(STAGES[where], {}).get(name, name)
    ]
    if not found:
        known = ", ".join(sorted({path.stem for _, path in _recipes(stage)}))
        raise InputError(f"no recipe {name!r}; known: {known}")
    if len(found) > 1:
        stages = ", ".join(where for where, _ in found)
        raise InputError(f"{name} is a recipe of several stages ({stages}); choose one with --stage")
    click.echo(found[0][1].read_text(encoding="utf-8"), nl=False)


@recipe.command(cls=Command, epilog="Example: sentio-mobile recipe schema --stage distill")
@click.option("--stage", type=click.Choice([*STAGES, "train", "qat", "gan"]), required=True, help="The stage.")
def schema(stage: str) -> None:
    """Print the JSON schema of a stage's recipes: every key with its type, range and default."""
    import json

    import msgspec

    from sentio_mobile.distill.config import DistillRecipe, PretrainRecipe, QatRecipe
    from sentio_mobile.pipeline.config import RunRecipe, TrainRecipe
    from sentio_mobile.teacher.config import TeacherRecipe
    from sentio_mobile.teacher.gan.config import GanRecipe

    kinds = {
        "run": RunRecipe,
        "train": TrainRecipe,
        "teacher": TeacherRecipe,
        "distill": DistillRecipe,
        "pretrain": PretrainRecipe,
        "qat": QatRecipe,
        "gan": GanRecipe,
    }
    click.echo(json.dumps(msgspec.json.schema(kinds[stage]), indent=2))


def _recipes(stage: str | None) -> list[tuple[str, Path]]:
    from sentio_mobile._internal.resources import ROOT

    return [
        (name, path)
        for name, folder in STAGES.items()
        if stage in (None, name)
        for path in sorted((ROOT / folder / "recipes").glob("*.toml"))
    ]


def _first_words(path: Path) -> str:
    """The first sentence of the comment at a recipe's head."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    # "et al." ends no sentence.
    return re.split(r"(?<=\.)(?<!et al\.) ", " ".join(lines), maxsplit=1)[0]
