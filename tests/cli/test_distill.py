"""`distill` on the command line: who is followed, what the student starts from, and what is refused before anything."""

from pathlib import Path

from support import Refused, Sentio

from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.pseudo_labels import write_pseudo_labels

RECIPE = """
[model]
stem_widths = [8, 16, 32]
layers = 1
heads = 2
head_width = 8
width = 32
mlp_width = 32
output_width = 16
[training]
steps = 3
batch_size = 8
learning_rate = 1e-3
"""
ALONE = "[response]\nhard = 1.0\nsoft = 0.0\n[features]\nweight = 0.0\n[attention]\nweight = 0.0\n"


def label_training_songs(place: Path, data: PreparedData) -> Path:
    rows = data.split("train").rows
    write_pseudo_labels(place, [(int(clip), 0.1, -0.2) for clip in data.store.checksums[rows]])
    return place


def test_distill_without_a_teacher_follows_pseudo_labels(sentio: Sentio, data: PreparedData, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(RECIPE)
    labels = label_training_songs(tmp_path / "labels.csv", data)
    out = ("--recipe", tmp_path / "tiny.toml", "--out", tmp_path / "student")
    result = sentio("distill", "--data", data.folder, "--pseudo-labels", labels, *out)
    assert result.exit_code == 0, result.output
    assert "first weights: random\n" in result.stderr
    assert "features and attention were off" in result.stderr
    assert "note: no retention: labels.csv covers 0 of" in result.stderr
    assert "retention (student / teacher" not in result.stdout
    assert "student: CCC on" in result.stdout


def test_distill_that_follows_nobody_reads_no_teacher_and_starts_from_a_checkpoint(
    sentio: Sentio, data: PreparedData, tmp_path: Path
) -> None:
    (tmp_path / "tiny.toml").write_text(RECIPE + ALONE)
    command = ("distill", "--data", data.folder, "--recipe", tmp_path / "tiny.toml")
    assert sentio(*command, "--start", "random", "--out", tmp_path / "first").exit_code == 0
    result = sentio(
        *command, "--teacher", tmp_path / "none", "--start", tmp_path / "first", "--out", tmp_path / "second"
    )
    assert result.exit_code == 0, result.output
    assert "first weights: first (" in result.stderr
    assert "note: the recipe follows no teacher, so --teacher was not used" in result.stderr
    assert "retention" not in result.output


def test_distill_refuses_what_has_no_effect(refused: Refused, data: PreparedData, tmp_path: Path) -> None:
    (tmp_path / "alone.toml").write_text(RECIPE + ALONE)
    command = ("distill", "--data", data.folder, "--out", tmp_path / "student")
    labels = label_training_songs(tmp_path / "labels.csv", data)
    refused("the recipe learns from a teacher, and there is none: give a teacher or pseudo-labels", *command)
    because = "pseudo-labels are for music without labels, because"
    refused(f"{because} a teacher is followed", *command, "--teacher", tmp_path, "--pseudo-labels", labels)
    alone = (*command, "--recipe", tmp_path / "alone.toml")
    refused(f"{because} the recipe follows no teacher", *alone, "--pseudo-labels", labels)
    refused("music without labels teaches nothing", *alone, "--unlabelled", data.folder)
    refused("is no checkpoint", *alone, "--start", tmp_path / "none")
    refused("--qat finetunes a student: give its checkpoint as --teacher", *command, "--qat")
    refused("--start has no effect with --qat", *command, "--qat", "--teacher", tmp_path, "--start", "random")
    assert not (tmp_path / "student").exists()
