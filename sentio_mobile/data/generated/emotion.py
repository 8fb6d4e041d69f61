"""From a point on the valence-arousal plane to the musical cues that listeners hear there.

Each cue leans on the two dimensions as the literature has it, and then strays by a noise of its own: performers use the
cues redundantly, and no one of them settles what a listener hears (the lens model of Juslin & Laukka 2003). Directions
are taken from the papers below; the sizes of the leanings are ours, chosen so that a small model can learn the task and
no single feature gives it away.

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
  Music Perception 23(4): intensity and rate raise energy; loud music is heard as less pleasant than soft music.
- Schubert, E. (2004). Modeling perceived emotion with continuous musical features. Music Perception 21(4): loudness and
  tempo carry arousal.

Percussion, lightness of the accompaniment and purity of tone are our own stand-ins, for energy, pitch level and the
roughness that consonance lacks.
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
    """What the emotion decides, noise included: each cue in [0, 1], and 0.5 where the emotion is neutral."""

    tempo: float
    """Slow to fast."""
    density: float
    """Few to many notes a beat."""
    level: float
    """Soft to loud playing: heard as distance from the noise floor, as brightness, and as drive."""
    brightness: float
    """Dull to bright spectra."""
    attack: float
    """Swelling to percussive note onsets."""
    percussion: float
    """No drums to busy drums."""
    accent: float
    """Even to strongly accented beats."""
    staccato: float
    """Notes that overlap to notes that are cut short."""
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
        """Beats a minute, from 52 to 176."""
        return 52.0 * (176.0 / 52.0) ** self.tempo


@dataclass(frozen=True)
class Tendency:
    """How a cue leans: its change for a unit of valence and of arousal, and the sd of its own noise."""

    valence: float
    arousal: float
    spread: float


TENDENCIES: Mapping[str, Tendency] = {
    "tempo": Tendency(0.20, 1.00, 0.50),
    "density": Tendency(0.05, 1.00, 0.35),
    "level": Tendency(-0.10, 1.00, 0.40),
    "brightness": Tendency(0.05, 1.00, 0.60),
    "attack": Tendency(0.00, 1.00, 0.40),
    "percussion": Tendency(0.00, 1.00, 0.40),
    "accent": Tendency(0.00, 1.00, 0.40),
    "staccato": Tendency(0.60, 0.45, 0.60),
    "major": Tendency(1.00, 0.00, 0.50),
    "register": Tendency(1.00, 0.10, 0.50),
    "lightness": Tendency(1.00, 0.00, 0.50),
    "consonance": Tendency(0.95, -0.10, 0.55),
    "purity": Tendency(0.95, -0.20, 0.55),
    "regularity": Tendency(0.80, 0.00, 0.60),
    "contour": Tendency(0.50, 0.30, 0.60),
}


@dataclass(frozen=True, kw_only=True)
class Nuisance:
    """What varies from song to song and says nothing about the emotion."""

    key: int
    """Semitones above C, 0 to 11."""
    beats_per_bar: int
    melody_voice: Voice
    chord_voice: Voice
    bass_voice: Voice
    pattern: Literal["block", "arpeggio", "pulse"]
    """How the accompaniment plays its chords."""
    melody_db: float
    chord_db: float
    bass_db: float
    drum_db: float
    """Levels of the four parts in the mix, decibels around 0."""
    tilt_db: float
    """Slope of the equalizer, decibels an octave around 1 kHz."""
    noise_db: float
    """Background noise re a full-scale mix, decibels."""
    noise_tilt_db: float
    """Slope of the background noise's spectrum, decibels an octave."""
    room: float
    """Amount of echo, 0 to 1."""
    gain_db: float
    """Peak of the mastered clip re full scale, decibels."""


@dataclass(frozen=True, kw_only=True)
class Song:
    """One song that has been decided upon but not yet composed: its labels and all that its notes follow from."""

    seed: int
    index: int
    valence: float
    arousal: float
    """Both in [-1, 1]."""
    cues: Cues
    nuisance: Nuisance

    def generator(self, stage: int) -> np.random.Generator:
        """A stream of chance that belongs to this song and this stage of its making."""
        return np.random.default_rng([self.seed, self.index, stage])


def draw_songs(n: int, seed: int) -> list[Song]:
    """Decide on `n` songs whose emotions cover the square [-1, 1]^2 evenly.

    Song i depends on `seed` and i alone, never on `n`. Emotions follow the additive recurrence on the plastic number
    (Roberts 2018, the R2 sequence), shifted by the seed: even coverage for every n, which independent draws lack.

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
    # Rounded as the labels are written (two decimals on the 1-9 scale), so that file and song agree exactly.
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
    def cue(tendency: Tendency) -> float:
        lean = tendency.valence * valence + tendency.arousal * arousal + tendency.spread * rng.standard_normal()
        return float(0.5 + 0.5 * np.tanh(0.9 * lean))

    return Cues(**{name: cue(tendency) for name, tendency in TENDENCIES.items()})


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
