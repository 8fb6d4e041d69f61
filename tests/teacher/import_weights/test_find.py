"""Wrapper prefixes in any order and depth, tensors beside the network, and the mean of its weights."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torchvision.models import VisionTransformer

from sentio_mobile.errors import CheckpointError
from sentio_mobile.teacher.import_weights import import_teacher

State = dict[str, torch.Tensor]
OURS, THEIRS = "backbone.encoder.layers.encoder_layer_2.mlp.3.weight", "encoder.layers.encoder_layer_2.mlp.3.weight"


def taken(path: Path) -> torch.Tensor:
    return import_teacher(path).checkpoint.model.state_dict()[OURS]


@pytest.mark.parametrize(
    "wrapper",
    [
        "_orig_mod.",
        "module.",
        "model._orig_mod.module.",
        "module.model._orig_mod.",
        "_orig_mod._orig_mod.",
        "net.backbone.",
        "a{n}b.",
    ],
)
def test_find_network_behind_any_wrapper(state: State, tmp_path: Path, wrapper: str) -> None:
    torch.save({wrapper + name: tensor for name, tensor in state.items()}, tmp_path / "vit.pth")
    found = import_teacher(tmp_path / "vit.pth")
    assert torch.equal(found.checkpoint.model.state_dict()[OURS], state[THEIRS])
    assert found.source.place == wrapper.removesuffix(".")
    assert found.source.left_out == (f"{wrapper}heads.head.bias", f"{wrapper}heads.head.weight")


def test_find_network_in_torchs_own_wrappers(torchvision_vit: VisionTransformer, tmp_path: Path) -> None:
    torch.save(nn.DataParallel(nn.DataParallel(torchvision_vit)).state_dict(), tmp_path / "vit.pth")
    assert torch.equal(taken(tmp_path / "vit.pth"), torchvision_vit.state_dict()[THEIRS])
    torch.save(AveragedModel(torchvision_vit).state_dict(), tmp_path / "mean.pth")
    found = import_teacher(tmp_path / "mean.pth").source
    assert (found.place, found.left_out[-1]) == ("module", "n_averaged")


def test_find_network_beside_tensors_of_a_criterion(state: State, tmp_path: Path) -> None:
    lightning = {f"model.{name}": tensor for name, tensor in state.items()}
    lightning |= {"criterion.pos_weight": torch.ones(2), "val_ccc.total": torch.tensor(3)}
    torch.save({"state_dict": lightning, "optimizer_states": [{"state": {}}], "epoch": 1}, tmp_path / "last.ckpt")
    found = import_teacher(tmp_path / "last.ckpt").source
    assert found.place == "state_dict.model"
    assert {"criterion.pos_weight", "val_ccc.total"} < set(found.left_out)


@pytest.mark.parametrize(
    "arrange",
    [
        lambda plain, mean: {"state_dict": plain, "state_dict_ema": mean},
        lambda plain, mean: {"model": plain, "model_ema": mean},
        lambda plain, mean: {"state_dict": plain, "callbacks": {"EMA": {"weights": {"module": mean}}}},
        lambda plain, mean: {
            **{f"model.{name}": tensor for name, tensor in plain.items()},
            **{f"ema.module.{name}": tensor for name, tensor in mean.items()},
        },
        lambda plain, mean: {"state_dict": mean, "current_model_state": plain},
    ],
)
def test_find_network_takes_the_mean_of_weights(
    state: State, tmp_path: Path, arrange: Callable[[State, State], object]
) -> None:
    mean = {name: tensor + 1 for name, tensor in state.items()}
    torch.save(arrange(state, mean), tmp_path / "last.ckpt")
    assert torch.equal(taken(tmp_path / "last.ckpt"), mean[THEIRS])


def test_find_network_several_are_refused(state: State, tmp_path: Path) -> None:
    both = {f"{name}.{key}": tensor for name in ("student", "teacher") for key, tensor in state.items()}
    torch.save(both, tmp_path / "two.pth")
    with pytest.raises(CheckpointError, match=r"holds 2 networks \(student, teacher\); save one of them alone"):
        import_teacher(tmp_path / "two.pth")


def test_find_network_notebook_in_a_wrapper_keeps_its_head(notebook: nn.Module, tmp_path: Path) -> None:
    state = {f"module.{name}": tensor for name, tensor in notebook.state_dict().items()}
    torch.save(state, tmp_path / "best.pth")
    found = import_teacher(tmp_path / "best.pth")
    assert found.source.untrained == ()
    assert torch.equal(found.checkpoint.model.state_dict()["head.8.weight"], state["module.head.8.weight"])
