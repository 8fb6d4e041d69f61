"""The area under the curve, on cases whose answer is known, and `evaluate --weak-labels`."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from support import Refused, Sentio

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace
from sentio_mobile.cli import main
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.generated.write import write_deam
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import UNLABELLED, PreparedData, open_data
from sentio_mobile.data.weak_labels import read_weak_labels
from sentio_mobile.evaluation.evaluated_model import EvaluatedModel
from sentio_mobile.evaluation.weak_labels import evaluate_weak_labels
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import MobileViTSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.config import TeacherRecipe


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """Songs without labels."""
    folder = tmp_path_factory.mktemp("music")
    write_deam(folder / "deam", 8, seed=8, audio_format="wav")
    audio = next((folder / "deam").rglob("*.wav")).parent
    prepare(audio, folder / "prepared", recipe=DataRecipe(), audio=AudioSpec())
    return open_data(folder / "prepared")


@pytest.fixture
def csv(music: PreparedData, tmp_path: Path) -> Path:
    """Sides of all songs: every other one is of high valence, and of the others none has a known arousal."""
    rows = [f"{song},{i % 2},{'' if i % 2 else i // 2 % 2}" for i, song in enumerate(music.split(UNLABELLED).song_ids)]
    place = tmp_path / "sides.csv"
    place.write_text("\n".join(["song_id,v_high,a_high", *rows]) + "\n")
    return place


def test_evaluate_weak_labels_of_a_perfect_model(music: PreparedData, csv: Path) -> None:
    known = iter(read_weak_labels(csv).of(music))

    def knows(clips: np.ndarray) -> np.ndarray:
        return np.stack([next(known) for _ in clips])

    found = evaluate_weak_labels(
        EvaluatedModel(name="knows", kind="", audio=music.audio, predict_clips=knows, predict_log_mels=knows),
        music,
        weak_labels=read_weak_labels(csv),
        seed=0,
        over_groups=False,
        progress=NoProgress(),
    )
    assert found is not None
    assert (found.clips, found.name) == (8, "prepared")
    assert {name: area.value for name, area in found.auc.items()} == {"valence": 1.0, "arousal": 1.0}
    assert (
        evaluate_weak_labels(
            EvaluatedModel(name="wants sound", kind="", audio=music.audio, predict_clips=knows),
            music,
            weak_labels=read_weak_labels(csv),
            seed=0,
            over_groups=False,
            progress=NoProgress(),
        )
        is None
    )


def test_evaluate_weak_labels_of_a_model_of_sound_from_its_audio(music: PreparedData, csv: Path) -> None:
    heard: list[np.ndarray] = []

    def loudness(clips: np.ndarray) -> np.ndarray:
        heard.extend(clips)
        return np.stack([np.sqrt((clips**2).mean(axis=1))] * 2, axis=1)

    found = evaluate_weak_labels(
        EvaluatedModel(name="hears", kind="", audio=music.audio, predict_clips=loudness),
        music,
        weak_labels=read_weak_labels(csv),
        seed=0,
        over_groups=False,
        progress=NoProgress(),
        music=next((music.folder.parent / "deam").rglob("*.wav")).parent,
    )
    assert found is not None
    assert found.clips == len(heard) == 8
    assert {clip.shape for clip in heard} == {(music.audio.n_samples,)}
    assert found.auc["valence"].value is not None


def test_evaluate_command_passes_the_audio_of_weak_labels(
    data: PreparedData, deam: Path, music: PreparedData, csv: Path, tmp_path: Path, sentio: Sentio, refused: Refused
) -> None:
    """A model of another front end cannot read the log-mels; its AUC is there once the audio is."""
    model = MobileViTSettings(stem_widths=(8, 16, 32), layers=1, heads=1, head_width=8, width=16, mlp_width=16)
    spec = spec_of(model, replace(data.audio, seconds=5.0))
    Checkpoint(model=build(spec).eval(), spec=spec).save(tmp_path / "ckpt")
    audio = next((music.folder.parent / "deam").rglob("*.wav")).parent
    command = ("evaluate", tmp_path / "ckpt", "--data", data.folder, "--music", deam, "--split", "val")
    weak = ("--skip", "robustness", "--skip", "latency", "--weak-labels", music.folder, csv, "--out", tmp_path / "out")
    result = sentio(*command, *weak)
    assert "no AUC on weak labels; give their audio (--weak-labels-music NAME=FOLDER)" in result.stdout
    result = sentio(*command, *weak, "--weak-labels-music", f"prepared={audio}")
    assert result.exit_code == 0, result.output
    assert "ckpt: AUC on 8 clips of prepared" in result.stdout
    words = "--weak-labels-music other: there is no folder of this name in --weak-labels, only prepared"
    refused(words, *command, *weak, "--weak-labels-music", f"other={audio}")


def test_evaluate_command_reports_weak_labels(
    data: PreparedData, tiny_teacher: TeacherRecipe, music: PreparedData, csv: Path, tmp_path: Path
) -> None:
    spec = spec_of(tiny_teacher.model, data.audio)
    Checkpoint(model=build(spec).eval(), spec=spec).save(tmp_path / "ckpt")
    command = [
        "evaluate",
        tmp_path / "ckpt",
        "--data",
        data.folder,
        "--weak-labels",
        music.folder,
        csv,
        "--out",
        tmp_path / "out",
    ]
    result = CliRunner().invoke(main, [str(word) for word in command], env={"COLUMNS": "250"})
    assert result.exit_code == 0, result.output
    assert "ckpt: AUC on 8 clips of prepared" in result.output
    (model,) = json.loads((tmp_path / "out" / "evaluation.json").read_text())["models"]
    (found,) = model["weak_labels"]
    assert set(found["auc"]) == {"valence", "arousal"}
    assert 0 <= found["auc"]["valence"]["value"] <= 1
    assert "High or low, on music with weak labels" in (tmp_path / "out" / "evaluation.html").read_text()
