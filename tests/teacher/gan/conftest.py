"""A GAN of few weights, trained for a few steps and shared by all tests."""

from pathlib import Path

import pytest

from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.models.config import GanSettings
from sentio_mobile.teacher.gan.batches import Examples, song_examples
from sentio_mobile.teacher.gan.config import GanRecipe, GanTraining
from sentio_mobile.teacher.gan.train import train_gan


@pytest.fixture(scope="session")
def tiny_gan() -> GanRecipe:
    """A recipe of few weights and few steps."""
    model = GanSettings(noise=8, condition_widths=(8,), seed_width=2, widths=(8, 8, 8, 8))
    return GanRecipe(training=GanTraining(epochs=3, steps=3, batch_size=4), model=model)


@pytest.fixture(scope="session")
def examples(data: PreparedData) -> Examples:
    """The training songs as examples."""
    return song_examples(data)


@pytest.fixture(scope="session")
def gan(examples: Examples, tiny_gan: GanRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a trained GAN."""
    out = tmp_path_factory.mktemp("gan") / "gan"
    train_gan(examples, tiny_gan, out=out)
    return out
