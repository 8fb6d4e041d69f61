"""Names that a stranger chose reach the terminal escaped and on one line, in every command."""

import ast
import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text
from support import Refused, Sentio

import sentio_mobile
from sentio_mobile.cli.output import PlainConsole
from sentio_mobile.cli.progress_bars import ProgressBars

EVIL = "x\x1b[31m\nError: forged\x07\x9b2J\u202e[bold]:fire:.mp3"
SHOWN = r"x\x1b[31m\nError: forged\x07\x9b2J\u202e[bold]:fire:.mp3"


@pytest.fixture
def console() -> PlainConsole:
    terminal = {"force_terminal": True, "color_system": "truecolor", "width": 200}
    return PlainConsole(file=io.StringIO(), highlight=False, emoji=False, **terminal)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_text_is_printed_on_one_line(console: PlainConsole) -> None:
    console.print(EVIL, markup=False)
    assert printed(console) == f"{SHOWN}\n"


def test_cell_of_a_table_is_escaped_and_cut(console: PlainConsole) -> None:
    table = Table("song", box=None)
    table.add_row(EVIL.replace("[bold]", r"\[bold]"))
    table.add_row("long" * 50_000)
    console.print(table)
    assert SHOWN in printed(console)
    assert len(printed(console)) < 10_000
    assert "\x07" not in printed(console)


def test_made_text_is_escaped_and_keeps_its_lines(console: PlainConsole) -> None:
    console.print(Text("1 2\n3 4\x1b[31m"))
    assert printed(console) == "1 2\n3 4\\x1b[31m\n"


def test_styles_still_work(console: PlainConsole) -> None:
    console.print("[red]fail[/]")
    assert printed(console) == "\x1b[31mfail\x1b[0m\n"


def test_progress_shows_a_name_as_it_is(monkeypatch: pytest.MonkeyPatch, console: PlainConsole) -> None:
    monkeypatch.setattr("sentio_mobile.cli.progress_bars.stderr", console)
    with ProgressBars() as bars:
        bars.start("embedding [/] songs", 2)
        bars.advance(note=EVIL)
        bars.finish()
    assert "embedding [/] songs" in printed(console)
    assert "[31m\n" not in printed(console).replace("\x1b[", "")
    assert "\x07" not in printed(console)


@pytest.mark.parametrize("width", [80, 120])
def test_progress_of_a_training_is_not_cut(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    console = PlainConsole(file=io.StringIO(), highlight=False, emoji=False, force_terminal=True, width=width)
    monkeypatch.setattr("sentio_mobile.cli.progress_bars.stderr", console)
    with ProgressBars() as bars:
        bars.start("log-mel spectrograms", 600)
        bars.advance(600)
        bars.finish()
        bars.start("distilling the student", 540)
        bars.advance(50, note="epoch 111/112, validation CCC 0.84")
        bars.finish()
    shown = printed(console)
    assert "…" not in shown
    assert "epoch 111/112, validation CCC 0.84" in shown
    assert "50/540" in shown


def test_error_that_names_such_a_file_is_one_line(refused: Refused) -> None:
    assert SHOWN in refused("is no prepared data", "data", "check", EVIL)


@pytest.mark.parametrize("name", ["n" * 300, "d/" * 2100 + "x"], ids=["name", "path"])
@pytest.mark.parametrize(
    "words",
    [
        ("verify",),
        ("benchmark",),
        ("bundle", "check", "--key", "k.pem"),
        ("predict",),
        ("data", "check"),
        ("data", "prepare", "--out", "out"),
        ("evaluate", "--data", "data", "--out", "out"),
        ("export", "--out", "out", "--checkpoint"),
        ("package", "web", "--out", "out"),
        ("run", "--out", "out"),
    ],
    ids=" ".join,
)
def test_path_that_no_file_can_have_is_one_line(
    words: tuple[str, ...], name: str, sentio: Sentio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = sentio(*words, name)
    assert result.exit_code == 2, result.output
    assert "Error" in result.stderr
    assert len(result.stderr) < 5000
    assert not list(tmp_path.iterdir())


def test_no_command_prints_a_value_as_markup() -> None:
    """A song called [/] would end the command with an error, and one called [red] would lose its name."""
    wrong = []
    for file in sorted((Path(sentio_mobile.__file__).parent / "cli").glob("*.py")):
        for call in ast.walk(ast.parse(file.read_text())):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr != "print":
                continue
            off = {word.arg for word in call.keywords if isinstance(word.value, ast.Constant) and not word.value.value}
            texts = [one for one in call.args if isinstance(one, ast.JoinedStr | ast.BinOp)]
            values = [part for one in texts for part in ast.walk(one) if isinstance(part, ast.FormattedValue)]
            if values and "markup" not in off and not all(_is_ours(value.value) for value in values):
                wrong.append(f"{file.name}:{call.lineno}")
    assert wrong == []


def _is_ours(value: ast.expr) -> bool:
    """Whether a value is a number, or one of our own words: `print` may then have markup."""
    text = ast.unparse(value)
    return text.startswith(
        ("len(", "'s' if", "found.min_spread", "score.", "found.n", "colour", "what", "word", "missing")
    )
