"""The sound of notes: band-limited wave tables with an envelope, and three drums.

A note is rendered once for its part, pitch and duration, and reused wherever the score repeats it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sentio_mobile.data.generated.emotion import Cues, Voice

Wave: TypeAlias = npt.NDArray[np.float32]

TABLE_SIZE = 4096
PERIOD = 1 << 32
TABLE_SHIFT = np.uint32(20)
"""A period has 2^32 phase steps. The upper 12 bits of a phase are the index into the table."""

MAX_HARMONICS = 96


@dataclass(frozen=True, kw_only=True)
class Character:
    """The sound of a family of instruments, before the song's cues modify it."""

    slope: float
    """Harmonic k has amplitude k ** -slope."""
    even: float
    """Strength of the even harmonics, from 0 to 1."""
    attack: float
    """Seconds to full level, for the sharpest attack; the cue lengthens it."""
    decay: float
    """Time constant in seconds of the level's fall to `sustain`."""
    sustain: float
    """Level of a held note, from 0 to 1."""
    vibrato: float
    """Depth of vibrato in semitones."""
    breath: float
    """Noise with every tone, relative to its level."""


CHARACTERS: Mapping[Voice, Character] = {
    "keys": Character(slope=1.5, even=1.0, attack=0.004, decay=0.7, sustain=0.05, vibrato=0.0, breath=0.005),
    "plucked": Character(slope=1.2, even=0.9, attack=0.003, decay=0.35, sustain=0.0, vibrato=0.0, breath=0.005),
    "bowed": Character(slope=1.0, even=1.0, attack=0.030, decay=1.0, sustain=0.8, vibrato=0.2, breath=0.015),
    "reed": Character(slope=1.1, even=0.3, attack=0.020, decay=1.0, sustain=0.85, vibrato=0.1, breath=0.015),
    "flute": Character(slope=2.1, even=0.7, attack=0.025, decay=1.0, sustain=0.9, vibrato=0.15, breath=0.03),
    "organ": Character(slope=1.7, even=0.8, attack=0.010, decay=1.0, sustain=1.0, vibrato=0.0, breath=0.003),
    "mallet": Character(slope=1.9, even=0.4, attack=0.002, decay=0.45, sustain=0.0, vibrato=0.0, breath=0.01),
}


@dataclass(frozen=True)
class Tone:
    """The equalizer of a song: a slope around 1 kHz."""

    tilt_db: float

    def gain(self, hertz: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Amplitude factor at each frequency, constant below 40 Hz."""
        octaves = np.log2(np.maximum(hertz, 40.0) / 1000.0)
        return np.asarray(10.0 ** (self.tilt_db * octaves / 20.0))


class Instrument:
    """One pitched voice of one song. It renders notes and caches them."""

    def __init__(self, voice: Voice, cues: Cues, *, tone: Tone, rng: np.random.Generator, sample_rate: int) -> None:
        self._character = CHARACTERS[voice]
        self._cues, self._tone, self._sample_rate = cues, tone, sample_rate
        # The timbre of every instrument differs slightly from its family.
        harmonics = np.arange(1, MAX_HARMONICS + 1)
        slope = self._character.slope + 1.6 * (0.5 - cues.brightness) + 0.7 * (0.5 - cues.level) + rng.normal(0.0, 0.15)
        even = np.where(harmonics % 2 == 0, self._character.even, 1.0)
        self._amplitudes = even * harmonics ** -max(slope, 0.4) * 10.0 ** (rng.normal(0.0, 2.5, MAX_HARMONICS) / 20.0)
        self._phases = np.exp(2j * np.pi * rng.random(MAX_HARMONICS))
        self._detune = 0.022 * (1.0 - cues.purity) ** 1.5 * rng.uniform(0.8, 1.2)
        self._breath = self._character.breath + 0.10 * (1.0 - cues.purity) ** 2
        self._vibrato_rate = rng.uniform(4.5, 6.5)
        noise = rng.standard_normal(1 << 15, dtype=np.float32)
        self._noise = np.diff(noise, prepend=noise[-1:])
        self._tables: dict[int, tuple[Wave, Wave]] = {}
        self._notes: dict[tuple[int, int], Wave] = {}

    def note(self, pitch: int, duration: float) -> Wave:
        """Return the samples of one note at about unit level, release included.

        Durations are rounded to 1/50 s, so that most notes are in the cache.
        """
        steps = max(2, round(duration * 50.0))
        wave = self._notes.get((pitch, steps))
        if wave is None:
            wave = self._notes[pitch, steps] = self._render(pitch, steps / 50.0)
        return wave

    def _render(self, pitch: int, duration: float) -> Wave:
        envelope, shimmer = self._envelopes(duration)
        n = len(envelope)
        dull, bright = self._table(pitch)
        hertz = 440.0 * 2.0 ** ((pitch - 69) / 12.0)
        phase = self._phase(hertz, n)
        if self._character.vibrato:
            rate = 2.0 * np.pi * self._vibrato_rate / self._sample_rate
            depth = (2.0 ** (self._character.vibrato / 12.0) - 1.0) * hertz * PERIOD / self._sample_rate / rate
            sway = np.sin(np.float32(rate) * np.arange(n, dtype=np.float32))
            phase += (np.float32(depth) * sway).astype(np.int64).astype(np.uint32)
        index = phase >> TABLE_SHIFT
        wave: Wave = dull[index] * envelope + bright[index] * shimmer
        if self._detune > 1e-3:
            other = self._phase(hertz * (1.0 + self._detune), n) >> TABLE_SHIFT
            wave += np.float32(0.8) * dull[other] * envelope
        start = (pitch * 977) % (len(self._noise) // 4)
        wave += np.resize(self._noise[start:], n) * (envelope * np.float32(self._breath))
        return wave

    def _phase(self, hertz: float, n: int) -> npt.NDArray[np.uint32]:
        """Phase of each of `n` samples. Integers that wrap around stay exact for notes of any length."""
        step = np.uint32(round(hertz * PERIOD / self._sample_rate))
        return np.arange(n, dtype=np.uint32) * step

    def _envelopes(self, duration: float) -> tuple[Wave, Wave]:
        """Level over time of the whole tone, and of its brightness, which fades after the onset."""
        rate, character = self._sample_rate, self._character
        attack = character.attack + 0.20 * (1.0 - self._cues.attack) ** 1.5
        release = 0.04 + 0.20 * (1.0 - self._cues.staccato)
        n = int((duration + release) * rate)
        time = np.arange(n, dtype=np.float32) / np.float32(rate)
        fall = np.exp(time * np.float32(-1.0 / character.decay))
        level = character.sustain + (1.0 - character.sustain) * fall
        level *= np.minimum(time / np.float32(attack), 1.0)
        level *= np.clip((duration + release - time) / np.float32(release), 0.0, 1.0)
        shimmer = level * (0.25 + self._cues.attack * np.exp(time * np.float32(-8.0)))
        return level.astype(np.float32), shimmer.astype(np.float32)

    def _table(self, pitch: int) -> tuple[Wave, Wave]:
        """One period of all harmonics of the tone, and one of the upper harmonics."""
        tables = self._tables.get(pitch)
        if tables is None:
            hertz = 440.0 * 2.0 ** ((pitch - 69) / 12.0) * np.arange(1, MAX_HARMONICS + 1)
            audible = np.where(hertz < 0.45 * self._sample_rate, self._amplitudes * self._tone.gain(hertz), 0.0)
            # All pitches have the same power. Otherwise loudness would depend on the register.
            audible /= np.sqrt(np.sum(audible**2)) + 1e-9
            upper = audible * np.minimum(np.arange(MAX_HARMONICS) / 4.0, 1.0)
            tables = self._tables[pitch] = (self._period(audible), self._period(upper))
        return tables

    def _period(self, amplitudes: npt.NDArray[np.float64]) -> Wave:
        spectrum = np.zeros(TABLE_SIZE // 2 + 1, dtype=np.complex64)
        spectrum[1 : MAX_HARMONICS + 1] = amplitudes * self._phases
        return np.asarray(np.fft.irfft(spectrum) * (TABLE_SIZE / 2), dtype=np.float32)


def drum_kit(cues: Cues, tone: Tone, rng: np.random.Generator, sample_rate: int) -> dict[str, Wave]:
    """Render one hit of each drum, `kick`, `snare` and `hat`, at about unit level."""
    time = np.arange(int(0.3 * sample_rate)) / sample_rate
    noise = rng.standard_normal((2, len(time)))
    low, sweep = rng.uniform(42.0, 60.0), rng.uniform(60.0, 160.0)
    kick = np.sin(2.0 * np.pi * (low * time + sweep / 30.0 * (1.0 - np.exp(-30.0 * time)))) * np.exp(-time * 12.0)
    body = np.sin(2.0 * np.pi * rng.uniform(160.0, 230.0) * time) * np.exp(-time * 25.0)
    snare = 0.6 * body + 0.5 * noise[0] * np.exp(-time * rng.uniform(14.0, 26.0))
    hat = np.diff(noise[1], prepend=0.0) * 0.5 * np.exp(-time * rng.uniform(25.0, 60.0))
    hertz = np.fft.rfftfreq(len(time), 1.0 / sample_rate)
    gain = tone.gain(hertz) / (1.0 + (hertz / (3000.0 + 9000.0 * cues.brightness)) ** 2)
    swell = np.minimum(time / (0.001 + 0.02 * (1.0 - cues.attack)), 1.0)
    return {
        name: np.asarray(np.fft.irfft(np.fft.rfft(hit * swell) * gain, len(time)), dtype=np.float32)
        for name, hit in (("kick", kick), ("snare", snare), ("hat", hat))
    }


def background(tilt_db: float, rng: np.random.Generator, n: int, sample_rate: int) -> Wave:
    """Render `n` samples of noise at unit RMS with a spectral slope in dB per octave (a few seconds, repeated)."""
    period = 1 << 17
    hertz = np.fft.rfftfreq(period, 1.0 / sample_rate)
    spectrum = np.fft.rfft(rng.standard_normal(period, dtype=np.float32)) * Tone(tilt_db).gain(hertz)
    noise = np.fft.irfft(spectrum, period)
    noise /= np.sqrt(np.mean(noise**2))
    return np.resize(noise.astype(np.float32), n)
