"""Files from strangers: what could run is not loaded, and whatever is wrong is one line that names the file."""

import os
import pickle
import shlex
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file
from torch import nn
from torchvision.models import VisionTransformer, resnet18

from sentio_mobile.cli import main
from sentio_mobile.errors import CheckpointError
from sentio_mobile.teacher.import_weights import import_teacher

State = dict[str, torch.Tensor]


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {shlex.quote(str(self.place))}",)


def refused(path: Path, *words: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        import_teacher(path)
    assert "\n" not in str(caught.value)
    for word in (str(path), *words):
        assert word in str(caught.value)


def through_the_command_line(path: Path) -> None:
    """One line, status 2, and nothing written."""
    before = sorted(path.parent.iterdir())
    result = CliRunner().invoke(main, ["teacher", "import", str(path), "--out", str(path.parent / "ckpt")])
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("Error: ")
    assert str(path) in result.stderr
    assert sorted(path.parent.iterdir()) == before


@pytest.fixture
def state(torchvision_vit: VisionTransformer) -> State:
    return dict(torchvision_vit.state_dict())


SAVED: dict[str, Callable[[Any, Path], None]] = {
    "pickle": lambda value, path: path.write_bytes(pickle.dumps(value)) and None,
    "pickle, as torch's": lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2)) and None,
    "torch": lambda value, path: torch.save(value, path),
    "torch, old format": lambda value, path: torch.save(value, path, _use_new_zipfile_serialization=False),
}


@pytest.mark.parametrize("beside_weights", [False, True])
@pytest.mark.parametrize("way", SAVED)
@pytest.mark.parametrize("name", ["model.pth", "pytorch_model.bin", "model.safetensors"])
def test_a_pickle_with_code_in_it_does_not_run(
    state: State, tmp_path: Path, way: str, beside_weights: bool, name: str
) -> None:
    trace = tmp_path / "trace"
    path = tmp_path / "given" / name
    path.parent.mkdir()
    SAVED[way]({"extra": Trap(trace), **state} if beside_weights else Trap(trace), path)
    # The trap works: whoever unpickles the file writes the trace.
    if way.startswith("pickle"):
        pickle.loads(path.read_bytes())
    else:
        torch.load(BytesIO(path.read_bytes()), weights_only=False)
    trace.unlink()
    # The newer formats of Python's pickles stop torch's reader before it comes to what they hold.
    unknown = name == "model.safetensors" or way == "pickle"
    refused(path, "truncated, or no" if unknown else "(posix.system) and is not loaded")
    through_the_command_line(path)
    assert not trace.exists()


@pytest.mark.parametrize("kind", ["safetensors", "torch", "torch, old format"])
@pytest.mark.parametrize("share", [0.0, 0.00001, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_refused(state: State, tmp_path: Path, kind: str, share: float) -> None:
    path = tmp_path / ("vit.safetensors" if kind == "safetensors" else "vit.pth")
    if kind == "safetensors":
        save_file(state, path)
    else:
        SAVED[kind](state, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    refused(path, "truncated")
    through_the_command_line(path)


@pytest.mark.parametrize(
    "content", [b"path,valence\n", b"RIFF\0\0\0\0WAVEfmt ", b"PK\x03\x04", b"\x80\x02", b"\0" * 99]
)
@pytest.mark.parametrize("name", ["a.pth", "a.bin", "a.safetensors"])
def test_a_file_that_is_no_weights_is_refused(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, "truncated, or no")


def test_a_missing_file_a_folder_and_a_script_are_refused(state: State, tmp_path: Path) -> None:
    refused(tmp_path / "none.pth", "No such file")
    refused(tmp_path, "is a folder")
    with pytest.warns(FutureWarning):
        torch.jit.script(nn.Linear(2, 2)).save(tmp_path / "script.pt")
    refused(tmp_path / "script.pt", "no file of weights")
    torch.save(nn.Linear(2, 2), tmp_path / "module.pt")
    refused(tmp_path / "module.pt", "is not loaded", "Linear", "state_dict()")
    for nothing in ([1, 2], {"state_dict": {}}, {"a": 1}, torch.zeros(3)):
        torch.save(nothing, tmp_path / "nothing.pt")
        refused(tmp_path / "nothing.pt", "holds no named tensors")


def test_another_architecture_is_refused_by_its_names(tmp_path: Path) -> None:
    torch.save(resnet18().state_dict(), tmp_path / "resnet.pth")
    refused(tmp_path / "resnet.pth", "Hugging Face, ", "timm", "bn1.bias", "more")
    through_the_command_line(tmp_path / "resnet.pth")


def test_a_variant_with_further_parts_is_refused(timm_vit: nn.Module, tmp_path: Path) -> None:
    from timm.models import VisionTransformer as TimmViT

    sizes = {"img_size": 64, "patch_size": 16, "embed_dim": 128, "depth": 2, "num_heads": 2}
    for variant, word in (
        ({"init_values": 0.1}, "blocks.0.ls1.gamma"),
        ({"pre_norm": True}, "patch_embed.proj.bias"),
        ({"global_pool": "avg"}, "norm.weight"),
        ({"qkv_bias": False}, "blocks.0.attn.qkv.bias"),
        ({"qk_norm": True}, "blocks.0.attn.k_norm.bias"),
        ({"no_embed_class": True}, "16 positions"),
        ({"reg_tokens": 4}, "reg_token"),
    ):
        torch.save(TimmViT(**sizes, **variant).state_dict(), tmp_path / "variant.pth")
        refused(tmp_path / "variant.pth", word)


BAD = "encoder.layers.encoder_layer_1.mlp.0.weight"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state.pop(BAD), (f"lacks {BAD}",)),
        (lambda state: state.update({BAD: state[BAD].T.contiguous()}), (BAD, "(128, 192)", "(192, 128)")),
        (lambda state: state.update({BAD: state[BAD].clone().fill_(float("nan"))}), (BAD, "not numbers")),
        (lambda state: state[BAD].view(-1)[-1:].fill_(float("inf")), (BAD, "infinite")),
        (lambda state: state.update({BAD: state[BAD].int()}), (BAD, "int32")),
        (lambda state: state.update({BAD: torch.zeros(1, 1).expand(192, 128)}), (BAD, "more numbers")),
        (lambda state: state.update({BAD: state[BAD].to_sparse()}), (BAD, "is of a kind")),
        (
            lambda state: state.update({"encoder.layers.encoder_layer_7.ln_1.bias": torch.zeros(128)}),
            ("lacks encoder.layers.encoder_layer_3.ln_1.bias", "and 7 more"),
        ),
        (lambda state: state.update({"encoder.gate": torch.zeros(128)}), ("encoder.gate", "parts that no ViT")),
        (lambda state: state.update({"class_token": torch.zeros(128)}), ("class_token", "(128,)")),
        (lambda state: state.update({"class_token": torch.zeros(1, 1, 0)}), ("class_token", "(1, 1, 0)")),
        (lambda state: state.update({"conv_proj.weight": torch.zeros(128, 1, 16, 16)}), ("3 channels",)),
        (lambda state: state.update({"encoder.pos_embedding": torch.zeros(1, 19, 128)}), ("19 positions",)),
        (lambda state: state.update({"encoder.ln.bias": torch.zeros(64)}), ("encoder.ln.bias", "(128,)")),
    ],
)
def test_a_tensor_that_is_not_what_it_must_be_is_named(
    state: State, tmp_path: Path, change: Callable[[State], object], words: tuple[str, ...]
) -> None:
    state = {name: tensor.clone() for name, tensor in state.items()}
    change(state)
    torch.save(state, tmp_path / "vit.pth")
    refused(tmp_path / "vit.pth", *words)


def test_heads_that_cannot_be_known_or_cannot_be_are_refused(state: State, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "vit.pth")
    with pytest.raises(CheckpointError, match="3 attention heads do not divide the width 128"):
        import_teacher(tmp_path / "vit.pth", heads=3)
    narrow = VisionTransformer(64, 16, 1, 2, 96, 96).state_dict()
    torch.save(narrow, tmp_path / "narrow.pth")
    refused(tmp_path / "narrow.pth", "width 96", "--heads")
    assert import_teacher(tmp_path / "narrow.pth", heads=2).checkpoint.spec.settings["heads"] == 2


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ("{", "is not JSON"),
        ('{"model_type": "vit", "hidden_act": "relu"}', "'relu'"),
        ('{"model_type": "vit", "num_attention_heads": "two"}', "must be a count"),
        ('{"model_type": "vit", "num_attention_heads": 5}', "5 attention heads"),
    ],
)
def test_a_config_that_is_wrong_is_named(hugging_face: nn.Module, tmp_path: Path, config: str, word: str) -> None:
    torch.save(hugging_face.state_dict(), tmp_path / "vit.pth")
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(CheckpointError, match=word):
        import_teacher(tmp_path / "vit.pth")


def test_the_command_lists_what_is_left_and_says_that_the_head_is_untrained(state: State, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "vit.pth")
    arguments = ["teacher", "import", str(tmp_path / "vit.pth"), "--out", str(tmp_path / "ckpt")]
    result = CliRunner().invoke(main, [*arguments, "--normalization", "zscore"])
    assert result.exit_code == 0, result.output
    for word in ("  heads.head.bias\n", "  head.8.weight\n", "untrained", "zscore", "--start"):
        assert word in result.output
    assert sorted(path.name for path in (tmp_path / "ckpt").iterdir()) == ["checkpoint.json", "model.safetensors"]
    assert CliRunner().invoke(main, arguments).exit_code == 2
    assert CliRunner().invoke(main, [*arguments, "--force"]).exit_code == 0
