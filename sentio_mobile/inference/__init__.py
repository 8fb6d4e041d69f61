"""Predictions from a bundle, as an app would get them: for songs, for sound in memory, and for live sound."""
