"""Train, distill, export and verify music-emotion models for phones.

    import sentio_mobile

    model = sentio_mobile.load("bundle")
    print(model.predict("song.mp3").valence)

Nothing heavy is imported until a function is called.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentio_mobile.api.bundles import export, load, package
    from sentio_mobile.api.distillation import distill
    from sentio_mobile.api.evaluation import evaluate
    from sentio_mobile.api.judging import benchmark, verify
    from sentio_mobile.api.one_command import train
    from sentio_mobile.api.pretraining import pretrain
    from sentio_mobile.api.probes import embed, label, train_probe
    from sentio_mobile.api.training import prepare, train_teacher
    from sentio_mobile.errors import SentioError
    from sentio_mobile.spec import AudioSpec, ModelSpec

__version__ = "0.1.0"

__all__ = [
    "AudioSpec",
    "ModelSpec",
    "SentioError",
    "__version__",
    "benchmark",
    "distill",
    "embed",
    "evaluate",
    "export",
    "label",
    "load",
    "package",
    "prepare",
    "pretrain",
    "train",
    "train_probe",
    "train_teacher",
    "verify",
]

_MODULES = {
    **dict.fromkeys(("export", "load", "package"), "sentio_mobile.api.bundles"),
    **dict.fromkeys(("benchmark", "verify"), "sentio_mobile.api.judging"),
    **dict.fromkeys(("prepare", "train_teacher"), "sentio_mobile.api.training"),
    **dict.fromkeys(("embed", "label", "train_probe"), "sentio_mobile.api.probes"),
    **dict.fromkeys(("AudioSpec", "ModelSpec"), "sentio_mobile.spec"),
    "distill": "sentio_mobile.api.distillation",
    "pretrain": "sentio_mobile.api.pretraining",
    "train": "sentio_mobile.api.one_command",
    "evaluate": "sentio_mobile.api.evaluation",
    "SentioError": "sentio_mobile.errors",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """This package, in which `distill` and `export` stay functions.

    Two folders have these names, too, and Python would put their modules in the functions' place when something in them
    is imported first. `from sentio_mobile.distill.losses import ...` works all the same.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _MODULES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
