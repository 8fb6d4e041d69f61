"""MODEL_CARD.md: what a model is, how accurate it is and on which songs, and what it is not for.

Its front matter is that of the Hugging Face Hub. Names in it may come from strangers: they are shown as inline code,
which Markdown and YAML do not interpret, and characters that inline code cannot hold are escaped. So are those of
sentences.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from sentio_mobile._internal.quantities import millions
from sentio_mobile.bundle.about import About
from sentio_mobile.bundle.manifest import UNKNOWN, ArtifactEntry, Manifest, flatten
from sentio_mobile.formats.registry import format_names, get_format
from sentio_mobile.metrics.agreement import weak_teacher
from sentio_mobile.metrics.ceiling import ceiling_in_words
from sentio_mobile.metrics.evaluation import Evaluation, SplitEvaluation
from sentio_mobile.spec import FORMS, OUTPUTS

_TEMPLATE = Path(__file__).with_name("model_card.md.j2")
_MAX_CODE_LENGTH = 160

_PRECISIONS = {
    "fp32": "32-bit floating point",
    "fp16": "16-bit weights",
    "int8-dynamic": "8-bit weights; activations are rounded to 8 bits by their range at run time",
    "int8": "8-bit weights; activations are rounded by ranges measured on songs, where the runtime is faster for it",
    "int8-full": "integers only: 8 bits, input and output included, with their scale in the file, and 16-bit sums",
}

_LABELLED = {
    "rated": "labelled by people",
    "tags": "labelled by norms of the words that they are tagged with, and by no rating",
    "generated": "labelled by the program that generated the music",
    "none": "without labels; the model learned a teacher's predictions",
}
"""Who labelled the songs, by `DataOrigin.labels`."""

_HUB_LICENCES = frozenset(
    {
        *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "isc", "zlib", "unlicense", "bsl-1.0", "artistic-2.0"),
        *("mpl-2.0", "epl-2.0", "gpl-2.0", "gpl-3.0", "lgpl-2.1", "lgpl-3.0", "agpl-3.0", "osl-3.0", "afl-3.0"),
        *("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nd-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0"),
        *("cc-by-nc-nd-4.0", "cc-by-3.0", "cc-by-sa-3.0", "cc-by-nc-3.0", "cc-by-nc-sa-3.0", "cc-by-nc-nd-3.0"),
        *("cdla-permissive-2.0", "cdla-sharing-1.0", "openrail", UNKNOWN, "other"),
    }
)
"""Identifiers that the Hugging Face Hub knows; under any other it wants `other` with a name."""


def model_card(manifest: Manifest, evaluation: Evaluation) -> str:
    """Write the card of a bundle, as Markdown.

    Args:
        manifest: The bundle's manifest. The card shows its `files`, and need not be one of them.
        evaluation: The bundle's evaluation, which may be empty.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATE.parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(code=inline_code, text=_text, yaml=_yaml, count=_count, size=_size)
    environment.filters.update(flatten=flatten, millions=millions)
    return environment.get_template(_TEMPLATE.name).render(_view(manifest, evaluation))


def hub_licence(licence: str) -> dict[str, str]:
    """The licence as the front matter of a card on the Hugging Face Hub."""
    lower = licence.lower()
    return {"license": lower} if lower in _HUB_LICENCES else {"license": "other", "license_name": licence}


def _view(manifest: Manifest, evaluation: Evaluation) -> dict[str, Any]:
    """The variables of the template."""
    artifacts = manifest.artifacts
    labels = [artifact.label for artifact in artifacts]
    forms = [form for form in FORMS if form in {artifact.form for artifact in artifacts}]
    origin, teacher = manifest.provenance.data, evaluation.teacher
    coverage = evaluation.test.coverage if evaluation.test else None
    return {
        "manifest": manifest,
        "spec": manifest.spec,
        "hub": hub_licence(manifest.licence),
        "licence": None if manifest.licence.lower() == UNKNOWN else manifest.licence,
        "tags": sorted({"music", "emotion", "valence-arousal", *(artifact.format for artifact in artifacts)}),
        "inputs": [manifest.spec.in_form(form) for form in forms],
        "files": [_file(manifest, artifact) for artifact in artifacts],
        "precisions": {
            name: words for name, words in _PRECISIONS.items() if name in {artifact.precision for artifact in artifacts}
        },
        "systems": {
            name: words
            for name in dict.fromkeys(artifact.format for artifact in artifacts)
            if name in format_names() and (words := get_format(name).systems)
        },
        "refused": [label for label in manifest.refused if label not in labels],
        "included_although_refused": [label for label in manifest.refused if label in labels],
        "accuracy": next((artifact.accuracy for artifact in artifacts if artifact.accuracy), None),
        "splits": [
            ("test songs, evaluated once", evaluation.test),
            ("validation songs, which chose the epoch", evaluation.val),
            (_cross_validation(evaluation), evaluation.cross_validated),
        ],
        "measured": _measured,
        "ceiling_in_words": ceiling_in_words,
        "retention": evaluation.retention,
        "teacher": teacher,
        "weak_teacher": weak_teacher(
            evaluation.retention,
            teacher=teacher.parameters if teacher else None,
            student=manifest.trained,
        ),
        "teacher_labels": teacher.data.labels if teacher and teacher.data else None,
        "coverage": [f"{name} {c.share:.0%} [{c.low:.0%}, {c.high:.0%}]" for name, c in coverage.outputs.items()]
        if coverage
        else [],
        "origin": origin,
        "labels": origin.labels if origin and origin.labels in _LABELLED else None,
        "labelled_by": _LABELLED,
        "about": manifest.about or About(),
    }


def _cross_validation(evaluation: Evaluation) -> str:
    """The words for the songs of a cross-validation, with what its models had learned from where that is known."""
    words = "cross-validation: each song by a model trained without its group"
    return f"{words}; {evaluation.cross_validated_by}" if evaluation.cross_validated_by else words


def _file(manifest: Manifest, artifact: ArtifactEntry) -> dict[str, Any]:
    """An artifact, the hashes of its files, and their size together."""
    files = manifest.files_of(artifact)
    return {
        "artifact": artifact,
        "hashes": {name: entry.sha256 for name, entry in files.items()},
        "bytes": sum(entry.bytes for entry in files.values()),
    }


def _measured(scores: SplitEvaluation) -> list[tuple[str, str, str]]:
    """A row for valence, arousal and their mean: CCC with its interval, and the mean absolute error."""
    errors = {name: "undefined" if scores.mae[name] is None else f"{scores.mae[name]:.2f}" for name in OUTPUTS}
    return [(name, str(ccc), errors.get(name, "")) for name, ccc in scores.ccc.items()]


def _count(n: int, thing: str) -> str:
    return f"{n:,} {thing}" if n == 1 else f"{n:,} {thing}s"


def _size(n: int) -> str:
    return f"{n / 1e6:.{1 if n >= 1e5 else 2 if n >= 1e4 else 4}f} MB"


def inline_code(value: object) -> str:
    """A value as inline code, also within a table: characters that would end either, or are invisible, are escaped."""
    text = value if isinstance(value, str) else json.dumps(value)
    text = text if len(text) <= _MAX_CODE_LENGTH else f"{text[: _MAX_CODE_LENGTH - 3]}..."
    plain = "".join(c if c.isprintable() and c not in "`|" else _escaped(c) for c in text).strip()
    return f"`{plain or ' '}`"


def _text(text: str) -> str:
    """A sentence as it is, on one line: characters that Markdown or HTML would interpret are escaped."""
    line = " ".join("".join(c if c.isprintable() or c.isspace() else _escaped(c) for c in text).split())
    return re.sub(r"([\\`*_{}\[\]<>#|&~$!])", r"\\\1", line)


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def _yaml(text: str) -> str:
    """A string that YAML reads as a string, whatever it looks like."""
    return json.dumps(text if text.isprintable() else ascii(text), ensure_ascii=False)
