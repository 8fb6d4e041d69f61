"""From a point on the valence-arousal plane to musical cues.

Each cue depends linearly on both dimensions, as the literature reports, plus noise of its own: performers use cues
redundantly, and no single cue determines what a listener perceives (the lens model of Juslin & Laukka 2003). Signs of
the weights come from the papers below. Their sizes are our choice: a small model can learn the task, and no single
feature solves it.

- Gabrielsson, A. & Lindström, E. (2010). The role of structure in the musical expression of emotions. In Juslin &
  Sloboda (eds.), Handbook of Music and Emotion: tempo, mode, loudness, pitch level, consonance, rhythm, articulation,
  contour.
- Juslin, P. N. & Laukka, P. (2003). Communication of emotions in vocal expression and music performance: different
  channels, same code? Psychological Bulletin 129(5): tempo, level, high-frequency energy, attack, articulation,
  regularity.
- Eerola, T., Friberg, A. & Bresin, R. (2013). Emotional expression in music: contribution, linearity, and additivity of
  primary musical cues. Frontiers in Psychology 4:487: mode, tempo, register, dynamics, articulation, timbre. The cues
  work mostly additively and linearly, which is why a weighted sum is enough here.
- Ilie, G. & Thompson, W. F. (2006). A comparison of acoustic cues in music and speech for three dimensions of affect.
  Music Perception 23(4): intensity and rate raise energy; loud music is perceived as less pleasant than soft music.
- Schubert, E. (2004). Modeling perceived emotion with continuous musical features. Music Perception 21(4): loudness and
  tempo carry arousal.

Percussion, lightness of the accompaniment and purity of tone are our own substitutes for energy, pitch level and
roughness.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from sentio_mobile.errors import InputError

Voice = Literal["keys", "plucked", "bowed", "reed", "flute", "organ", "mallet"]
VOICES: tuple[Voice, ...] = get_args(Voice)


@dataclass(frozen=True, kw_only=True)
class Cues:
    """Musical cues of an emotion, noise included. Each is in [0, 1], and 0.5 on average for a neutral emotion."""

    tempo: float
    """Slow to fast."""
    density: float
    """Few to many notes per beat."""
    level: float
    """Soft to loud playing: audible as distance from the noise floor, brightness and saturation."""
    brightness: float
    """Dull to bright spectra."""
    attack: float
    """Slow to percussive note onsets."""
    percussion: float
    """No drums to busy drums."""
    accent: float
    """Even to strongly accented beats."""
    staccato: float
    """Overlapping to short notes."""
    major: float
    """Minor and diminished to major chords."""
    register: float
    """Low to high melody."""
    lightness: float
    """Low, heavy accompaniment to high, light accompaniment."""
    consonance: float
    """Clusters and chromatic notes to plain chords."""
    purity: float
    """Rough, detuned, noisy tones to pure ones."""
    regularity: float
    """Loose, unpredictable rhythm to a steady pattern."""
    contour: float
    """Falling to rising phrases."""

    @property
    def tempo_bpm(self) -> float:
        """Beats per minute, from 52 to 176."""
        return 52.0 * (176.0 / 52.0) ** self.tempo


@dataclass(frozen=True)
class CueWeights:
    """Dependence of a cue on the emotion.

    Attributes:
        valence: Weight of valence.
        arousal: Weight of arousal.
        noise_sd: Standard deviation of the cue's own noise.
    """

    valence: float
    arousal: float
    noise_sd: float


CUE_WEIGHTS: Mapping[str, CueWeights] = {
    "tempo": CueWeights(0.20, 1.00, 0.50),
    "density": CueWeights(0.05, 1.00, 0.35),
    "level": CueWeights(-0.10, 1.00, 0.40),
    "brightness": CueWeights(0.05, 1.00, 0.60),
    "attack": CueWeights(0.00, 1.00, 0.40),
    "percussion": CueWeights(0.00, 1.00, 0.40),
    "accent": CueWeights(0.00, 1.00, 0.40),
    "staccato": CueWeights(0.60, 0.45, 0.60),
    "major": CueWeights(1.00, 0.00, 0.50),
    "register": CueWeights(1.00, 0.10, 0.50),
    "lightness": CueWeights(1.00, 0.00, 0.50),
    "consonance": CueWeights(0.95, -0.10, 0.55),
    "purity": CueWeights(0.95, -0.20, 0.55),
    "regularity": CueWeights(0.80, 0.00, 0.60),
    "contour": CueWeights(0.50, 0.30, 0.60),
}


@dataclass(frozen=True, kw_only=True)
class Nuisance:
    """Properties that vary from song to song independently of the emotion."""

    key: int
    """Semitones above C, 0 to 11."""
    beats_per_bar: int
    melody_voice: Voice
    chord_voice: Voice
    bass_voice: Voice
    pattern: Literal["block", "arpeggio", "pulse"]
    """Playing style of the accompaniment."""
    melody_db: float
    chord_db: float
    bass_db: float
    drum_db: float
    """Levels of the four parts in the mix, in dB around 0."""
    tilt_db: float
    """Slope of the equalizer in dB per octave, around 1 kHz."""
    noise_db: float
    """Background noise relative to a full-scale mix, in dB."""
    noise_tilt_db: float
    """Slope of the background noise's spectrum, in dB per octave."""
    room: float
    """Amount of echo, 0 to 1."""
    gain_db: float
    """Peak of the mastered clip relative to full scale, in dB."""


@dataclass(frozen=True, kw_only=True)
class Song:
    """One song before composition: its labels, and everything that its notes and sound follow from."""

    seed: int
    index: int
    valence: float
    arousal: float
    """Both in [-1, 1]."""
    cues: Cues
    nuisance: Nuisance

    def generator(self, stage: int) -> np.random.Generator:
        """Return the random number generator of one stage of this song's production."""
        return np.random.default_rng([self.seed, self.index, stage])


def draw_songs(n: int, seed: int) -> list[Song]:
    """Draw `n` songs whose emotions cover the square [-1, 1]^2 evenly.

    Song i depends only on `seed` and i, never on `n`. Emotions follow the additive recurrence on the plastic number
    (Roberts 2018, the R2 sequence), shifted by the seed. It covers the square evenly for every n; independent draws
    would not.

    Args:
        n: Number of songs.
        seed: Random seed.

    Raises:
        InputError: `n` or `seed` is negative.
    """
    if n < 0 or seed < 0:
        raise InputError(f"the number of songs and the seed must not be negative, got {n} songs and seed {seed}")
    return [_draw(seed, index) for index in range(n)]


_PLASTIC = 1.32471795724474602596
_STRIDE = np.array([1.0 / _PLASTIC, 1.0 / _PLASTIC**2])


def _draw(seed: int, index: int) -> Song:
    shift = np.random.default_rng([seed]).random(2)
    # Labels are written with two decimals on the 1-9 scale. Rounded here, song and file agree exactly.
    plane = np.round(((shift + index * _STRIDE) % 1.0) * 8.0 + 1.0, 2)
    valence, arousal = (float(x) for x in (plane - 5.0) / 4.0)
    rng = np.random.default_rng([seed, index])
    return Song(
        seed=seed,
        index=index,
        valence=valence,
        arousal=arousal,
        cues=_draw_cues(valence, arousal, rng),
        nuisance=_draw_nuisance(rng),
    )


def _draw_cues(valence: float, arousal: float, rng: np.random.Generator) -> Cues:
    def cue(weights: CueWeights) -> float:
        value = weights.valence * valence + weights.arousal * arousal + weights.noise_sd * rng.standard_normal()
        return float(0.5 + 0.5 * np.tanh(0.9 * value))

    return Cues(**{name: cue(weights) for name, weights in CUE_WEIGHTS.items()})


def _draw_nuisance(rng: np.random.Generator) -> Nuisance:
    patterns: tuple[Literal["block", "arpeggio", "pulse"], ...] = ("block", "arpeggio", "pulse")
    melody, chord = rng.choice(len(VOICES), 2)
    return Nuisance(
        key=int(rng.integers(12)),
        beats_per_bar=int(rng.choice([4, 4, 4, 3])),
        melody_voice=VOICES[melody],
        chord_voice=VOICES[chord],
        bass_voice=("plucked", "bowed", "organ", "keys")[rng.integers(4)],
        pattern=patterns[rng.integers(3)],
        melody_db=float(rng.normal(0.0, 2.0)),
        chord_db=float(rng.normal(-5.0, 2.0)),
        bass_db=float(rng.normal(-2.0, 2.0)),
        drum_db=float(rng.normal(-2.0, 2.0)),
        tilt_db=float(rng.normal(0.0, 1.9)),
        noise_db=float(rng.uniform(-68.0, -45.0)),
        noise_tilt_db=float(rng.uniform(-6.0, 0.0)),
        room=float(rng.random()),
        gain_db=float(rng.uniform(-12.0, -0.5)),
    )
