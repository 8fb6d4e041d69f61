"""Composition: from a song's cues to the notes of chords, accompaniment, melody, bass and drums.

Times are in seconds. Pitches are MIDI numbers (69 is A4, 440 Hz). Velocities scale the amplitude.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from sentio_mobile.data.generated.emotion import Song

Part = Literal["melody", "chord", "bass", "kick", "snare", "hat"]

MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
MINOR_SCALE = (0, 2, 3, 5, 7, 8, 10)
MAJOR_PROGRESSIONS = ((0, 4, 5, 3), (0, 3, 4, 0), (0, 5, 3, 4), (3, 4, 0, 0), (0, 0, 3, 4), (0, 3, 0, 4))
MINOR_PROGRESSIONS = ((0, 5, 6, 0), (0, 3, 4, 0), (0, 1, 4, 0), (0, 3, 0, 4), (5, 3, 1, 0), (0, 6, 5, 4))
"""Scale degrees of four bars; 0 is the tonic. Several minor progressions contain the diminished second degree."""

SEMITONE_CLASHES = (1, -1, 6)
"""Intervals in semitones that make a chord rough: the minor seconds and the tritone."""


class Note(NamedTuple):
    """One event of a part."""

    part: Part
    start: float
    duration: float
    pitch: int
    velocity: float


class Bar(NamedTuple):
    """One bar: its start, and the pitches of its chord and its scale in semitones above the key note."""

    start: float
    chord: tuple[int, ...]
    scale: tuple[int, ...]


def compose(song: Song, seconds: float = 30.0) -> list[Note]:
    """Compose the notes of a song that start within `seconds`. The same song always gives the same notes."""
    rng = song.generator(1)
    beat = 60.0 / song.cues.tempo_bpm
    bars = list(_bars(song, rng, beat, seconds))
    notes = [
        *_melody(song, rng, bars, beat),
        *_accompaniment(song, rng, bars, beat),
        *_bass(song, rng, bars, beat),
        *_drums(song, rng, bars, beat),
    ]
    # In loose playing, onsets deviate by a few hundredths of a second.
    looseness = 0.075 * (1.0 - song.cues.regularity) ** 1.5
    offsets = rng.normal(0.0, looseness, len(notes))
    played = [note._replace(start=max(0.0, note.start + offset)) for note, offset in zip(notes, offsets, strict=True)]
    return [note for note in played if note.start < seconds]


def _bars(song: Song, rng: np.random.Generator, beat: float, seconds: float) -> Iterator[Bar]:
    majorness, length = song.cues.major, beat * song.nuisance.beats_per_bar
    home_is_major = rng.random() < 0.5 + 1.6 * (majorness - 0.5)
    progressions = MAJOR_PROGRESSIONS if home_is_major else MINOR_PROGRESSIONS
    progression = progressions[rng.integers(len(progressions))]
    for number in range(int(np.ceil(seconds / length))):
        # Some bars borrow their chord from the other mode, so that mode varies continuously.
        borrowed = rng.random() < 0.35 * (1.0 - abs(2.0 * majorness - 1.0))
        scale = MAJOR_SCALE if home_is_major != borrowed else MINOR_SCALE
        degree = progression[number % 4]
        chord = tuple(scale[(degree + step) % 7] + 12 * ((degree + step) // 7) for step in (0, 2, 4))
        yield Bar(number * length, chord, scale)


def _rhythm(song: Song, rng: np.random.Generator, slots: int, share: float) -> list[int]:
    """Choose about a `share` of a bar's `slots` to play. Regular playing prefers the strong ones."""
    weight = np.array([1.0 if slot % 4 == 0 else 0.6 if slot % 2 == 0 else 0.2 for slot in range(slots)])
    order = song.cues.regularity * weight + (1.2 - song.cues.regularity) * rng.random(slots)
    count = max(1, round(share * slots))
    return sorted(int(slot) for slot in np.argsort(-order)[:count])


def _melody(song: Song, rng: np.random.Generator, bars: list[Bar], beat: float) -> Iterator[Note]:
    cues = song.cues
    slots = 4 * song.nuisance.beats_per_bar
    centre = 52.0 + 32.0 * cues.register
    share = 0.08 + 0.52 * cues.density**1.3
    hold = 1.15 - 0.9 * cues.staccato
    rise = 12.0 * (cues.contour - 0.5)
    rhythm, pitch = _rhythm(song, rng, slots, share), centre
    for number, bar in enumerate(bars):
        if rng.random() > cues.regularity:
            rhythm = _rhythm(song, rng, slots, share)
        if rng.random() < 0.08:
            continue
        tones = _ladder(song.nuisance.key, bar.scale)
        strong = _ladder(song.nuisance.key, bar.chord)
        for slot, after in zip(rhythm, [*rhythm[1:], slots], strict=True):
            # Phrases of two bars follow the contour. The random walk of pitches is pulled towards its line.
            progress = (number % 2 + slot / slots) / 2.0 - 0.5
            pitch += 0.4 * (centre + rise * progress - pitch) + rng.normal(0.0, 2.5)
            ladder = strong if slot % 4 == 0 else tones
            tone = int(ladder[np.argmin(np.abs(ladder - pitch))])
            if rng.random() < 0.35 * (1.0 - cues.consonance):
                tone += int(rng.choice((-1, 1)))
            length = min(after - slot, 8) * beat / 4.0
            accent = 1.0 if slot % 4 == 0 else 1.0 - 0.75 * cues.accent
            yield Note("melody", bar.start + slot * beat / 4.0, length * hold, tone, accent * rng.uniform(0.85, 1.0))


def _accompaniment(song: Song, rng: np.random.Generator, bars: list[Bar], beat: float) -> Iterator[Note]:
    cues, beats = song.cues, song.nuisance.beats_per_bar
    low = 40.0 + 24.0 * cues.lightness
    hold = 1.05 - 0.75 * cues.staccato
    busy = 1 if cues.density < 0.35 else 2 if cues.density < 0.75 else 4
    for bar in bars:
        ladder = _ladder(song.nuisance.key, bar.chord)
        first = int(np.searchsorted(ladder, low))
        chord = [int(pitch) for pitch in ladder[first : first + 3]]
        for clash in SEMITONE_CLASHES:
            if rng.random() < 0.75 * (1.0 - cues.consonance) ** 1.3:
                chord.append(chord[int(rng.integers(3))] + clash)
        for step, start, length in _steps(song.nuisance.pattern, beats, busy):
            accent = 1.0 if start == 0 else 1.0 - 0.7 * cues.accent
            played = [chord[step % len(chord)]] if song.nuisance.pattern == "arpeggio" else chord
            for pitch in played:
                yield Note("chord", bar.start + start * beat, length * beat * hold, pitch, accent / len(played) ** 0.5)


def _steps(pattern: str, beats: int, busy: int) -> Iterator[tuple[int, float, float]]:
    """Number, start and length in beats of each step of an accompaniment in a bar."""
    count = {"block": busy, "arpeggio": beats * busy, "pulse": beats * max(1, busy // 2)}[pattern]
    for step in range(count):
        yield step, step * beats / count, beats / count


def _bass(song: Song, rng: np.random.Generator, bars: list[Bar], beat: float) -> Iterator[Note]:
    beats = song.nuisance.beats_per_bar
    count = 1 if song.cues.density < 0.4 else beats if song.cues.density < 0.8 else 2 * beats
    floor = 29.0 + 12.0 * song.cues.lightness
    for bar in bars:
        root = _ladder(song.nuisance.key, bar.chord[:1])
        fifth = _ladder(song.nuisance.key, bar.chord[2:])
        for step in range(count):
            ladder = fifth if step and rng.random() < 0.25 else root
            pitch = int(ladder[np.searchsorted(ladder, floor)])
            length = beats / count * beat
            accent = 1.0 if step == 0 else 1.0 - 0.6 * song.cues.accent
            yield Note("bass", bar.start + step * length, length * (1.0 - 0.5 * song.cues.staccato), pitch, accent)


def _drums(song: Song, rng: np.random.Generator, bars: list[Bar], beat: float) -> Iterator[Note]:
    cues, slots = song.cues, 4 * song.nuisance.beats_per_bar
    amount = max(0.0, (cues.percussion - 0.2) / 0.8)
    if amount == 0.0:
        return
    every = 4 if amount < 0.35 else 2 if amount < 0.8 else 1
    for bar in bars:
        for slot in range(slots):
            start = bar.start + slot * beat / 4.0
            strong = slot % 8 == 0
            ghost = rng.random() < 0.12 * (1.0 - cues.regularity)
            if strong or (slot % 4 == 2 and rng.random() < 0.4 * amount):
                yield Note("kick", start, 0.3, 0, amount**0.5)
            if amount > 0.3 and (slot % 8 == 4 or ghost):
                yield Note("snare", start, 0.3, 0, amount * (1.0 if slot % 8 == 4 else 0.5))
            if slot % every == 0:
                yield Note("hat", start, 0.2, 0, amount * (0.6 if slot % 4 == 0 else 0.6 - 0.35 * cues.accent))


def _ladder(key: int, degrees: tuple[int, ...]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """All MIDI pitches from 0 to about 127 whose distance from the key note is one of `degrees`, in octaves."""
    classes = sorted({(key + degree) % 12 for degree in degrees})
    return (np.arange(0, 128, 12)[:, None] + np.array(classes)[None, :]).ravel()
