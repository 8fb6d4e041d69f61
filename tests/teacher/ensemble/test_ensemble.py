"""The ensemble as a teacher: its predictions go to a file, and from there into a student."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from sentio_mobile.cli import main
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.generated import write_deam
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import UNLABELLED, PreparedData, open_data
from sentio_mobile.data.pseudo_labels import read_pseudo_labels, write_pseudo_labels
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.distill import distill
from sentio_mobile.errors import DataError, LabelError
from sentio_mobile.metrics.agreement import ccc
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.train import train_teacher
from sentio_mobile.training.sources import ExtraData


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env={"COLUMNS": "250"})


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Audio of other songs than those with labels, without their labels."""
    folder = tmp_path_factory.mktemp("albums")
    write_deam(folder / "deam", 24, seed=8, audio_format="wav")
    (folder / "albums").mkdir()
    for song in sorted((folder / "deam").rglob("*.wav")):
        shutil.copyfile(song, folder / "albums" / song.name)
    return folder / "albums"


@pytest.fixture(scope="module")
def albums(music: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    out = tmp_path_factory.mktemp("unlabelled") / "data"
    prepare(music, out, recipe=DataRecipe(), audio=AudioSpec())
    return open_data(out)


@pytest.fixture(scope="module")
def pseudo_labels(
    data: PreparedData, deam: Path, albums: PreparedData, music: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("pseudo-labels") / "pseudo-labels.csv"
    result = run(
        "teacher", "ensemble", "--data", data.folder, "--music", deam, "--on", albums.folder, music, "--out", out
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "24 pseudo-labels" in result.output
    return out


def test_ensemble_command_predicts_unlabelled_music(pseudo_labels: Path, albums: PreparedData, music: Path) -> None:
    songs = albums.split(UNLABELLED)
    predictions = read_pseudo_labels(pseudo_labels).of(albums, songs.rows)
    labelled = music.parent / "prepared"
    prepare(music.parent / "deam", labelled, recipe=DataRecipe(fractions=(0.4, 0.3, 0.3)), audio=AudioSpec())
    truth = {
        song: label
        for split in open_data(labelled).splits.values()
        for song, label in zip(split.song_ids, split.labels, strict=True)
    }
    expected = np.stack([truth[song] for song in songs.song_ids])
    assert ccc(expected, predictions)[1] > 0.4


def test_distill_uses_pseudo_labels_as_labels(
    data: PreparedData, albums: PreparedData, pseudo_labels: Path,
    tiny_teacher: TeacherRecipe, tiny_student: DistillRecipe, tmp_path: Path,
) -> None:  # fmt: skip
    known = read_pseudo_labels(pseudo_labels)
    without, taught = (
        ExtraData(unlabelled=(albums,), pseudo_labels=labels).sources(data)[0] for labels in (None, known)
    )
    assert np.isnan(without.labels).all()
    assert np.array_equal(taught.labels, known.of(albums, taught.windows))
    assert taught.fingerprint != without.fingerprint
    teacher = train_teacher(data, tiny_teacher, out=tmp_path / "teacher")
    extra = ExtraData(unlabelled=(albums,), pseudo_labels=known)
    student = distill(teacher, data, recipe=tiny_student, out=tmp_path / "student", extra=extra)
    assert student.recipe["pseudo_labels"] == known.digest
    assert student.recipe["extra_clips"] == [24]


def test_extra_data_pseudo_labels_of_other_clips_are_refused(
    data: PreparedData, albums: PreparedData, tmp_path: Path
) -> None:
    write_pseudo_labels(tmp_path / "labels.csv", [(1, 0.5, -0.5)])
    known = read_pseudo_labels(tmp_path / "labels.csv")
    assert known.by_clip == {1: (0.5, -0.5)}
    with pytest.raises(DataError, match="has no pseudo-label for 24 of 24 clips"):
        ExtraData(unlabelled=(albums,), pseudo_labels=known).sources(data)


@pytest.mark.parametrize("row", ["x,0,0", "ff,1.5,0", "ff,nan,0", "ff,,0"])
def test_read_pseudo_labels_wrong_value_names_its_row(tmp_path: Path, row: str) -> None:
    (tmp_path / "labels.csv").write_text(f"clip,valence,arousal\n0a,0,0\n{row}\n")
    with pytest.raises(LabelError, match=r"labels.csv, row 3"):
        read_pseudo_labels(tmp_path / "labels.csv")


def test_distill_command_pseudo_labels_without_music_are_refused(
    data: PreparedData, pseudo_labels: Path, tmp_path: Path
) -> None:
    train = (
        "distill",
        "--teacher",
        tmp_path,
        "--data",
        data.folder,
        "--pseudo-labels",
        pseudo_labels,
        "--out",
        tmp_path / "out",
    )
    result = run(*train)
    assert result.exit_code == 2
    assert "give its prepared folder as unlabelled" in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()
