"""Whether the values of a week are spread as those of a reference: two statistics, each with an interval and a test.

- KS: the largest difference of the two cumulative distributions (Kolmogorov 1933, Smirnov 1939), by scipy.
- PSI: the population stability index (Siddiqi 2006, "Credit Risk Scorecards"), which is Jeffreys' divergence of the two
  histograms over bins that hold equal shares of the reference. Without any drift it is not zero: so many times
  1/n + 1/m as there are bins but one, and distributed as chi-squared (Yurdakul & Naranjo 2020, "Statistical properties
  of the population stability index"). The figures here are less that expectation, and the test is of that distribution.

A reference is a sample, too: one that chance made unusual would let quiet weeks fire again and again. So a week must
also differ more than it would from a reference as unusual as one in twenty is, at five times `alpha`. For KS that is
the band of Dvoretzky, Kiefer & Wolfowitz with Massart's constant (1990); for PSI chi-squared becomes noncentral.

Songs of one group, such as an artist, are alike, so that they tell less than as many songs of different groups. Tests
count them by Kish's design effect (1965, "Survey Sampling"), and the bootstrap draws whole groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import chi2, ks_2samp, kstwo, ncx2

from sentio_mobile._internal.records import Count, Finite, Name, NonNegative, Record, Share, replace
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.metrics.significance import holm

RESAMPLES = 1000
CELLS = 100
"""Cells of equal shares of the reference that resamples are counted in."""
BINS = 10
"""Bins of the PSI for many songs, as is usual. Fewer songs have fewer bins, of at least `PER_BIN` songs each."""
PER_BIN = 5
UNLUCKY = 0.05
"""Share of references that are more unusual than what is allowed for."""
MORE_ALARMS = 5
"""How many times as many quiet weeks as `alpha` may fire with the most unusual reference that is allowed for."""
_AT_ONCE = 100
"""Resamples of groups that are in memory at once."""


class Drift(Record, frozen=True, kw_only=True):
    """One quantity of a week against the reference."""

    quantity: Name  # what it is: valence, arousal, or an input's summary
    n: Count  # songs of the week
    independent: NonNegative  # as many independent songs tell the same, where songs of one group are alike
    mean: Finite  # mean in the week
    reference_mean: Finite  # mean in the reference
    ks: Interval  # largest difference of the cumulative distributions, with its bootstrap 95% interval
    psi: Interval  # population stability index, less what chance gives, with its bootstrap 95% interval
    psi_raw: NonNegative  # the index as it is usually computed
    ks_p: Share  # chance of so large a KS without drift
    psi_p: Share  # chance of so large a PSI without drift
    p: Share  # the smaller of the two, corrected for all tests of the week (Holm 1979)
    p_unlucky: Share  # the same, if the reference were as unusual as one in twenty is
    drifted: bool  # whether chance does not explain it in either way, and the difference is too large to be ignored


@dataclass(frozen=True)
class DriftLimits:
    """When a difference is a drift.

    Attributes:
        alpha: Chance that a week without drift is called one.
        min_ks: Smallest KS that matters.
        min_psi: Smallest PSI that matters.
        min_songs: Smallest number of independent songs that a week is tested with.
    """

    alpha: float
    min_ks: float
    min_psi: float
    min_songs: int


@dataclass(frozen=True)
class Sample:
    """Values of songs.

    Attributes:
        values: One value of each song [songs].
        groups: Number of the group of each song [songs]; None where songs are independent.
    """

    values: NDArray[np.float64]
    groups: NDArray[np.int64] | None = None

    @property
    def independent(self) -> float:
        """The number of independent songs that tell the same, by Kish's design effect of the values' ranks."""
        songs = len(self.values)
        if self.groups is None or songs < 2:
            return float(songs)
        sizes = np.bincount(self.groups)
        sizes = sizes[sizes > 0]
        if len(sizes) == songs:
            return float(songs)
        if len(sizes) == 1:
            return 1.0
        ranks = np.argsort(np.argsort(self.values, kind="stable"), kind="stable").astype(np.float64)
        means = np.bincount(self.groups, ranks)[np.unique(self.groups)] / sizes
        between = float((sizes * (means - ranks.mean()) ** 2).sum()) / (len(sizes) - 1)
        within = max(0.0, float(((ranks - ranks.mean()) ** 2).sum()) - between * (len(sizes) - 1))
        within /= songs - len(sizes)
        usual = (songs - float((sizes**2).sum()) / songs) / (len(sizes) - 1)
        alike = (between - within) / (between + (usual - 1) * within) if between + within > 0 else 1.0
        return songs / (1 + (float((sizes**2).sum()) / songs - 1) * min(1.0, max(0.0, alike)))


class Reference:
    """What weeks are held against. Its resamples are drawn once.

    Args:
        samples: The values of each quantity.
        resamples: Number of resamples for intervals.
        seed: Random seed of the resamples.
    """

    def __init__(self, samples: Mapping[str, Sample], *, resamples: int = RESAMPLES, seed: int = 0) -> None:
        self.samples = dict(samples)
        self._resamples, self._rng = resamples, np.random.default_rng(seed)
        inner = np.arange(1, CELLS) / CELLS
        self._edges = {name: np.quantile(one.values, inner) for name, one in self.samples.items()}
        self._drawn = {name: self._draw(name, one) for name, one in self.samples.items()}

    def compare(self, week: Mapping[str, Sample], limits: DriftLimits) -> tuple[Drift, ...]:
        """Compare a week with the reference, in the quantities that both have.

        Two tests of each quantity are made, and corrected for their number.

        Args:
            week: The values of each quantity.
            limits: When a difference is a drift.

        Returns:
            Each quantity; none where the week, or the reference, has too few independent songs for it.
        """
        names = [
            name
            for name, sample in week.items()
            if name in self.samples and min(sample.independent, self.samples[name].independent) >= limits.min_songs
        ]
        found = [self._one(name, week[name], UNLUCKY / (2 * len(names))) for name in names]
        corrected = np.reshape(holm([p for one, _ in found for p in (one.ks_p, one.psi_p)]), (-1, 2)).tolist()
        unlucky = np.reshape(holm([p for _, pair in found for p in pair]), (-1, 2)).tolist()
        return tuple(
            _judged(one, chance, worst, limits)
            for (one, _), chance, worst in zip(found, corrected, unlucky, strict=True)
        )

    def _one(self, name: str, week: Sample, rare: float) -> tuple[Drift, tuple[float, float]]:
        """A quantity before it is corrected, and both chances of so large a difference from a reference this rare."""
        before = self.samples[name]
        first, second = before.independent, week.independent
        scale = 1 / first + 1 / second
        tested = ks_2samp(before.values, week.values, method="asymp")
        statistic = float(tested.statistic)
        grouped = (first, second) != (len(before.values), len(week.values))
        ks_p = float(kstwo.sf(statistic, max(1, round(1 / scale)))) if grouped else float(tested.pvalue)
        old, new = (counts[None] for counts in (self._counts(name, before), self._counts(name, week)))
        bins = _bins(old[0], max(2, min(BINS, int(min(first, second) // PER_BIN))))
        freedom = int(bins.max())
        raw, chance = float(_psi(old, new, bins)[0]), freedom * scale
        old_drawn, new_drawn = self._drawn[name], self._draw(name, week)
        moved = np.abs(_steps(new_drawn) - _steps(new) - _steps(old_drawn) + _steps(old)).max(axis=1)
        reach = float(np.quantile(moved, 0.95)) if len(moved) else 1.0
        # A resample differs from its sample as that does from all songs: chance counts twice.
        drawn = _psi(old_drawn, new_drawn, bins) - 2 * chance if len(moved) else np.zeros(1)
        low, high = np.quantile(drawn, (0.025, 0.975))
        psi = max(0.0, raw - chance)
        band = float(np.sqrt(np.log(2 / rare) / (2 * first)))
        noncentral = second / first * float(chi2.isf(rare, freedom)) if freedom else 0.0
        unlucky = (
            float(kstwo.sf(max(0.0, statistic - band), max(1, round(second)))),
            float(ncx2.sf(raw * second, freedom, noncentral)) if freedom else 1.0,
        )
        drift = Drift(
            quantity=name,
            n=len(week.values),
            independent=second,
            mean=float(week.values.mean()),
            reference_mean=float(before.values.mean()),
            ks=Interval(statistic, max(0.0, statistic - reach), min(1.0, statistic + reach)),
            psi=Interval(psi, min(psi, max(0.0, float(low))), max(psi, float(high))),
            psi_raw=raw,
            ks_p=ks_p,
            psi_p=float(chi2.sf(raw / scale, freedom)) if freedom else 1.0,
            p=1.0,
            p_unlucky=1.0,
            drifted=False,
        )
        return drift, unlucky

    def _cells(self, name: str, sample: Sample) -> NDArray[np.int64]:
        return np.asarray(np.searchsorted(self._edges[name], sample.values, side="left"), dtype=np.int64)

    def _counts(self, name: str, sample: Sample) -> NDArray[np.float64]:
        return np.bincount(self._cells(name, sample), minlength=CELLS).astype(np.float64)

    def _draw(self, name: str, sample: Sample) -> NDArray[np.float64]:
        """Songs of each resample by cell [resamples, cells]."""
        cells, songs = self._cells(name, sample), len(sample.values)
        if sample.groups is None:
            counts = np.bincount(cells, minlength=CELLS)
            return self._rng.multinomial(songs, counts / songs, size=self._resamples).astype(np.float64)
        _, unit = np.unique(sample.groups, return_inverse=True)
        units = int(unit.max()) + 1
        table = csr_array((np.ones(songs), (unit, cells)), shape=(units, CELLS))
        drawn = [np.zeros((0, CELLS))]
        for begin in range(0, self._resamples, _AT_ONCE):
            many = min(_AT_ONCE, self._resamples - begin)
            weights = self._rng.multinomial(units, np.full(units, 1 / units), size=many)
            drawn.append(np.asarray(weights.astype(np.float64) @ table))
        return np.concatenate(drawn)


def _judged(found: Drift, corrected: Sequence[float], unlucky: Sequence[float], limits: DriftLimits) -> Drift:
    large = (found.ks.value or 0.0) >= limits.min_ks, (found.psi.value or 0.0) >= limits.min_psi
    drifted = any(
        matters and chance <= limits.alpha and worst <= MORE_ALARMS * limits.alpha
        for matters, chance, worst in zip(large, corrected, unlucky, strict=True)
    )
    return replace(found, p=min(corrected), p_unlucky=min(unlucky), drifted=drifted)


def _bins(counts: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """The bin of each cell. Bins without a song of the reference, which ties leave, join the bin below."""
    bin_of = np.arange(CELLS) * bins // CELLS
    occupied = np.bincount(bin_of, counts, minlength=bins) > 0
    return np.asarray(np.maximum(np.cumsum(occupied) - 1, 0)[bin_of], dtype=np.int64)


def _steps(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cumulative distribution at the ends of cells [resamples, cells]."""
    return np.cumsum(counts, axis=1) / counts.sum(axis=1, keepdims=True)


def _psi(first: NDArray[np.float64], second: NDArray[np.float64], bins: NDArray[np.int64]) -> NDArray[np.float64]:
    """The population stability index of each pair of rows [resamples]. Half a song more in each bin avoids log(0)."""
    joined = np.zeros((CELLS, int(bins.max()) + 1))
    joined[np.arange(CELLS), bins] = 1
    shares = []
    for counts in (first, second):
        in_bins = counts @ joined + 0.5
        shares.append(in_bins / in_bins.sum(axis=1, keepdims=True))
    p, q = shares
    return np.asarray(((p - q) * np.log(p / q)).sum(axis=1))
