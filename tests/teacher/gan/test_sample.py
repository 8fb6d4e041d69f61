"""Folders of GAN samples."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from sentio_mobile._internal.files import sha256
from sentio_mobile.data.gan_samples import LABELS, MELS, SHEET, open_gan_samples
from sentio_mobile.errors import DataError, InputError
from sentio_mobile.teacher.gan.checkpoint import GanCheckpoint
from sentio_mobile.teacher.gan.sample import draw_labels, write_samples


@pytest.fixture(scope="module")
def samples(gan: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("samples") / "samples"
    write_samples(GanCheckpoint.load(gan), "gan", n=20, out=out, labels="uniform", threshold=0.0, seed=1)
    return out


def test_write_samples_writes_labels_scores_and_origin(samples: Path, gan: Path) -> None:
    opened, checkpoint = open_gan_samples(samples), GanCheckpoint.load(gan)
    assert opened.mels.shape == (20, checkpoint.audio.n_mels, checkpoint.audio.n_frames)
    assert opened.audio == checkpoint.audio
    assert 0 <= opened.mels.min() < opened.mels.max() <= 1
    assert np.abs(opened.labels).max() <= 1
    assert opened.sheet.sampling.tried >= 20
    assert opened.sheet.sampling.trained_on is not None
    assert opened.sheet.sampling.trained_on.fingerprint == checkpoint.data.fingerprint
    scores = checkpoint.scores(opened.mels, opened.labels)
    written = [float(line.split(",")[2]) for line in (samples / LABELS).read_text().splitlines()[1:]]
    np.testing.assert_allclose(written, scores, atol=5e-3)


def test_write_samples_same_seed_gives_the_same_samples(samples: Path, gan: Path, tmp_path: Path) -> None:
    checkpoint = GanCheckpoint.load(gan)
    for seed in (1, 2):
        write_samples(checkpoint, "gan", n=20, out=tmp_path / str(seed), labels="uniform", threshold=0.0, seed=seed)
    assert sha256(tmp_path / "1" / MELS) == sha256(samples / MELS)
    assert sha256(tmp_path / "2" / MELS) != sha256(samples / MELS)


def test_write_samples_filter_rejects_low_scores(samples: Path, gan: Path, tmp_path: Path) -> None:
    checkpoint = GanCheckpoint.load(gan)
    unfiltered = open_gan_samples(samples)
    middle = float(np.median(checkpoint.scores(unfiltered.mels, unfiltered.labels)))
    sampling = write_samples(
        checkpoint, "gan", n=12, out=tmp_path / "accepted", labels="uniform", threshold=middle, seed=1
    )
    accepted = open_gan_samples(tmp_path / "accepted")
    assert len(accepted) == 12
    assert checkpoint.scores(accepted.mels, accepted.labels).min() >= middle - 5e-3
    assert 0 < sampling.accepted < 1


def test_write_samples_too_strict_filter_is_refused(gan: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"only 0 of \d+ samples have a discriminator score of 1 or more"):
        write_samples(GanCheckpoint.load(gan), "gan", n=1, out=tmp_path / "none", threshold=1.0)
    assert list(tmp_path.iterdir()) == []


def test_draw_labels_follow_the_songs_or_fill_the_square() -> None:
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
        (lambda folder: (folder / SHEET).unlink(), "holds no GAN samples"),
        (lambda folder: (folder / MELS).write_bytes(b"\0" * 9), "mels.f16 is truncated or changed"),
        (lambda folder: (folder / LABELS).write_text("valence\n1\n"), "labels.csv is truncated or changed"),
        (lambda folder: (folder / SHEET).write_text(json.dumps({"audio": {}})), "lacks the key"),
        (lambda folder: (folder / SHEET).write_text("no"), "is not JSON"),
    ],
)
def test_open_gan_samples_damaged_folder_is_refused(damage: object, fault: str, samples: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(samples, tmp_path / "samples"))
    assert callable(damage)
    damage(folder)
    with pytest.raises(DataError, match=fault):
        open_gan_samples(folder)
