"""The files that the tests of every language read are what this package computes."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sentio_mobile._internal.resources import ROOT
from sentio_mobile.audio.graph import FrontEnd
from sentio_mobile.audio.image import clip_to_image, to_input
from sentio_mobile.audio.logmel import log_mel
from sentio_mobile.models.checkpoint import Checkpoint

GOLDEN = ROOT / "export" / "golden"
TYPES = {"I16": np.dtype("<i2"), "I32": np.dtype("<i4"), "F32": np.dtype("<f4")}


def read(path: Path) -> tuple[list[str], dict[str, NDArray[np.generic]]]:
    """Read the file as its README describes it, without the library that wrote it."""
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header, numbers = json.loads(data[8 : 8 + size]), data[8 + size :]
    sounds = header.pop("__metadata__")["sounds"].split(", ")
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(numbers[start:end], TYPES[entry["dtype"]]).reshape(entry["shape"])
    return sounds, tensors


@pytest.fixture(scope="module")
def student() -> Checkpoint:
    return Checkpoint.load(GOLDEN / "student")


def clip(tensors: dict[str, NDArray[np.generic]], i: int) -> NDArray[np.float32]:
    excerpt, length = tensors["excerpt"][i], int(tensors["length"][i])
    pcm = np.zeros(661_500, dtype=np.float32)
    for start in range(0, length, len(excerpt)):
        part = excerpt[: length - start]
        pcm[start : start + len(part)] = part / np.float32(32768)
    return pcm


def test_reference_front_end_and_student_give_what_the_files_say(student: Checkpoint) -> None:
    sounds, tensors = read(GOLDEN / "golden.safetensors")
    assert len(sounds) == len(tensors["excerpt"]) >= 9
    front_end = FrontEnd(student.spec)
    for i, name in enumerate(sounds):
        pcm = clip(tensors, i)
        levels = log_mel(pcm, student.spec.audio)[:, tensors["frames"]]
        np.testing.assert_allclose(levels, tensors["levels"][i], atol=1e-3, err_msg=name)
        picture = clip_to_image(pcm, student.spec.audio)
        cells = tensors["cells"]
        np.testing.assert_allclose(picture[cells][:, cells], tensors["picture"][i], atol=1e-4, err_msg=name)
        with torch.inference_mode():
            of_picture = student.model(torch.from_numpy(to_input(picture, student.spec)))[0].numpy()
            of_pcm = student.model(front_end(torch.from_numpy(pcm)[None]))[0].numpy()
        np.testing.assert_allclose(of_picture, tensors["output"][i], atol=1e-5, err_msg=name)
        np.testing.assert_allclose(of_pcm, tensors["output"][i], atol=1e-4, err_msg=name)


def test_outputs_are_spread_and_the_files_are_small() -> None:
    _, tensors = read(GOLDEN / "golden.safetensors")
    assert tensors["output"].std(axis=0).min() > 0.1
    assert sum(file.stat().st_size for file in GOLDEN.rglob("*") if file.is_file()) < 2_000_000
