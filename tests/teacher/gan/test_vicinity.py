"""The draws of clips and labels for both networks."""

import numpy as np
import pytest

from sentio_mobile.teacher.gan.vicinity import ExactLabels, VicinalLabels, vicinity_of

GRID = np.stack(np.meshgrid(np.linspace(-0.9, 0.9, 10), np.linspace(-0.9, 0.9, 10)), -1).reshape(-1, 2)
LABELS = GRID.astype(np.float32)


def test_exact_labels_are_those_of_the_clips() -> None:
    drawn = ExactLabels(LABELS).draw(50, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn.labels, LABELS[drawn.clips])
    np.testing.assert_array_equal(drawn.generator_labels, drawn.labels)


def test_hard_vicinity_ends_at_its_radius() -> None:
    near = VicinalLabels(LABELS, is_soft=False)
    drawn = near.draw(500, np.random.default_rng(0))
    # At the edge of the square, a label may have no song within the radius and gets the nearest.
    offset = np.linalg.norm(LABELS[drawn.clips] - drawn.labels, axis=1)
    assert np.mean(offset <= near.radius) > 0.98
    assert np.mean(offset > near.radius / 2) > 0.3
    assert np.linalg.norm(drawn.generator_labels - drawn.labels, axis=1).max() <= near.radius * 1.0001


def test_soft_vicinity_prefers_nearer_clips() -> None:
    near = VicinalLabels(LABELS, is_soft=True)
    drawn = near.draw(4000, np.random.default_rng(0))
    offset = LABELS[drawn.clips] - drawn.labels
    # A Gaussian of standard deviation radius / sqrt 2 in each dimension, cut at the edge of the collection.
    np.testing.assert_allclose(offset.std(axis=0), near.radius / np.sqrt(2), rtol=0.15)
    inner = np.abs(drawn.labels).max(axis=1) < 0.5
    np.testing.assert_allclose(
        (drawn.generator_labels - drawn.labels)[inner].std(axis=0), near.radius / np.sqrt(2), rtol=0.1
    )


@pytest.mark.parametrize("is_soft", [False, True])
def test_vicinal_labels_lie_between_songs_and_in_range(is_soft: bool) -> None:
    near = VicinalLabels(LABELS, is_soft)
    drawn = near.draw(500, np.random.default_rng(0))
    known = {tuple(label) for label in LABELS}
    assert np.mean([tuple(label) in known for label in drawn.labels]) < 0.05
    assert np.abs(drawn.labels).max() <= 1
    assert np.abs(drawn.generator_labels).max() <= 1


def test_vicinity_draws_depend_on_the_random_generator_alone() -> None:
    first, second, other = (vicinity_of("soft", LABELS).draw(20, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.labels, second.labels)
    np.testing.assert_array_equal(first.clips, second.clips)
    assert not np.array_equal(first.labels, other.labels)


def test_vicinal_labels_accept_songs_with_one_label() -> None:
    drawn = VicinalLabels(np.zeros((5, 2), dtype=np.float32), is_soft=True).draw(8, np.random.default_rng(0))
    assert np.isfinite(drawn.generator_labels).all()
    assert set(drawn.clips.tolist()) <= set(range(5))
