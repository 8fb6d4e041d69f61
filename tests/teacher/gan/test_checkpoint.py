"""GAN checkpoints: sampling, scores, and damaged folders."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from sentio_mobile.errors import CheckpointError
from sentio_mobile.teacher.gan.checkpoint import GENERATOR, SHEET, GanCheckpoint


def test_gan_checkpoint_samples_depend_on_the_seed_not_on_the_batch(gan: Path) -> None:
    checkpoint = GanCheckpoint.load(gan)
    labels = np.array([[-0.5, 0.5], [0.1, 0.2], [0.9, -0.9]], dtype=np.float32)
    samples = checkpoint.sample(labels, seed=1)
    assert samples.shape == (3, checkpoint.audio.n_mels, checkpoint.audio.n_frames)
    assert 0 <= samples.min() <= samples.max() <= 1
    np.testing.assert_allclose(samples, checkpoint.sample(labels, seed=1, batch=2), atol=1e-5)
    assert np.abs(samples - checkpoint.sample(labels, seed=2)).max() > 1e-3
    scores = checkpoint.scores(samples, labels)
    np.testing.assert_allclose(scores, checkpoint.scores(samples, labels, batch=1), atol=1e-5)
    assert ((scores > 0) & (scores < 1)).all()


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda folder: (folder / SHEET).unlink(), "is no GAN's checkpoint"),
        (
            lambda folder: (folder / GENERATOR).write_bytes((folder / GENERATOR).read_bytes()[:-9]),
            "truncated or changed",
        ),
        (lambda folder: _edit(folder, 1, "schema"), "of another version than this program reads; train the GAN again"),
        (lambda folder: _edit(folder, -1, "parameters", "generator"), "parameters.generator must be a whole number"),
        (lambda folder: _edit(folder, 9, "recipe", "model", "noise"), "does not fit the spec"),
        (lambda folder: _edit(folder, 9, "recipe", "model", "depth"), "has no key 'depth'"),
        (
            lambda folder: _edit(folder, [["a", 1]], "labels"),
            r"gan.json: labels\[0\]\[0\] must be a number from -1 to 1",
        ),
    ],
)
def test_gan_checkpoint_damaged_folder_is_refused(damage: object, fault: str, gan: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(gan, tmp_path / "gan"))
    assert callable(damage)
    damage(folder)
    with pytest.raises(CheckpointError, match=fault):
        GanCheckpoint.load(folder)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def _edit(folder: Path, value: object, *keys: str) -> None:
    sheet = json.loads((folder / SHEET).read_text())
    table = sheet
    for key in keys[:-1]:
        table = table[key]
    table[keys[-1]] = value
    (folder / SHEET).write_text(json.dumps(sheet))
