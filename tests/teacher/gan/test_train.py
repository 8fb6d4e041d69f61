"""Training a GAN: to its end, interrupted and resumed, and into a collapse."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace
from sentio_mobile.errors import TrainingError
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


def test_train_gan_saves_history_and_labels(gan: Path, examples: Examples, tiny_gan: GanRecipe) -> None:
    checkpoint = GanCheckpoint.load(gan)
    assert [row["epoch"] for row in checkpoint.history] == [0, 1, 2]
    expected = {"discriminator_loss", "generator_loss", "discriminator_accuracy", "update_level", "diversity"}
    assert all(expected <= row.keys() for row in checkpoint.history)
    np.testing.assert_allclose(checkpoint.labels, examples.labels, atol=1e-4)
    assert checkpoint.data == examples.origin
    assert checkpoint.recipe == tiny_gan
    assert not gan.with_name("gan.training").exists()


def test_train_gan_changes_both_networks(gan: Path, examples: Examples, tiny_gan: GanRecipe) -> None:
    before, after = untrained(examples, tiny_gan), GanCheckpoint.load(gan)
    for name in ("generator", "discriminator"):
        pairs = zip(getattr(before, name).parameters(), getattr(after, name).parameters(), strict=True)
        assert any(not torch.equal(first, last) for first, last in pairs)


def test_train_gan_without_ema_saves_other_weights(
    examples: Examples, tiny_gan: GanRecipe, gan: Path, tmp_path: Path
) -> None:
    recipe = replace(tiny_gan, training=replace(tiny_gan.training, ema=0.0))
    train_gan(examples, recipe, out=tmp_path / "last")
    average, last = (load_file(folder / GENERATOR) for folder in (gan, tmp_path / "last"))
    assert any(not torch.equal(average[name], last[name]) for name in average)


def test_train_gan_resumed_run_has_the_same_weights(
    examples: Examples, tiny_gan: GanRecipe, gan: Path, tmp_path: Path
) -> None:
    with pytest.raises(InterruptedError):
        train_gan(examples, tiny_gan, out=tmp_path / "gan", progress=Stop(after=5))
    train_gan(examples, tiny_gan, out=tmp_path / "gan")
    sheets = [json.loads((folder / SHEET).read_text()) for folder in (gan, tmp_path / "gan")]
    histories = [[{**row, "seconds": 0} for row in sheet["history"]] for sheet in sheets]
    assert histories[0] == histories[1]
    for name in ("generator_sha256", "discriminator_sha256"):
        assert sheets[0][name] == sheets[1][name]


@pytest.mark.parametrize(
    "changes", [{"loss": "hinge"}, {"vicinity": "hard"}, {"vicinity": "exact", "diffaugment": 0.0}]
)
def test_train_gan_every_choice_trains(
    changes: dict[str, str | float], examples: Examples, tiny_gan: GanRecipe, tmp_path: Path
) -> None:
    short = replace(tiny_gan, training=replace(tiny_gan.training, epochs=1, **changes))
    checkpoint = train_gan(examples, short, out=tmp_path / "gan")
    assert np.isfinite([value for row in checkpoint.history for value in row.values()]).all()


def test_train_gan_collapse_stops_and_saves_the_last_state(
    examples: Examples, tiny_gan: GanRecipe, tmp_path: Path
) -> None:
    impossible = replace(
        tiny_gan, training=replace(tiny_gan.training, epochs=9, patience=1, accuracy_limits=(0.0, 0.01))
    )
    with pytest.raises(TrainingError, match=r"more than 1%: the generator has nothing to learn from.*gan.stopped"):
        train_gan(examples, impossible, out=tmp_path / "gan")
    assert len(GanCheckpoint.load(tmp_path / "gan.stopped").history) == 2
    assert not (tmp_path / "gan").exists()


def test_train_gan_loss_that_is_nan_names_its_step(examples: Examples, tiny_gan: GanRecipe, tmp_path: Path) -> None:
    mels = np.full(examples.mels.shape, np.nan, dtype=np.float32)
    mels[examples.rows] = np.random.default_rng(0).random((len(examples), *mels.shape[1:]), dtype=np.float32)
    broken = replace(examples, mels=mels, labels=np.full_like(examples.labels, np.nan))
    exact = replace(tiny_gan, training=replace(tiny_gan.training, vicinity="exact"))
    with pytest.raises(TrainingError, match="discriminator's loss is nan in epoch 1, step 1; lower discriminator_rate"):
        train_gan(broken, exact, out=tmp_path / "gan")


def test_train_gan_too_few_clips_are_refused(examples: Examples, tiny_gan: GanRecipe, tmp_path: Path) -> None:
    large = replace(tiny_gan, training=replace(tiny_gan.training, batch_size=500))
    with pytest.raises(TrainingError, match="do not fill a batch of 500; lower batch_size"):
        train_gan(examples, large, out=tmp_path / "gan")
