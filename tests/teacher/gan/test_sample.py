"""Samples as a folder, and a teacher that learns from them."""

import json
from pathlib import Path

import numpy as np
import pytest

from sentio_mobile._internal.files import sha256
from sentio_mobile.data.gan_samples import LABELS, MELS, SHEET, open_gan_samples
from sentio_mobile.errors import DataError, InputError
from sentio_mobile.teacher.gan.checkpoint import GanCheckpoint
from sentio_mobile.teacher.gan.sample import draw_labels, write_samples


@pytest.fixture(scope="module")
def made(gan: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "made"
    write_samples(GanCheckpoint.load(gan), "gan", n=20, out=out, labels="uniform", threshold=0.0, seed=1)
    return out


def test_samples_are_written_with_what_they_were_made_for(made: Path, gan: Path) -> None:
    opened, checkpoint = open_gan_samples(made), GanCheckpoint.load(gan)
    assert opened.mels.shape == (20, checkpoint.audio.n_mels, checkpoint.audio.n_frames)
    assert opened.audio == checkpoint.audio
    assert 0 <= opened.mels.min() < opened.mels.max() <= 1
    assert np.abs(opened.labels).max() <= 1
    assert opened.sheet.sampling.tried >= 20
    assert opened.sheet.sampling.trained_on is not None
    assert opened.sheet.sampling.trained_on.fingerprint == checkpoint.data["fingerprint"]
    scores = checkpoint.scores(opened.mels, opened.labels)
    written = [float(line.split(",")[2]) for line in (made / LABELS).read_text().splitlines()[1:]]
    np.testing.assert_allclose(written, scores, atol=5e-3)


def test_the_same_seed_makes_the_same_samples(made: Path, gan: Path, tmp_path: Path) -> None:
    checkpoint = GanCheckpoint.load(gan)
    for seed in (1, 2):
        write_samples(checkpoint, "gan", n=20, out=tmp_path / str(seed), labels="uniform", threshold=0.0, seed=seed)
    assert sha256(tmp_path / "1" / MELS) == sha256(made / MELS)
    assert sha256(tmp_path / "2" / MELS) != sha256(made / MELS)


def test_the_filter_keeps_what_the_discriminator_believes(made: Path, gan: Path, tmp_path: Path) -> None:
    checkpoint = GanCheckpoint.load(gan)
    everything = open_gan_samples(made)
    middle = float(np.median(checkpoint.scores(everything.mels, everything.labels)))
    said = write_samples(checkpoint, "gan", n=12, out=tmp_path / "kept", labels="uniform", threshold=middle, seed=1)
    kept = open_gan_samples(tmp_path / "kept")
    assert len(kept) == 12
    assert checkpoint.scores(kept.mels, kept.labels).min() >= middle - 5e-3
    assert 0 < said.accepted < 1


def test_a_filter_that_nothing_passes_is_told(gan: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gave 1 or more to 0 of \d+ samples only; lower --filter"):
        write_samples(GanCheckpoint.load(gan), "gan", n=1, out=tmp_path / "none", threshold=1.0)
    assert list(tmp_path.iterdir()) == []


def test_labels_follow_the_songs_or_fill_the_square() -> None:
    random = np.random.default_rng(0)
    known = (random.normal(size=(300, 2)) * 0.1 + [0.4, -0.3]).astype(np.float32)
    dense, uniform = (draw_labels(kind, known, 4000, np.random.default_rng(1)) for kind in ("density", "uniform"))
    np.testing.assert_allclose(dense.mean(axis=0), [0.4, -0.3], atol=0.02)
    assert dense.std(axis=0).max() < 0.13
    np.testing.assert_allclose(uniform.std(axis=0), 1 / np.sqrt(3), rtol=0.05)
    assert np.abs(uniform).max() <= 1


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda place: (place / SHEET).unlink(), "holds no GAN samples"),
        (lambda place: (place / MELS).write_bytes(b"\0" * 9), "mels.f16 is truncated or changed"),
        (lambda place: (place / LABELS).write_text("valence\n1\n"), "labels.csv is truncated or changed"),
        (lambda place: (place / SHEET).write_text(json.dumps({"audio": {}})), "lacks the key"),
        (lambda place: (place / SHEET).write_text("no"), "is not JSON"),
    ],
)
def test_a_damaged_folder_is_refused(damage: object, fault: str, made: Path, tmp_path: Path) -> None:
    import shutil

    place = Path(shutil.copytree(made, tmp_path / "made"))
    assert callable(damage)
    damage(place)
    with pytest.raises(DataError, match=fault):
        open_gan_samples(place)
