"""The differences between two bundles, for whoever releases the second one after the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta, field

from sentio_mobile._internal.records import Count, Finite, Name, NonNegative, Record, Size, Text, to_plain
from sentio_mobile.bundle.accuracy import Split
from sentio_mobile.bundle.bundle import EVALUATION, GOLDEN, Bundle
from sentio_mobile.bundle.manifest import flatten
from sentio_mobile.metrics.agreement import paired_difference
from sentio_mobile.metrics.bootstrap import DIMENSIONS, Interval
from sentio_mobile.metrics.evaluation import SplitEvaluation

SPLITS: tuple[Split, ...] = ("val", "test")

MAX_CHANGES = 1_000_000
"""Differences of one kind that a record holds."""


class Change(Record, frozen=True, kw_only=True):
    """A field that differs. Null stands for null, and for a field that is missing."""

    # The field's dotted name.
    name: Annotated[str, Meta(max_length=65_536)]
    # Its value in the first bundle.
    before: object
    # Its value in the second bundle.
    after: object


class FileChange(Record, frozen=True, kw_only=True):
    """An artifact, or another file, that differs."""

    # The artifact's label, or the file's path.
    name: Text
    change: Literal["added", "removed", "changed"]
    # Bytes on disk; null where it is missing.
    before: Size | None
    after: Size | None
    # Growth in percent; null where there is nothing to compare.
    percent: Finite | None


class Agreement(Record, frozen=True, kw_only=True):
    """A CCC that differs."""

    split: Split
    # valence, arousal, or the mean of both.
    dimension: Name
    before: Interval | None
    after: Interval | None
    # Number of songs that each was measured on.
    songs_before: Count | None
    songs_after: Count | None
    # After minus before, by a paired bootstrap; null unless the songs and their labels are the same.
    difference: Interval | None


class GoldenChange(Record, frozen=True, kw_only=True):
    """How much the golden outputs changed."""

    # Number of vectors; 0 if they cannot be compared.
    vectors: Size = 0
    # Largest absolute difference of each output; null where one is not a number.
    largest: Annotated[dict[Name, NonNegative | None], Meta(max_length=16)] = field(default_factory=dict)
    # Why they cannot be compared; empty if they can.
    reason: Text = ""


class BundleDiff(Record, frozen=True, kw_only=True):
    """All differences between two bundles; what `bundle diff --json` prints."""

    # Whether there are none.
    same: bool
    spec: Annotated[tuple[Change, ...], Meta(max_length=MAX_CHANGES)]
    artifacts: Annotated[tuple[FileChange, ...], Meta(max_length=MAX_CHANGES)]
    # Files that belong to no artifact.
    files: Annotated[tuple[FileChange, ...], Meta(max_length=MAX_CHANGES)]
    metrics: Annotated[tuple[Agreement, ...], Meta(max_length=MAX_CHANGES)]
    provenance: Annotated[tuple[Change, ...], Meta(max_length=MAX_CHANGES)]
    # All other fields of the manifests.
    other: Annotated[tuple[Change, ...], Meta(max_length=MAX_CHANGES)]
    golden: GoldenChange


def compare(before: Bundle, after: Bundle) -> BundleDiff:
    """Compare two bundles.

    Raises:
        BundleError: An evaluation or golden vectors are damaged.
    """
    artifacts, files = zip(_contents(before), _contents(after), strict=True)
    provenance, other = zip(_fields(before), _fields(after), strict=True)
    spec = _changes(flatten(before.spec.to_dict()), flatten(after.spec.to_dict()))
    artifact_changes, file_changes = _file_changes(*artifacts), _file_changes(*files)
    metrics = tuple(row for split in SPLITS for row in _agreements(split, before, after))
    provenance_changes, other_changes = _changes(*provenance), _changes(*other)
    sections = (spec, artifact_changes, file_changes, metrics, provenance_changes, other_changes)
    return BundleDiff(
        same=not any(sections),
        spec=spec,
        artifacts=artifact_changes,
        files=file_changes,
        metrics=metrics,
        provenance=provenance_changes,
        other=other_changes,
        golden=_golden_change(before, after),
    )


def _changes(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[Change, ...]:
    names = dict.fromkeys([*before, *after])
    pairs = [Change(name=name, before=before.get(name), after=after.get(name)) for name in names]
    return tuple(pair for pair in pairs if pair.before != pair.after)


def _fields(bundle: Bundle) -> tuple[dict[str, object], dict[str, object]]:
    """The provenance and the other fields of a manifest, but for those that have a section of their own."""
    plain = to_plain(bundle.manifest)
    # `recipe.training.epochs` reads better than `provenance.recipe.training.epochs`.
    provenance = {**plain.pop("provenance"), "versions": plain.pop("versions")}
    return flatten(provenance), flatten(
        {name: value for name, value in plain.items() if name not in ("spec", "artifacts", "files")}
    )


@dataclass(frozen=True)
class _Content:
    """The hashes of the files of one thing, by name, and their bytes on disk."""

    hashes: Mapping[str, str]
    size: int


def _contents(bundle: Bundle) -> tuple[dict[str, _Content], dict[str, _Content]]:
    """The artifacts by label, and all other files by path."""
    manifest = bundle.manifest
    artifacts: dict[str, list[str]] = {}
    for artifact in manifest.artifacts:
        artifacts.setdefault(artifact.label, []).extend(manifest.files_of(artifact))
    taken = {name for names in artifacts.values() for name in names}

    def content(names: list[str]) -> _Content:
        entries = {name: manifest.files[name] for name in names}
        return _Content(
            {name: entry.sha256 for name, entry in entries.items()}, sum(entry.bytes for entry in entries.values())
        )

    return (
        {label: content(names) for label, names in artifacts.items()},
        {name: content([name]) for name in manifest.files if name not in taken},
    )


def _file_changes(before: Mapping[str, _Content], after: Mapping[str, _Content]) -> tuple[FileChange, ...]:
    found = []
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old is None and new is not None:
            found.append(FileChange(name=name, change="added", before=None, after=new.size, percent=None))
        elif new is None and old is not None:
            found.append(FileChange(name=name, change="removed", before=old.size, after=None, percent=None))
        elif old is not None and new is not None and old.hashes != new.hashes:
            percent = 100 * (new.size / old.size - 1) if old.size else None
            found.append(FileChange(name=name, change="changed", before=old.size, after=new.size, percent=percent))
    return tuple(found)


def _agreements(split: Split, before: Bundle, after: Bundle) -> list[Agreement]:
    old, new = _scores(before, split), _scores(after, split)
    differences = _paired(old, new)
    rows = []
    for dimension in DIMENSIONS:
        old_ccc, new_ccc = (None if scores is None else scores.ccc[dimension] for scores in (old, new))
        old_songs, new_songs = (None if scores is None else scores.n for scores in (old, new))
        if (old_ccc, old_songs) != (new_ccc, new_songs):
            rows.append(
                Agreement(
                    split=split,
                    dimension=dimension,
                    before=old_ccc,
                    after=new_ccc,
                    songs_before=old_songs,
                    songs_after=new_songs,
                    difference=differences.get(dimension),
                )
            )
    return rows


def _scores(bundle: Bundle, split: Split) -> SplitEvaluation | None:
    if EVALUATION not in bundle.manifest.files:
        return None
    evaluation = bundle.evaluation()
    return evaluation.test if split == "test" else evaluation.val


def _paired(old: SplitEvaluation | None, new: SplitEvaluation | None) -> dict[str, Interval]:
    """CCC of the second minus that of the first, if both predicted the same songs with the same labels."""
    if (
        old is None
        or new is None
        or not old.songs
        or old.songs != new.songs
        or not np.array_equal(old.labels, new.labels)
    ):
        return {}
    return paired_difference(old.labels, old.predictions, new.predictions, seed=old.bootstrap.seed)


def _golden_change(before: Bundle, after: Bundle) -> GoldenChange:
    if not all(GOLDEN in bundle.manifest.files for bundle in (before, after)):
        return GoldenChange(reason="one of the bundles has no golden vectors")
    old, new = before.golden(), after.golden()
    audio = [(spec.audio.sample_rate, spec.audio.n_samples) for spec in (before.spec, after.spec)]
    same = all(np.array_equal(getattr(old, name), getattr(new, name)) for name in ("excerpt", "length"))
    if audio[0] != audio[1] or not same:
        return GoldenChange(reason="the golden sounds differ")
    with np.errstate(invalid="ignore"):
        largest = np.abs(new.output.astype(np.float64) - old.output).max(axis=0, initial=0.0)
    outputs = zip(before.spec.outputs, largest, strict=True)
    return GoldenChange(
        vectors=len(old.output), largest={name: float(x) if np.isfinite(x) else None for name, x in outputs}
    )
