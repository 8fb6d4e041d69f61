"""Every command that a document, a help text or a message names exists, with the options that it is shown with."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import rich_click as click
from support import leaves

from sentio_mobile.cli import COMMANDS, main

PROJECT = Path(__file__).parents[2]
FOLDERS = ("docs", "teacher", "distill", "export", "benchmarks", "models", "examples", "android", "ios", "web")
SOURCES = ("sentio_mobile", "examples", "benchmarks")
NAME = "sentio-mobile "
SHORTENED = {"...", "…"}
"""What stands for the rest of a line."""
GLOBAL = {name for param in main.params for name in param.opts}
HELP = {"--help", "-h"}


def documents() -> list[Path]:
    """Every document but the changelog, which tells of commands as they were."""
    found = [
        path for folder in FOLDERS for path in (PROJECT / folder).rglob("*.md") if "node_modules" not in path.parts
    ]
    return sorted([*found, *(path for path in PROJECT.glob("*.md") if path.name != "CHANGELOG.md")])


def lines_of_code(text: str) -> Iterator[str]:
    """Lines that are a command alone: in a block of code, or after a dollar sign."""
    joined = re.sub(r"\\\n\s*", " ", text)
    for line in joined.splitlines():
        words = line.strip().removeprefix("$ ")
        if words.startswith(NAME):
            yield words


def in_backticks(text: str) -> Iterator[str]:
    """Commands in the middle of a sentence, with the program's name or without."""
    for words in re.findall(r"`+([^`]+)`+", text):
        words = " ".join(words.split())
        if words.startswith(NAME) and not words.removeprefix(NAME)[0].isdigit():
            yield words
        elif words.split()[0:1] and words.split()[0] in COMMANDS and " -" in words:
            yield NAME + words


def fault(line: str, *, whole: bool) -> str | None:
    """What is wrong with a command, as the command line itself would say it.

    Args:
        line: The command.
        whole: Whether its required arguments and the values of its options are checked too.
    """
    words = shlex.split(re.split(r" (?:#|>|&&|\|) ", line)[0] if whole else line)[1:]
    whole = whole and not SHORTENED & set(words)
    command: click.Command = main
    context = click.Context(main, info_name="sentio-mobile")
    try:
        while isinstance(command, click.Group) and words and (command is main or not words[0].startswith("-")):
            if command is main and words[0] in GLOBAL | HELP:
                words = words[1:]
                continue
            found = command.get_command(context, words[0])
            if found is None:
                return f"there is no command {words[0]!r}"
            command, context, words = found, click.Context(found, info_name=words[0], parent=context), words[1:]
        if whole and not isinstance(command, click.Group) and not HELP & set(words):
            with command.make_context(str(command.name), words, parent=context.parent):
                pass  # what an option such as --json switched on is switched off again
    except click.ClickException as error:
        return error.format_message()
    finally:
        context.find_root().close()
    every = [one for _, one in leaves(command)] if isinstance(command, click.Group) else [command]
    known = HELP.union(*([*param.opts, *param.secondary_opts] for one in every for param in one.params))
    unknown = [word for word in words if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in known]
    return f"no option {', '.join(unknown)}" if unknown else None


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_commands_of_a_document_exist_with_their_options(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = {line: fault(line, whole=True) for line in lines_of_code(text)}
    found |= {line: fault(line, whole=False) for line in in_backticks(text)}
    assert {line: wrong for line, wrong in found.items() if wrong} == {}


def test_examples_of_the_help_can_be_given() -> None:
    found = {}
    for path, command in leaves(main):
        examples = [line.partition(NAME)[2] for line in (command.epilog or "").split("\n\n") if NAME in line]
        assert examples, f"{path} has no example"
        found |= {words: fault(NAME + words, whole=True) for words in examples}
    assert {line: wrong for line, wrong in found.items() if wrong} == {}


def test_commands_of_help_and_messages_exist_with_their_options() -> None:
    found = {}
    for path in sorted(path for folder in SOURCES for path in (PROJECT / folder).rglob("*.py")):
        # A text goes on in the next literal.
        text = re.sub(r'"\n\s*f?"', "", path.read_text(encoding="utf-8"))
        found |= {f"{path.name}: {line}": fault(line, whole=False) for line in in_backticks(text)}
    assert {line: wrong for line, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("sentio-mobile predict bundle song.mp3", None),
        ("sentio-mobile -v train songs.csv --out runs/mine  # all notes", None),
        ("sentio-mobile distill ... --out student-ckpt", None),
        ("sentio-mobile predict bundle --presicion int8", "No such option"),
        ("sentio-mobile export --out bundle", "Missing option '--checkpoint'"),
        ("sentio-mobile distill ... --to student-ckpt", "no option"),
        ("sentio-mobile verify", "Missing argument"),
        ("sentio-mobile predikt song.mp3", "no command 'predikt'"),
        ("sentio-mobile benchmark bundle --runs many --out o", "is not a valid integer"),
    ],
)
def test_a_wrong_command_is_found(line: str, said: str | None) -> None:
    found = fault(line, whole=True)
    assert found is None if said is None else said in str(found)


def test_a_wrong_option_in_a_sentence_is_found() -> None:
    lines = in_backticks("With `verify --song` and\n`data prepare`, or `a -b`.")
    assert [fault(line, whole=False) for line in lines] == ["no option --song"]
