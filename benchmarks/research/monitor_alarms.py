"""False alarms and misses of `monitor`: weeks without drift, and weeks with a planted one, by its size.

    python benchmarks/research/monitor_alarms.py OUT.json [--weeks N] [--references N] [--seed N]

Songs are drawn (simulated): valence, arousal and the loudness of the input have the spread that predictions for
recorded music have. A quiet week has the distribution of the reference. What is planted:

    mean        valence is higher by so much
    spread      valence is spread by so many times as much
    loudness    the input is louder by so many standard deviations
    new music   so large a share of the songs is of another kind, which is energetic and unpleasant

Weeks stand in two ways: each with a reference of its own, as chance has it, and a hundred against one reference, which
is what a user has. `artists` are songs of 5 by each artist who is much like herself, told to the monitor or not.
CCC: labelled songs of four weeks, by the CCC of all songs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from sentio_mobile.metrics.bootstrap import by_dimension, measure, resample
from sentio_mobile.monitoring.drift import DriftLimits, Reference, Sample
from sentio_mobile.monitoring.monitor_records import MonitorSettings

SETTINGS = MonitorSettings()
LIMITS = DriftLimits(SETTINGS.false_alarms, SETTINGS.min_ks, SETTINGS.min_psi, SETTINGS.min_songs)
SIZES: dict[str, tuple[float, ...]] = {
    "mean": (0.02, 0.05, 0.1, 0.15, 0.2, 0.3),
    "spread": (1.1, 1.25, 1.5, 2.0),
    "loudness": (0.1, 0.25, 0.5, 1.0),
    "new music": (0.05, 0.1, 0.2, 0.3, 0.5),
}
PER_ARTIST = 5
CCC_SONGS = (50, 100, 200)

Week = dict[str, Sample]


def draw(rng: np.random.Generator, songs: int, *, artists: bool = False, told: bool = True) -> Week:
    """Songs of the reference's distribution."""
    count = -(-songs // PER_ARTIST) if artists else songs
    centre = rng.normal((0.1, 0.05, 0.0), (0.28, 0.35, 1.0), (count, 3))
    groups = np.repeat(np.arange(count), PER_ARTIST)[:songs] if artists else None
    values = (
        centre
        if groups is None
        else np.sqrt(0.7) * centre[groups] + np.sqrt(0.3) * rng.normal((0.1, 0.05, 0.0), (0.28, 0.35, 1.0), (songs, 3))
    )
    values[:, :2] = np.clip(values[:, :2], -1, 1)
    named = zip(("valence", "arousal", "input_loudness"), values.T, strict=True)
    return {name: Sample(column.copy(), groups if told else None) for name, column in named}


def plant(rng: np.random.Generator, week: Week, kind: str, size: float) -> Week:
    """The week with a drift of this size."""
    values = {name: sample.values.copy() for name, sample in week.items()}
    if kind == "mean":
        values["valence"] += size
    elif kind == "spread":
        values["valence"] = 0.1 + size * (values["valence"] - 0.1)
    elif kind == "loudness":
        values["input_loudness"] += size
    else:
        other = rng.random(len(values["valence"])) < size
        values["valence"][other] = rng.normal(-0.4, 0.15, int(other.sum()))
        values["arousal"][other] = rng.normal(0.5, 0.15, int(other.sum()))
    for name in ("valence", "arousal"):
        values[name] = np.clip(values[name], -1, 1)
    return {name: Sample(values[name], sample.groups) for name, sample in week.items()}


def fires(reference: Reference, week: Week) -> bool:
    """Whether the week counts as a drift."""
    return any(one.drifted for one in reference.compare(week, LIMITS))


def share(weeks: int, fired: Callable[[int], bool]) -> float:
    """The share of so many weeks that fire."""
    return round(sum(fired(week) for week in range(weeks)) / weeks, 4)


def ccc_table(rng: np.random.Generator, weeks: int) -> dict[str, dict[str, float]]:
    """Share of months in which the CCC's trigger fires, by the CCC of all songs and the labelled ones."""
    found: dict[str, dict[str, float]] = {}
    spread = np.array([0.28, 0.35])
    for target in (0.5, 0.6, 0.65, 0.7, 0.75, 0.8):
        # Predictions that vary as labels do: CCC is then the correlation.
        row = {}
        for songs in CCC_SONGS:

            def fired(month: int, songs: int = songs, target: float = target) -> bool:
                truth = rng.normal(0, spread, (songs, 2))
                predicted = target * truth + np.sqrt(1 - target**2) * rng.normal(0, spread, (songs, 2))
                mean = by_dimension(measure(truth, predicted, resample(songs, month, resamples=500))["ccc"])["mean"]
                return mean.high is not None and mean.high < SETTINGS.floor

            row[str(songs)] = share(weeks, fired)
        found[f"{target:.2f}"] = row
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the weeks, print the tables and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the record to write")
    parser.add_argument("--weeks", type=int, default=1000, help="weeks of each row")
    parser.add_argument("--references", type=int, default=20, help="references that a hundred weeks are held against")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    rng, weeks = np.random.default_rng(options.seed), options.weeks

    def fresh(songs: int) -> Reference:
        return Reference(draw(rng, songs), resamples=1)

    def alarm(before: int, after: int, *, artists: bool = False, told: bool = True) -> Callable[[int], bool]:
        return lambda _: fires(fresh(before), draw(rng, after, artists=artists, told=told))

    def found(after: int, kind: str, size: float) -> Callable[[int], bool]:
        return lambda _: fires(fresh(300), plant(rng, draw(rng, after), kind, size))

    quiet: dict[str, float] = {}
    for before, after in ((100, 100), (300, 100), (300, 500), (2000, 500), (2000, 5000)):
        quiet[f"{before} songs before, {after} a week"] = share(weeks, alarm(before, after))
    for told in (True, False):
        row = f"2000 songs before, 500 a week by 100 artists, {'told' if told else 'not told'}"
        quiet[row] = share(weeks, alarm(2000, 500, artists=True, told=told))
    hundreds = []
    for _ in range(options.references):
        reference = fresh(300)
        hundreds.append(sum(fires(reference, draw(rng, 300)) for _ in range(100)))
    planted: dict[str, dict[str, dict[str, float]]] = {}
    for kind, sizes in SIZES.items():
        planted[kind] = {}
        for size in sizes:
            planted[kind][f"{size:g}"] = {
                f"{after} a week": share(weeks // 5, found(after, kind, size)) for after in (100, 500)
            }
    record = {
        "simulated": True,
        "weeks": weeks,
        "seed": options.seed,
        "settings": {
            name: getattr(SETTINGS, name) for name in ("false_alarms", "min_ks", "min_psi", "min_songs", "floor")
        },
        "quiet": quiet,
        "of_a_hundred_quiet_weeks": {
            "against one reference of 300 songs, 300 a week": hundreds,
            "references": len(hundreds),
            "with_more_than_five": sum(alarms > 5 for alarms in hundreds),
            "most": max(hundreds),
            "mean": round(float(np.mean(hundreds)), 3),
        },
        "planted": planted,
        "ccc": ccc_table(rng, weeks // 5),
    }
    options.out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    for row, value in quiet.items():
        print(f"quiet, {row}: {value:.1%} fire")
    print(
        f"of a hundred quiet weeks against one reference, {len(hundreds)} references: mean {np.mean(hundreds):.2f}, "
        f"most {max(hundreds)}, more than five in {sum(alarms > 5 for alarms in hundreds)}"
    )
    for kind, rows in planted.items():
        for label, by_songs in rows.items():
            print(f"{kind} {label}: " + ", ".join(f"{name} {value:.0%}" for name, value in by_songs.items()))


if __name__ == "__main__":
    main()
