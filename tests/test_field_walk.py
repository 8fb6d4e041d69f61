"""Every field of every record and of every recipe, with every kind of wrong value.

A value is refused in one line that names the field, or accepted because it is in the field's range. Nothing else may
happen, and nothing takes a second.
"""

from __future__ import annotations

import importlib
import json
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import pytest
from click.testing import CliRunner
from msgspec import Meta

import sentio_mobile
from sentio_mobile._internal.record_messages import field_types
from sentio_mobile._internal.records import Record, from_plain, read_toml, replace, to_plain
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.cli import main
from sentio_mobile.distill.config import PretrainRecipe, QatRecipe
from sentio_mobile.errors import InputError, RecipeError, RecordError
from sentio_mobile.pipeline.recipes import load_run_recipe
from sentio_mobile.recipes import load_recipe
from sentio_mobile.teacher.gan.config import GanRecipe

PACKAGE = Path(sentio_mobile.__file__).parent

OPEN = {
    *(("CheckpointSheet", "recipe"), ("Provenance", "recipe"), ("Change", "before"), ("Change", "after")),
    *(("Run", "settings"), ("RunComparison", "settings"), ("_Made", "settings")),
}
"""Fields without limits of their own: settings that no stage reads. The size of the file limits them."""

WRONG: dict[str, Any] = {
    "null": None,
    "true": True,
    "a text": "no such value",
    "a number": 0.123456789,
    "a list": [None],
    "a table": {"no such key": None},
    "negative": -1,
    "zero": 0,
    "huge": 10**18,
    "huge number": 1e308,
    "400 digits": 10**400,
    "nan": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "empty text": "",
    "empty list": [],
    "empty table": {},
    "long text": "x" * 2_000_000,
    "long list": [1] * 2_000_000,
    "list of wrong": ["no such value", -1e308, {}],
    "control characters": "a\nb\x1b[31m\u202e",
    "deep": json.loads("[" * 900 + "]" * 900),
}
"""Values of which most fields refuse most."""

TOML: dict[str, str] = {
    "true": "true",
    "text": '"no such value"',
    "number": "0.123456789",
    "list": '["no such value"]',
    "table": '{ "no such key" = 1 }',
    "negative": "-1",
    "zero": "0",
    "huge": "1000000000000000000",
    "400 digits": "9" * 400,
    "5000 digits": "9" * 5000,
    "nan": "nan",
    "infinity": "inf",
    "empty text": '""',
    "empty list": "[]",
    "long text": '"' + "x" * 20_000 + '"',
    "long list": "[" + "1," * 20_000 + "]",
}


def subclasses(kind: type[Record]) -> Iterator[type[Record]]:
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)


def find_records() -> list[type[Record]]:
    """Every record class of the package, found in its source."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if re.search(r"^class \w+\(Record\b", path.read_text(encoding="utf-8"), re.MULTILINE):
            parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
            importlib.import_module(".".join(part for part in parts if part != "__init__"))
    found = {kind for kind in subclasses(Record) if kind.__module__.startswith("sentio_mobile.")}
    return sorted(found, key=lambda kind: (kind.__module__, kind.__name__))


RECORDS = find_records()
CASES = [(kind, key, what) for kind in RECORDS for key in field_types(kind) for what in WRONG]


def limits_of(kind: Any) -> tuple[Any, list[Meta]]:
    """A type without its Annotated, and the limits that stood there."""
    limits: list[Meta] = []
    while get_origin(kind) is Annotated:
        kind, *metas = get_args(kind)
        limits += [meta for meta in metas if isinstance(meta, Meta)]
    return kind, limits


def members_of(kind: Any) -> list[Any]:
    """The types of a union, but None; of another type, itself."""
    bare, limits = limits_of(kind)
    if get_origin(bare) is Union or type(bare).__name__ == "UnionType":
        return [one for one in get_args(bare) if one is not type(None)]
    return [Annotated[(bare, *limits)] if limits else bare]


def unlimited(kind: Any) -> list[str]:
    """What in a type has no limit: texts, lists and tables without a length, numbers without a range."""
    members = members_of(kind)
    if len(members) > 1:
        return [name for member in members for name in unlimited(member)]
    bare, limits = limits_of(members[0])
    origin, args = get_origin(bare) or bare, get_args(bare)
    if origin in (Literal, bool):
        return []
    if origin is str:
        return [] if any(meta.max_length or meta.pattern for meta in limits) else ["text"]
    if origin in (int, float):
        low = any(meta.ge is not None or meta.gt is not None for meta in limits)
        high = any(meta.le is not None or meta.lt is not None for meta in limits)
        return [] if low and high else ["number"]
    if origin is tuple:
        is_open = len(args) == 2 and args[1] is Ellipsis and not any(meta.max_length for meta in limits)
        return ["list"] * is_open + [name for one in args if one is not Ellipsis for name in unlimited(one)]
    if origin is dict:
        is_open = get_origin(limits_of(args[0])[0]) is not Literal and not any(meta.max_length for meta in limits)
        return ["table"] * is_open + [name for one in args for name in unlimited(one)]
    return [] if isinstance(origin, type) and issubclass(origin, Record) else [str(bare)]


def example(kind: Any, name: str = "") -> Any:
    """A plain value of a type; of a record, its required fields."""
    bare, limits = limits_of(members_of(kind)[0])
    origin, args = get_origin(bare) or bare, get_args(bare)
    if origin is Literal:
        return args[0]
    if origin in (bool, object):
        return True
    if origin is str:
        pattern = next((meta.pattern for meta in limits if meta.pattern), "")
        length = max((meta.min_length for meta in limits if meta.min_length), default=1)
        plain = "1" * max(1, length)
        dates = ("2026-11-29", "2026-W48", "2026-11-29T12:00:00+00:00")
        examples = (plain, "f" * 64, "f" * 32, "1-9", *dates) if pattern else (plain,)
        return next((text for text in examples if re.search(pattern, text)), plain)
    if origin in (int, float):
        return number(limits, whole=origin is int)
    if origin is tuple and args[-1] is Ellipsis:
        return [example(args[0])] * max((meta.min_length for meta in limits if meta.min_length), default=0)
    if origin is tuple:
        return [example(one) for one in args]
    if origin is dict:
        if get_origin(args[0]) is Literal and any(meta.min_length for meta in limits):
            return {key: example(args[1]) for key in get_args(args[0])}
        return {example(args[0]): example(args[1])} if any(meta.min_length for meta in limits) else {}
    return plain_example(bare)


def number(limits: list[Meta], whole: bool) -> float:
    """A number in a range: near its lower end, and above 0 where that may be."""
    low = max((meta.ge for meta in limits if meta.ge is not None), default=None)
    above = max((meta.gt for meta in limits if meta.gt is not None), default=None)
    high = min((limit for meta in limits for limit in (meta.le, meta.lt) if limit is not None), default=1e9)
    if above is not None:
        return above + 1 if whole else above + min(1.0, (high - above) / 2)
    start = 1 if low is None or low <= 1 <= high else low
    return int(start) if whole else float(start)


INTERVAL = {"value": 0.5, "low": 0.4, "high": 0.6}
SPECIAL: dict[str, dict[str, Any]] = {
    "Accuracy": dict.fromkeys(("ccc", "loss"), dict.fromkeys(("valence", "arousal", "mean"), INTERVAL)),
    "Benchmark": {"measured_at": "2026-01-01T00:00:00+00:00"},
    "EvaluationRun": {"songs": ["1"], "truth": [[0, 0]]},
    "Manifest": {"files": {"1": {"sha256": "f" * 64, "bytes": 1}}},
    "ModelEvaluation": {"predicted": [[0, 0]]},
    "RunRecipe": {
        "teacher": {"model": {"architecture": "vit"}, "training": {"epochs": 1, "batch_size": 1, "learning_rate": 1}}
    },
    "Targets": read_toml(ROOT / "export" / "targets.toml"),
    "TrainingSettings": {"epochs": 1},
    "Verification": {"passed": False},
}
"""Values of fields that must agree with others, by record."""


def plain_example(kind: type[Record]) -> dict[str, Any]:
    """Plain values of a record: its required fields by their types, the others by their defaults."""
    config = kind.__struct_config__
    values: dict[str, Any] = {config.tag_field: config.tag} if config.tag_field else {}
    types = field_types(kind)
    for field in msgspec.structs.fields(kind):
        if field.required:
            values[field.encode_name] = example(types[field.name], field.name)
    return {**values, **SPECIAL.get(kind.__name__, {})}


def key_of(kind: type[Record], name: str) -> str:
    """The key of a field in a file."""
    return dict(zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True))[name]


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_record_has_a_valid_example(kind: type[Record]) -> None:
    record = from_plain(kind, plain_example(kind), "file.json")
    assert from_plain(kind, to_plain(record), "file.json", complete=True) == record


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_record_fields_have_limits(kind: type[Record]) -> None:
    found = {name: unlimited(of) for name, of in field_types(kind).items() if (kind.__name__, name) not in OPEN}
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_record_fields_refuse_wrong_values(kind: type[Record]) -> None:
    plain = plain_example(kind)
    record = from_plain(kind, plain, "file.json")
    for name, of in field_types(kind).items():
        key = key_of(kind, name)
        for what, value in WRONG.items():
            start = time.process_time()
            for fault in (read_fault(kind, {**plain, key: value}), replace_fault(record, name, value)):
                if fault is None:
                    continue
                assert "\n" not in fault, (key, what)
                assert len(fault) < 700, (key, what)
                assert re.search(rf"\b{key}\b|\b{name}\b", fault), (key, what, fault)
            if (kind.__name__, name) in OPEN:
                continue
            if value != value or value in (math.inf, -math.inf, 10**400) or (what == "null" and not may_be_none(of)):
                assert fault is not None, (key, what)
            assert time.process_time() - start < 1, (key, what)
        if name in kind.__struct_fields__ and key in plain:
            fault = read_fault(kind, {other: value for other, value in plain.items() if other != key})
            assert fault is None or repr(key) in fault
    fault = read_fault(kind, {**plain, "no such key": 1})
    assert fault is not None
    assert "has no key 'no such key'; known: " in fault


def may_be_none(kind: Any) -> bool:
    """Whether a field may be null, or takes any value at all."""
    bare, _ = limits_of(kind)
    return type(None) in get_args(bare)


def read_fault(kind: type[Record], values: object) -> str | None:
    """The message with which values from a file are refused; None where they are accepted, and stay the same."""
    try:
        record = from_plain(kind, values, "file.json", InputError)
    except InputError as error:
        return str(error).removeprefix("file.json: ")
    assert from_plain(kind, to_plain(record), "file.json") == record
    return None


def replace_fault(record: Record, name: str, value: object) -> str | None:
    """The same where Python code makes the record."""
    try:
        replace(record, **{name: value})
    except RecordError as error:
        return str(error)
    return None


def test_number_of_cases_is_stated(capsys: pytest.CaptureFixture[str]) -> None:
    fields = sum(len(field_types(kind)) for kind in RECORDS)
    recipes = sum(1 for _ in recipe_cases())
    with capsys.disabled():
        print(
            f"\nfield walk: {len(RECORDS)} records with {fields} fields, {2 * len(CASES):,} cases; "
            f"{recipes:,} cases of recipes through the command line"
        )
    assert len(RECORDS) > 80
    assert 2 * len(CASES) > 20_000
    assert recipes > 1_000


def toml(value: Any) -> str:
    """A plain value as TOML, on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(one)}" for key, one in value.items() if one is not None) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


class Raw:
    """TOML that stands as it is in place of a value."""

    def __init__(self, text: str) -> None:
        self.text = text


def render(value: Any) -> str:
    """TOML of a recipe in which one value may be raw text."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {render(one)}" for key, one in value.items() if one is not None) + " }"
    return toml(value)


def run_recipe() -> dict[str, Any]:
    """The quickstart with every field written out, and a source that does not exist: nothing is ever run."""
    return {**to_plain(load_run_recipe("quickstart")), "source": "nowhere"}


def leaves(table: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of all keys of a nested table."""
    for key, value in table.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))


def changed(table: dict[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    """A nested table with another value at a path."""
    key, *rest = path
    return {**table, key: changed(table[key], tuple(rest), value) if rest else value}


def recipe_cases() -> Iterator[tuple[tuple[str, ...], str]]:
    """Every key of a recipe for a whole run, with every wrong value."""
    yield from ((path, what) for path in leaves(run_recipe()) for what in TOML)


def test_recipe_of_a_run_refuses_wrong_values_on_the_command_line(tmp_path: Path) -> None:
    table, place, runner = run_recipe(), tmp_path / "mine.toml", CliRunner(env={"COLUMNS": "100000"})
    accepted = 0
    for path, what in recipe_cases():
        recipe = changed(table, path, Raw(TOML[what]))
        place.write_text("\n".join(f"{key} = {render(value)}" for key, value in recipe.items() if value is not None))
        start = time.process_time()
        result = runner.invoke(main, ["run", str(place), "--out", str(tmp_path / "out")])
        seconds = time.process_time() - start
        case = (".".join(path), what, result.output[:300])
        assert isinstance(result.exception, SystemExit), (case, result.exception)
        assert result.exit_code == 2, case
        assert result.stdout == "", case
        assert result.stderr.count("\n") == 1, case
        assert seconds < 1, case
        if "does not exist" in result.stderr or "no recipe" in result.stderr:
            accepted += 1
        else:
            assert path[-1] in result.stderr or "too many digits" in result.stderr, case
    assert not (tmp_path / "out").exists()
    assert accepted > 0


@pytest.mark.parametrize(
    ("kind", "name", "stage"),
    [
        (QatRecipe, "finetune", "distill/qat"),
        (PretrainRecipe, "mobilevit", "distill/pretrain"),
        (GanRecipe, "cgan", "teacher/gan"),
    ],
)
def test_recipe_of_a_stage_refuses_wrong_values(kind: type[Record], name: str, stage: str, tmp_path: Path) -> None:
    table, place = to_plain(load_recipe(kind, name, stage)), tmp_path / "mine.toml"
    for path in leaves(table):
        for what, text in TOML.items():
            recipe = changed(table, path, Raw(text))
            place.write_text("\n".join(f"{key} = {render(one)}" for key, one in recipe.items() if one is not None))
            start = time.process_time()
            fault = recipe_fault(kind, place, stage)
            assert fault is None or "\n" not in fault
            assert fault is None or path[-1] in fault or "too many digits" in fault, (path, what, fault)
            assert time.process_time() - start < 1, (path, what)


def recipe_fault(kind: type[Record], place: Path, stage: str) -> str | None:
    """The message with which a recipe is refused; None where it is accepted."""
    try:
        load_recipe(kind, str(place), stage)
    except RecipeError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "teacher" / "recipes").glob("*.toml")))
def test_recipe_of_a_teacher_names_the_key_of_an_old_name(name: str, tmp_path: Path) -> None:
    text = (ROOT / "teacher" / "recipes" / f"{name}.toml").read_text()
    (tmp_path / "old.toml").write_text(f"{text}\n[synthetic]\nshare = 0.5\n")
    result = CliRunner().invoke(main, ["data", "prepare", "x", "--out", "y", "--recipe", str(tmp_path / "old.toml")])
    assert result.exit_code == 2
    assert "synthetic has a new name, gan_samples" in " ".join(result.stderr.split())
