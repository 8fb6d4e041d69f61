"""The class-conditional GAN, from folders of sounds to a rendered class."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from sentio_mobile._internal.records import replace
from sentio_mobile.errors import InputError
from sentio_mobile.teacher.gan.batches import class_examples
from sentio_mobile.teacher.gan.checkpoint import GanCheckpoint
from sentio_mobile.teacher.gan.classes import CLASS_AUDIO, read_classes
from sentio_mobile.teacher.gan.config import GanRecipe
from sentio_mobile.teacher.gan.render import label_of, render
from sentio_mobile.teacher.gan.sample import write_samples
from sentio_mobile.teacher.gan.train import train_gan


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("sounds")
    random = np.random.default_rng(0)
    time = np.arange(22050) / 22050
    for name, hz in (("bell", 2000), ("drum", 120)):
        (place / name).mkdir()
        for i in range(4):
            tone = np.sin(2 * np.pi * hz * (1 + 0.05 * i) * time) * np.exp(-4 * time)
            soundfile.write(place / name / f"{i}.wav", 0.5 * tone + 0.01 * random.normal(size=len(time)), 22050)
    return place


@pytest.mark.slow
def test_class_gan_generates_and_renders_a_class(folder: Path, tiny_gan: GanRecipe, tmp_path: Path) -> None:
    examples = class_examples(read_classes(folder))
    assert examples.mels.shape[1:] == (128, 512)
    assert examples.labels.tolist() == [[1, 0]] * 4 + [[0, 1]] * 4
    recipe = replace(tiny_gan, training=replace(tiny_gan.training, epochs=1))
    train_gan(examples, recipe, out=tmp_path / "gan")
    checkpoint = GanCheckpoint.load(tmp_path / "gan")
    assert checkpoint.classes == ("bell", "drum")
    assert checkpoint.audio == CLASS_AUDIO
    bell, drum = (checkpoint.sample(np.array([i]), seed=0) for i in (0, 1))
    assert np.abs(bell - drum).max() > 1e-3
    mel, pcm = render(checkpoint, label_of(checkpoint.classes, None, None, "drum"), seed=0)
    np.testing.assert_allclose(mel, drum[0], atol=1e-5)
    assert abs(len(pcm) - CLASS_AUDIO.n_samples) < CLASS_AUDIO.hop_length
    assert np.isfinite(pcm).all()
    with pytest.raises(InputError, match="trained on classes; a teacher's songs need valence and arousal"):
        write_samples(checkpoint, "gan", n=4, out=tmp_path / "samples")
