"""Settings of data preparation and of the music generator. Free of torch, so that recipes can be read without it."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from sentio_mobile._internal.records import Name, Record, Seed
from sentio_mobile.data.scales import ScaleName, scale_of
from sentio_mobile.errors import LabelError, RecordError

Fraction = Annotated[float, Meta(gt=0, lt=1)]

Role: TypeAlias = Literal[
    "path",
    "valence",
    "arousal",
    "song_id",
    "group",
    "rater",
    "start",
    "end",
    "valence_sd",
    "arousal_sd",
    "raters",
    "tags",
]
"""What a column of a CSV can hold."""

Columns = Annotated[dict[Role, Name], Meta(max_length=12)]
"""Names of a CSV's columns, by what they hold."""


def require_upwards(**scales: str) -> None:
    """Check that scales have a lowest label below the highest.

    Args:
        scales: Scales by the names of their fields; an empty one is guessed later.

    Raises:
        RecordError: One has not.
    """
    for name, scale in scales.items():
        try:
            if scale:
                scale_of(scale)
        except LabelError as error:
            raise RecordError(f"{name} must be a lowest and a higher label, such as '1-9': {error}") from None


class GeneratedRecipe(Record, frozen=True, kw_only=True):
    """How much music the generator writes, and how it is stored."""

    songs: Annotated[int, Meta(ge=1, le=100_000)] = 600  # number of songs
    seed: Seed = 1  # random seed of the music
    audio_format: Literal["mp3", "flac", "ogg", "wav"] = "mp3"  # format of the audio files


class TableSettings(Record, frozen=True, kw_only=True):
    """How one CSV is read."""

    scale: ScaleName = ""  # scale of its labels, such as "1-9" or "-1-1"; empty guesses it from all labels
    # names of its columns, where they are not the usual ones
    columns: Columns = msgspec.field(default_factory=dict)

    def check(self) -> None:
        """A scale must go upwards."""
        require_upwards(scale=self.scale)


class DataRecipe(Record, frozen=True, kw_only=True):
    """How labelled audio is prepared.

    Training draws one of a song's stored windows for each epoch; validation and test use the one that `window` names.
    Perturbed copies (MP3 at 64 kbit/s, noise 30 dB below the music, an equalizer tilted either way, a gain that clips;
    drawn for each song) are further windows of training songs and of songs without labels.
    """

    # scale of the labels in a CSV, such as "1-9" or "-1-1"; empty guesses it where the labels can mean nothing else;
    # data sets with a reader have their own
    scale: ScaleName = ""
    # names of a CSV's columns, where they are not the usual ones
    columns: Columns = msgspec.field(default_factory=dict)
    # scale and columns of each CSV in the order of the sources, or one for all; empty takes `scale` and `columns`
    tables: Annotated[tuple[TableSettings, ...], Meta(max_length=64)] = ()
    # CSV with the columns word, valence and arousal: songs with tags get the mean of their tags' norms as labels
    norms: Annotated[str, Meta(max_length=4096)] = ""
    norms_scale: ScaleName = ""  # scale of the norms; empty guesses it
    labels: Literal["static", "dynamic"] = "static"  # one label a song, or those of the window's moments
    window: Literal["start", "middle"] = "start"  # which part of a longer song is taken
    windows: Annotated[int, Meta(ge=1, le=64)] = 1  # windows stored of each long song, spread evenly over it
    perturb: Annotated[int, Meta(ge=0, le=5)] = 0  # perturbed copies of each window of a song that is trained on
    fractions: tuple[Fraction, Fraction, Fraction] = (0.8, 0.1, 0.1)  # shares of training, validation and test songs
    seed: Seed = 0  # random seed of the split

    def check(self) -> None:
        """The shares must add up to 1, and scales must go upwards."""
        require_upwards(scale=self.scale, norms_scale=self.norms_scale)
        if abs(sum(self.fractions) - 1) > 1e-6:
            raise RecordError(f"fractions must add up to 1, and {list(self.fractions)} do not")

    def table(self, number: int) -> TableSettings:
        """How the CSV of this number is read, counted from 0."""
        if not self.tables:
            return TableSettings(scale=self.scale, columns=self.columns)
        return self.tables[number if len(self.tables) > 1 else 0]
