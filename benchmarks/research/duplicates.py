"""Measure the distance of copies of a recording from it, and the distance of other music.

    python benchmarks/research/duplicates.py NAME=FOLDER ...

`COPIED` songs of each folder (DEAM's layout, a manifest, or audio alone) are copied in typical ways, and each copy is
compared with its song; then every song is compared with those most similar to it. The two limits in
`sentio_mobile/data/checks/fingerprint.py` follow from the results, which are written, without the songs, to
`benchmarks/baselines/duplicates.json`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.audio.decode import decode, fit_length
from sentio_mobile.audio.image import clip_to_mel
from sentio_mobile.audio.perturb import mp3
from sentio_mobile.data.checks.duplicates import near_pairs
from sentio_mobile.data.checks.fingerprint import MAX_DISTANCE_DB, MIN_SIMILARITY, fingerprints_of, similarity
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.sources import read_source
from sentio_mobile.errors import InputError
from sentio_mobile.spec import AudioSpec

RECORD = Path(__file__).parents[1] / "baselines" / "duplicates.json"
AUDIO = AudioSpec()
RATE = AUDIO.sample_rate
COPIED = 30
NEAREST = 5000
"""Pairs of different songs whose similarity is computed: those whose fingerprints are nearest."""

Pcm = NDArray[np.floating]


def encoded(kilobits: int) -> Callable[[Pcm], Pcm]:
    """Encode as an MP3 and decode again."""
    return lambda pcm: mp3(kilobits)(pcm, RATE)


COPIES: dict[str, Callable[[Pcm], Pcm]] = {
    "mp3 128 kbit/s": encoded(128),
    "mp3 64 kbit/s": encoded(64),
    "mp3 32 kbit/s": encoded(32),
    "gain -12 dB": lambda pcm: pcm * 10 ** (-12 / 20),
    "gain +6 dB, clipped": lambda pcm: np.clip(pcm * 10 ** (6 / 20), -1, 1),
    "gain -30 dB, 16 bits": lambda pcm: np.round(pcm * 10 ** (-30 / 20) * 32768) / 32768,
    "begins 0.1 s later": lambda pcm: pcm[round(0.1 * RATE) :],
    "begins 0.5 s later": lambda pcm: pcm[round(0.5 * RATE) :],
    "begins 1 s later": lambda pcm: pcm[RATE:],
    "mp3 64 kbit/s, gain -6 dB, 0.3 s later": lambda pcm: encoded(64)(pcm[round(0.3 * RATE) :] / 2),
}


def stored_log_mel(pcm: Pcm) -> NDArray[np.float32]:
    """Normalized log-mel [n_mels, n_frames], rounded as in the store."""
    return (
        clip_to_mel(fit_length(np.asarray(pcm, dtype=np.float32), AUDIO), AUDIO).astype(np.float16).astype(np.float32)
    )


def measure(folder: Path) -> dict[str, Any]:
    """Distances and similarities of copies and of different songs."""
    songs = read_source(folder, DataRecipe()).songs
    mels = np.stack([stored_log_mel(decode(song.path, RATE)) for song in songs])
    fingerprints = fingerprints_of(mels, AUDIO)
    chosen = np.sort(np.random.default_rng(0).permutation(len(songs))[:COPIED])
    clips = [decode(songs[i].path, RATE) for i in chosen]
    copies = {}
    for name, copy in COPIES.items():
        others = [stored_log_mel(copy(pcm)) for pcm in clips]
        distance = np.linalg.norm(fingerprints_of(np.stack(others), AUDIO) - fingerprints[chosen], axis=1)
        similarities = np.array([similarity(mels[i], other, AUDIO) for i, other in zip(chosen, others, strict=True)])
        copies[name] = {
            "distance_db": quantiles(distance),
            "similarity": quantiles(similarities),
            "found": float(((distance <= MAX_DISTANCE_DB) & (similarities >= MIN_SIMILARITY)).mean()),
        }
        print(f"  {name}: {copies[name]}", flush=True)
    distances = np.linalg.norm(fingerprints[:, None] - fingerprints[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    one, other = np.triu_indices(len(mels), 1)
    nearest = np.argsort(distances[one, other])[:NEAREST]
    similarities = np.array([similarity(mels[one[k]], mels[other[k]], AUDIO) for k in nearest])
    different = {
        "distance_db_of_the_nearest": quantiles(distances.min(axis=1)),
        "pairs_within_reach": len(near_pairs(fingerprints)),
        "pairs_compared": len(nearest),
        "similarity": quantiles(similarities),
        "called_copies": int(
            ((distances[one, other][nearest] <= MAX_DISTANCE_DB) & (similarities >= MIN_SIMILARITY)).sum()
        ),
    }
    print(f"  different songs: {different}", flush=True)
    return {"songs": len(mels), "copied": len(clips), "copies": copies, "different": different}


def quantiles(values: NDArray[np.floating[Any]]) -> dict[str, float]:
    """Minimum, 1st percentile, median, 99th percentile and maximum."""
    points = {"min": 0, "p1": 0.01, "median": 0.5, "p99": 0.99, "max": 1}
    return {name: round(float(np.quantile(values, point)), 4) for name, point in points.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each folder, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", metavar="NAME=FOLDER_OR_MANIFEST")
    options = parser.parse_args(arguments)
    if wrong := [source for source in options.sources if "=" not in source]:
        parser.error(f"{wrong[0]!r} must be NAME=FOLDER_OR_MANIFEST")
    sources = dict(source.split("=", 1) for source in options.sources)
    results = {}
    for name, folder in sources.items():
        print(name, flush=True)
        try:
            results[name] = measure(Path(folder))
        except InputError as error:
            parser.error(str(error))
    record = {
        "command": "python benchmarks/research/duplicates.py " + " ".join(f"{name}=FOLDER" for name in sources),
        "limits": {"max_distance_db": MAX_DISTANCE_DB, "min_similarity": MIN_SIMILARITY},
        "sources": results,
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
