"""Write the web page's sample song, `web/public/sample.mp3`: two generated songs, a calm one that becomes a lively one.

python benchmarks/research/sample_song.py web/public/sample.mp3
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from sentio_mobile.data.generated import draw_songs, render

RATE, SECONDS, FADE_S, BIT_RATE = 22_050, 26.0, 3.0, 48_000
CANDIDATES, SEED = 64, 7


def main(arguments: Sequence[str] | None = None) -> None:
    """Choose the songs nearest to both corners of the pleasant side, join them, and encode them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    out = parser.parse_args(arguments).out
    songs = draw_songs(CANDIDATES, SEED)
    corners = ((0.7, -0.8), (0.7, 0.8))
    parts = [
        render(min(songs, key=lambda song: (song.valence - v) ** 2 + (song.arousal - a) ** 2), RATE) for v, a in corners
    ]
    length, fade = round(SECONDS * RATE), round(FADE_S * RATE)
    ramp = np.sin(np.linspace(0, np.pi / 2, fade))
    first, second = parts[0][:length].copy(), parts[1][:length].copy()
    first[-fade:] = first[-fade:] * ramp[::-1] + second[:fade] * ramp
    second[-fade:] *= ramp[::-1]
    pcm = np.concatenate([first, second[fade:]])
    pcm *= 0.8 / np.abs(pcm).max()
    with av.open(out, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=RATE, layout="mono")
        stream.bit_rate = BIT_RATE
        frame = av.AudioFrame.from_ndarray(pcm[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), 0
        fifo = av.AudioFifo()
        fifo.write(frame)
        while part := fifo.read(stream.frame_size or 1152, partial=True):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    print(f"{out}: {len(pcm) / RATE:.1f} s, {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
