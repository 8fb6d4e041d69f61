"""What every command shares: settings in place of a recipe's, JSON, less and more words, and shell completion."""

import json
from pathlib import Path

import pytest
import rich_click as click
from click.testing import CliRunner, Result
from support import leaves

from sentio_mobile.cli import main
from sentio_mobile.cli.output import console, is_verbose, stderr

WITHOUT_RESULT = {
    ("recipe", "show"): "prints TOML",
    ("recipe", "schema"): "prints JSON anyway",
    ("serve",): "runs until it is stopped",
}
"""Commands that have no --json, and why."""

TRAINING = [
    ("quickstart",),
    ("train",),
    ("run",),
    ("pretrain",),
    ("distill",),
    ("teacher", "train"),
    ("teacher", "ablate"),
    ("teacher", "gan", "train"),
    ("retrain",),
]
"""Commands that train a network from a recipe."""

WRONG: dict[tuple[str, ...], tuple[str, ...]] = {
    ("quickstart",): ("--out", "o"),
    ("train",): ("songs.csv", "--out", "o"),
    ("run",): ("quickstart", "--out", "o"),
    ("pretrain",): ("--data", "d", "--embeddings", "e", "--out", "o"),
    ("distill",): ("--data", "d", "--out", "o"),
    ("teacher", "train"): ("--data", "d", "--out", "o"),
    ("teacher", "ablate"): ("--data", "d", "--gan-samples", "s", "--out", "o"),
    ("teacher", "gan", "train"): ("--data", "d", "--out", "o"),
    ("retrain",): ("run", "songs.csv", "--release", "2", "--recipe", "mobilevit", "--out", "o"),
}
"""Arguments with which each reads its recipe, before it looks for any of these files."""


def options_of(command: click.Command) -> set[str]:
    return {name for param in command.params for name in param.opts}


def run(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, list(arguments), env={"COLUMNS": "80"})
    assert result.exit_code == status, result.output
    return result


def test_every_command_that_prints_a_result_has_json() -> None:
    without = {words for words, command in leaves(main) if "--json" not in options_of(command)}
    assert without == set(WITHOUT_RESULT)


def test_every_command_that_trains_takes_settings_hardware_and_logger() -> None:
    commands = dict(leaves(main))
    for words in TRAINING:
        assert {"--set", "--accelerator", "--logger"} <= options_of(commands[words]), words
        # An ablation has several seeds.
        assert {"--seed", "--seeds"} & options_of(commands[words]), words
    for words, command in commands.items():
        # `data prepare` takes the front end of a recipe, and trains nothing.
        if "--recipe" in options_of(command) and words != ("data", "prepare"):
            assert words in TRAINING


@pytest.mark.parametrize("words", TRAINING, ids=" ".join)
def test_wrong_setting_is_one_line_with_near_names(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*words, *WRONG[words], "--set", "trainin.sed=1", status=2)
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: --set trainin.sed: there is no such key; did you mean ")
    assert "training.seed" in line


@pytest.mark.parametrize(
    "words",
    [("doctor",), ("recipe", "list"), ("encoder", "list"), ("train", "none", "--out", "o")],
    ids=" ".join,
)
def test_json_is_all_of_stdout(words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, [*words, "--json"])
    if result.exit_code:
        assert (result.exit_code, result.stdout) == (2, "")
    else:
        json.loads(result.stdout)
    assert not console.quiet, "the next command in this process is silent"


def test_shape_of_small_results(tmp_path: Path) -> None:
    music = tmp_path / "music"
    made = json.loads(
        run("data", "synth", "--songs", "3", "--audio-format", "wav", "--out", str(music), "--json").stdout
    )
    assert made == {"out": str(music), "songs": 3, "seed": 1}
    key = json.loads(run("bundle", "key", str(tmp_path / "k.pem"), "--json").stdout)
    assert key["public_key"] == str(tmp_path / "k.pub.pem")
    assert len(key["public_key_sha256"]) == 64


def test_quiet_prints_results_and_errors_alone(tmp_path: Path) -> None:
    def synth(*flags: str) -> Result:
        out = tmp_path / f"music{len(flags)}"
        return run(*flags, "data", "synth", "--songs", "3", "--audio-format", "wav", "--out", str(out))

    loud, quiet = synth(), synth("-q")
    assert "(3)" in loud.stderr
    assert quiet.stderr == ""
    assert quiet.stdout.startswith("3 songs in ")
    for failed in (run("-q", "verify", "none", status=2), run("verify", "none", "-q", status=2)):
        assert failed.stderr.startswith("Error: ")
        assert not stderr.quiet


def test_verbose_says_where_an_error_came_from() -> None:
    assert len(run("verify", "none", status=2).stderr.splitlines()) == 1
    for told in (run("-v", "verify", "none", status=2).stderr, run("verify", "none", "-v", status=2).stderr):
        assert "Traceback" in told
        assert told.startswith("Error: ")
        assert not is_verbose()
    for words in (("-q", "-v", "doctor"), ("-q", "doctor", "-v"), ("doctor", "-v", "-q")):
        assert "opposites" in run(*words, status=2).stderr
        assert (stderr.quiet, is_verbose()) == (False, False)


def test_less_and_more_words_may_be_asked_for_behind_every_command() -> None:
    without = {
        words for words, command in leaves(main) if not {"-q", "--quiet", "-v", "--verbose"} <= options_of(command)
    }
    assert without == set()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("teac", "teacher"),
        ("teacher gan ev", "evaluate"),
        ("distill --acc", "--accelerator"),
        ("export --prec", "--precision"),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_options(shell: str, words: str, expected: str) -> None:
    line = f"sentio-mobile {words}"
    # What the scripts of click pass: zsh and bash count words, fish gives the word that is being written.
    position = line.split()[-1] if shell == "fish" else str(len(line.split()) - 1)
    env = {"_SENTIO_MOBILE_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": position}
    result = CliRunner().invoke(main, [], prog_name="sentio-mobile", env=env)
    assert expected in result.output
    script = CliRunner().invoke(main, [], prog_name="sentio-mobile", env={"_SENTIO_MOBILE_COMPLETE": f"{shell}_source"})
    assert "_SENTIO_MOBILE_COMPLETE" in script.output


def test_logger_whose_package_is_missing_is_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentio_mobile.training.config.find_spec", lambda name: None)
    result = run("distill", "--data", "d", "--out", "o", "--logger", "mlflow", status=2)
    assert result.stderr == "Error: the logger mlflow needs a package: pip install mlflow\n"
