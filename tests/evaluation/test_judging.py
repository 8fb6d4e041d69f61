"""What is said of answers: pairs, parts, misses and intervals, on answers that were planted."""

import numpy as np
import pytest
from scipy.stats import binomtest

from sentio_mobile.data.clip_table import ClipRow
from sentio_mobile.evaluation.calibration import LEVELS, calibration
from sentio_mobile.evaluation.slices import QUADRANTS, THIRDS, quadrant_of, slices, third_of
from sentio_mobile.evaluation.worst_songs import error_factors, worst_songs
from sentio_mobile.metrics.bootstrap import resample
from sentio_mobile.metrics.significance import compare_models, holm
from sentio_mobile.spec import Uncertainty

SONGS = 120
RNG = np.random.default_rng(0)
TRUTH = RNG.uniform(-0.9, 0.9, (SONGS, 2)).astype(np.float32)
GOOD = (TRUTH + RNG.normal(0, 0.1, TRUTH.shape)).astype(np.float32)
BAD = (TRUTH + RNG.normal(0, 0.6, TRUTH.shape)).astype(np.float32)
DRAWS = resample(SONGS, 0)


def songs(peaks: np.ndarray) -> list[ClipRow]:
    return [
        ClipRow(
            song_id=f"song {i}",
            window=0,
            start=0.0,
            row=i,
            split="test",
            group="group",
            valence=0.0,
            arousal=0.0,
            path="",
            sha256="",
            seconds=30.0,
            peak=float(peak),
            clipped=0.0,
        )
        for i, peak in enumerate(peaks)
    ]


def test_the_better_of_two_models_is_found_and_of_three_each_pair_is_compared() -> None:
    alike = GOOD[:, ::1] + np.float32(1e-4)
    found = {
        (p.first, p.second): p for p in compare_models(TRUTH, {"good": GOOD, "bad": BAD, "alike": alike}, DRAWS, 0.2)
    }
    assert list(found) == [("good", "bad"), ("good", "alike"), ("bad", "alike")]
    worse = found["good", "bad"]
    assert worse.verdict == "good is better"
    assert worse.difference["mean"].high < 0
    assert found["bad", "alike"].verdict == "alike is better"
    assert found["good", "alike"].verdict == "no difference shown"


def test_mcnemar_counts_the_songs_that_one_model_alone_hits() -> None:
    pair = compare_models(TRUTH, {"good": GOOD, "bad": BAD}, DRAWS, 0.2)[0]
    for i, name in enumerate(("valence", "arousal")):
        one, other = (np.abs(given[:, i] - TRUTH[:, i]) <= 0.2 for given in (GOOD, BAD))
        hits = pair.hits[name]
        assert (hits.first_only, hits.second_only) == ((one & ~other).sum(), (other & ~one).sum())
        assert hits.p == pytest.approx(binomtest(hits.first_only, hits.first_only + hits.second_only).pvalue)
        assert hits.p <= hits.p_holm < 0.05


def test_models_that_hit_the_same_songs_are_not_told_apart() -> None:
    pair = compare_models(TRUTH, {"one": GOOD, "other": GOOD.copy()}, DRAWS, 0.2)[0]
    assert pair.hits["valence"].p == 1.0
    assert pair.verdict == "no difference shown"


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_quadrants_are_russells_and_thirds_have_as_many_songs() -> None:
    labels = np.array([[0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5], [0.5, -0.5], [0.0, 0.0]])
    assert quadrant_of(labels).tolist() == [0, 1, 2, 3, 0]
    assert np.bincount(third_of(TRUTH)).tolist() == [SONGS // 3] * 3


def test_answers_that_are_pulled_to_neutral_are_seen_to_be_most_of_all_for_extreme_songs() -> None:
    groups = ["large"] * 100 + ["small"] * 16 + ["few"] * 4
    found = {one.name: one for one in slices(TRUTH, TRUTH * np.float32(0.5), groups, DRAWS)}
    assert set(found) == {*QUADRANTS, *THIRDS, "large", "small"}
    outward = [found[name].outward.value for name in THIRDS]
    assert outward[2] < outward[1] < outward[0] < 0
    assert found["extreme"].outward.excludes_zero
    assert found["tense (V- A+)"].bias["valence"].value > 0 > found["tense (V- A+)"].bias["arousal"].value
    assert found["large"].songs == 100


def test_a_part_of_few_songs_has_no_concordance() -> None:
    found = {one.name: one for one in slices(TRUTH, GOOD, ["a"] * 112 + ["b"] * 8, DRAWS)}
    assert found["b"].ccc["mean"].value is None
    assert found["b"].mae["mean"].value is not None


def test_what_the_missed_songs_have_in_common_is_found() -> None:
    loud = np.arange(SONGS) % 4 == 0
    predicted = np.where(loud[:, None], -TRUTH, GOOD).astype(np.float32)
    units = RNG.uniform(0, 1, (SONGS, 8, 40))
    listed = songs(np.where(loud, 1.0, 0.3))
    found = worst_songs(listed, TRUTH, predicted=predicted, factors=error_factors(listed, TRUTH, units))
    assert "peak level of the clip" in {factor.name for factor in found.factors if factor.is_significant}
    assert all(int(miss.song_id.split()[1]) % 4 == 0 for miss in found.songs)
    assert [miss.distance for miss in found.songs] == sorted((m.distance for m in found.songs), reverse=True)


def test_nothing_is_found_where_songs_are_missed_at_random() -> None:
    listed = songs(RNG.uniform(0.2, 1, SONGS))
    factors = {f"chance {i}": RNG.normal(size=SONGS) for i in range(12)}
    assert not any(
        factor.is_significant for factor in worst_songs(listed, TRUTH, predicted=BAD, factors=factors).factors
    )


def test_intervals_from_like_songs_hold_and_those_of_a_model_that_got_worse_do_not() -> None:
    fair = calibration(TRUTH, BAD, truth=TRUTH[::-1], predicted=BAD[::-1], shipped=None)
    assert [level["asked"] for level in fair.levels] == list(LEVELS)
    assert all(abs(level["valence"]["share"] - level["asked"]) < 0.03 for level in fair.levels)
    spoilt = calibration(TRUTH, GOOD, truth=TRUTH, predicted=BAD, shipped=Uncertainty(0.9, (0.2, 0.2), 50))
    assert spoilt.levels[-2]["valence"]["high"] < 0.9
    assert spoilt.shipped["arousal"]["high"] < 0.9
    assert calibration(TRUTH[:5], BAD[:5], truth=TRUTH, predicted=BAD, shipped=None).levels[-1]["asked"] < 0.9
