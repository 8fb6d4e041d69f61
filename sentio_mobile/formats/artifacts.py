"""What the formats share: how an artifact is called, what is written into it, and how a damaged one is reported."""

from __future__ import annotations

import json
from pathlib import Path

from sentio_mobile.errors import BundleError
from sentio_mobile.spec import ModelSpec, Precision

SPEC_KEY = "sentio_mobile.spec"
"""The key of the spec's JSON in formats that carry metadata."""


def artifact_name(stem: str, spec: ModelSpec, precision: Precision, suffix: str) -> str:
    """The file name of an artifact: what the model is called, then what this one of its artifacts is."""
    return f"{stem}-{spec.form}-{precision}{suffix}"


def spec_json(spec: ModelSpec) -> str:
    """The spec on one line, for metadata fields."""
    return json.dumps(spec.to_dict(), allow_nan=False)


def damaged(path: Path, runtime: str, fault: object) -> BundleError:
    """The one line for an artifact that its runtime does not take."""
    words = str(fault).strip() or type(fault).__name__
    return BundleError(f"{runtime} cannot load {path}: {words.splitlines()[0]}; copy it or export it again")


def missing_name(path: Path, name: str, names: list[str]) -> BundleError:
    """The one line for an artifact that has no input or output of the spec's name."""
    return BundleError(f"{path} has no {name!r}, only {', '.join(names) or 'nothing'}; it is not the model of its spec")
