"""What `monitor` holds production to, and what it found: records, readable as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from sentio_mobile._internal.records import Count, Name, Record, Share, Size, Text
from sentio_mobile.metrics.bootstrap import Intervals
from sentio_mobile.monitoring.drift import Drift

State = Literal["fired", "quiet", "open", "not asked"]
"""`open`: it could not be decided. `not asked`: what it needs was not given."""

Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
"""A day in UTC, such as 2026-11-29."""
WeekName = Annotated[str, Meta(pattern=r"^[0-9]{4}-W[0-9]{2}\Z")]
"""A week of ISO 8601, from Monday to Sunday in UTC, such as 2026-W48."""


MAX_WEEKS = 5200
"""Weeks with predictions of the longest log: those of a hundred years."""


class MonitorSettings(Record, frozen=True, kw_only=True):
    """When a model is to be retrained."""

    floor: Share = 0.65  # mean CCC under which it is to be retrained
    ccc_weeks: Annotated[int, Meta(ge=1, le=520)] = 4  # newest weeks whose labelled songs that CCC is of
    min_labelled: Annotated[int, Meta(ge=10, le=1_000_000)] = 30  # labelled songs without which CCC decides nothing
    new_songs: Count = 500  # new labelled songs that are enough to retrain
    every_days: Annotated[int, Meta(ge=1, le=3650)] = 90  # days in production after which it is retrained anyway
    # chance that a week without drift is called one: 0.01 is one week in a hundred
    false_alarms: Annotated[float, Meta(gt=0, le=0.2)] = 0.01
    min_ks: Share = 0.1  # smallest KS that matters
    min_psi: Annotated[float, Meta(ge=0, le=10)] = 0.1  # smallest PSI, less what chance gives, that matters
    min_songs: Annotated[int, Meta(ge=20, le=1_000_000)] = 50  # independent songs without which a week is not tested


class Outside(Record, frozen=True, kw_only=True):
    """Share of songs whose label lies outside of the model's interval."""

    share: Share  # the share
    low: Share  # lower end of its Wilson 95% interval
    high: Share  # upper end of its Wilson 95% interval
    stated: Share  # the share that the model states

    @property
    def words(self) -> str:
        """The share and its interval."""
        return f"{self.share:.0%} [{self.low:.0%}, {self.high:.0%}]"


class Judged(Record, frozen=True, kw_only=True):
    """Predictions against labels that came later."""

    name: Text  # the week, the group, or what else was judged
    n: Count  # labelled songs
    ccc: Intervals  # CCC of valence, arousal and their mean; undefined for fewer than 10 songs
    outside: Annotated[dict[Name, Outside], Meta(max_length=2)]  # by output; empty where no interval is known


class Week(Record, frozen=True, kw_only=True):
    """A week of production."""

    name: WeekName  # its name
    songs: Size  # songs that were predicted, each once
    left_out: Share  # share of rows without a prediction, or in which nothing could be heard
    drift: Annotated[tuple[Drift, ...], Meta(max_length=32)]  # each quantity; empty where there are too few songs
    judged: Judged | None  # its labelled songs; None where there is none

    @property
    def drifted(self) -> tuple[Drift, ...]:
        """The quantities that drifted."""
        return tuple(one for one in self.drift if one.drifted)


class Trigger(Record, frozen=True, kw_only=True):
    """A reason to retrain."""

    name: Literal["CCC", "new data", "schedule", "drift"]  # which one
    state: State  # whether it fired
    reason: Text  # the figures


class Monitoring(Record, frozen=True, kw_only=True):
    """monitor.json: what production shows of a model."""

    schema: Literal[1] = 1  # version of this record
    model: Name  # name and release of the bundle
    reference: Text  # what weeks are held against
    reference_songs: Count  # songs of it
    settings: MonitorSettings  # what production was held to
    deployed: Day  # since when the model is in production
    last: Day  # the last day of the predictions
    by_group: bool  # whether songs of one group are taken for alike
    weeks: Annotated[
        tuple[Week, ...], Meta(min_length=1, max_length=MAX_WEEKS)
    ]  # weeks with predictions, the oldest first
    judged: Judged | None  # all labelled songs; None without labels
    recent: Judged | None  # those of the newest weeks, which the CCC's trigger is of
    groups: Annotated[tuple[Judged, ...], Meta(max_length=50)]  # labelled songs by group, the worst first
    groups_left_out: Size  # further groups, which have fewer songs
    triggers: Annotated[tuple[Trigger, ...], Meta(max_length=4)]  # each reason to retrain
    tested_weeks: Size  # weeks that were tested for drift

    @property
    def state(self) -> State:
        """Fired where a trigger fired, open where one could not be decided, else quiet."""
        states = {one.state for one in self.triggers}
        return "fired" if "fired" in states else "open" if "open" in states else "quiet"

    @property
    def headline(self) -> str:
        """The outcome in a sentence."""
        named = ", ".join(one.name for one in self.triggers if one.state == self.state)
        return {
            "fired": f"Retrain {self.model}: {named}.",
            "open": f"Not decided for {self.model}: {named}.",
        }.get(self.state, f"Nothing asks for retraining {self.model}.")
