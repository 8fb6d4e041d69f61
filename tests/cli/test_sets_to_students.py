"""Data sets as their authors publish them, from the root to a trained student in the three commands of the guide."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from support import TINY_STUDENT

from sentio_mobile.data.prepared import open_data
from sentio_mobile.models.checkpoint import Checkpoint

RATE, SONGS = 8000, 48

TEACHER = """
[audio]
sample_rate = 8000
seconds = 2.0
n_fft = 512
hop_length = 256
n_mels = 32
f_max = 4000
image_size = [64, 64]

[model]
architecture = "crnn"
conv_widths = [16, 32]
lstm_layers = 1
lstm_width = 16
dropout = 0.0

[training]
epochs = 16
patience = 16
batch_size = 8
learning_rate = 5e-3
ccc_share = 0.5

[training.augment]
frequency_masks = 0
time_masks = 0
"""

STUDENT = (
    """
[model]
"""
    + TINY_STUDENT
    + """
[training]
epochs = 24
patience = 24
batch_size = 8
learning_rate = 5e-3
ccc_share = 0.5
weigh_by_raters = true

[training.augment]
frequency_masks = 0
time_masks = 0
"""
)


def draw_ratings(seed: int) -> NDArray[np.float64]:
    """Valence, arousal [songs, 2] in [0, 1]."""
    return np.random.default_rng(seed).uniform(0.05, 0.95, (SONGS, 2))


def write_sound(folder: Path, ratings: NDArray[np.float64], names: list[str]) -> None:
    """Tones that are the higher, the more pleasant, in noise that is the stronger, the more energetic."""
    folder.mkdir(parents=True)
    random, time = np.random.default_rng(1), np.arange(2 * RATE) / RATE
    for (valence, arousal), name in zip(ratings, names, strict=True):
        tone = np.sin(2 * np.pi * (200 + 1500 * valence) * time)
        soundfile.write(folder / name, 0.5 * tone + 0.4 * arousal * random.normal(size=len(time)), RATE, format="MP3")


def write_pmemo(root: Path) -> None:
    """PMEmo2019's folders, tables and columns. Its musicIds have gaps."""
    ratings = draw_ratings(0)
    ids = [3 * number + 1 for number in range(SONGS)]
    write_sound(root / "chorus", ratings, [f"{i}.mp3" for i in ids])
    annotations = root / "annotations"
    annotations.mkdir()
    rows = [f"{i},{a:.4f},{v:.4f}" for i, (v, a) in zip(ids, ratings, strict=True)]
    (annotations / "static_annotations.csv").write_text("\n".join(["musicId,Arousal(mean),Valence(mean)", *rows]))
    rows = [f"{i},{0.1 + 0.001 * i:.3f},0.15" for i in ids]
    (annotations / "static_annotations_std.csv").write_text("\n".join(["musicId,Arousal(std),Valence(std)", *rows]))
    header = "musicId,fileName,title,artist,album,duration,chorus_start_time,chorus_end_time"
    rows = [f"{i},{i}.mp3,Song {i},Artist {i // 6},Album,2.0,00:10,00:12" for i in ids]
    (root / "metadata.csv").write_text("\n".join([header, *rows]))


def write_emomusic(root: Path) -> None:
    """The folders, tables and columns of emoMusic, with the tabs in its table of facts."""
    ratings = draw_ratings(2)
    ids = [number + 2 for number in range(SONGS)]
    write_sound(root / "clips_45seconds", ratings, [f"{i}.mp3" for i in ids])
    annotations = root / "annotations"
    annotations.mkdir()
    rows = [f"{i},{1 + 8 * a:.2f},1.{i % 10},{1 + 8 * v:.2f},1.5" for i, (v, a) in zip(ids, ratings, strict=True)]
    header = "song_id,mean_arousal,std_arousal,mean_valence,std_valence"
    (annotations / "static_annotations.csv").write_text("\n".join([header, *rows]))
    header = "song_id,file_name,Artist,Song title,start of the segment (min.sec)"
    rows = [f"{i},{i}.mp3,\tArtist {i // 2},\tSong {i},0.1" for i in ids]
    (annotations / "songs_info.csv").write_text("\n".join([header, *rows]))


def sentio(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run one command as a user does: in a process, in the folder that the data set lies in."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    result = subprocess.run(
        [sys.executable, "-m", "sentio_mobile", *command.split()],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("name", "layout", "scale"), [("PMEmo2019", "pmemo", "PMEmo: scale 0-1"), ("emoMusic", "emomusic", "scale 1-9")]
)
def test_data_set_becomes_a_student_in_three_commands(tmp_path: Path, name: str, layout: str, scale: str) -> None:
    {"pmemo": write_pmemo, "emomusic": write_emomusic}[layout](tmp_path / name)
    (tmp_path / "teacher.toml").write_text(TEACHER)
    (tmp_path / "student.toml").write_text(STUDENT)
    prepared = sentio(tmp_path, f"data prepare {name} --out prepared --recipe teacher.toml --fractions 0.6 0.2 0.2")
    assert scale in prepared.stderr
    sentio(tmp_path, "teacher train --data prepared --recipe teacher.toml --out teacher")
    sentio(tmp_path, "distill --teacher teacher --data prepared --recipe student.toml --start random --out student")

    data = open_data(tmp_path / "prepared")
    assert (data.sheet.layout, data.sheet.labels) == (layout, "rated")
    assert sum(data.sheet.songs.values()) == SONGS
    groups = [set(split.groups) for split in data.splits.values()]
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]
    assert sum(map(len, groups)) < SONGS
    student = Checkpoint.load(tmp_path / "student")
    test = student.evaluation.test
    assert student.data == data.origin
    assert test is not None
    assert test.n == data.sheet.songs["test"]
    # Ten raters and their spread are known of every song.
    assert test.ceiling is not None
    assert all(one is not None and 0.9 < one < 1 for one in test.ceiling)
    assert student.evaluation.teacher is not None
    # Noise is heard in seconds of training.
    assert (test.ccc["arousal"].value or 0) > 0.3
