"""The runs below a folder: what each made, what it is worth, and what people decided of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, field

from sentio_mobile._internal.files import is_file
from sentio_mobile._internal.quantities import parameters_in_words
from sentio_mobile._internal.records import Count, Name, Record, Text, from_plain, read_plain, read_record, write_record
from sentio_mobile.bundle.bundle import EVALUATION
from sentio_mobile.bundle.manifest import MANIFEST, flatten, parse_manifest, read_manifest_bytes
from sentio_mobile.errors import BundleError, DataError, InputError
from sentio_mobile.metrics.agreement import paired_difference
from sentio_mobile.metrics.bootstrap import Interval, Intervals
from sentio_mobile.metrics.evaluation import Evaluation, SplitEvaluation

STATE, DECISION = "run.json", "decision.json"
"""The file by which the folder of a run is known, and what people decided of it."""

Status = Literal["production", "candidate", "deprecated"]

_DEPTH = 3
"""Folders below the one that is given in which runs are looked for."""

Settings = Annotated[dict[Name, object], Meta(max_length=1000)]


class RunDecision(Record, frozen=True, kw_only=True):
    """decision.json: what people decided of a run."""

    schema: Literal[1] = 1  # version of this record
    status: Status = "candidate"  # production: it is what users have; deprecated: it is not to be used any more
    note: Text = ""  # why, or what was tried


class Run(Record, frozen=True, kw_only=True):
    """One run, as far as it has come."""

    folder: Text  # where it is
    id: Name  # the experiment: the first 8 digits of the hash of the student's weights; "-" before there are any
    name: Name  # {model}-{architecture}-v{version}-ccc{value}, or the folder's name before there is a student
    date: Name  # when its last step ended, in UTC
    finished: bool  # whether there is a bundle
    status: Status  # what people decided
    note: Text  # their note
    parameters: Name  # weights of the student, in words; "-" before there are any
    val: Interval | None  # mean CCC on validation songs
    test: Interval | None  # mean CCC on test songs, or that of a cross-validation
    judged_on: Count | None  # number of songs that `test` is of
    cross_validated: bool  # whether `test` is of a cross-validation
    settings: Settings  # the settings that it was made with


class RunComparison(Record, frozen=True, kw_only=True):
    """Two runs side by side."""

    first: Run  # the first
    second: Run  # the second
    settings: Annotated[dict[Name, tuple[object, object]], Meta(max_length=2000)]  # settings that differ
    # the second's CCC minus the first's, by a paired bootstrap; None unless they were judged on the same songs
    difference: Intervals | None
    reason: Text  # why there is no difference; empty where there is one


def find_runs(root: Path) -> tuple[Run, ...]:
    """The runs in a folder and below, the newest first.

    Raises:
        InputError: There is none, or a record of one is damaged.
    """
    if not root.is_dir():
        raise InputError(f"{root}: is no folder; give the one that holds your runs")
    runs = [read_run(folder) for folder in _folders(root)]
    if not runs:
        raise InputError(f"{root}: holds no run; `train`, `run` and `quickstart` make one in their --out")
    return tuple(sorted(runs, key=lambda run: run.date, reverse=True))


def read_run(folder: Path) -> Run:
    """Read what is known of a run.

    Raises:
        InputError: It is no run, or one of its records is damaged.
    """
    return _run(folder, _made(folder))


def _run(folder: Path, made: _Made) -> Run:
    """What is known of a run, from what it has made."""
    decision = read_decision(folder)
    evaluation = made.evaluation
    judged = evaluation.held_out
    return Run(
        folder=str(folder),
        id=made.weights[:8] or "-",
        name=_name(made, judged) or folder.resolve().name,
        date=_date(folder),
        finished=made.finished,
        status=decision.status,
        note=decision.note,
        parameters=made.parameters,
        val=evaluation.val.ccc["mean"] if evaluation.val else None,
        test=judged.ccc["mean"] if judged else None,
        judged_on=judged.n if judged else None,
        cross_validated=judged is not None and evaluation.test is None,
        settings=dict(made.settings),
    )


def read_decision(folder: Path) -> RunDecision:
    """What people decided of a run: a candidate, where nobody said anything."""
    path = folder / DECISION
    return read_record(RunDecision, path, DataError) if is_file(path) else RunDecision()


def mark(folder: Path, status: Status, note: str | None = None) -> tuple[Run, ...]:
    """Record a decision. There is one run in production beside each other: the one before becomes deprecated.

    Args:
        folder: The run.
        status: Its new status.
        note: A note, in place of the one that is there.

    Returns:
        The run, and those whose status changed with it.

    Raises:
        InputError: It is no run.
        OutputError: It cannot be written.
    """
    before = read_run(folder)
    write_record(folder / DECISION, RunDecision(status=status, note=before.note if note is None else note))
    changed = [read_run(folder)]
    for other in _folders(folder.resolve().parent) if status == "production" else ():
        decision = read_decision(other)
        if other.resolve() != folder.resolve() and decision.status == "production":
            write_record(other / DECISION, RunDecision(status="deprecated", note=decision.note))
            changed.append(read_run(other))
    return tuple(changed)


def compare_runs(first: Path, second: Path, seed: int = 0) -> RunComparison:
    """Compare two runs: their settings, and their CCC on the same songs.

    Args:
        first: The first run.
        second: The second run.
        seed: Random seed of the bootstrap.

    Raises:
        InputError: One of them is no run.
    """
    made = _made(first), _made(second)
    runs = _run(first, made[0]), _run(second, made[1])
    judged = [one.evaluation.held_out for one in made]
    difference, reason = None, why_not_comparable(judged)
    if not reason and judged[0] is not None and judged[1] is not None:
        difference = paired_difference(judged[0].labels, judged[0].predictions, judged[1].predictions, seed)
    names = dict.fromkeys([*runs[0].settings, *runs[1].settings])
    pairs = {name: (runs[0].settings.get(name), runs[1].settings.get(name)) for name in names}
    return RunComparison(
        first=runs[0],
        second=runs[1],
        settings={name: pair for name, pair in pairs.items() if pair[0] != pair[1]},
        difference=difference,
        reason=reason,
    )


def why_not_comparable(judged: Sequence[SplitEvaluation | None]) -> str:
    """Why two models cannot be compared song by song; empty where they can."""
    first, second = judged
    if first is None or second is None:
        return "one of them was not judged on songs that it had not heard"
    if not first.songs or not second.songs:
        return "one of them does not say which songs it was judged on"
    if first.songs != second.songs or first.truth != second.truth:
        return "they were judged on other songs, or on other labels of them"
    return ""


class _Made(Record, frozen=True, kw_only=True):
    """What a run has made."""

    name: Name = "emotion"
    release: Name = "1"
    architecture: Text = ""
    weights: Text = ""
    parameters: Name = "-"
    finished: bool = False
    evaluation: Evaluation = Evaluation()
    settings: Settings = field(default_factory=dict)


def _made(folder: Path) -> _Made:
    """What a run has made.

    Raises:
        InputError: It is no run, or one of its records is damaged.
    """
    if not is_file(folder / STATE):
        raise InputError(f"{folder}: is no run (no {STATE}); give the --out of a `train`, `run` or `quickstart`")
    bundle = folder / "bundle"
    if is_file(bundle / MANIFEST):
        manifest = parse_manifest(read_manifest_bytes(bundle), bundle)
        path = bundle / EVALUATION
        return _Made(
            name=manifest.name,
            release=manifest.release,
            architecture=manifest.spec.architecture,
            weights=manifest.provenance.checkpoint_sha256 or "",
            parameters=manifest.parameters_in_words,
            finished=True,
            evaluation=from_plain(Evaluation, read_plain(path, BundleError), str(path), BundleError),
            settings=_plain(manifest.provenance.recipe),
        )
    if is_file(folder / "student" / "checkpoint.json"):
        from sentio_mobile.models.checkpoint import read_sheet

        sheet = read_sheet(folder / "student")
        return _Made(
            architecture=sheet.spec.architecture,
            weights=sheet.weights_sha256,
            parameters=parameters_in_words(sheet.parameters_folded or sheet.parameters, sheet.parameters),
            evaluation=sheet.evaluation,
            settings=_plain(sheet.recipe),
        )
    return _Made()


def _plain(recipe: Mapping[str, object]) -> dict[str, object]:
    return dict(list(flatten(dict(recipe)).items())[:1000])


def _name(made: _Made, judged: SplitEvaluation | None) -> str:
    if not made.architecture:
        return ""
    value = judged.ccc["mean"].value if judged else None
    worth = "none" if value is None else f"{value:.2f}"
    return f"{made.name}-{made.architecture}-v{made.release}-ccc{worth}"


def _date(folder: Path) -> str:
    when = datetime.fromtimestamp((folder / STATE).stat().st_mtime, UTC)
    return when.isoformat(sep=" ", timespec="minutes")[:16]


def _folders(root: Path) -> list[Path]:
    """The folders of runs in a folder and below; what is inside of a run is not looked through."""
    found, level = [], [root]
    for _ in range(_DEPTH + 1):
        found += [folder for folder in level if is_file(folder / STATE)]
        level = [below for folder in level if not is_file(folder / STATE) for below in _below(folder)]
    return found


def _below(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(one.path) for one in entries if one.is_dir() and not one.name.startswith("."))
    except OSError:
        return []
