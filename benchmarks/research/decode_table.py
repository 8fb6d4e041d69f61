"""Decode the same 20 s in many formats and containers, and compare lengths and samples with what went in.

    python benchmarks/research/decode_table.py OUT.json

Needs the programs ffmpeg and ffprobe, which make the files and state their lengths. For each file: the length that
ffprobe states, that the toolkit counts and decodes, the position of the sound in it (by cross-correlation with what
went in: 0 where delay and padding of the encoder are cut), and the signal-to-noise ratio there.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

from sentio_mobile._internal.files import write_json
from sentio_mobile.audio.decode import measure, read_sound
from sentio_mobile.errors import AudioError

SECONDS, RATE = 20, 44_100

FILES: dict[str, tuple[str, ...]] = {
    "wav 16 bit": ("a.wav",),
    "wav 24 bit": ("b.wav", "-c:a", "pcm_s24le"),
    "wav float": ("c.wav", "-c:a", "pcm_f32le"),
    "wav mu-law": ("d.wav", "-c:a", "pcm_mulaw"),
    "rf64": ("e.wav", "-rf64", "always"),
    "w64": ("a.w64",),
    "aiff": ("a.aiff",),
    "au": ("a.au",),
    "caf": ("a.caf",),
    "flac": ("a.flac",),
    "flac in ogg": ("b.oga", "-c:a", "flac", "-f", "ogg"),
    "flac in matroska": ("a.mka", "-c:a", "flac"),
    "alac in m4a": ("b.m4a", "-c:a", "alac"),
    "wavpack": ("a.wv",),
    "tta": ("a.tta",),
    "mp3 128 kbit/s": ("a.mp3", "-b:a", "128k"),
    "mp3 variable": ("b.mp3", "-q:a", "4"),
    "mp3 without header": ("c.mp3", "-b:a", "128k", "-write_xing", "0"),
    "mp3 22,050 Hz mono": ("d.mp3", "-ar", "22050", "-ac", "1", "-b:a", "64k"),
    "mp3 in wav": ("f.wav", "-c:a", "libmp3lame", "-b:a", "128k"),
    "mp3 in matroska": ("b.mka", "-c:a", "libmp3lame", "-b:a", "128k"),
    "mp2": ("a.mp2",),
    "aac in m4a": ("a.m4a", "-b:a", "128k"),
    "aac in m4a, fast start": ("c.m4a", "-b:a", "128k", "-movflags", "+faststart"),
    "aac in fragmented mp4": ("a.mp4", "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"),
    "aac in adts": ("a.aac",),
    "aac in transport stream": ("a.ts", "-c:a", "aac"),
    "aac in matroska": ("c.mka", "-c:a", "aac"),
    "vorbis in ogg": ("a.ogg", "-c:a", "libvorbis"),
    "vorbis in webm": ("a.webm", "-c:a", "libvorbis"),
    "opus in ogg": ("a.opus", "-c:a", "libopus"),
    "opus in webm": ("b.webm", "-c:a", "libopus"),
    "wma": ("a.wma",),
    "ac3": ("a.ac3",),
    "eac3": ("a.eac3",),
    "aac with video": ("v.mp4", "-f", "lavfi", "-i", "color=size=64x64:duration=20", "-c:a", "aac", "-shortest"),
}
"""Arguments of ffmpeg for each kind of file; the first is its name."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the files, decode them, and write OUT.json and a table to the terminal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        sound = make_sound()
        soundfile.write(folder / "in.wav", sound, RATE)
        rows = [row(name, folder, sound.mean(axis=1), *given) for name, given in FILES.items()]
    print("| file | ffprobe | counted | decoded | offset, samples | SNR, dB | notes |\n|---|---|---|---|---|---|---|")
    for one in rows:
        print("| " + " | ".join(str(value) for value in one.values()) + " |")
    ffmpeg = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout.split()[2]
    versions = {"PyAV": av.__version__, "libavcodec": ".".join(map(str, av.library_versions["libavcodec"]))}
    write_json(options.out, {"seconds": SECONDS, "versions": {**versions, "ffmpeg": ffmpeg}, "files": rows})


def make_sound() -> np.ndarray:
    """Tones below a noise that fades in and out, in stereo [samples, 2]: its position can be found to the sample."""
    time = np.arange(SECONDS * RATE) / RATE
    noise = np.random.default_rng(0).standard_normal((len(time), 2))
    spectrum = np.fft.rfft(noise, axis=0)
    spectrum[int(8000 * SECONDS) :] = 0  # every codec keeps what is below 8 kHz
    noise = np.fft.irfft(spectrum, len(time), axis=0)
    tones = np.sum([np.sin(2 * np.pi * f * time) for f in (220, 330, 1760)], axis=0)
    return (0.05 * tones[:, None] + 0.1 * noise * (1 + np.sin(2 * np.pi * time))[:, None]).astype(np.float32)


def row(name: str, folder: Path, sound: np.ndarray, file: str, *given: str) -> dict[str, Any]:
    """One row of the table."""
    path = folder / file
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-i", folder / "in.wav", *given, path], capture_output=True, check=False
    )
    if done.returncode:
        return {"file": name, "ffprobe": "not made by this ffmpeg"}
    probed = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    try:
        counted, decoded = measure(path), read_sound(path, RATE)
    except AudioError as error:
        return {"file": name, "ffprobe": probed, "counted": str(error).removeprefix(f"{path}: ")}
    offset = find_offset(decoded.pcm, sound)
    return {
        "file": name,
        "ffprobe": round(float(probed), 3),
        "counted": round(counted.seconds, 3),
        "decoded": round(len(decoded.pcm) / RATE, 3),
        "offset": offset,
        "snr_db": round(snr(decoded.pcm, sound, offset), 1),
        "notes": "; ".join(decoded.notes),
    }


def find_offset(found: np.ndarray, sound: np.ndarray) -> int:
    """Samples by which the sound lies later in what was decoded than it did."""
    size = 1 << 21
    product = np.fft.rfft(found[: 10 * RATE], size) * np.conj(np.fft.rfft(sound[: 10 * RATE], size))
    lag = int(np.argmax(np.fft.irfft(product, size)))
    return lag if lag < size // 2 else lag - size


def snr(found: np.ndarray, sound: np.ndarray, offset: int) -> float:
    """Signal-to-noise ratio over the middle 16 s, in dB."""
    middle = slice(2 * RATE, 18 * RATE)
    shifted = found[middle.start + offset : middle.stop + offset]
    noise = np.mean((shifted - sound[middle]) ** 2)
    return float(10 * np.log10(np.mean(sound[middle] ** 2) / noise)) if noise else 200.0


if __name__ == "__main__":
    main()
