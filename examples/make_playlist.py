"""A playlist of a folder's songs, from calm to energetic, without the unpleasant ones.

python examples/make_playlist.py bundle music/ --out evening.m3u
"""

from __future__ import annotations

import argparse
from pathlib import Path

import sentio_mobile

SUFFIXES = {".mp3", ".flac", ".ogg", ".wav"}


def main() -> None:
    """Predict every song, sort, and write the playlist."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="a bundle that `sentio-mobile export` wrote")
    parser.add_argument("music", type=Path, help="a folder of audio files")
    parser.add_argument("--min-valence", type=float, default=-1.0, help="leave out songs below this valence, -1 to 1")
    parser.add_argument("--out", type=Path, default=Path("playlist.m3u"))
    arguments = parser.parse_args()

    model = sentio_mobile.load(arguments.bundle)
    songs = sorted(path for path in arguments.music.rglob("*") if path.suffix.lower() in SUFFIXES)
    emotions = []
    for song in songs:
        try:
            emotions.append(model.predict(song))
        except sentio_mobile.SentioError as error:
            print(f"skipped: {error}")
    kept = sorted((one for one in emotions if one.valence >= arguments.min_valence), key=lambda one: one.arousal)
    arguments.out.write_text("\n".join(["#EXTM3U", *(one.song for one in kept)]) + "\n", encoding="utf-8")
    for one in kept:
        print(f"arousal {one.arousal:+.2f}  valence {one.valence:+.2f}  {Path(one.song).name}")


if __name__ == "__main__":
    main()
