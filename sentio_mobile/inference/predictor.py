"""A loaded model with the front end before it."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.audio.decode import decode, fit_length
from sentio_mobile.audio.image import clip_to_input, mel_to_input
from sentio_mobile.audio.sliding import Window, check_every, count_windows, windows, with_mels
from sentio_mobile.audio.stream import check_pcm, estimated_seconds, stream
from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.errors import BundleError, InputError
from sentio_mobile.formats.base import Runner, get_format, require
from sentio_mobile.inference.emotion import Emotion
from sentio_mobile.spec import Form, ModelSpec

BATCH = 4
"""Clips that a model takes at once where its batch size is free; more of them are no faster, and need more memory."""


@dataclass(frozen=True)
class Predictor:
    """One artifact of a bundle with the front end before it; `sentio_mobile.load` gives one.

    Attributes:
        spec: what the artifact is fed, and what it answers.
        run: the artifact.
        batch: how many clips it may be given at once.
    """

    spec: ModelSpec
    run: Runner
    batch: int = 1

    @classmethod
    def open(cls, bundle: Path, format_name: str = "onnx", threads: int = 1, form: Form | None = None) -> Predictor:
        """Load one artifact of a bundle.

        Args:
            bundle: a folder that `export` wrote; its hashes are checked.
            format_name: which of its formats.
            threads: how many the model may use.
            form: what the artifact is fed; by default `spectrogram` where the bundle has it.

        Raises:
            InputError: no format has this name.
            BundleError: the bundle is damaged or lacks this format in this form.
            MissingExtraError: the format's packages are not installed.
        """
        format_ = get_format(format_name)
        require(format_, format_.runtimes)
        opened = open_bundle(bundle)
        forms = [artifact.form for artifact in opened.artifacts if artifact.format == format_name]
        chosen: Form = form or ("waveform" if forms == ["waveform"] else "spectrogram")
        spec = opened.spec.in_form(chosen)
        run = format_.open(opened.artifact(format_name, chosen).path, spec, threads)
        return cls(spec, run, BATCH if chosen in format_.free_batch else 1)

    def predict(self, song: str | Path) -> Emotion:
        """The emotion of the first `spec.audio.seconds` of an audio file; no more of it is decoded.

        That of a model with `pooling` is the mean over all windows of the song, one after another.

        Raises:
            AudioError: the file holds no usable audio.
        """
        audio = self.spec.audio
        if self.spec.pooling == "mean":
            return _mean(self._trajectory(Path(song), audio.seconds))
        pcm = decode(Path(song), audio.sample_rate, seconds=audio.n_samples / audio.sample_rate)
        return self._of_pcm(pcm, _name(song))

    def predict_pcm(self, pcm: NDArray[np.floating], sample_rate: int, song: str = "PCM") -> Emotion:
        """The emotion of the first `spec.audio.seconds` of sound in memory; with `pooling`, of all of it.

        Args:
            pcm: mono, floating point [samples], full scale at -1 and 1.
            sample_rate: samples a second.
            song: what the answer is to be called.

        Raises:
            InputError: the array is not one-dimensional, or not of floating point.
            AudioError: it is empty, or holds values that are not numbers.
        """
        import soxr

        audio = self.spec.audio
        if pcm.ndim != 1:
            raise InputError(f"{song}: PCM of shape {list(pcm.shape)} is not mono; mix its channels down to [samples]")
        if not np.issubdtype(pcm.dtype, np.floating):
            raise InputError(f"{song}: PCM of {pcm.dtype} has no full scale of 1; divide it by its own as float32")
        # A second more than a clip: the resampler's filter reaches a little beyond what it gives.
        pooled = self.spec.pooling == "mean"
        most = None if pooled else math.ceil((audio.seconds + 1) * sample_rate)
        clip = np.asarray(pcm[:most], dtype=np.float32)
        check_pcm(clip, song)
        if sample_rate != audio.sample_rate:
            clip = soxr.resample(clip, sample_rate, audio.sample_rate)
        if pooled:
            return _mean(self._of_blocks(iter([clip]), song, audio.seconds))
        return self._of_pcm(clip[: audio.n_samples], song)

    def trajectory(self, song: str | Path, every: float = 1.0) -> Iterator[Emotion]:
        """The emotion of window after window of an audio file, in memory that does not grow with it.

        Each answer is that for the window cut out, within 1e-4. Windows are `spec.audio.seconds` long and lie wholly
        within the song; their starts are rounded down to the hop. A song shorter than that gives one answer.

        Args:
            song: an audio file.
            every: seconds from one window to the next.

        Raises:
            InputError: at once, when `every` is not a number, or smaller than the hop.
            AudioError: while iterating, when the file holds no usable audio, or is cut.
        """
        check_every(every, self.spec.audio)
        return self._trajectory(Path(song), every)

    def count(self, song: Path, every: float) -> int | None:
        """How many answers `trajectory` will probably give; None where the file's header does not tell.

        Raises:
            AudioError: the file cannot be opened as audio.
        """
        seconds = estimated_seconds(song)
        return (
            None
            if seconds is None
            else count_windows(round(seconds * self.spec.audio.sample_rate), self.spec.audio, every)
        )

    def _trajectory(self, song: Path, every: float) -> Iterator[Emotion]:
        return self._of_blocks(stream(song, self.spec.audio.sample_rate), _name(song), every)

    def _of_blocks(self, blocks: Iterator[NDArray[np.float32]], song: str, every: float) -> Iterator[Emotion]:
        clips = self._inputs(windows(blocks, self.spec.audio, every))
        while group := list(itertools.islice(clips, self.batch)):
            given = np.concatenate([given for _, given in group])
            yield from self._answers(given, [window for window, _ in group], song)

    def _inputs(self, clips: Iterator[Window]) -> Iterator[tuple[Window, NDArray[np.float32]]]:
        """Each window and what the model is fed for it, a batch of one."""
        audio = self.spec.audio
        if self.spec.form == "waveform":
            return ((clip, clip.pcm[None]) for clip in clips)
        return ((clip, mel_to_input(unit, self.spec)) for clip, unit in with_mels(clips, audio))

    def _of_pcm(self, pcm: NDArray[np.float32], song: str) -> Emotion:
        """The answer for one clip, or for less than one."""
        clip = fit_length(pcm, self.spec.audio)
        given = clip[None] if self.spec.form == "waveform" else clip_to_input(clip, self.spec)
        return self._answers(given, [Window(0, len(pcm), clip)], song)[0]

    def _answers(self, given: NDArray[np.float32], clips: list[Window], song: str) -> list[Emotion]:
        answers, rate, known = self.run(given), self.spec.audio.sample_rate, self.spec.uncertainty
        if not np.isfinite(answers).all():
            raise BundleError(f"the model's answer for {song} is not a number; export the bundle again and verify it")
        return [
            Emotion(
                song=song,
                valence=float(valence),
                arousal=float(arousal),
                start=clip.start / rate,
                end=(clip.start + clip.valid_samples) / rate,
                uncertainty=known,
            )
            for (valence, arousal), clip in zip(answers, clips, strict=True)
        ]


def _mean(answers: Iterator[Emotion]) -> Emotion:
    """One answer for a song of many: the mean, of the time from the first's beginning to the last's end."""
    every = list(answers)
    valence, arousal = (float(np.mean([getattr(answer, name) for answer in every])) for name in ("valence", "arousal"))
    return dataclasses.replace(every[0], valence=valence, arousal=arousal, end=every[-1].end)


def _name(song: str | Path) -> str:
    """The path as text that every file can hold: a name that is no UTF-8 gets marks where it is not."""
    return os.fsencode(song).decode("utf-8", "replace")
