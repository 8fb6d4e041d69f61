"""Commands are imported on use, and the old names of commands and options work for one release, with a note."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import rich_click as click
from click.testing import CliRunner

from sentio_mobile.cli import main
from sentio_mobile.cli.options import RENAMED_OPTIONS, Command, Group

RENAMED_COMMANDS = {
    ("teacher", "classic"): ("teacher", "ensemble"),
    ("teacher", "gan", "judge"): ("teacher", "gan", "evaluate"),
}


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below a group, groups included, by the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def invoke(*words: str) -> str:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(main, words)
    assert result.exit_code == 0, result.output
    return result.output


def test_help_imports_no_command() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from sentio_mobile.cli import main;"
        "CliRunner().invoke(main, ['--help']);"
        "print(sorted(m for m in sys.modules if m.startswith('sentio_mobile.cli.')))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "['sentio_mobile.cli.options', 'sentio_mobile.cli.output']"


def test_help_of_a_command_imports_nothing_heavy() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from sentio_mobile.cli import main;"
        "[CliRunner().invoke(main, [*words, '--help']) for words in (['distill'], ['export'], ['teacher', 'gan'])];"
        "print([m for m in ('torch', 'lightning', 'onnx', 'numpy', 'matplotlib') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_every_command_notes_old_names_and_groups_turn_errors_into_a_line() -> None:
    for words, command in commands(main):
        assert isinstance(command, Group | Command), " ".join(words)


@pytest.mark.parametrize("group", [(), ("teacher",)], ids=["root", "teacher"])
def test_listed_line_is_the_first_line_of_the_help(group: tuple[str, ...]) -> None:
    listing = " ".join(invoke(*group, "--help").replace("│", " ").split())
    for words, command in commands(main):
        if words[:-1] == group:
            first_line = (command.help or "").split("\n")[0]
            assert f"{words[-1]} {first_line}" in listing


@pytest.mark.parametrize("old", RENAMED_COMMANDS, ids=" ".join)
def test_old_command_works_with_a_note_and_is_not_listed(old: tuple[str, ...]) -> None:
    new = RENAMED_COMMANDS[old]
    output = invoke(*old, "--help")
    assert f"note: {old[-1]} is called {new[-1]} now" in output
    assert f"Example: sentio-mobile {' '.join(new)}" in output
    assert f" {old[-1]} " not in invoke(*new[:-1], "--help")


@pytest.mark.parametrize("old", RENAMED_OPTIONS)
@pytest.mark.parametrize("form", ["{} x", "{}=x"], ids=["apart", "joined"])
def test_old_option_sets_the_new_one_with_a_note(old: str, form: str) -> None:
    new = RENAMED_OPTIONS[old]

    @click.command(cls=Command)
    @click.option(new, "value")
    def command(value: str) -> None:
        click.echo(f"value {value}")

    result = CliRunner().invoke(command, form.format(old).split())
    assert result.stdout == "value x\n"
    assert f"note: {old} is called {new} now" in result.stderr
    assert old not in CliRunner().invoke(command, ["--help"]).stdout
    assert CliRunner().invoke(command, [new, "x"]).stderr == ""


def test_options_have_their_new_names() -> None:
    options = {name for _, command in commands(main) for param in command.params for name in param.opts}
    assert set(RENAMED_OPTIONS.values()) <= options
    assert not set(RENAMED_OPTIONS) & options
