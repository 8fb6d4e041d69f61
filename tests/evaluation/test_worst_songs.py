import numpy as np

from sentio_mobile.data.clip_table import ClipRow
from sentio_mobile.evaluation.worst_songs import error_factors, worst_songs


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


def test_worst_songs_with_a_planted_factor(planted) -> None:
    loud = np.arange(len(planted)) % 4 == 0
    predicted = np.where(loud[:, None], -planted.truth, planted.good).astype(np.float32)
    log_mels = np.random.default_rng(1).uniform(0, 1, (len(planted), 8, 40))
    listed = songs(np.where(loud, 1.0, 0.3))
    factors = error_factors(listed, planted.truth, log_mels)
    found = worst_songs(listed, planted.truth, predicted=predicted, factors=factors)
    assert "peak level of the clip" in {factor.name for factor in found.factors if factor.is_significant}
    assert all(int(song.song_id.split()[1]) % 4 == 0 for song in found.songs)
    distances = [song.distance for song in found.songs]
    assert distances == sorted(distances, reverse=True)


def test_worst_songs_with_random_errors_have_no_factor(planted) -> None:
    random = np.random.default_rng(2)
    listed = songs(random.uniform(0.2, 1, len(planted)))
    factors = {f"chance {i}": random.normal(size=len(planted)) for i in range(12)}
    found = worst_songs(listed, planted.truth, predicted=planted.bad, factors=factors)
    assert not any(factor.is_significant for factor in found.factors)
