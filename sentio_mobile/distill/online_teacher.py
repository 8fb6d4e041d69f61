"""An encoder that hears what the student hears: the clip after augmentation, with another clip mixed into it.

A stored embedding is that of the clip as it was recorded. A student that hears the clip changed is told something that
is no longer quite true, and it learns a few thousand clips by heart. A teacher that hears the same sound is right about
it, and mixtures are music that there was none of. Both are what a small student needs (Beyer et al. 2022, "Knowledge
distillation: A good teacher is patient and consistent", section 3.2).

The encoder is musicnn behind our own front end, so that it takes the log-mel that augmentation made, and no sound. Its
embeddings differ from those of sound, which know levels and finer time; the student could not hear either.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sentio_mobile._internal.records import replace
from sentio_mobile.audio.image import to_input_batch
from sentio_mobile.distill.config import OnlineTeacherSettings
from sentio_mobile.errors import TrainingError
from sentio_mobile.models.config import MusicnnSettings
from sentio_mobile.models.encoders.musicnn import load_msd
from sentio_mobile.models.musicnn_student import PATCH_SECONDS, MusicnnStudent
from sentio_mobile.models.musicnn_weights import weights_of
from sentio_mobile.models.registry import spec_of
from sentio_mobile.spec import AudioSpec
from sentio_mobile.training.clips import Batch


class OnlineTeacher:
    """Gives a training batch the embeddings and tags of what it sounds like.

    Args:
        settings: How much it hears, and how much is mixed.
        audio: Front end of the clips.

    Raises:
        InputError: musicnn is not installed, or the front end does not fit it.
        CheckpointError: Its weights are damaged.
        TrainingError: More parts are to be heard than a clip has.
    """

    def __init__(self, settings: OnlineTeacherSettings, audio: AudioSpec) -> None:
        encoder = load_msd()
        self.steps = max(int(audio.seconds / PATCH_SECONDS), 1)
        if settings.parts > self.steps:
            raise TrainingError(f"online.parts must be at most {self.steps}, the parts of a clip, not {settings.parts}")
        self.settings, self.tag_names, self._audio = settings, encoder.tags, audio
        self.info = replace(encoder.info, hop_s=audio.seconds / self.steps)
        self.signature = f"online {settings} {encoder.info.digest}"
        parts = MusicnnSettings(patches=self.steps)
        self._spec = spec_of(parts, replace(audio, image_size=(audio.n_mels, audio.n_frames)))
        self._network = MusicnnStudent(parts, self._spec.audio)
        self._network.load_state_dict({**self._network.state_dict(), **weights_of(encoder.network, parts)})
        self._tags = torch.nn.Sequential(encoder.network.dense_norm, encoder.network.tags)
        for module in (self._network, self._tags):
            module.eval().requires_grad_(False)

    def hear(self, batch: Batch, random: torch.Generator) -> Batch:
        """Mix the clips of a batch, and hear parts of them, other ones each time.

        Args:
            batch: Augmented clips.
            random: Random number generator of the CPU; the result depends on nothing else.

        Returns:
            The batch with mixed clips, with embeddings and tags of the parts that were heard and NaN for the others,
            and without a rotation. A clip that another one was mixed into has no label.
        """
        log_mel, is_mixed = mix(batch.log_mel, self.settings, self._audio, random)
        parts = torch.randperm(self.steps, generator=random)[: self.settings.parts].sort().values
        embeddings, tags = self.embed(log_mel, parts.tolist())
        return batch._replace(
            log_mel=log_mel,
            labels=torch.where(is_mixed[:, None], torch.nan, batch.labels),
            embeddings=_among(self.steps, parts, embeddings),
            tags=_among(self.steps, parts, tags),
            shift=torch.zeros_like(batch.shift),
        )

    def embed(self, log_mel: torch.Tensor, parts: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Embed parts of clips.

        Args:
            log_mel: Normalized log-mels [clips, n_mels, n_frames] in [0, 1].
            parts: Which parts, counted from 0.

        Returns:
            Embeddings [clips, parts, 200] and probabilities of the tags [clips, parts, 50].
        """
        device = log_mel.device
        self._network.to(device)
        self._tags.to(device)
        with torch.no_grad():
            # Half precision is good enough for the network, and too coarse for the levels that it takes in.
            with torch.autocast(device.type, enabled=False):
                patches = self._network.patches(to_input_batch(log_mel, self._spec), parts)
            embeddings = self._network.embed(patches.flatten(0, 1))
            tags = self._tags(embeddings).sigmoid()
        return tuple(values.float().unflatten(0, (len(log_mel), len(parts))) for values in (embeddings, tags))


def mix(
    log_mel: torch.Tensor, settings: OnlineTeacherSettings, audio: AudioSpec, random: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Add the sound of the clip before it in the batch to some of the clips.

    Powers are added, which is right in the mean over phases, and levels are made relative to the loudest value again.

    Args:
        log_mel: Normalized log-mels [clips, n_mels, n_frames] in [0, 1]; not changed.
        settings: Share of the clips, and how far the other clip may be below.
        audio: Their front end, which defines the range in dB.
        random: Random number generator of the CPU.

    Returns:
        Log-mels of the same shape, and which clips are mixtures [clips].
    """
    count = len(log_mel)
    is_mixed = (torch.rand(count, generator=random) < settings.mixed).to(log_mel.device)
    below = (torch.rand(count, generator=random) * settings.mixed_db).to(log_mel.device)[:, None, None]
    decades = -audio.floor_db / 10
    other = torch.pow(10.0, decades * log_mel.roll(1, 0)) - 1  # what is at the floor adds nothing
    mixture = torch.log10(torch.pow(10.0, decades * log_mel) + other * torch.pow(10.0, -below / 10)) / decades
    loudest = mixture.amax(dim=(1, 2), keepdim=True)
    mixture = (mixture + torch.where(loudest > 0, 1 - loudest, 0.0)).clamp(0, 1)  # silence stays silent
    return torch.where(is_mixed[:, None, None], mixture, log_mel), is_mixed


def _among(count: int, parts: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Values [clips, heard parts, size] at their places among NaN [clips, count, size]."""
    found = values.new_full((len(values), count, values.shape[2]), torch.nan)
    found[:, parts.to(values.device)] = values
    return found
