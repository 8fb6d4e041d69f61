"""Settings of data preparation and of the music generator. Free of torch, so that recipes can be read without it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from sentio_mobile._internal.records import Record, Seed
from sentio_mobile.errors import RecordError

Fraction = Annotated[float, Meta(gt=0, lt=1)]


class GeneratedRecipe(Record, frozen=True, kw_only=True):
    """How much music the generator writes, and how it is stored."""

    songs: Annotated[int, Meta(ge=1, le=100_000)] = 600  # number of songs
    seed: Seed = 1  # random seed of the music
    audio_format: Literal["mp3", "flac", "ogg", "wav"] = "mp3"  # format of the audio files


class DataRecipe(Record, frozen=True, kw_only=True):
    """How labelled audio is prepared.

    Training draws one of a song's stored windows for each epoch; validation and test use the one that `window` names.
    Perturbed copies (MP3 at 64 kbit/s, noise 30 dB below the music, an equalizer tilted either way, a gain that clips;
    drawn for each song) are further windows of training songs and of songs without labels.
    """

    scale: Literal["1-9", "-1-1"] = "1-9"  # scale of a manifest's labels; DEAM's is always 1-9
    labels: Literal["static", "dynamic"] = "static"  # one label a song, or those of the window's moments
    window: Literal["start", "middle"] = "start"  # which part of a longer song is taken
    windows: Annotated[int, Meta(ge=1, le=64)] = 1  # windows stored of each long song, spread evenly over it
    perturb: Annotated[int, Meta(ge=0, le=5)] = 0  # perturbed copies of each window of a song that is trained on
    fractions: tuple[Fraction, Fraction, Fraction] = (0.8, 0.1, 0.1)  # shares of training, validation and test songs
    seed: Seed = 0  # random seed of the split

    def check(self) -> None:
        """The shares must add up to 1."""
        if abs(sum(self.fractions) - 1) > 1e-6:
            raise RecordError(f"fractions must add up to 1, and {list(self.fractions)} do not")
