"""Rendering: from a song's notes to its samples, with echo, background noise and mastering."""

from __future__ import annotations

import numpy as np

from sentio_mobile.data.generated.emotion import Song
from sentio_mobile.data.generated.instruments import Instrument, Tone, Wave, background, drum_kit
from sentio_mobile.data.generated.score import compose

SECONDS = 30.0


def render(song: Song, sample_rate: int = 22050) -> Wave:
    """Render a song as mono PCM. The same song always gives the same samples.

    Args:
        song: The song.
        sample_rate: Sample rate in Hz.

    Returns:
        PCM [30 s x sample_rate] in [-1, 1], never silent.
    """
    n = round(SECONDS * sample_rate)
    cues, nuisance, rng = song.cues, song.nuisance, song.generator(2)
    tone = Tone(nuisance.tilt_db)
    voices = {"melody": nuisance.melody_voice, "chord": nuisance.chord_voice, "bass": nuisance.bass_voice}
    instruments = {
        part: Instrument(voice, cues, tone=tone, rng=rng, sample_rate=sample_rate) for part, voice in voices.items()
    }
    drums = drum_kit(cues, tone, rng, sample_rate)
    part_db = {"melody": nuisance.melody_db, "chord": nuisance.chord_db, "bass": nuisance.bass_db}
    gains = {part: _amplitude(part_db.get(part, nuisance.drum_db)) for part in (*instruments, *drums)}

    mix = np.zeros(n, dtype=np.float32)
    for note in compose(song, SECONDS):
        instrument = instruments.get(note.part)
        wave = instrument.note(note.pitch, note.duration) if instrument else drums[note.part]
        start = int(note.start * sample_rate)
        place = mix[start : start + len(wave)]
        place += wave[: len(place)] * np.float32(note.velocity * gains[note.part])
    _echo(mix, nuisance.room, rng, sample_rate)

    mix /= np.abs(mix).max() + 1e-9
    # A spectrogram relative to its own maximum has no loudness. What it shows of soft playing is a nearer noise floor.
    floor_db = nuisance.noise_db + 24.0 * (0.5 - cues.level)
    mix += np.float32(_amplitude(floor_db)) * background(nuisance.noise_tilt_db, rng, n, sample_rate)
    drive = 0.3 + 2.2 * cues.level**2
    mix *= np.float32(drive)
    np.tanh(mix, out=mix)
    mix *= np.float32(_amplitude(nuisance.gain_db) / np.abs(mix).max())
    return mix


def _echo(mix: Wave, room: float, rng: np.random.Generator, sample_rate: int) -> None:
    """Add a few reflections in place. Each reflects the mix and the reflections before it."""
    for delay in rng.uniform(0.02, 0.12, 5):
        shift = int(delay * sample_rate)
        mix[shift:] += mix[:-shift] * np.float32(0.3 * room)


def _amplitude(decibels: float) -> float:
    return float(10.0 ** (decibels / 20.0))
