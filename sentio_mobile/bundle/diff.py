"""What differs between two bundles, for whoever gives out the second in place of the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sentio_mobile.bundle.bundle import EVALUATION, GOLDEN, Bundle
from sentio_mobile.bundle.flatten import flatten
from sentio_mobile.metrics.agreement import paired_difference
from sentio_mobile.metrics.bootstrap import DIMENSIONS, Interval
from sentio_mobile.metrics.evaluation import SplitEvaluation

SPLITS = ("val", "test")


@dataclass(frozen=True)
class Change:
    """A field that is not the same in both bundles. None stands for null, and for a field that is not there."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """An artifact or another file that is not the same in both: bytes on disk, and how many percent it grew."""

    name: str
    change: Literal["added", "removed", "changed"]
    before: int | None
    after: int | None
    percent: float | None


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """CCC that is not the same in both, and on how many songs each was measured.

    `difference` is after less before, by a paired bootstrap; None where the songs or their labels are not the same, so
    that the two figures say nothing of each other.
    """

    split: str
    dimension: str
    before: Interval | None
    after: Interval | None
    songs_before: int | None
    songs_after: int | None
    difference: Interval | None


@dataclass(frozen=True)
class Movement:
    """How far the golden outputs moved, by output: the largest absolute difference, None where one is no number.

    `largest` is empty, and `reason` says why, where the two bundles were not asked the same.
    """

    vectors: int
    largest: Mapping[str, float | None]
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """All that differs. `files` are those that belong to no artifact; `other` is what else the manifests say."""

    spec: tuple[Change, ...]
    artifacts: tuple[FileChange, ...]
    files: tuple[FileChange, ...]
    metrics: tuple[Agreement, ...]
    provenance: tuple[Change, ...]
    other: tuple[Change, ...]
    golden: Movement

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.spec or self.artifacts or self.files or self.metrics or self.provenance or self.other)


def compare(before: Bundle, after: Bundle) -> Difference:
    """Compare two bundles.

    Raises:
        BundleError: an evaluation or golden vectors are damaged.
    """
    artifacts, files = zip(_contents(before), _contents(after), strict=True)
    provenance, other = zip(_facts(before), _facts(after), strict=True)
    return Difference(
        spec=_changes(flatten(before.spec.to_dict()), flatten(after.spec.to_dict())),
        artifacts=_file_changes(*artifacts),
        files=_file_changes(*files),
        metrics=tuple(row for split in SPLITS for row in _agreements(split, before, after)),
        provenance=_changes(*provenance),
        other=_changes(*other),
        golden=_movement(before, after),
    )


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    names = dict.fromkeys([*before, *after])
    pairs = [Change(name, before.get(name), after.get(name)) for name in names]
    return tuple(pair for pair in pairs if pair.before != pair.after)


def _facts(bundle: Bundle) -> tuple[dict[str, Any], dict[str, Any]]:
    """Where the model comes from, and whatever else its manifest says."""
    apart = ("spec", "artifacts", "files", "provenance", "versions")
    provenance, versions = (bundle.manifest.get(name) for name in ("provenance", "versions"))
    # `recipe.training.epochs` reads better than `provenance.recipe.training.epochs`.
    origin = provenance if isinstance(provenance, Mapping) else {"provenance": provenance}
    rest = {name: value for name, value in bundle.manifest.items() if name not in apart}
    return flatten({**origin, "versions": versions}), flatten(rest)


@dataclass(frozen=True)
class _Content:
    """Hash by name of the files that make up one thing, and their bytes on disk."""

    hashes: Mapping[str, str]
    size: int


def _contents(bundle: Bundle) -> tuple[dict[str, _Content], dict[str, _Content]]:
    """What each artifact is made of, by its label, and all other files."""
    hashes = {name: str(entry["sha256"]) for name, entry in bundle.manifest["files"].items()}
    artifacts: dict[str, list[str]] = {}
    for artifact in bundle.artifacts:
        path = artifact.path.relative_to(bundle.folder).as_posix()
        own = [name for name in hashes if name == path or name.startswith(f"{path}/")]
        artifacts.setdefault(artifact.label, []).extend(own)
    taken = {name for names in artifacts.values() for name in names}

    def content(names: list[str]) -> _Content:
        return _Content({name: hashes[name] for name in names}, sum(_size(bundle.folder / name) for name in names))

    return (
        {label: content(names) for label, names in artifacts.items()},
        {name: content([name]) for name in hashes if name not in taken},
    )


def _size(path: Path) -> int:
    return path.stat().st_size


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


def _agreements(split: str, before: Bundle, after: Bundle) -> list[Agreement]:
    old, new = _figures(before, split), _figures(after, split)
    differences = _paired(old, new)
    rows = []
    for name in DIMENSIONS:
        was, now = (None if figures is None else figures.ccc[name] for figures in (old, new))
        songs, songs_now = (None if figures is None else figures.n for figures in (old, new))
        if (was, songs) != (now, songs_now):
            rows.append(
                Agreement(
                    split=split,
                    dimension=name,
                    before=was,
                    after=now,
                    songs_before=songs,
                    songs_after=songs_now,
                    difference=differences.get(name),
                )
            )
    return rows


def _figures(bundle: Bundle, split: str) -> SplitEvaluation | None:
    if EVALUATION not in bundle.manifest["files"]:
        return None
    evaluation = bundle.evaluation()
    return evaluation.test if split == "test" else evaluation.val


def _paired(old: SplitEvaluation | None, new: SplitEvaluation | None) -> dict[str, Interval]:
    """The second's CCC less the first's, where both answered for the same songs with the same labels."""
    if (
        old is None
        or new is None
        or not old.songs
        or old.songs != new.songs
        or not np.array_equal(old.labels, new.labels)
    ):
        return {}
    return paired_difference(old.labels, old.predictions, new.predictions, seed=old.bootstrap.seed)


def _movement(before: Bundle, after: Bundle) -> Movement:
    if not all(GOLDEN in bundle.manifest["files"] for bundle in (before, after)):
        return Movement(0, {}, "one of the two has no golden vectors")
    old, new = before.golden(), after.golden()
    if before.spec.outputs != after.spec.outputs:
        return Movement(0, {}, "the two answer other questions")
    heard = [(spec.audio.sample_rate, spec.audio.n_samples) for spec in (before.spec, after.spec)]
    same = all(np.array_equal(getattr(old, name), getattr(new, name)) for name in ("excerpt", "length"))
    if heard[0] != heard[1] or not same:
        return Movement(0, {}, "the golden sounds are not the same ones")
    with np.errstate(invalid="ignore"):
        moved = np.abs(new.output.astype(np.float64) - old.output).max(axis=0, initial=0.0)
    named = zip(before.spec.outputs, moved, strict=True)
    return Movement(len(old.output), {name: float(far) if np.isfinite(far) else None for name, far in named})
