"""The door of recipes: any text as TOML, and right recipes with values changed."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fuzz.cases import any_bytes, changed_json
from fuzz.harness import attempt
from hypothesis import given
from hypothesis import strategies as st

from sentio_mobile._internal.records import from_plain, read_toml
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.errors import RecipeError
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
