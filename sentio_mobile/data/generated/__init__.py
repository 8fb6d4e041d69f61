"""Generated music: a data set without a download, composed by rules from a seed and from valence-arousal labels.

The labels are intentions, not the ratings of listeners. Figures measured on this music show that the program works.
They say nothing about real songs.
"""

from sentio_mobile.data.generated.emotion import Cues, Nuisance, Song, draw_songs
from sentio_mobile.data.generated.mixing import render
from sentio_mobile.data.generated.score import Note, compose
from sentio_mobile.data.generated.write import write_deam

__all__ = ["Cues", "Note", "Nuisance", "Song", "compose", "draw_songs", "render", "write_deam"]
