"""Training a GAN, to its end, in pieces, and into the wall."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace
from sentio_mobile.errors import CheckpointError, SentioError, TrainingError
from sentio_mobile.teacher.gan.batches import Examples
from sentio_mobile.teacher.gan.checkpoint import GENERATOR, SHEET, GanCheckpoint
from sentio_mobile.teacher.gan.config import GanRecipe
from sentio_mobile.teacher.gan.train import train_gan, untrained


class Stop(NoProgress):
    """Stops a run after some steps, as a person would."""

    def __init__(self, after: int) -> None:
        self.left = after

    def advance(self, n: int = 1, note: str = "") -> None:
        self.left -= n
        if self.left == 0:
            raise InterruptedError


def test_a_gan_is_saved_with_its_history_and_its_labels(gan: Path, examples: Examples) -> None:
    checkpoint = GanCheckpoint.load(gan)
    assert [row["epoch"] for row in checkpoint.history] == [0, 1, 2]
    wanted = {"discriminator_loss", "generator_loss", "discriminator_accuracy", "update_level", "diversity"}
    assert all(wanted <= row.keys() for row in checkpoint.history)
    np.testing.assert_allclose(checkpoint.labels, examples.labels, atol=1e-4)
    assert checkpoint.data["fingerprint"] == examples.origin.fingerprint
    assert not gan.with_name("gan.training").exists()


def test_training_moves_both_networks(gan: Path, examples: Examples, tiny_gan: GanRecipe) -> None:
    before, after = untrained(examples, tiny_gan), GanCheckpoint.load(gan)
    for name in ("generator", "discriminator"):
        pairs = zip(getattr(before, name).parameters(), getattr(after, name).parameters(), strict=True)
        assert any(not torch.equal(first, last) for first, last in pairs)


def test_what_is_kept_is_an_average_of_the_generator(examples: Examples, tiny_gan: GanRecipe, tmp_path: Path) -> None:
    last = replace(tiny_gan, training=replace(tiny_gan.training, ema=0.0))
    train_gan(examples, tiny_gan, out=tmp_path / "average")
    train_gan(examples, last, out=tmp_path / "last")
    first, second = (load_file(tmp_path / name / GENERATOR) for name in ("average", "last"))
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_a_run_that_was_stopped_ends_with_the_same_weights(
    examples: Examples, tiny_gan: GanRecipe, gan: Path, tmp_path: Path
) -> None:
    with pytest.raises(InterruptedError):
        train_gan(examples, tiny_gan, out=tmp_path / "gan", progress=Stop(after=5))
    train_gan(examples, tiny_gan, out=tmp_path / "gan")
    sheets = [json.loads((place / SHEET).read_text()) for place in (gan, tmp_path / "gan")]
    said = [[{**row, "seconds": 0} for row in sheet["history"]] for sheet in sheets]
    assert said[0] == said[1]
    for name in ("generator_sha256", "discriminator_sha256"):
        assert sheets[0][name] == sheets[1][name]


def test_samples_hang_on_the_seed_and_not_on_the_batch(gan: Path) -> None:
    checkpoint = GanCheckpoint.load(gan)
    labels = np.array([[-0.5, 0.5], [0.1, 0.2], [0.9, -0.9]], dtype=np.float32)
    made = checkpoint.sample(labels, seed=1)
    assert made.shape == (3, checkpoint.audio.n_mels, checkpoint.audio.n_frames)
    assert 0 <= made.min() <= made.max() <= 1
    np.testing.assert_allclose(made, checkpoint.sample(labels, seed=1, batch=2), atol=1e-5)
    assert np.abs(made - checkpoint.sample(labels, seed=2)).max() > 1e-3
    scores = checkpoint.scores(made, labels)
    np.testing.assert_allclose(scores, checkpoint.scores(made, labels, batch=1), atol=1e-5)
    assert ((scores > 0) & (scores < 1)).all()


@pytest.mark.parametrize(
    "changes", [{"loss": "hinge"}, {"vicinity": "hard"}, {"vicinity": "exact", "diffaugment": 0.0}]
)
def test_every_choice_trains(
    changes: dict[str, str | float], examples: Examples, tiny_gan: GanRecipe, tmp_path: Path
) -> None:
    short = replace(tiny_gan, training=replace(tiny_gan.training, epochs=1, **changes))
    checkpoint = train_gan(examples, short, out=tmp_path / "gan")
    assert np.isfinite([value for row in checkpoint.history for value in row.values()]).all()


def test_a_collapse_stops_training_and_keeps_what_was_learnt(
    examples: Examples, tiny_gan: GanRecipe, tmp_path: Path
) -> None:
    hopeless = replace(tiny_gan, training=replace(tiny_gan.training, epochs=9, patience=1, accuracy_limits=(0.0, 0.01)))
    with pytest.raises(TrainingError, match=r"more than 1%: the generator has nothing to learn from.*gan.stopped"):
        train_gan(examples, hopeless, out=tmp_path / "gan")
    assert len(GanCheckpoint.load(tmp_path / "gan.stopped").history) == 2
    assert not (tmp_path / "gan").exists()


def test_a_loss_that_is_no_number_names_its_step(examples: Examples, tiny_gan: GanRecipe, tmp_path: Path) -> None:
    mels = np.full(examples.mels.shape, np.nan, dtype=np.float32)
    mels[examples.rows] = np.random.default_rng(0).random((len(examples), *mels.shape[1:]), dtype=np.float32)
    broken = replace(examples, mels=mels, labels=np.full_like(examples.labels, np.nan))
    exact = replace(tiny_gan, training=replace(tiny_gan.training, vicinity="exact"))
    with pytest.raises(TrainingError, match="discriminator's loss is nan in epoch 1, step 1; lower discriminator_rate"):
        train_gan(broken, exact, out=tmp_path / "gan")


def test_fewer_songs_than_a_batch_are_refused(examples: Examples, tiny_gan: GanRecipe, tmp_path: Path) -> None:
    large = replace(tiny_gan, training=replace(tiny_gan.training, batch_size=500))
    with pytest.raises(TrainingError, match="do not fill a batch of 500; lower batch_size"):
        train_gan(examples, large, out=tmp_path / "gan")


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda place: (place / SHEET).unlink(), "is no GAN's checkpoint"),
        (lambda place: (place / GENERATOR).write_bytes((place / GENERATOR).read_bytes()[:-9]), "truncated or changed"),
        (lambda place: _edit(place, "settings", "noise", 9), "does not fit the spec"),
        (lambda place: _edit(place, "settings", "depth", 9), "has no key 'depth'"),
        (lambda place: _edit(place, None, "labels", [["a", 1]]), "gan.json"),
    ],
)
def test_a_damaged_checkpoint_is_refused(damage: object, fault: str, gan: Path, tmp_path: Path) -> None:
    import shutil

    place = Path(shutil.copytree(gan, tmp_path / "gan"))
    assert callable(damage)
    damage(place)
    with pytest.raises(CheckpointError, match=fault):
        GanCheckpoint.load(place)
    assert issubclass(CheckpointError, SentioError)


def _edit(place: Path, part: str | None, name: str, value: object) -> None:
    sheet = json.loads((place / SHEET).read_text())
    (sheet[part] if part else sheet)[name] = value
    (place / SHEET).write_text(json.dumps(sheet))
