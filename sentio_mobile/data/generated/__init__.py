"""Music generated from a seed: a data set that needs no download, with labels that are known because they came first.

The labels are intentions, not what listeners said. Figures measured on this music say that the machinery works; they
say nothing about real songs.
"""

from sentio_mobile.data.generated.emotion import Cues, Nuisance, Song, draw_songs
from sentio_mobile.data.generated.mixing import render
from sentio_mobile.data.generated.score import Note, compose
from sentio_mobile.data.generated.write import write_deam

__all__ = ["Cues", "Note", "Nuisance", "Song", "compose", "draw_songs", "render", "write_deam"]
