"""A bundle's answer for an audio file, as an app would get it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sentio_mobile.audio.frontend import input_of_file
from sentio_mobile.export.bundle import open_bundle
from sentio_mobile.export.protocol import Runner, get_format, require
from sentio_mobile.spec import ModelSpec


@dataclass(frozen=True)
class Emotion:
    """Valence (unpleasant to pleasant) and arousal (calm to energetic) of a song, both in [-1, 1]."""

    song: str
    valence: float
    arousal: float

    @property
    def quadrant(self) -> str:
        """Russell's quadrant (1980) in two words."""
        feeling = "pleasant" if self.valence >= 0 else "unpleasant"
        return f"{feeling}, {'energetic' if self.arousal >= 0 else 'calm'}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, with the scale that they are on."""
        return {**asdict(self), "quadrant": self.quadrant, "scale": [-1, 1]}


@dataclass(frozen=True)
class Predictor:
    """One artifact of a bundle with the front end before it."""

    spec: ModelSpec
    run: Runner

    @classmethod
    def open(cls, bundle: Path, format_name: str = "onnx", threads: int = 1) -> Predictor:
        """Load one format of a bundle.

        Raises:
            InputError: no format has this name.
            BundleError: the bundle is damaged or lacks this format.
            MissingExtraError: the format's packages are not installed.
        """
        format_ = get_format(format_name)
        require(format_, format_.runtimes)
        opened = open_bundle(bundle)
        return cls(opened.spec, format_.open(opened.artifact(format_name).path, opened.spec, threads))

    def __call__(self, song: Path) -> Emotion:
        """The emotion of the first `spec.audio.seconds` of an audio file.

        Raises:
            AudioError: the file holds no usable audio.
        """
        valence, arousal = self.run(input_of_file(song, self.spec))[0]
        return Emotion(str(song), float(valence), float(arousal))
