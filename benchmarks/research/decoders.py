"""Decode the same files as Python does and as the web page does, in Chromium, and compare what the model hears.

    python benchmarks/research/decoders.py OUT.json

Needs the program ffmpeg, Playwright and Chromium (`CHROMIUM`, or on the PATH). The files are those of decode_table.py.
The page decodes as `web/src/sdk/decode.ts` does: `OfflineAudioContext.decodeAudioData` at the model's rate, and the
mean of the channels. Recorded for each file: the seconds that both hear, the samples by which the page hears the sound
later, the difference between the two there, in dB below the sound, and the largest difference of the default model's
predictions. Android and iOS decode by their systems, which do not run here.
"""

from __future__ import annotations

import argparse
import base64
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from decode_table import FILES, RATE, make_sound
from playwright.sync_api import Page, sync_playwright

import sentio_mobile
from sentio_mobile._internal.files import write_json
from sentio_mobile.audio.decode import read_sound
from sentio_mobile.inference.emotion import Emotion

HEARD = (
    *("flac", "wav 16 bit", "mp3 128 kbit/s", "mp3 variable", "mp3 without header", "mp3 22,050 Hz mono"),
    *("aac in m4a", "aac in m4a, fast start", "aac in fragmented mp4", "aac in adts"),
    *("vorbis in ogg", "opus in ogg", "opus in webm"),
)

DECODE = """
async ([content, rate]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const buffer = await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes.buffer);
  const mean = new Float32Array(buffer.length);
  for (let at = 0; at < buffer.numberOfChannels; at++) {
    buffer.getChannelData(at).forEach((value, i) => { mean[i] += value / buffer.numberOfChannels; });
  }
  let text = "";
  const raw = new Uint8Array(mean.buffer);
  for (let at = 0; at < raw.length; at += 30000) text += String.fromCharCode(...raw.subarray(at, at + 30000));
  return btoa(text);
}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the files, decode them twice, and write OUT.json and a table to the terminal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    options = parser.parse_args(arguments)
    model = sentio_mobile.load()
    rate = model.spec.audio.sample_rate
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as place, sync_playwright() as started:
        folder = Path(place)
        soundfile.write(folder / "in.wav", make_sound(), RATE)
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page, version = browser.new_page(), browser.version
        rows = []
        for name in HEARD:
            file, *given = FILES[name]
            path = folder / file
            subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", folder / "in.wav", *given, path], check=True)
            here, there = read_sound(path, rate).pcm, in_page(page, path, rate)
            answers = [model.predict_pcm(pcm, rate) for pcm in (here, there)]
            rows.append({"file": name, **compare(here, there, rate), "prediction": apart(*answers)})
        browser.close()
    print("| file | Python, s | page, s | later, samples | difference, dB | predictions |\n|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(str(value) for value in row.values()) + " |")
    write_json(options.out, {"rate": rate, "chromium": version, "model": "the default model", "files": rows})


def in_page(page: Page, path: Path, rate: int) -> np.ndarray:
    """What the page hears."""
    text = page.evaluate(DECODE, [base64.b64encode(path.read_bytes()).decode(), rate])
    return np.frombuffer(base64.b64decode(text), np.float32)


def compare(here: np.ndarray, there: np.ndarray, rate: int) -> dict[str, Any]:
    """Lengths, by how many samples the page is late, and how far it is from Python there."""
    size = 1 << (len(here) + len(there)).bit_length()
    product = np.fft.rfft(there, size) * np.conj(np.fft.rfft(here, size))
    lag = int(np.argmax(np.fft.irfft(product, size)))
    lag = lag if lag < size // 2 else lag - size
    # The middle: ends differ where padding is cut or not.
    middle = slice(2 * rate, min(len(here), len(there)) - 2 * rate)
    noise = np.mean((there[middle.start + lag : middle.stop + lag] - here[middle]) ** 2)
    return {
        "python_s": round(len(here) / rate, 4),
        "page_s": round(len(there) / rate, 4),
        "later": lag,
        "difference_db": round(float(10 * np.log10(noise / np.mean(here[middle] ** 2))), 1) if noise else None,
    }


def apart(one: Emotion, other: Emotion) -> float:
    """The larger difference of valence and arousal."""
    return round(max(abs(one.valence - other.valence), abs(one.arousal - other.arousal)), 5)


if __name__ == "__main__":
    main()
