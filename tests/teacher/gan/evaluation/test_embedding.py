"""The embedding and the kernel distance, on distributions whose results are known."""

import numpy as np

from sentio_mobile.teacher.gan.evaluation.embedding import fit_embedding, kernel_distance


def test_kernel_distance_of_one_distribution_is_zero_at_any_size() -> None:
    rng = np.random.default_rng(0)
    for n in (10, 100):
        same = [kernel_distance(rng.normal(size=(n, 8)), rng.normal(size=(n, 8))) for _ in range(300)]
        assert abs(np.mean(same)) < 3 * np.std(same) / np.sqrt(300)
        assert np.mean([kernel_distance(rng.normal(size=(n, 8)), rng.normal(1, 1, (n, 8))) for _ in range(50)]) > 1


def test_fit_embedding_scales_its_directions_equally() -> None:
    states = np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32) * np.array([1, 9, 9, 9, 100, 0], "f4")
    states[:, 2] = states[:, 1]
    vectors = fit_embedding(states).embed(states)
    assert vectors.shape == (200, 4)
    np.testing.assert_allclose(np.cov(vectors.T, ddof=0), np.eye(4), atol=1e-6)
