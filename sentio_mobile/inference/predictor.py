"""A loaded model with the front end before it: predictions for files, for sound in memory, and for live sound."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import soxr
from numpy.typing import NDArray

from sentio_mobile._internal.records import replace
from sentio_mobile.audio.decode import estimate_seconds, fit_length, is_silent, level_db, read_sound, stream
from sentio_mobile.audio.image import clip_to_input, mel_to_input
from sentio_mobile.audio.pcm import check_pcm
from sentio_mobile.audio.sliding import Window, check_every, count_windows, windows, with_mels
from sentio_mobile.bundle.bundle import Bundle, find_artifact
from sentio_mobile.bundle.manifest import ArtifactEntry, Manifest
from sentio_mobile.bundle.parity import Parity, compare_outputs
from sentio_mobile.bundle.sign import open_trusted
from sentio_mobile.bundle.targets import load_targets
from sentio_mobile.errors import BundleError, CheckFailedError
from sentio_mobile.formats.base import Runner, require_packages
from sentio_mobile.formats.process import RuntimeProcess
from sentio_mobile.formats.registry import DEFAULT_FORMAT, get_format
from sentio_mobile.inference.emotion import Emotion
from sentio_mobile.inference.live import check_live, live_windows, mono_float
from sentio_mobile.spec import PRECISIONS, Artifact, Form, ModelSpec, Precision

LIVE = "live"
"""The default name of live sound in predictions."""


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """A model with the front end before it, such as an artifact of a bundle; `sentio_mobile.load` opens one.

    Attributes:
        spec: The input and output of the model.
        run: The loaded model.
        batch: The number of clips that it takes at once. More than one is no faster in a bundle's artifacts.
        bundle: The bundle that the artifact is from; None where there is none to check it against.
        artifact: The artifact's entry in the bundle.
    """

    spec: ModelSpec
    run: Runner
    batch: int = 1
    bundle: Bundle | None = None
    artifact: Artifact | None = None

    @classmethod
    def open(
        cls,
        bundle: Path,
        *,
        format_name: str = DEFAULT_FORMAT,
        threads: int = 1,
        form: Form | None = None,
        precision: Precision | None = None,
        key: Path | None = None,
        every: float | None = None,
    ) -> Predictor:
        """Load one artifact of a bundle.

        Args:
            bundle: A folder that `export` wrote; what is read of it is hashed first.
            format_name: One of the bundle's formats.
            threads: The number of threads that the model may use, at least 1.
            form: The form of the artifact; by default the faster of those that the bundle has.
            precision: The precision of the artifact; by default the highest that the bundle has.
            key: A public key whose owner must have signed the bundle; None to ask for no signature.
            every: Seconds from one window to the next, where it will predict window after window. It decides which
                form is faster.

        Raises:
            InputError: No format has this name.
            BundleError: The bundle is damaged, lacks this format in this form, or its artifact asks for an operator
                that no export uses.
            CheckFailedError: The signature does not hold.
            MissingExtraError: The format's packages are not installed.
        """
        format_ = get_format(format_name)
        require_packages(format_, format_.runtimes)

        def choose(manifest: Manifest) -> ArtifactEntry:
            chosen = form or _faster_form(manifest, format_name, precision=precision, every=every)
            return find_artifact(manifest, bundle, format_name=format_name, form=chosen, precision=precision)

        # The process starts while this one hashes.
        process, opened = RuntimeProcess(bundle), open_trusted(bundle, key, choose)
        artifact = opened.artifact_of(choose(opened.manifest))
        spec = opened.spec.in_form(artifact.form)
        return cls(
            spec=spec,
            run=process.open(artifact, spec, threads),
            bundle=opened,
            artifact=artifact,
        )

    def predict(self, song: str | Path) -> Emotion:
        """Predict the emotion of the first `spec.audio.seconds` of an audio or video file. No more of it is decoded.

        A model with `pooling` gives the mean over all windows of the song, one after another.

        Raises:
            AudioError: The file holds no usable audio.
        """
        audio = self.spec.audio
        if self.spec.pooling == "mean":
            return _mean(self._trajectory(Path(song), audio.seconds))
        sound = read_sound(Path(song), audio.sample_rate, seconds=audio.n_samples / audio.sample_rate)
        return replace(self._predict_clip(sound.pcm, name_of(song)), notes=sound.notes)

    def predict_pcm(self, pcm: NDArray[np.floating], sample_rate: int, song: str = "PCM") -> Emotion:
        """Predict the emotion of the first `spec.audio.seconds` of sound in memory; with `pooling`, of all of it.

        Args:
            pcm: Mono PCM [samples], floating point, full scale at -1 and 1.
            sample_rate: Samples a second.
            song: The name of the sound in the prediction.

        Raises:
            InputError: The array is not one-dimensional, or not of floating point.
            AudioError: The array is empty, or holds values that are not numbers.
        """
        audio = self.spec.audio
        pooled = self.spec.pooling == "mean"
        # One second more than a clip: the resampler's filter reaches a little beyond its output.
        needed = None if pooled else math.ceil((audio.seconds + 1) * sample_rate)
        clip = mono_float(pcm[:needed], song)
        check_pcm(clip, song)
        if sample_rate != audio.sample_rate:
            clip = soxr.resample(clip, sample_rate, audio.sample_rate)
        if pooled:
            return _mean(self._predict_blocks(iter([clip]), song, audio.seconds))
        return self._predict_clip(clip[: audio.n_samples], song)

    def trajectory(self, song: str | Path, every: float = 1.0) -> Iterator[Emotion]:
        """Predict the emotion of window after window of an audio file, in memory that does not grow with it.

        Each prediction equals that for the window cut out, within 1e-4. Windows are `spec.audio.seconds` long and lie
        wholly within the song; their starts are rounded down to the hop. A song shorter than that gives one prediction.
        The last prediction has the notes about the file.

        Args:
            song: An audio file.
            every: Seconds from one window to the next.

        Raises:
            InputError: At once, if `every` is not a number, or smaller than the hop.
            AudioError: While iterating, if the file holds no usable audio.
        """
        check_every(every, self.spec.audio)
        return self._trajectory(Path(song), every)

    def stream(
        self,
        blocks: Iterable[NDArray[np.floating]],
        sample_rate: int,
        *,
        every: float = 1.0,
        minimum: float = 5.0,
        song: str = LIVE,
    ) -> Iterator[Emotion]:
        """Predict the emotion of live sound: every so often, that of the newest `spec.audio.seconds`.

        The sound is the clock: a prediction is due after `minimum` seconds of it, and then every `every` seconds.
        Until a whole clip was received, what is missing is filled up as in any short clip. From then on the windows are
        those of `trajectory`, if a clip's length is `minimum` plus a multiple of `every`. Where one block makes several
        predictions due, only the newest is made: a slow consumer gets fewer predictions, never late ones.

        Args:
            blocks: Consecutive mono PCM [samples], floating point, full scale at -1 and 1, of any length, such as a
                generator that reads a microphone.
            sample_rate: Samples a second of `blocks`, 1,000 to 768,000.
            every: Seconds of sound from one prediction to the next, at least a hop.
            minimum: Seconds of sound before the first prediction, 0 to a clip's length.
            song: The name of the sound in the predictions.

        Raises:
            InputError: At once, if one of the numbers is out of its range; while iterating, if a block is not mono or
                not of floating point.
            AudioError: While iterating, if a block holds values that are not numbers.
        """
        audio = self.spec.audio
        check_live(audio, sample_rate=sample_rate, every=every, minimum=minimum)
        clips = live_windows(blocks, audio, sample_rate=sample_rate, every=every, minimum=minimum, song=song)
        return (self._predict_window(clip, song) for clip in clips)

    def check_device(self) -> Parity:
        """Run the bundle's golden vectors on this machine and compare with PyTorch's outputs.

        Returns:
            The largest difference, its tolerance, and the other measurements.

        Raises:
            BundleError: The predictor was not opened from a bundle, or the bundle's golden vectors are damaged.
            CheckFailedError: The outputs differ by more than the precision's tolerance.
        """
        if self.bundle is None or self.artifact is None:
            raise BundleError("there are no golden vectors to compare with: the model was not loaded from a bundle")
        golden = self.bundle.golden()
        outputs = np.concatenate([self.run(one) for one in golden.inputs(self.spec)])
        parity = compare_outputs(self.artifact, outputs, expected=golden.output, targets=load_targets())
        if parity.verdict != "pass":
            raise CheckFailedError(f"{self.artifact.label} on this machine {parity.reason}; do not use it here")
        return parity

    def count(self, song: Path, every: float) -> int | None:
        """Estimate how many predictions `trajectory` will give; None where the file's header does not tell.

        Raises:
            AudioError: The file cannot be opened as audio.
        """
        seconds, audio = estimate_seconds(song), self.spec.audio
        return None if seconds is None else count_windows(round(seconds * audio.sample_rate), audio, every)

    def _trajectory(self, song: Path, every: float) -> Iterator[Emotion]:
        blocks = stream(song, self.spec.audio.sample_rate)
        held: Emotion | None = None
        for emotion in self._predict_blocks(blocks, name_of(song), every):
            if held is not None:
                yield held
            held = emotion
        if held is not None:
            yield replace(held, notes=tuple(blocks.notes))

    def _predict_blocks(self, blocks: Iterator[NDArray[np.float32]], song: str, every: float) -> Iterator[Emotion]:
        prepared = self._inputs(windows(blocks, self.spec.audio, every))
        while batch := list(itertools.islice(prepared, self.batch)):
            yield from self._predict_batch(batch, song)

    def _inputs(self, clips: Iterator[Window]) -> Iterator[_Prepared]:
        """The model's input for each window. Neighbouring windows share most of the front end's work."""
        if self.spec.form == "waveform":
            yield from (_Prepared(clip, clip.pcm[None], 0.0) for clip in clips)
            return
        decoding = _TimedIterator(clips)
        mels = with_mels(decoding, self.spec.audio)
        while True:
            start, waited = perf_counter(), decoding.seconds
            pair = next(mels, None)
            if pair is None:
                return
            clip, mel = pair
            model_input = mel_to_input(mel, self.spec)
            yield _Prepared(clip, model_input, perf_counter() - start - (decoding.seconds - waited))

    def _predict_clip(self, pcm: NDArray[np.float32], song: str) -> Emotion:
        """The prediction for one clip [samples], or for less than one."""
        return self._predict_window(Window(0, len(pcm), fit_length(pcm, self.spec.audio)), song)

    def _predict_window(self, clip: Window, song: str) -> Emotion:
        start = perf_counter()
        model_input = clip.pcm[None] if self.spec.form == "waveform" else clip_to_input(clip.pcm, self.spec)
        return self._predict_batch([_Prepared(clip, model_input, perf_counter() - start)], song)[0]

    def _predict_batch(self, batch: list[_Prepared], song: str) -> list[Emotion]:
        start = perf_counter()
        outputs = self.run(np.concatenate([one.model_input for one in batch]))
        model_seconds = (perf_counter() - start) / len(batch)
        if not np.isfinite(outputs).all():
            raise BundleError(f"the model's output for {song} is not a number; export the bundle again and verify it")
        rate = self.spec.audio.sample_rate
        return [
            Emotion(
                song=song,
                valence=float(valence),
                arousal=float(arousal),
                start=one.window.start / rate,
                end=(one.window.start + one.window.valid_samples) / rate,
                uncertainty=self.spec.uncertainty,
                inference_ms=1000 * (one.front_end_seconds + model_seconds),
                silent=is_silent(one.window.pcm),
                level_db=level_db(one.window.pcm[: one.window.valid_samples]),
            )
            for (valence, arousal), one in zip(outputs, batch, strict=True)
        ]


@dataclass(frozen=True)
class _Prepared:
    """A window, the model's input for it (a batch of one), and how long the front end took."""

    window: Window
    model_input: NDArray[np.float32]
    front_end_seconds: float


class _TimedIterator(Iterator[Window]):
    """An iterator that adds up the seconds spent in it, so that they can be told from those of its consumer."""

    def __init__(self, inner: Iterator[Window]) -> None:
        self.inner, self.seconds = inner, 0.0

    def __next__(self) -> Window:
        start = perf_counter()
        try:
            return next(self.inner)
        finally:
            self.seconds += perf_counter() - start


def _faster_form(manifest: Manifest, format_name: str, *, precision: Precision | None, every: float | None) -> Form:
    """The form that predicts sooner, of those that a bundle has in its highest precision, or in the given one.

    The front end in the graph is faster than numpy's, which windows that mostly overlap share.
    """
    entries = [entry for entry in manifest.artifacts if entry.format == format_name]
    order = [entry.precision for entry in entries] if precision is None else [precision]
    best = min(order, key=PRECISIONS.index, default=None)
    forms = {entry.form for entry in entries if entry.precision == best}
    preferred: Form = "spectrogram" if every is not None and every < manifest.spec.audio.seconds / 2 else "waveform"
    return preferred if preferred in forms or not forms else forms.pop()


def _mean(emotions: Iterator[Emotion]) -> Emotion:
    """The mean of all windows of a song, from the start of the first to the end of the last."""
    every = list(emotions)
    valence, arousal = (
        float(np.mean([getattr(emotion, name) for emotion in every])) for name in ("valence", "arousal")
    )
    inference_ms = sum(emotion.inference_ms for emotion in every)
    levels = [emotion.level_db for emotion in every if emotion.level_db is not None]
    return replace(
        every[0],
        valence=valence,
        arousal=arousal,
        end=every[-1].end,
        inference_ms=inference_ms,
        silent=all(emotion.silent for emotion in every),
        level_db=10 * math.log10(np.mean([10 ** (level / 10) for level in levels])),
        notes=every[-1].notes,
    )


def name_of(song: str | Path) -> str:
    """The path as text that any file can hold: bytes that are not UTF-8 become replacement characters."""
    return os.fsencode(song).decode("utf-8", "replace")
