"""Weights in several files: a folder, an index, or any of the parts gives the whole model."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ViTModel

from sentio_mobile.errors import CheckpointError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.teacher.import_weights import import_teacher

INDEX, FIRST, SECOND = "model.safetensors.index.json", *(f"model-0000{n}-of-00002.safetensors" for n in (1, 2))


@pytest.fixture
def hub(hugging_face: ViTModel, tmp_path: Path) -> Path:
    """A folder as transformers writes it, in two parts."""
    folder = tmp_path / "hub"
    hugging_face.save_pretrained(folder, max_shard_size="1MB")
    assert {file.name for file in folder.iterdir()} == {"config.json", INDEX, FIRST, SECOND}
    return folder


@pytest.mark.parametrize("name", ["", INDEX, FIRST, SECOND])
def test_read_weights_of_shards(hub: Path, hugging_face: ViTModel, name: str) -> None:
    found = import_teacher(hub / name)
    state = found.checkpoint.model.state_dict()
    hidden = hugging_face.state_dict()
    assert torch.equal(state["backbone.class_token"], hidden["embeddings.cls_token"])
    assert torch.equal(state["backbone.encoder.ln.bias"], hidden["layernorm.bias"])
    assert found.source.file == (name or "hub")
    assert found.source.sha256 == import_teacher(hub).source.sha256


def test_read_weights_of_shards_without_index(hub: Path) -> None:
    (hub / INDEX).unlink()
    for path in (hub, hub / SECOND):
        assert import_teacher(path).source.left_out == ("pooler.dense.bias", "pooler.dense.weight")


def test_read_weights_of_pickled_shards(hub: Path) -> None:
    for name in (FIRST, SECOND):
        torch.save(load_file(hub / name), hub / name.replace("model", "pytorch_model").replace(".safetensors", ".bin"))
        (hub / name).unlink()
    (hub / INDEX).unlink()
    assert import_teacher(hub).source.layout == "Hugging Face"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda hub: (hub / SECOND).unlink(), ("the model is in 2 files", SECOND, "is missing")),
        (lambda hub: _change(hub, lambda table: table.update({"a.b": FIRST})), ("lacks a.b", "index says")),
        (
            lambda hub: _change(hub, lambda table: table.update({"embeddings.cls_token": SECOND})),
            ("against the index",),
        ),
        (lambda hub: _change(hub, lambda table: table.update({"a": f"../{FIRST}"})), ("another folder",)),
        (lambda hub: _change(hub, lambda table: table.update({"a": ".."})), ("another folder",)),
        (lambda hub: _change(hub, lambda table: table.update({"a": 3})), ("weight_map",)),
        (lambda hub: (hub / INDEX).write_text("{}"), ("has no weight_map",)),
        (lambda hub: (hub / INDEX).write_text("{"), ("is not JSON",)),
        (lambda hub: (hub / FIRST).write_bytes(b"<html>not found</html>"), ("is a web page",)),
    ],
)
def test_read_weights_of_shards_fault_is_named(
    hub: Path, spoil: Callable[[Path], object], words: tuple[str, ...], assert_refused: Callable[..., None]
) -> None:
    spoil(hub)
    assert_refused(hub, *words)


def test_read_weights_of_shards_without_index_twice_or_missing(hub: Path, assert_refused: Callable[..., None]) -> None:
    (hub / INDEX).unlink()
    save_file(load_file(hub / FIRST), hub / SECOND)
    with pytest.raises(CheckpointError, match=r"00002-of-00002.safetensors has the tensor embeddings.\S+ once more"):
        import_teacher(hub / FIRST)
    (hub / SECOND).unlink()
    assert_refused(hub / FIRST, "the model is in 2 files", "is missing")
    many = hub / "model-00001-of-99999.safetensors"
    (hub / FIRST).rename(many)
    assert_refused(many, "one of 99,999 parts")


def test_read_weights_of_folders_without_one_model(
    hub: Path, tmp_path: Path, hugging_face: ViTModel, assert_refused: Callable[..., None]
) -> None:
    several = tmp_path / "several"
    several.mkdir()
    assert_refused(several, "has no file of weights")
    torch.save(hugging_face.state_dict(), several / "a.pth")
    assert import_teacher(several).source.file == "several"
    torch.save(hugging_face.state_dict(), several / "b.pth")
    assert_refused(several, "has several files of weights (a.pth, b.pth)")
    found = import_teacher(hub)
    assert isinstance(found.checkpoint, Checkpoint)
    found.checkpoint.save(tmp_path / "ckpt")
    assert_refused(tmp_path / "ckpt", "is a checkpoint of sentio-mobile already")


def _change(hub: Path, change: Callable[[dict[str, object]], object]) -> None:
    index = json.loads((hub / INDEX).read_text())
    change(index["weight_map"])
    (hub / INDEX).write_text(json.dumps(index))


def _other(table: dict[str, object]) -> str:
    """The file that the index does not name for the last norm."""
    return FIRST if table["layernorm.bias"] == SECOND else SECOND
