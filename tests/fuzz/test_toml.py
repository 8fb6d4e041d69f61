"""The door of recipes: any text as TOML, right recipes with values changed, and any setting of the command line."""

import json
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fuzz.cases import any_bytes, changed_json, nasty, texts
from fuzz.harness import attempt
from hypothesis import example, given
from hypothesis import strategies as st

from sentio_mobile._internal.records import Record, from_plain, read_toml
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.distill.config import DistillRecipe, PretrainRecipe
from sentio_mobile.errors import RecipeError
from sentio_mobile.pipeline.recipes import is_train_recipe, load_run_recipe, load_train_recipe
from sentio_mobile.recipes import load_recipe
from sentio_mobile.teacher.config import TeacherRecipe

RECIPES = tuple(sorted(path for path in ROOT.glob("*/recipes/*.toml") if path.parts[-3] in ("teacher", "distill")))
KINDS: Mapping[str, Any] = {"teacher": TeacherRecipe, "distill": DistillRecipe, "data": DataRecipe}
BAD_LINES = ("a = [" * 2000, "a." * 50_000, f"a = {'9' * 5000}", "a = '''", "[a]\n[a]", "a = 1e999", "\ufeffa = 1")


@given(content=any_bytes(tuple(path.read_bytes() for path in RECIPES)) | st.sampled_from(BAD_LINES).map(str.encode))
def test_any_bytes_are_a_recipe_or_one_error(content: bytes, place: Path) -> None:
    (place / "recipe.toml").write_bytes(content)
    values = attempt("TOML", lambda: read_toml(place / "recipe.toml", RecipeError), place)
    if values is not None:
        assert values == tomllib.loads(content.decode())


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_changed_recipe_is_read_or_one_error(kind: str, data: st.DataObject, place: Path) -> None:
    plain = [tomllib.loads(path.read_text()) for path in RECIPES if kind in path.parts] or [{"windows": 1, "seed": 0}]
    values = data.draw(changed_json(data.draw(st.sampled_from(plain))))
    attempt("TOML", lambda: from_plain(KINDS[kind], values, "recipe.toml", RecipeError), place)


def as_toml(value: Any) -> str:
    """A value as TOML has it; what TOML has not, as a text."""
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{json.dumps(key, ensure_ascii=False)} = {as_toml(one)}" for key, one in value.items())
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps("none" if value is None else value, ensure_ascii=False)


def of_run(path: Path, changes: tuple[str, ...] = ()) -> Record:
    """What `run` makes of a recipe."""
    return (load_train_recipe if is_train_recipe(str(path)) else load_run_recipe)(str(path), changes=changes)


LOADERS: Mapping[str, Callable[[Path, tuple[str, ...]], Record]] = {
    "teacher": lambda path, changes: load_recipe(TeacherRecipe, str(path), "teacher", changes=changes),
    "distill": lambda path, changes: load_recipe(DistillRecipe, str(path), "distill", changes=changes),
    "distill/pretrain": lambda path, changes: load_recipe(
        PretrainRecipe, str(path), "distill/pretrain", changes=changes
    ),
    "benchmarks": of_run,
}
"""What each command makes of the file that `--recipe` or `run` names, by the folder that its own recipes are in."""
OWN = {kind: tuple(sorted((ROOT / kind / "recipes").glob("*.toml"))) for kind in LOADERS}


@pytest.mark.parametrize("kind", LOADERS)
def test_own_recipes_are_read(kind: str) -> None:
    assert OWN[kind]
    for path in OWN[kind]:
        table = tomllib.loads(path.read_text())
        assert tomllib.loads("\n".join(f"{key} = {as_toml(value)}" for key, value in table.items())) == table
        if "songs.csv" not in path.read_text():
            LOADERS[kind](path, ())


@pytest.mark.parametrize("kind", LOADERS)
@given(data=st.data())
def test_changed_file_of_a_recipe_is_read_or_one_error(kind: str, data: st.DataObject, place: Path) -> None:
    table = data.draw(changed_json(tomllib.loads(data.draw(st.sampled_from(OWN[kind])).read_text())))
    if not isinstance(table, dict):
        return
    text = "\n".join(f"{json.dumps(key, ensure_ascii=False)} = {as_toml(value)}" for key, value in table.items())
    (place / "recipe.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    attempt("recipes", lambda: LOADERS[kind](place / "recipe.toml", ()), place)


PATHS = ("source", "student_start", "data.norms", "unlabelled", "more_sources")


@pytest.mark.parametrize("key", PATHS)
@pytest.mark.parametrize(
    "name", ["~no such user/x", "~", "\0", "n" * 300, "d/" * 2500, "\x1b[31m\r\n", "/dev/zero", "loop"]
)
@pytest.mark.parametrize("recipe", ["tiny", "train"])
def test_any_path_of_a_recipe_is_taken_or_one_error(recipe: str, name: str, key: str, place: Path) -> None:
    with suppress(FileExistsError):
        (place / "loop").symlink_to("loop")
    table = tomllib.loads((ROOT / "benchmarks" / "recipes" / f"{recipe}.toml").read_text())
    inner = table.setdefault("data", {}) if "." in key else table
    inner[key.rpartition(".")[2]] = [name] if key in ("unlabelled", "more_sources") else name
    text = "\n".join(f"{key} = {as_toml(value)}" for key, value in table.items())
    (place / "recipe.toml").write_text(text)
    attempt("recipes", lambda: of_run(place / "recipe.toml"), place)


KEYS = (
    *("training.epochs", "distill.training.epochs", "model", "model.width", "source", "data.norms", "teacher", "seed"),
    *("distill", "unlabelled", "export.formats", "a", "a.b", "." * 300, "training." * 400 + "epochs", "", "steps"),
)


@pytest.mark.parametrize("kind", LOADERS)
@given(key=st.sampled_from(KEYS) | texts, value=texts | nasty.map(repr), joined=st.sampled_from(("=", "", " = ", "==")))
@example(key="model", value="{" + "a." * 1900 + "b = 1}", joined="=")
@example(key="unlabelled", value="[" * 3900, joined="=")
@example(key="student_start", value="~no such user/x", joined="=")
@example(key="data.norms", value="~no such user/x", joined="=")
def test_any_setting_of_a_recipe_is_taken_or_one_error(
    kind: str, key: str, value: str, joined: str, place: Path
) -> None:
    path = ROOT / "benchmarks" / "recipes" / "tiny.toml" if kind == "benchmarks" else OWN[kind][0]
    attempt("recipes", lambda: LOADERS[kind](path, (f"{key}{joined}{value}",)), place)
