"""The deployed form of a network of timm: parallel branches become one convolution, and batch norms fold away.

timm fuses what its authors wrote a fusion for. The rest are convolutions with a normalization behind them, which timm
leaves to runtimes. Quantizers work before a runtime folds, and would round what lies between the two; so they are
folded here. Attention that adds a bias by relative position gets its table of biases, which files would otherwise have
to gather for each image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from types import MethodType
from typing import Any

import torch
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.norm_act import BatchNormAct2d
from timm.utils.model import reparameterize_model
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.overrides import TorchFunctionMode

_CONVOLUTIONS = (nn.Conv2d, Conv2dSame)
"""Convolutions that use their weights as they are; those derived from them may standardize them first."""

_NORMS = (nn.BatchNorm2d, BatchNormAct2d)

_SHAPE_QUERIES = (torch.Tensor.dim, torch.Tensor.size)
"""Functions of a tensor that do not use its values."""


def fold_backbone(backbone: nn.Module, image: torch.Tensor) -> nn.Module:
    """Fuse and fold a network in evaluation mode; it is changed, and the result takes its place.

    Args:
        backbone: A network of timm.
        image: An input [1, 3, height, width]. The network is run on it to see which normalization follows which
            convolution: the order of modules in timm's classes does not always say so.
    """
    backbone = reparameterize_model(backbone, inplace=True)
    for convolution, norm in _pairs(backbone, image):
        conv, after = backbone.get_submodule(convolution), backbone.get_submodule(norm)
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(after, nn.BatchNorm2d)
        backbone.set_submodule(convolution, fuse_conv_bn_eval(conv, after))
        rest = nn.Sequential(after.drop, after.act) if isinstance(after, BatchNormAct2d) else nn.Identity()
        backbone.set_submodule(norm, rest)
    _keep_tables(backbone)
    return backbone


def _keep_tables(backbone: nn.Module) -> None:
    """Look the biases of attention up once: LeViT's, EfficientFormer's, TinyViT's and those built like them."""
    for module in backbone.modules():
        look_up = getattr(module, "get_attention_biases", None)
        if isinstance(bias := getattr(module, "attention_biases", None), nn.Parameter) and callable(look_up):
            module.register_buffer("attention_table", look_up(bias.device).detach().clone())
            module.get_attention_biases = MethodType(_table_of, module)  # type: ignore[assignment]


def _table_of(module: nn.Module, device: torch.device) -> torch.Tensor:
    """What takes the place of timm's `get_attention_biases`."""
    table = module.attention_table
    assert isinstance(table, torch.Tensor)
    return table.to(device)


def _pairs(backbone: nn.Module, image: torch.Tensor) -> list[tuple[str, str]]:
    """Names of convolutions and of the normalization that alone uses the output of each."""
    uses = _Uses()
    made: dict[int, list[str]] = {}
    read: dict[int, list[str]] = {}
    with ExitStack() as stack:
        for name, module in backbone.named_modules():
            if type(module) in _CONVOLUTIONS:
                hook = module.register_forward_hook(_note_output(name, made, uses))
                stack.callback(hook.remove)
            elif type(module) in _NORMS:
                stack.callback(module.register_forward_pre_hook(_note_input(name, read, uses)).remove)
        stack.enter_context(torch.no_grad())
        stack.enter_context(uses)
        backbone(image)
    calls = [name for names in (*made.values(), *read.values()) for name in names]
    return [
        (convolutions[0], norms[0])
        for tensor, convolutions in made.items()
        if len(norms := read.get(tensor, [])) == 1
        and uses.count[tensor] == 1
        and calls.count(convolutions[0]) == calls.count(norms[0]) == 1
    ]


class _Uses(TorchFunctionMode):
    """Counts how often tensors are used. The tensors are kept, so that no other one gets the identity of one."""

    def __init__(self) -> None:
        super().__init__()
        self.count: dict[int, int] = {}
        self.kept: list[torch.Tensor] = []

    def watch(self, tensor: torch.Tensor) -> None:
        """Count the uses of a tensor from now on."""
        self.kept.append(tensor)
        self.count[id(tensor)] = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        is_query = func in _SHAPE_QUERIES or getattr(func, "__name__", "") == "__get__"
        for value in () if is_query else (*args, *(kwargs or {}).values()):
            for tensor in value if isinstance(value, list | tuple) else (value,):
                if id(tensor) in self.count:
                    self.count[id(tensor)] += 1
        return func(*args, **(kwargs or {}))


def _note_output(name: str, made: dict[int, list[str]], uses: _Uses) -> Any:
    def hook(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        made.setdefault(id(output), []).append(name)
        uses.watch(output)

    return hook


def _note_input(name: str, read: dict[int, list[str]], uses: _Uses) -> Any:
    def hook(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        # The identity of a tensor that is not kept may have been another's before.
        read.setdefault(id(inputs[0]) if id(inputs[0]) in uses.count else 0, []).append(name)

    return hook
