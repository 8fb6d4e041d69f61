"""The score of looks: its distances, its parts, and that it falls with each fault."""

import numpy as np
import pytest
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.teacher.gan.evaluation.clips import generated_clips, real_clips
from sentio_mobile.teacher.gan.evaluation.features import SCORE_FEATURES, patches, score_features
from sentio_mobile.teacher.gan.evaluation.score import (
    MAX_POINTS,
    PART_MEANINGS,
    PART_NAMES,
    frechet,
    points_share,
    score,
    split_groups,
    tier_of,
    wasserstein,
)

Array = NDArray[np.float32]


def test_score_falls_as_noise_is_added(songs: PreparedData, test_mels: Array) -> None:
    train, test = real_clips(songs, "train"), real_clips(songs, "test")
    real = score_features(train, songs.audio, NoProgress())
    rng = np.random.default_rng(0)
    totals = []
    for strength in (0.0, 0.1, 0.4):
        mels = np.clip(test_mels + rng.normal(0, strength, (len(test), *test[0].shape)), 0, 1).astype(np.float32)
        noisy = score_features(generated_clips("noisy", mels, test.labels), songs.audio, NoProgress())
        totals.append(score(noisy, real, train.groups, seed=0).total)
    assert totals == sorted(totals, reverse=True)
    assert totals[0] > 90
    assert totals[-1] < 30


def test_score_each_part_sees_its_own_fault(songs: PreparedData, test_mels: Array) -> None:
    train, test = real_clips(songs, "train"), real_clips(songs, "test")
    real = score_features(train, songs.audio, NoProgress())
    mels, rng = test_mels, np.random.default_rng(0)

    def points(changed: Array) -> dict[str, float]:
        parts = score(
            score_features(generated_clips("changed", changed, test.labels), songs.audio, NoProgress()),
            real,
            train.groups,
            0,
        ).parts
        return {part.name: part.points / part.max_points for part in parts}

    shuffled = points(mels[:, :, rng.permutation(mels.shape[2])])
    assert shuffled["smoothness"] < 0.3
    assert min(shuffled["moments"], shuffled["range"], shuffled["correlation"]) > 0.8
    flipped = points(mels[:, ::-1])
    assert flipped["frechet"] < 0.3
    assert min(flipped["moments"], flipped["range"], flipped["smoothness"]) > 0.8
    scattered = mels.copy()
    for band in range(mels.shape[1]):
        scattered[:, band] = np.roll(mels[:, band], rng.integers(mels.shape[2]), axis=1)
    assert points(scattered)["correlation"] < 0.3
    squeezed = points(0.5 + 0.3 * (mels - 0.5))
    assert max(squeezed["range"], squeezed["moments"]) < 0.5


def test_points_share_falls_with_the_distance() -> None:
    shares = [points_share(distance, 2.0) for distance in (0.0, 2.0, 3.0, 4.0, 10.0, 22.0)]
    assert shares[:2] == [1.0, 1.0]
    assert shares[3] == 0.5
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 0.01
    assert sum(MAX_POINTS.values()) == 100
    assert [tier_of(x) for x in (70.0, 69.9, 50.0, 49.9)] == ["good", "usable", "usable", "poor"]


def test_frechet_and_wasserstein_known_distributions() -> None:
    rng = np.random.default_rng(0)
    levels = rng.normal(-40, 5, (40, 128, 200)).astype(np.float32)
    quiet, louder = (np.stack([patches(x) for x in clips]) for clips in (levels, levels + 3))
    # With equal covariances, the distance between the means is left: 3 dB in each number of a patch.
    assert frechet(quiet, louder) == pytest.approx(3 * np.sqrt(128), rel=1e-2)
    assert frechet(quiet, quiet) < 0.5
    numbers = rng.normal(size=(50, 3))
    assert wasserstein(numbers, numbers[::-1] + 2) == pytest.approx(2)


def test_split_groups_halves_have_no_common_group() -> None:
    groups = [f"g{i // 3}" for i in range(31)]
    one, other = split_groups(groups, np.random.default_rng(0))
    assert sorted([*one, *other]) == list(range(31))
    assert not {groups[i] for i in one} & {groups[i] for i in other}
    assert abs(len(one) - len(other)) <= 3
    alone = split_groups(["all"] * 10, np.random.default_rng(0))
    assert [len(half) for half in alone] == [5, 5]


def test_score_features_cover_every_part() -> None:
    assert set(SCORE_FEATURES) == set(MAX_POINTS) == set(PART_NAMES) == set(PART_MEANINGS)
