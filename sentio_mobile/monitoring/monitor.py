"""Production predictions of a model: whether they drift, whether they are still right, and whether to retrain.

How chance is kept out: a week's tests, two for each quantity, are corrected together (Holm 1979), so that a week
without drift is called one with the chance `false_alarms` at most, and a difference must be large, too. Weeks are not
corrected for each other: each is a decision of its own, and of a hundred quiet weeks about one may fire. The page says
how many were tested. CCC fires only where its whole interval is under the floor.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import sha256
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.manifest import MANIFEST
from sentio_mobile.errors import InputError
from sentio_mobile.metrics.bootstrap import UNDEFINED, Intervals, by_dimension, measure, resample
from sentio_mobile.metrics.by_source import MIN_SONGS_OF_SOURCE
from sentio_mobile.metrics.significance import wilson_interval
from sentio_mobile.monitoring.drift import RESAMPLES, DriftLimits, Reference, Sample
from sentio_mobile.monitoring.log import read_labels, read_log
from sentio_mobile.monitoring.monitor_records import (
    MAX_WEEKS,
    Judged,
    Monitoring,
    MonitorSettings,
    Outside,
    Trigger,
    Week,
)
from sentio_mobile.monitoring.songs import Songs, each_once
from sentio_mobile.spec import OUTPUTS, Uncertainty

MAX_GROUPS = 50

Labels = Mapping[str, tuple[float, float]]


def monitor(
    predictions: Sequence[Path],
    bundle: Bundle,
    *,
    reference: Sequence[Path] = (),
    labels: Path | None = None,
    deployed: datetime.date | None = None,
    settings: MonitorSettings | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Monitoring:
    """Hold what a model predicted in production against a reference and against labels that came later.

    Args:
        predictions: Files with the columns that `log` describes.
        bundle: The bundle that predicted.
        reference: Predictions to hold weeks against, such as those of the first weeks; without any, those of the
            songs that the bundle was judged on.
        labels: A file with labels of songs that were predicted.
        deployed: Since when the model is in production; None for the first day of the predictions.
        settings: When to retrain.
        resamples: Number of resamples of the drift's intervals.
        seed: Random seed of the bootstrap.

    Raises:
        InputError: A file is no such table, a row is of another model, the reference has too few songs, or labels name
            no song of the log.
        BundleError: The bundle's evaluation is damaged.
        MissingExtraError: A file is Parquet, and pyarrow is not installed.
    """
    settings = settings or MonitorSettings()
    models = _hashes(bundle)
    log = read_log(predictions, models=models)
    truth, groups_of = read_labels(labels) if labels else ({}, {})
    if labels and not log.songs:
        raise InputError(
            f"{predictions[0]}: has no column 'song', by which labels are found; add it, or leave --labels out"
        )
    if labels and not truth.keys() & set(log.songs):
        raise InputError(f"{labels}: none of its songs is in the predictions; name songs alike in both")
    name, samples = _reference(bundle, reference, models)
    songs = len(next(iter(samples.values())).values)
    limits = DriftLimits(settings.false_alarms, settings.min_ks, settings.min_psi, settings.min_songs)
    held_against = Reference(samples, resamples=resamples, seed=seed)
    if min(samples[output].independent for output in OUTPUTS) < settings.min_songs:
        raise InputError(
            f"the reference, {name}, has {songs} songs that tell as much as "
            f"{min(samples[output].independent for output in OUTPUTS):.0f} independent ones, fewer than min_songs, "
            f"{settings.min_songs}; give a larger one as --reference"
        )
    judge = _Judge(truth, groups_of, bundle.spec.uncertainty, seed)
    week_of = (log.days - 1) // 7
    numbers = np.unique(week_of)
    if len(numbers) > MAX_WEEKS:
        raise InputError(
            f"{predictions[0]}: has predictions of {len(numbers):,} weeks, more than {MAX_WEEKS:,}; mend the dates"
        )
    weeks = []
    for number in numbers:
        chosen = week_of == number
        one = each_once(log, chosen)
        silent = int(((log.left_out - 1) // 7 == number).sum())
        weeks.append(
            Week(
                name=_week_name(int(number)),
                songs=len(one.values),
                left_out=silent / (silent + int(chosen.sum())),
                drift=held_against.compare(_samples(one, log.inputs), limits),
                judged=judge.of(_week_name(int(number)), one),
            )
        )
    newest = week_of > week_of.max() - settings.ccc_weeks
    recent = judge.of(f"newest {settings.ccc_weeks} weeks", each_once(log, newest)) if truth else None
    whole = each_once(log) if truth else None
    by_group = judge.groups(whole) if whole else ()
    days = datetime.date.fromordinal(int(log.days.min())), datetime.date.fromordinal(int(log.days.max()))
    first = deployed or days[0]
    judged_songs = bundle.evaluation()
    known = {song for split in (judged_songs.val, judged_songs.held_out) if split for song in split.songs}
    return Monitoring(
        model=f"{bundle.manifest.name} {bundle.manifest.release}",
        reference=name,
        reference_songs=songs,
        settings=settings,
        deployed=first.isoformat(),
        last=days[1].isoformat(),
        by_group=bool(log.groups),
        weeks=tuple(weeks),
        judged=judge.of("all", whole) if whole else None,
        recent=recent,
        groups=by_group[:MAX_GROUPS],
        groups_left_out=max(0, len(by_group) - MAX_GROUPS),
        triggers=(
            _ccc_trigger(recent, settings, asked=bool(truth)),
            _data_trigger(len(truth.keys() - known), settings, asked=bool(truth)),
            _schedule_trigger((days[1] - first).days, first, settings),
            _drift_trigger(weeks[-1], settings),
        ),
        tested_weeks=sum(bool(week.drift) for week in weeks),
    )


def _reference(bundle: Bundle, files: Sequence[Path], models: Collection[str]) -> tuple[str, dict[str, Sample]]:
    if files:
        log = read_log(files, dated=False, models=models)
        name = files[0].name if len(files) == 1 else f"{files[0].name} and {len(files) - 1} more"
        return name, _samples(each_once(log), log.inputs)
    evaluation = bundle.evaluation()
    judged = evaluation.held_out or evaluation.val
    if judged is None or not judged.songs:
        raise InputError(
            f"{bundle.folder}: its evaluation has no predictions of songs; give predictions as --reference, such as "
            "those of the first weeks in production"
        )
    samples = {name: Sample(judged.predictions[:, at]) for at, name in enumerate(OUTPUTS)}
    return "the songs that the bundle was judged on", samples


def _hashes(bundle: Bundle) -> set[str]:
    """What a log may call the bundle: by its own manifest, or by that of the bundle that it was trimmed from."""
    trimmed_from = bundle.manifest.trimmed_from
    return {sha256(bundle.folder / MANIFEST), *(() if trimmed_from is None else (trimmed_from.manifest_sha256,))}


def _samples(songs: Songs, inputs: Sequence[str]) -> dict[str, Sample]:
    found = {}
    numbers = np.unique(songs.groups, return_inverse=True)[1] if songs.groups else None
    for at, name in enumerate((*OUTPUTS, *inputs)):
        here = np.isfinite(songs.values[:, at])
        if here.any():
            found[name] = Sample(songs.values[here, at], None if numbers is None else numbers[here])
    return found


class _Judge:
    """Holds predictions against labels.

    Args:
        truth: Label of each song.
        groups: Group of each song that the labels give one.
        uncertainty: The intervals that the model states, for rows without their own.
        seed: Random seed of the bootstrap.
    """

    def __init__(self, truth: Labels, groups: Mapping[str, str], uncertainty: Uncertainty | None, seed: int) -> None:
        self._truth, self._groups, self._uncertainty, self._seed = truth, groups, uncertainty, seed

    def of(self, name: str, songs: Songs) -> Judged | None:
        """The labelled ones among some songs; None where there is none."""
        at = [i for i, song in enumerate(songs.names) if song in self._truth]
        return self._judged(name, songs, at) if at else None

    def groups(self, songs: Songs) -> tuple[Judged, ...]:
        """The labelled songs of each group: the worst first of those that can be ranked, then the others by size."""
        members: dict[str, list[int]] = {}
        for i, song in enumerate(songs.names):
            group = self._groups.get(song) or (songs.groups[i] if songs.groups else "")
            if song in self._truth and group:
                members.setdefault(group, []).append(i)
        largest = sorted(members, key=lambda name: (-len(members[name]), name))
        found = [self._judged(name, songs, members[name]) for name in largest[:MAX_GROUPS]]
        found.sort(key=lambda one: (one.ccc["mean"].value is None, one.ccc["mean"].value or -one.n))
        rest = [self._judged(name, songs, members[name]) for name in largest[MAX_GROUPS:]]
        return (*found, *rest)

    def _judged(self, name: str, songs: Songs, at: Sequence[int]) -> Judged:
        truth = np.array([self._truth[songs.names[i]] for i in at])
        predicted = songs.values[at, :2]
        ccc: Intervals = dict.fromkeys((*OUTPUTS, "mean"), UNDEFINED)
        if len(at) >= MIN_SONGS_OF_SOURCE:
            alike = [songs.groups[i] for i in at] if songs.groups else None
            ccc = by_dimension(measure(truth, predicted, resample(len(at), self._seed, alike))["ccc"])
        return Judged(name=name, n=len(at), ccc=ccc, outside=dict(self._outside(truth, predicted, songs.bounds[at])))

    def _outside(
        self, truth: NDArray[np.float64], predicted: NDArray[np.float64], bounds: NDArray[np.float64]
    ) -> Iterator[tuple[str, Outside]]:
        stated = self._uncertainty
        if stated is None:
            return
        for output, name in enumerate(OUTPUTS):
            low, high = bounds[:, 2 * output], bounds[:, 2 * output + 1]
            half = stated.half_width[output]
            low = np.where(np.isfinite(low), low, predicted[:, output] - half)
            high = np.where(np.isfinite(high), high, predicted[:, output] + half)
            out = int(((truth[:, output] < low - 1e-6) | (truth[:, output] > high + 1e-6)).sum())
            ends = wilson_interval(out, len(truth))
            yield (
                name,
                Outside(share=out / len(truth), low=ends[0], high=ends[1], stated=round(1 - stated.coverage, 6)),
            )


def _ccc_trigger(recent: Judged | None, settings: MonitorSettings, *, asked: bool) -> Trigger:
    if not asked:
        return Trigger(name="CCC", state="not asked", reason="no labels were given")
    mean = recent.ccc["mean"] if recent else UNDEFINED
    songs = recent.n if recent else 0
    weeks = f"the newest {settings.ccc_weeks} weeks"
    if songs < settings.min_labelled or mean.value is None or mean.high is None:
        reason = f"{songs} labelled songs in {weeks}; at least {settings.min_labelled} are needed"
        return Trigger(name="CCC", state="open", reason=reason)
    under = f"{mean.words(2)} on {songs} songs of {weeks}, floor {settings.floor:.2f}"
    if mean.high < settings.floor:
        return Trigger(name="CCC", state="fired", reason=f"{under}: the whole interval is under it")
    if mean.value < settings.floor:
        return Trigger(name="CCC", state="open", reason=f"{under}: the interval holds it, more labels would decide")
    return Trigger(name="CCC", state="quiet", reason=under)


def _data_trigger(songs: int, settings: MonitorSettings, *, asked: bool) -> Trigger:
    if not asked:
        return Trigger(name="new data", state="not asked", reason="no labels were given")
    reason = f"{songs} labelled songs that the bundle was not judged on; {settings.new_songs} are enough"
    return Trigger(name="new data", state="fired" if songs >= settings.new_songs else "quiet", reason=reason)


def _schedule_trigger(days: int, since: datetime.date, settings: MonitorSettings) -> Trigger:
    reason = f"{days} days since {since.isoformat()}; it is retrained every {settings.every_days}"
    return Trigger(name="schedule", state="fired" if days >= settings.every_days else "quiet", reason=reason)


def _drift_trigger(week: Week, settings: MonitorSettings) -> Trigger:
    if not week.drift:
        reason = f"{week.name} has {week.songs} songs; at least {settings.min_songs} independent ones are needed"
        return Trigger(name="drift", state="open", reason=reason)
    if week.drifted:
        named = "; ".join(
            f"{one.quantity} KS {one.ks}, PSI {one.psi}, mean {one.mean:.2f} after {one.reference_mean:.2f}"
            for one in week.drifted
        )
        return Trigger(name="drift", state="fired", reason=f"{week.name}: {named}"[:4000])
    largest = max(week.drift, key=lambda one: one.ks.value or 0.0)
    reason = f"{week.name}, {week.songs} songs: the largest difference is {largest.quantity}, KS {largest.ks}"
    return Trigger(name="drift", state="quiet", reason=reason)


def _week_name(number: int) -> str:
    year, week, _ = datetime.date.fromordinal(7 * number + 1).isocalendar()
    return f"{year:04}-W{week:02}"
