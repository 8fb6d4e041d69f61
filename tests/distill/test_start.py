"""A student's first weights: shipped ones where they fit, a checkpoint's, or random ones."""

from pathlib import Path

import pytest
import torch

from sentio_mobile._internal.records import replace
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.distill import distill
from sentio_mobile.distill.start import give_first_weights
from sentio_mobile.errors import CheckpointError
from sentio_mobile.models import first_weights
from sentio_mobile.models.checkpoint import Checkpoint, weights_digest
from sentio_mobile.models.first_weights import weights_of_checkpoint, write_first_weights
from sentio_mobile.models.registry import build, spec_of


@pytest.fixture
def pretrained(tiny_student: DistillRecipe, data: PreparedData) -> Checkpoint:
    torch.manual_seed(7)
    spec = spec_of(tiny_student.model, data.audio)
    return Checkpoint(model=build(spec).eval(), spec=spec)


@pytest.fixture
def shipped(pretrained: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped weights that has those of the tiny student."""
    folder = tmp_path / "shipped"
    write_first_weights(folder, pretrained, name="tiny", trained_on="noise", licence="CC0-1.0")
    monkeypatch.setattr(first_weights, "SHIPPED", folder)
    return folder


@pytest.mark.usefixtures("shipped")
def test_start_default_takes_shipped_weights_where_they_fit(pretrained: Checkpoint) -> None:
    model = build(pretrained.spec)
    record = give_first_weights(model, pretrained.spec, "default")
    assert str(record).startswith("first weights: tiny (")
    torch.testing.assert_close(model.class_token, pretrained.model.class_token)
    torch.testing.assert_close(model.hidden.weight, pretrained.model.hidden.weight, atol=1e-3, rtol=0)
    wide = replace(pretrained.spec, audio=replace(pretrained.spec.audio, image_size=(128, 224)))
    assert str(give_first_weights(build(wide), wide, "default")).endswith("position interpolated to its image size")
    other = replace(pretrained.spec, settings={**pretrained.spec.settings, "width": 32})
    assert str(give_first_weights(build(other), other, "default")) == "first weights: random"
    assert give_first_weights(model, pretrained.spec, "random").first_weights_sha256 is None


def test_start_from_a_checkpoint_of_another_network_is_refused(pretrained: Checkpoint) -> None:
    other = replace(pretrained.spec, settings={**pretrained.spec.settings, "width": 32})
    with pytest.raises(CheckpointError, match="mine: cannot be the student's first weights, because it has width 64"):
        give_first_weights(build(other), other, weights_of_checkpoint("mine", pretrained))


@pytest.mark.usefixtures("shipped")
def test_distill_begins_with_the_first_weights_and_records_them(
    data: PreparedData, tiny_student: DistillRecipe, pretrained: Checkpoint, tmp_path: Path
) -> None:
    still = replace(tiny_student, training=replace(tiny_student.training, epochs=1, learning_rate=1e-12))
    lines: list[str] = []
    student = distill(
        None,
        data,
        recipe=still,
        out=tmp_path / "student",
        start=weights_of_checkpoint("runs/mine", pretrained),
        announce=lines.append,
    )
    assert student.recipe["first_weights"] == "mine"
    assert student.recipe["first_weights_sha256"] == weights_digest(pretrained.model)
    assert lines == [f"first weights: mine ({weights_digest(pretrained.model)[:12]})"]
    torch.testing.assert_close(student.model.output.weight, pretrained.model.output.weight, atol=1e-6, rtol=0)
    shorter = replace(still, training=replace(still.training, epochs=5), pretrained_steps=4)
    default = distill(None, data, recipe=shorter, out=tmp_path / "default", announce=lines.append)
    assert len(default.history) == 2
    assert default.recipe["first_weights"] == "tiny"
    assert lines[1].startswith("first weights: tiny (")
