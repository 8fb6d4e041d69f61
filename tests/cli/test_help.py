"""What a newcomer meets: commands in groups, recipes to look at, tools, and a wrong format that is refused at once."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import sentio_mobile
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.cli import COMMANDS, GROUPS, main
from sentio_mobile.cli.found_tools import find_cache, find_tools
from sentio_mobile.errors import BundleError, InputError


def run(*arguments: str) -> str:
    result = CliRunner().invoke(main, list(arguments), env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    return result.stdout


def test_every_command_is_in_one_group() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(COMMANDS)


@pytest.mark.parametrize("called", ["sentio-mobile", "python -m sentio_mobile", "/usr/bin/sentio-mobile"])
def test_help_has_every_command_in_its_group(called: str) -> None:
    shown = CliRunner().invoke(main, ["--help"], prog_name=called, env={"COLUMNS": "80"}).stdout
    found: dict[str, list[str]] = {}
    for line in shown.splitlines():
        if heading := re.match(r"╭─ (\w+) ─", line):
            found[heading[1]] = []
        elif command := re.match(r"│ ([a-z]\w*) ", line):
            found[list(found)[-1]].append(command[1])
    assert found.pop("Options") == []
    assert {name: sorted(commands) for name, commands in found.items()} == {
        name: sorted(commands) for name, commands in GROUPS.items()
    }
    assert list(found) == list(GROUPS)


def test_help_has_room_for_words_at_80_columns() -> None:
    shown = run("monitor", "--help")
    assert "Mean CCC under which to retrain. [default: 0.65]" in shown
    assert "(NUMBER 0<=x<=1)" in shown
    assert re.search(r"retrain\.\s*\n\s*\n PREDICTIONS are .*\n( .*\n)+\s*\n Drift of", shown), "paragraphs lie apart"
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    "words",
    [
        ("export", "--checkpoint", "none", "--out", "o"),
        ("predict", "none.mp3"),
        ("evaluate", "none", "--data", "none"),
    ],
)
def test_wrong_format_is_refused_before_anything_is_looked_for(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*words, "--format", "tfl"])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: unknown format 'tfl'; did you mean tflite? known: torchscript")


def test_recipes_are_listed_shown_and_described() -> None:
    listed = run("recipe", "list", "--stage", "distill")
    assert "mobilevit" in listed
    # The first sentence, whole.
    assert "2.7 M parameters" in " ".join(listed.split())
    assert "quickstart" not in listed
    assert run("recipe", "show", "quickstart") == (ROOT / "benchmarks/recipes/quickstart.toml").read_text()
    assert (
        "training" in json.loads(run("recipe", "schema", "--stage", "teacher"))["$defs"]["TeacherRecipe"]["properties"]
    )


def test_recipe_that_is_not_there_or_in_two_stages_is_one_line() -> None:
    for name, said in (("none", "no recipe 'none'; known: "), ("default", "choose one with --stage")):
        result = CliRunner().invoke(main, ["recipe", "show", name])
        assert (result.exit_code, said in result.stderr, len(result.stderr.splitlines())) == (2, True, 1)


def test_doctor_knows_tools_and_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "node"
    tool.write_text("#!/bin/sh\necho v20.1.2\n")
    tool.chmod(0o755)
    broken = tmp_path / "java"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    emulator = tmp_path / "qemu-aarch64-static"
    emulator.write_text("#!/bin/sh\necho qemu-aarch64 version 8.2.2\n")
    emulator.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = find_tools()
    assert found["Node.js"]["found"] == "20.1.2"
    assert found["qemu"]["found"] == "8.2.2"
    assert found["JDK"]["found"] is None
    assert {"Xcode", "qemu", "GPU", "Ray"} < found.keys()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "sentio-mobile" / "encoders").mkdir(parents=True)
    (tmp_path / "sentio-mobile" / "encoders" / "a").write_bytes(b"x" * 50_000)
    cache = find_cache()
    assert cache["place"] == str(tmp_path / "sentio-mobile")
    assert 40_000 < int(cache["bytes"]) < 200_000


def test_precision_is_chosen_and_a_missing_one_is_named() -> None:
    assert sentio_mobile.load(precision="int8").artifact.precision == "int8"  # type: ignore[union-attr]
    with pytest.raises(BundleError, match="fp32"):
        sentio_mobile.load(precision="fp32")
    with pytest.raises(InputError, match="formats, forms and precisions"):
        sentio_mobile.load(ROOT / "export/golden/student", precision="int8")


def test_readme_help_and_recipe_agree_on_the_time_of_the_quickstart() -> None:
    texts = {
        "README.md": (ROOT / "README.md").read_text(),
        "docs/quickstart.md": (ROOT / "docs/quickstart.md").read_text(),
        "the recipe": (ROOT / "benchmarks/recipes/quickstart.toml").read_text(),
        "the help": run("quickstart", "--help"),
    }
    times = {}
    for name, text in texts.items():
        found = re.search(r"(\w+)\s+minutes\s+on\s+two\s+cores", re.sub(r"[\s│]+", " ", text))
        assert found, name
        times[name] = found[1]
    assert len(set(times.values())) == 1, times
