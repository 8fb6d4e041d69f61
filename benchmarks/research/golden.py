"""Generate `export/golden/` from a finished run of the recipe `tiny`.

    python benchmarks/research/golden.py RUN

`export/golden/README.md` describes the files. Tests in all languages read them.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from sentio_mobile._internal.resources import ROOT
from sentio_mobile.audio.image import clip_to_image, to_input
from sentio_mobile.audio.logmel import log_mel
from sentio_mobile.bundle.golden import clip_of_excerpt, hard_sounds
from sentio_mobile.data.generated import draw_songs, render
from sentio_mobile.models.checkpoint import SHEET, WEIGHTS, Checkpoint

GOLDEN = ROOT / "export" / "golden"
SONGS, SEED, EXCERPT_S = 3, 90, (10.0, 12.0)
SHOWN_FRAMES, SHOWN_CELLS = 24, 14


def golden_sounds(student: Checkpoint) -> dict[str, tuple[NDArray[np.int16], int]]:
    """By name, an excerpt of PCM and the number of samples of the clip that repeats it."""
    spec = student.spec.audio
    start, end = (round(second * spec.sample_rate) for second in EXCERPT_S)
    songs = (render(song, spec.sample_rate)[start:end] for song in draw_songs(SONGS, SEED))
    music = {f"music {i}": np.rint(np.clip(pcm, -1, 1) * 32_767).astype(np.int16) for i, pcm in enumerate(songs, 1)}
    full = {name: (excerpt, spec.n_samples) for name, excerpt in music.items()}
    return {**full, **hard_sounds(music["music 1"], spec)}


def vectors(student: Checkpoint) -> dict[str, NDArray[np.generic]]:
    """The tensors of `golden.safetensors`."""
    spec = student.spec
    sounds = list(golden_sounds(student).values())
    clips = [clip_of_excerpt(excerpt, length, spec.audio) for excerpt, length in sounds]
    levels = np.stack([log_mel(clip, spec.audio) for clip in clips])
    images = np.stack([clip_to_image(clip, spec.audio) for clip in clips])
    with torch.inference_mode():
        inputs = torch.from_numpy(np.concatenate([to_input(image, spec) for image in images]))
        output = student.model(inputs).numpy()
    # Both ends, where the clip is padded by reflection, and evenly spaced frames between them.
    edges = np.arange(4)
    between = np.linspace(4, spec.audio.n_frames - 5, SHOWN_FRAMES).astype(int)
    frames = np.concatenate([edges, between, edges + spec.audio.n_frames - 4]).astype(np.int32)
    side, _ = spec.audio.image_size
    cells = np.linspace(0, side - 1, SHOWN_CELLS).astype(np.int32)
    return {
        "excerpt": np.stack([excerpt for excerpt, _ in sounds]),
        "length": np.array([length for _, length in sounds], dtype=np.int32),
        "frames": frames,
        "levels": np.ascontiguousarray(levels[:, :, frames]),
        "cells": cells,
        "picture": np.ascontiguousarray(images[:, cells][:, :, cells]),
        "output": output,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="Folder of the run.")
    source = parser.parse_args(arguments).run / "student"
    student = Checkpoint.load(source)
    folder = GOLDEN / "student"
    folder.mkdir(parents=True, exist_ok=True)
    for name in (WEIGHTS, SHEET):
        shutil.copy(source / name, folder / name)
    names = ", ".join(golden_sounds(student))
    save_file(vectors(student), GOLDEN / "golden.safetensors", {"sounds": names})


if __name__ == "__main__":
    main()
