"""Which clips a discriminator is shown with which labels."""

import numpy as np
import pytest

from sentio_mobile.teacher.gan.vicinity import Exact, Near, vicinity_of

GRID = np.stack(np.meshgrid(np.linspace(-0.9, 0.9, 10), np.linspace(-0.9, 0.9, 10)), -1).reshape(-1, 2)
LABELS = GRID.astype(np.float32)


def test_exact_labels_are_those_of_the_songs() -> None:
    drawn = Exact(LABELS).draw(50, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn.labels, LABELS[drawn.songs])
    np.testing.assert_array_equal(drawn.asked, drawn.labels)


def test_the_hard_vicinity_ends_at_its_radius() -> None:
    near = Near(LABELS, is_soft=False)
    drawn = near.draw(500, np.random.default_rng(0))
    # At the edge of the square a label may have no song within reach; the nearest takes its place.
    away = np.linalg.norm(LABELS[drawn.songs] - drawn.labels, axis=1)
    assert np.mean(away <= near.radius) > 0.98
    assert np.mean(away > near.radius / 2) > 0.3
    assert np.linalg.norm(drawn.asked - drawn.labels, axis=1).max() <= near.radius * 1.0001


def test_the_soft_vicinity_prefers_the_nearer() -> None:
    near = Near(LABELS, is_soft=True)
    drawn = near.draw(4000, np.random.default_rng(0))
    away = LABELS[drawn.songs] - drawn.labels
    # A Gaussian of standard deviation radius / sqrt 2 in each dimension, cut at the edge of the collection.
    np.testing.assert_allclose(away.std(axis=0), near.radius / np.sqrt(2), rtol=0.15)
    inner = np.abs(drawn.labels).max(axis=1) < 0.5
    np.testing.assert_allclose((drawn.asked - drawn.labels)[inner].std(axis=0), near.radius / np.sqrt(2), rtol=0.1)


@pytest.mark.parametrize("is_soft", [False, True])
def test_labels_between_songs_are_asked_for_too_and_stay_on_the_scale(is_soft: bool) -> None:
    near = Near(LABELS, is_soft)
    drawn = near.draw(500, np.random.default_rng(0))
    known = {tuple(label) for label in LABELS}
    assert np.mean([tuple(label) in known for label in drawn.labels]) < 0.05
    assert np.abs(drawn.labels).max() <= 1
    assert np.abs(drawn.asked).max() <= 1


def test_draws_hang_on_the_generator_alone() -> None:
    first, second, other = (vicinity_of("soft", LABELS).draw(20, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.labels, second.labels)
    np.testing.assert_array_equal(first.songs, second.songs)
    assert not np.array_equal(first.labels, other.labels)


def test_songs_of_one_label_are_no_obstacle() -> None:
    drawn = Near(np.zeros((5, 2), dtype=np.float32), is_soft=True).draw(8, np.random.default_rng(0))
    assert np.isfinite(drawn.asked).all()
    assert set(drawn.songs.tolist()) <= set(range(5))
