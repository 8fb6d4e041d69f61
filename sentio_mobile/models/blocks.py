"""Blocks that several architectures share, and the folding of batch normalization."""

from __future__ import annotations

import copy
from typing import Protocol, runtime_checkable

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval


class PatchDropout(nn.Module):
    """Keep the class token and a random subset of the patch tokens in training (PatchDropout, Liu et al. 2023).

    The cost of a training step falls about in proportion to the kept patches. Evaluation uses all tokens.

    Args:
        keep: Number of patch tokens to keep; 0 keeps all.
        first: Number of tokens before the patches, all of which are kept: the class token, and those like it.
    """

    def __init__(self, keep: int, first: int = 1) -> None:
        super().__init__()
        self.keep = keep
        self.first = first

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """[batch, first + patches, width] -> [batch, first + keep, width] in training; unchanged in evaluation."""
        return self.sample(tokens)[0]

    def sample(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the kept tokens, and their indices [batch, 1 + keep]; the indices are None if all are kept.

        Index 0 stands for all tokens before the patches, and 1 for the first patch.
        """
        batch, count, width = tokens.shape
        patches = count - self.first
        if not self.training or self.keep == 0 or self.keep >= patches:
            return tokens, None
        chosen = torch.rand(batch, patches, device=tokens.device).topk(self.keep, dim=1).indices
        kept = tokens[:, self.first :].gather(1, chosen.unsqueeze(-1).expand(-1, -1, width))
        indices = torch.cat([torch.zeros_like(chosen[:, :1]), chosen + 1], dim=1)
        return torch.cat([tokens[:, : self.first], kept], dim=1), indices


class LinearNorm(nn.Module):
    """A linear map followed by batch normalization over batch and tokens, as in LeViT (Graham et al. 2021).

    For export the two are folded into one linear map, so that a mobile runtime computes and rounds no normalization.

    Args:
        inputs: Input width.
        outputs: Output width.
        scale: Initial gain of the normalization.
    """

    def __init__(self, inputs: int, outputs: int, scale: float = 1.0) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.norm = nn.BatchNorm1d(outputs)
        nn.init.trunc_normal_(self.linear.weight, std=0.02)
        nn.init.constant_(self.norm.weight, scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[batch, tokens, inputs] -> [batch, tokens, outputs]."""
        y = self.linear(x)
        return self.norm(y.flatten(0, 1)).view_as(y)


class ConvNorm(nn.Sequential):
    """A convolution followed by batch normalization, folded into one convolution for export.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        kernel: Height and width of the kernel; one number for both.
        stride: Stride over rows and columns; one number for both.
        groups: Groups of channels.
        padding: Zeros at each end of rows and columns; None for half of the kernel.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        groups: int = 1,
        padding: tuple[int, int] | None = None,
    ) -> None:
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        super().__init__(
            nn.Conv2d(
                inputs,
                outputs,
                (height, width),
                stride,
                padding or (height // 2, width // 2),
                groups=groups,
                bias=False,
            ),
            nn.BatchNorm2d(outputs),
        )


@runtime_checkable
class FoldsItself(Protocol):
    """A network that knows how its norms are folded."""

    def fold_norms(self) -> None:
        """Fold them in place, in evaluation mode."""
        ...


def fold_norms(module: nn.Module) -> None:
    """Fold every batch normalization in `module` into the linear map or convolution before it, in place.

    The module must be in evaluation mode. Its outputs stay the same up to rounding errors.
    """
    if isinstance(module, FoldsItself):
        module.fold_norms()
        return
    for name, child in module.named_children():
        if isinstance(child, LinearNorm):
            setattr(module, name, fuse_linear_bn_eval(child.linear, child.norm))
        elif isinstance(child, ConvNorm):
            conv, norm = child[0], child[1]
            assert isinstance(conv, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            setattr(module, name, fuse_conv_bn_eval(conv, norm))
        else:
            fold_norms(child)


def count_parameters(module: nn.Module) -> tuple[int, int]:
    """The number of a network's weights, and what it is when its norms are folded."""
    trained = sum(weight.numel() for weight in module.parameters())
    if not any(isinstance(one, LinearNorm | ConvNorm | FoldsItself) for one in module.modules()):
        return trained, trained
    folded = copy.deepcopy(module).eval()
    fold_norms(folded)
    return trained, sum(weight.numel() for weight in folded.parameters())


def unfold_norms(module: nn.Module, folded: nn.Module) -> None:
    """Copy the weights of a network with folded norms, which may have been trained since, back into `module`.

    Args:
        module: The same network with its norms; changed in place. Afterwards its normalizations only add the biases,
            so that its outputs are those of `folded`.
        folded: A copy of `module` whose norms were folded by `fold_norms`.
    """
    for name, child in module.named_children():
        other = folded.get_submodule(name)
        if isinstance(child, LinearNorm):
            _unfold(child.linear, child.norm, other)
        elif isinstance(child, ConvNorm):
            _unfold(child[0], child[1], other)
        else:
            unfold_norms(child, other)
    own = dict(folded.named_parameters(recurse=False))
    with torch.no_grad():
        for name, weight in module.named_parameters(recurse=False):
            weight.copy_(own[name])


def _unfold(layer: nn.Module, norm: nn.Module, folded: nn.Module) -> None:
    assert isinstance(layer, nn.Linear | nn.Conv2d)
    assert isinstance(folded, nn.Linear | nn.Conv2d)
    assert folded.bias is not None
    assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    with torch.no_grad():
        layer.weight.copy_(folded.weight)
        norm.bias.copy_(folded.bias)
        norm.weight.fill_(1)
        norm.running_mean.fill_(0)
        norm.running_var.fill_(1 - norm.eps)
