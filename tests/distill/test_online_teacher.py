"""An encoder that hears along: mixtures are sounds, and what is learned of them is what the encoder makes of them."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support import Refused, Sentio

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace
from sentio_mobile.audio.image import to_input_batch
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.distill.config import DistillRecipe, OnlineTeacherSettings, PretrainRecipe
from sentio_mobile.distill.heard_music import hear_music
from sentio_mobile.distill.online_teacher import OnlineTeacher, mix
from sentio_mobile.distill.pretrain import pretrain
from sentio_mobile.distill.pretrain_data import split_music
from sentio_mobile.errors import InputError, TrainingError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import MobileViTSettings, MusicnnSettings
from sentio_mobile.models.encoders.musicnn import Musicnn, weights_path
from sentio_mobile.models.first_weights import first_weights_for, load_first_weights
from sentio_mobile.models.musicnn_student import MusicnnStudent
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec
from sentio_mobile.training.callbacks import METRICS
from sentio_mobile.training.clips import Batch
from sentio_mobile.training.config import TrainingSettings

AUDIO = AudioSpec()
WHOLE = OnlineTeacherSettings(parts=10, mixed=0)

RECIPE = """
steps = 2
held_out = 0.25
image_size = [32, 64]
{online}

[model]
stem_widths = [8, 16, 32]
layers = 1
heads = 2
head_width = 8
width = 32
mlp_width = 32
output_width = 8

[training]
epochs = 6
batch_size = 4
learning_rate = 1e-2
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def install() -> None:
    """Random weights in the place of the encoder's."""
    torch.manual_seed(0)
    weights_path("msd").parent.mkdir(parents=True)
    save_file(Musicnn().state_dict(), weights_path("msd"))


@pytest.fixture
def installed(_own_cache: None) -> None:
    install()


@pytest.fixture
def recipe(tiny_student: DistillRecipe) -> PretrainRecipe:
    assert isinstance(tiny_student.model, MobileViTSettings)
    return PretrainRecipe(
        model=replace(tiny_student.model, layers=1),
        training=TrainingSettings(epochs=3, batch_size=4, learning_rate=1e-2),
        steps=1000,
        held_out=0.25,
        image_size=(32, 64),
        online=OnlineTeacherSettings(parts=2),
    )


def clips(data: PreparedData, count: int = 3) -> torch.Tensor:
    return torch.from_numpy(np.asarray(data.mels[:count], dtype=np.float32))


def batch_of(log_mel: torch.Tensor) -> Batch:
    count = len(log_mel)
    labels = torch.zeros(count, 2)
    return Batch(log_mel, labels, labels, labels, {}, shift=torch.full((count,), 0.5))


def random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_mix_adds_powers_below_the_clip() -> None:
    tone, other = torch.zeros(4, 6), torch.zeros(4, 6)
    tone[1], other[2] = 1.0, 1.0  # two bands, each as loud as it can be
    log_mel = torch.stack([tone, other])
    mixed, which = mix(log_mel, OnlineTeacherSettings(mixed=1, mixed_db=20), AUDIO, random())
    assert which.all()
    below = (mixed[0, 1] - mixed[0, 2]) * -AUDIO.floor_db
    assert 0 < below[0] < 20
    torch.testing.assert_close(mixed[0, 1], torch.ones(6))
    torch.testing.assert_close(mixed[0, [0, 3]], torch.zeros(2, 6), atol=1e-6, rtol=0)
    # Two sounds of one power are 3 dB louder, and that is what levels are relative to.
    both = torch.full((2, 4, 6), 0.5)
    both[:, 0] = 1.0
    both[0, 1] = 0.0
    same, _ = mix(both, OnlineTeacherSettings(mixed=1, mixed_db=0), AUDIO, random())
    torch.testing.assert_close(same[0, 2:], both[0, 2:])
    three_db = 10 * np.log10(2) / -AUDIO.floor_db
    torch.testing.assert_close(same[0, 1], both[1, 1] - three_db)


def test_mix_leaves_the_others_and_silence_as_they_are(data: PreparedData) -> None:
    log_mel = clips(data)
    unmixed, which = mix(log_mel, OnlineTeacherSettings(mixed=0), AUDIO, random())
    assert not which.any()
    assert torch.equal(unmixed, log_mel)
    silent = torch.zeros(2, 8, 8)
    heard, _ = mix(silent, OnlineTeacherSettings(mixed=1), AUDIO, random())
    assert torch.equal(heard, silent)


@pytest.mark.usefixtures("installed")
def test_hear_gives_what_the_students_network_makes_of_the_clip(data: PreparedData) -> None:
    log_mel = clips(data)
    teacher = OnlineTeacher(OnlineTeacherSettings(parts=3, mixed=0), data.audio)
    heard = teacher.hear(batch_of(log_mel), random())
    known = ~heard.embeddings.isnan().any(dim=2)
    assert known.sum(dim=1).tolist() == [3, 3, 3]
    assert torch.equal(known, ~heard.tags.isnan().any(dim=2))
    assert heard.shift.tolist() == [0, 0, 0]
    assert torch.equal(heard.labels, torch.zeros(3, 2))
    audio = replace(data.audio, image_size=(data.audio.n_mels, data.audio.n_frames))
    spec = spec_of(MusicnnSettings(patches=10), audio)
    network, weights = build(spec).eval(), first_weights_for(spec)
    assert weights is not None
    load_first_weights(network, weights)
    assert isinstance(network, MusicnnStudent)
    with torch.inference_mode():
        wanted = network.capture_map(to_input_batch(log_mel, spec)).features[:, :, 0].transpose(1, 2)
    torch.testing.assert_close(heard.embeddings[known], wanted[known], atol=1e-4, rtol=1e-4)
    assert ((heard.tags[known] > 0) & (heard.tags[known] < 1)).all()
    again, others = teacher.hear(batch_of(log_mel), random()), teacher.hear(batch_of(log_mel), torch.Generator())
    assert torch.equal(again.embeddings[known], heard.embeddings[known])
    assert not torch.equal(known, ~others.embeddings.isnan().any(dim=2))


@pytest.mark.usefixtures("installed")
def test_hear_mixed_clips_lose_their_labels_and_have_embeddings_of_the_mixture(data: PreparedData) -> None:
    log_mel = clips(data)
    teacher = OnlineTeacher(replace(WHOLE, mixed=1), data.audio)
    heard = teacher.hear(batch_of(log_mel), random())
    assert heard.labels.isnan().all()
    assert not torch.equal(heard.log_mel, log_mel)
    embeddings, tags = teacher.embed(heard.log_mel, range(10))
    torch.testing.assert_close(heard.embeddings, embeddings)
    torch.testing.assert_close(heard.tags, tags)


@pytest.mark.usefixtures("installed")
def test_hear_music_hears_what_is_held_out_and_a_sample(data: PreparedData) -> None:
    teacher = OnlineTeacher(WHOLE, data.audio)
    music = split_music([data, data], [], None, held_out=0.25, seed=0)
    heard = hear_music(teacher, music, seed=0, progress=NoProgress())
    assert sum(len(part.rows) for part in heard.sample) == music.n_train
    held_out = [source.embeddings for source in heard.music.held_out]
    sources = (*heard.music.held_out, *music.train)
    for source, known in zip(sources, (*held_out, *heard.sample), strict=True):
        assert known is not None
        row = len(source) - 1
        mel = np.asarray(source.log_mels.mels[source.windows[row, 0]], dtype=np.float32)
        wanted, _ = teacher.embed(torch.from_numpy(mel)[None], range(10))
        found = torch.from_numpy(known.clips.embeddings[known.rows[row, 0]]).float()
        torch.testing.assert_close(found, wanted[0], atol=1e-2, rtol=1e-2)


class Stopped(NoProgress):
    """Fails after the second epoch, as a killed run does."""

    epochs = 0

    def say(self, line: str) -> None:
        self.epochs += 1
        if self.epochs == 2:
            raise KeyboardInterrupt


@pytest.mark.usefixtures("installed")
def test_pretrain_learns_what_is_heard_and_a_killed_run_continues(
    data: PreparedData, recipe: PretrainRecipe, tmp_path: Path
) -> None:
    whole = pretrain([data], [], recipe=recipe, out=tmp_path / "whole")
    first, last = whole.history[0], whole.history[-1]
    assert (last["train_steps"] or 0) < (first["train_steps"] or 0)
    assert (last["val_r2"] or 0) > (first["val_r2"] or 0)
    assert Checkpoint.load(tmp_path / "whole").recipe["online"] == {"parts": 2, "mixed": 0.5, "mixed_db": 20.0}

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        pretrain([data], [], recipe=recipe, out=tmp_path / "killed", progress=Stopped())
    with (tmp_path / "killed.training" / METRICS).open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1"]
    resumed = pretrain([data], [], recipe=recipe, out=tmp_path / "killed")
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name]), name


def test_pretrain_needs_the_encoder_and_parts_that_there_are(
    data: PreparedData, recipe: PretrainRecipe, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="encoder install musicnn"):
        pretrain([data], [], recipe=recipe, out=tmp_path / "ckpt")
    install()
    many = replace(recipe, online=OnlineTeacherSettings(parts=11))
    with pytest.raises(TrainingError, match=r"online.parts must be at most 10, the parts of a clip, not 11"):
        pretrain([data], [], recipe=many, out=tmp_path / "ckpt")
    assert not (tmp_path / "ckpt").exists()


@pytest.mark.usefixtures("installed")
def test_command_takes_embeddings_or_an_online_teacher(
    data: PreparedData, sentio: Sentio, refused: Refused, tmp_path: Path
) -> None:
    hearing, stored = tmp_path / "hearing.toml", tmp_path / "stored.toml"
    hearing.write_text(RECIPE.format(online="online = { parts = 1 }"))
    stored.write_text(RECIPE.format(online=""))
    args = ["pretrain", "--data", data.folder, "--out", tmp_path / "ckpt", "--accelerator", "cpu", "--recipe"]
    result = sentio(*args, hearing)
    assert "Held-out music: R2 of embeddings" in result.output
    refused("has no online teacher: give embeddings", *args, stored, "--force")
    file = tmp_path / "embeddings.safetensors"
    refused("has an online teacher: leave the embeddings out", *args, hearing, "--embeddings", file, "--force")
