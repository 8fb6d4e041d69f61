"""MODEL_CARD.md: what a model is, how right it is and on which songs, and what it is not for.

Its front matter is the Hugging Face Hub's. Names in it may come from strangers: they are shown as code, in which
Markdown and YAML have no say, and what no code can hold is written as an escape.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sentio_mobile.bundle.costs import cost_of
from sentio_mobile.bundle.flatten import flatten
from sentio_mobile.bundle.licence import UNKNOWN, hub_fields, licence_id
from sentio_mobile.errors import InputError
from sentio_mobile.metrics.evaluation import Coverage, Evaluation, SplitEvaluation, TeacherEvaluation
from sentio_mobile.spec import FORMS, OUTPUTS, ModelSpec

CARD = "MODEL_CARD.md"

_TEMPLATE = Path(__file__).with_name("model_card.md.j2")
_LONGEST = 160


def model_card(manifest: Mapping[str, Any], evaluation: Evaluation, licence: str = UNKNOWN) -> str:
    """The card of a bundle, as Markdown.

    Args:
        manifest: the bundle's, or what will be: the card reads `files`, and need not be one of them.
        evaluation: the bundle's; may be empty.
        licence: an SPDX identifier.

    Raises:
        InputError: the licence, the spec or the evaluation is not what it must be.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATE.parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(code=_code, yaml=_yaml, count=_count, size=_size)
    return environment.get_template(_TEMPLATE.name).render(_view(manifest, evaluation, licence_id(licence)))


def _view(manifest: Mapping[str, Any], evaluation: Evaluation, licence: str) -> dict[str, Any]:
    spec = _spec(manifest["spec"])
    provenance = _table(manifest.get("provenance"))
    artifacts = [_artifact(entry, manifest["files"]) for entry in manifest["artifacts"]]
    fed = [form for form in FORMS if form in {artifact["form"] for artifact in artifacts}]
    labels = {f"{one['format']} {one['form']} {one['precision']}" for one in artifacts}
    return {
        "hub": hub_fields(licence),
        "licence": None if licence.lower() == UNKNOWN else licence,
        "tags": sorted({"music", "emotion", "valence-arousal", *(artifact["format"] for artifact in artifacts)}),
        "spec": spec,
        "inputs": [spec.in_form(form) for form in fed],
        "parameters": _whole(manifest.get("parameters")),
        "artifacts": artifacts,
        "precisions": {name: _PRECISIONS[name] for name in _PRECISIONS if name in {a["precision"] for a in artifacts}},
        "keep_float": [str(layer) for layer in provenance.get("keep_float") or ()],
        "failed": list(_table(manifest.get("failed"))),
        "refused": [label for label in _table(manifest.get("refused")) if label not in labels],
        "kept": [label for label in _table(manifest.get("refused")) if label in labels],
        "judged": [artifact["cost"] for artifact in artifacts if artifact["cost"].songs],
        "splits": [(_SPLITS["test"], evaluation.test), (_SPLITS["val"], evaluation.val)],
        "measured": _measured,
        "retention": evaluation.retention,
        "teacher": _teacher(evaluation.teacher) if evaluation.teacher else None,
        "coverage": _shares(evaluation.test.coverage) if evaluation.test and evaluation.test.coverage else [],
        "origin": _origin(provenance),
        "checkpoint": str(provenance.get("checkpoint_sha256") or ""),
        "recipe": flatten(_table(provenance.get("recipe"))),
        "versions": flatten(_table(manifest.get("versions"))),
    }


_PRECISIONS = {
    "fp32": "32-bit floats",
    "fp16": "weights of 16 bits",
    "int8-dynamic": "weights of 8 bits; activations are rounded to 8 bits by what they hold at that moment",
    "int8": "weights of 8 bits; activations are rounded by ranges measured on songs, where the runtime gains by it",
    "int8-full": "integers throughout: 8 bits, input and output included, with their scale in the file; 16 for sums",
}

_SPLITS = {"test": "test songs, read once", "val": "validation songs, which chose the epoch"}


def _artifact(entry: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    path = str(entry["path"])
    own = {name: file for name, file in files.items() if name == path or name.startswith(f"{path}/")}
    return {
        **{name: str(entry[name]) for name in ("format", "precision", "form")},
        "path": path,
        "bytes": sum(int(file["bytes"]) for file in own.values()),
        "hashes": {name: str(file["sha256"]) for name, file in own.items()},
        "cost": cost_of(entry),
    }


def _measured(figures: SplitEvaluation) -> list[tuple[str, str, str]]:
    """A row for each of valence, arousal and their mean: CCC with its interval, and the mean absolute error."""
    errors = {name: _decimal(figures.mae.get(name)) for name in OUTPUTS}
    return [(name, str(ccc), errors.get(name, "")) for name, ccc in figures.ccc.items()]


def _decimal(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def _origin(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of the songs; None for what is not."""
    data = _table(provenance.get("data"))
    songs = {name: _whole(n) for name, n in _table(data.get("songs")).items()}
    return {
        "labels": data["labels"] if data.get("labels") in ("rated", "generated") else None,
        "source": str(data["source"]) if data.get("source") else None,
        "fingerprint": str(data["fingerprint"]) if data.get("fingerprint") else None,
        "songs": {name: songs.get(name) for name in ("train", "val", "test")},
        "seed": _whole(data.get("split_seed")),
        "known": bool(data),
    }


def _teacher(teacher: TeacherEvaluation) -> dict[str, Any]:
    return {
        "architecture": teacher.spec.architecture,
        "parameters": teacher.parameters,
        "test": teacher.test,
        "labels": None if teacher.data is None else teacher.data.labels,
    }


def _shares(coverage: Coverage) -> list[str]:
    """Shares of songs in words, each with its interval."""
    return [f"{name} {c.share:.0%} [{c.low:.0%}, {c.high:.0%}]" for name, c in coverage.outputs.items()]


def _spec(values: Mapping[str, Any]) -> ModelSpec:
    try:
        json.dumps(values, allow_nan=False)
    except ValueError as error:
        raise InputError("the spec has numbers that are NaN or infinite; train again") from error
    return ModelSpec.from_dict(values)


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _count(n: int, thing: str) -> str:
    return f"{n:,} {thing}" if n == 1 else f"{n:,} {thing}s"


def _size(n: int) -> str:
    return f"{n / 1e6:.1f} MB" if n >= 1e5 else f"{n / 1e3:.1f} kB"


def _code(value: object) -> str:
    """A value as inline code, also within a table: what would end either, and what cannot be seen, is escaped."""
    text = value if isinstance(value, str) else json.dumps(value)
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    plain = "".join(c if c.isprintable() and c not in "`|" else _escaped(c) for c in text).strip()
    return f"`{plain or ' '}`"


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def _yaml(text: str) -> str:
    """A string that YAML reads as the string it is, whatever it looks like."""
    return json.dumps(text if text.isprintable() else ascii(text), ensure_ascii=False)
