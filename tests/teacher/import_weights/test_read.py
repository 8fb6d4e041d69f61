"""Third-party files: code in them never runs, and every fault is one line that names the file."""

import os
import pickle
import shlex
from argparse import Namespace
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
    assert_refused(path, "truncated" if path.stat().st_size else "is empty")
    assert_command_refuses(path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04", "truncated, or not"),
        (b"\x80\x02", "truncated, or not"),
        (b"\0" * 99, "truncated, or not"),
        (b"song_id,valence\n", "is a text, no file of weights; download the file itself"),
        (b"RIFF\0\0\0\0WAVEfmt ", "is a sound or a film, no file of weights"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 40, "is a Keras or HDF5 file"),
        (b"GGUF\x03\0\0\0", "is a GGUF file"),
        (b"\x1c\0\0\0TFL3", "is a TensorFlow Lite model"),
        (b"\x08\x08\x12\x07pytorch", "is an ONNX model"),
        (b"\x1f\x8b\x08\0", "is an archive, no file of weights; unpack it"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><html><title>hub</title>", "is a web page; download the file itself"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "is a web page"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 346284714\n",
            "is a Git LFS pointer, a text in place of a file of 346,284,714 bytes; run `git lfs pull`",
        ),
    ],
)
@pytest.mark.parametrize("name", ["a.pth", "a.bin", "a.safetensors"])
def test_read_weights_other_content_is_named(
    tmp_path: Path, content: bytes, what: str, name: str, assert_refused: Callable[..., None]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert_refused(tmp_path / name, what)


def test_read_weights_missing_file_folder_or_script_is_refused(
    state: State, tmp_path: Path, assert_refused: Callable[..., None]
) -> None:
    assert_refused(tmp_path / "none.pth", "No such file")
    assert_refused(tmp_path, "has no file of weights")
    with pytest.warns(FutureWarning):
        torch.jit.script(nn.Linear(2, 2)).save(tmp_path / "script.pt")
    assert_refused(tmp_path / "script.pt", "is a TorchScript program")
    torch.save(nn.Linear(2, 2), tmp_path / "module.pt")
    assert_refused(
        tmp_path / "module.pt", "holds a whole pickled object (torch.nn.modules.linear.Linear)", "state_dict()"
    )
    torch.save({"model": state, "args": Namespace(epochs=3)}, tmp_path / "run.pt")
    assert_refused(tmp_path / "run.pt", "holds more than tensors (argparse.Namespace)")
    for nothing in ([1, 2], {"state_dict": {}}, {"a": 1}, torch.zeros(3)):
        torch.save(nothing, tmp_path / "nothing.pt")
        assert_refused(tmp_path / "nothing.pt", "holds no named tensors")


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ("{", "is not JSON"),
        ('{"model_type": "vit", "hidden_act": "relu"}', "'relu'"),
        (
            '{"model_type": "vit", "num_attention_heads": "two"}',
            "num_attention_heads must be a whole number from 1 to 128",
        ),
        ('{"model_type": "vit", "num_attention_heads": 5}', "5 attention heads"),
    ],
)
def test_read_config_wrong_value_is_named(hugging_face: nn.Module, tmp_path: Path, config: str, word: str) -> None:
    torch.save(hugging_face.state_dict(), tmp_path / "vit.pth")
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(CheckpointError, match=word):
        import_teacher(tmp_path / "vit.pth")
