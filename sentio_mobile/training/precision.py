"""The number format of training where a recipe leaves it to the machine."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from sentio_mobile._internal.records import replace
from sentio_mobile.training.config import FloatPrecision, TrainingSettings


def with_real_precision(settings: TrainingSettings, accelerator: str = "auto") -> TrainingSettings:
    """The settings with the number format that `auto` stands for here; others stay as they are.

    What is written into a checkpoint, and what a run is resumed by, is the format that was really used.

    Args:
        settings: The schedule.
        accelerator: Lightning's accelerator: "auto", "cpu", "gpu" or "mps".
    """
    if settings.precision != "auto":
        return settings
    return replace(settings, precision=automatic_precision(accelerator))


def automatic_precision(accelerator: str = "auto") -> FloatPrecision:
    """`bf16-mixed` where the processor multiplies bfloat16 by itself, and `32-true` elsewhere.

    It is asked, not timed: on a busy machine a measurement would choose now this way and now that, and a run that was
    stopped could not go on. Processors without such instructions compute bfloat16 too, more slowly than float32.

    Args:
        accelerator: Lightning's accelerator.
    """
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    if accelerator == "mps" or (accelerator == "auto" and torch.backends.mps.is_available()):
        return "32-true"
    return "bf16-mixed" if multiplies_bfloat16(torch.cpu.get_capabilities()) else "32-true"


def multiplies_bfloat16(capabilities: Mapping[str, object]) -> bool:
    """Whether a processor has instructions for bfloat16, by what PyTorch knows of it, such as `avx512_bf16`."""
    return any(value is True and "bf16" in name for name, value in capabilities.items())
