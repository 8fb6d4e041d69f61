"""Folders of GAN samples: written whole, read back equal, and refused in one line when they are damaged."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from sentio_mobile._internal.files import sha256
from sentio_mobile.data.gan_samples import (
    LABELS,
    MELS,
    OLD_SHEET,
    SHEET,
    GanSamples,
    SampleBatch,
    Sampling,
    open_gan_samples,
    write_gan_samples,
)
from sentio_mobile.errors import DataError, OutputError
from sentio_mobile.spec import AudioSpec

AUDIO = AudioSpec(seconds=0.1, n_mels=4)


def batches(count: int = 2) -> Iterator[SampleBatch]:
    rng = np.random.default_rng(0)
    for _ in range(count):
        mels = rng.random((3, AUDIO.n_mels, AUDIO.n_frames), dtype=np.float32)
        yield mels, rng.uniform(-1, 1, (3, 2)).astype(np.float32), rng.random(3, dtype=np.float32)


def write(folder: Path) -> GanSamples:
    write_gan_samples(folder, AUDIO, batches=batches(), sampling=lambda: Sampling(generator="noise", tried=9))
    return open_gan_samples(folder)


def test_gan_samples_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    samples = write(tmp_path / "samples")
    mels, labels, _ = (np.concatenate(parts) for parts in zip(*batches(), strict=True))
    np.testing.assert_array_equal(samples.mels, mels.astype(np.float16))
    np.testing.assert_allclose(samples.labels, labels, atol=1e-6)
    assert (len(samples), samples.audio, samples.sheet.sampling.tried) == (6, AUDIO, 9)
    assert samples.fingerprint == sha256(tmp_path / "samples" / MELS)


def test_write_gan_samples_leaves_an_existing_folder_alone(tmp_path: Path) -> None:
    write(tmp_path / "samples")
    with pytest.raises(OutputError, match="exists already"):
        write(tmp_path / "samples")


def change_sheet(folder: Path, **changes: object) -> None:
    sheet = json.loads((folder / SHEET).read_text())
    (folder / SHEET).write_text(json.dumps({**sheet, **changes}))


def change_labels(folder: Path) -> None:
    lines = (folder / LABELS).read_text().splitlines()
    (folder / LABELS).write_text("\n".join([lines[0], "nan,0.5,0.5", *lines[2:]]) + "\n")
    change_sheet(folder, labels_sha256=sha256(folder / LABELS))


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda folder: (folder / SHEET).unlink(), "holds no GAN samples"),
        (lambda folder: (folder / SHEET).rename(folder / OLD_SHEET), "GAN samples of an older version; generate them"),
        (lambda folder: (folder / MELS).write_bytes(b"\0" * 9), "mels.f16 is truncated or changed"),
        (lambda folder: (folder / LABELS).write_text("valence\n1\n"), "labels.csv is truncated or changed"),
        (lambda folder: (folder / LABELS).unlink(), "is damaged"),
        (lambda folder: (folder / SHEET).write_text("no"), "is not JSON"),
        (lambda folder: (folder / SHEET).write_text('{"audio": {}}'), "lacks the key"),
        (lambda folder: change_sheet(folder, mels_sha256="x"), r"mels_sha256 must be a text of the form"),
        (change_labels, "a label is not a number in"),
    ],
)
def test_open_gan_samples_refuses_a_damaged_folder_in_one_line(
    damage: Callable[[Path], None], fault: str, tmp_path: Path
) -> None:
    folder = tmp_path / "samples"
    write(folder)
    damage(folder)
    with pytest.raises(DataError, match=fault) as caught:
        open_gan_samples(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
