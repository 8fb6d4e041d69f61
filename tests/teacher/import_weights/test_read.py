"""Third-party files: code in them never runs, and every fault is one line that names the file."""

import os
import pickle
import shlex
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from sentio_mobile.errors import CheckpointError
from sentio_mobile.teacher.import_weights import import_teacher

State = dict[str, torch.Tensor]


class Trap:
    """An object that writes a file when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {shlex.quote(str(self.place))}",)


SAVED: dict[str, Callable[[Any, Path], None]] = {
    "pickle": lambda value, path: path.write_bytes(pickle.dumps(value)) and None,
    "pickle, as torch's": lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2)) and None,
    "torch": lambda value, path: torch.save(value, path),
    "torch, old format": lambda value, path: torch.save(value, path, _use_new_zipfile_serialization=False),
}


@pytest.mark.parametrize("beside_weights", [False, True])
@pytest.mark.parametrize("way", SAVED)
@pytest.mark.parametrize("name", ["model.pth", "pytorch_model.bin", "model.safetensors"])
def test_read_weights_pickle_with_code_is_not_run(
    state: State,
    tmp_path: Path,
    way: str,
    beside_weights: bool,
    name: str,
    assert_refused: Callable[..., None],
    assert_command_refuses: Callable[[Path], None],
) -> None:
    trace = tmp_path / "trace"
    path = tmp_path / "given" / name
    path.parent.mkdir()
    SAVED[way]({"extra": Trap(trace), **state} if beside_weights else Trap(trace), path)
    # The trap works: unpickling the file writes the trace.
    if way.startswith("pickle"):
        pickle.loads(path.read_bytes())
    else:
        torch.load(BytesIO(path.read_bytes()), weights_only=False)
    trace.unlink()
    # torch's reader stops at newer pickle protocols before it reaches the content.
    unknown = name == "model.safetensors" or way == "pickle"
    assert_refused(path, "truncated, or not" if unknown else "(posix.system) and is not loaded")
    assert_command_refuses(path)
    assert not trace.exists()


@pytest.mark.parametrize("kind", ["safetensors", "torch", "torch, old format"])
@pytest.mark.parametrize("share", [0.0, 0.00001, 0.001, 0.5, 0.999])
def test_read_weights_truncated_file_is_refused(
    state: State,
    tmp_path: Path,
    kind: str,
    share: float,
    assert_refused: Callable[..., None],
    assert_command_refuses: Callable[[Path], None],
) -> None:
    path = tmp_path / ("vit.safetensors" if kind == "safetensors" else "vit.pth")
    if kind == "safetensors":
        save_file(state, path)
    else:
        SAVED[kind](state, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert_refused(path, "truncated")
    assert_command_refuses(path)


@pytest.mark.parametrize(
    "content", [b"path,valence\n", b"RIFF\0\0\0\0WAVEfmt ", b"PK\x03\x04", b"\x80\x02", b"\0" * 99]
)
@pytest.mark.parametrize("name", ["a.pth", "a.bin", "a.safetensors"])
def test_read_weights_other_content_is_refused(
    tmp_path: Path, content: bytes, name: str, assert_refused: Callable[..., None]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert_refused(tmp_path / name, "truncated, or not")


def test_read_weights_missing_file_folder_or_script_is_refused(
    state: State, tmp_path: Path, assert_refused: Callable[..., None]
) -> None:
    assert_refused(tmp_path / "none.pth", "No such file")
    assert_refused(tmp_path, "is a folder")
    with pytest.warns(FutureWarning):
        torch.jit.script(nn.Linear(2, 2)).save(tmp_path / "script.pt")
    assert_refused(tmp_path / "script.pt", "not a file of weights")
    torch.save(nn.Linear(2, 2), tmp_path / "module.pt")
    assert_refused(tmp_path / "module.pt", "is not loaded", "Linear", "state_dict()")
    for nothing in ([1, 2], {"state_dict": {}}, {"a": 1}, torch.zeros(3)):
        torch.save(nothing, tmp_path / "nothing.pt")
        assert_refused(tmp_path / "nothing.pt", "holds no named tensors")


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ("{", "is not JSON"),
        ('{"model_type": "vit", "hidden_act": "relu"}', "'relu'"),
        ('{"model_type": "vit", "num_attention_heads": "two"}', "must be a whole number"),
        ('{"model_type": "vit", "num_attention_heads": 5}', "5 attention heads"),
    ],
)
def test_read_config_wrong_value_is_named(hugging_face: nn.Module, tmp_path: Path, config: str, word: str) -> None:
    torch.save(hugging_face.state_dict(), tmp_path / "vit.pth")
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(CheckpointError, match=word):
        import_teacher(tmp_path / "vit.pth")
