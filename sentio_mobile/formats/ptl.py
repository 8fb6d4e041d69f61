"""TorchScript for PyTorch's lite interpreter, for applications that already have PyTorch Mobile.

PyTorch has ended PyTorch Mobile in favour of ExecuTorch: choose another format for a new application.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentio_mobile.formats.torchscript import TorchScript

if TYPE_CHECKING:
    from torch.jit import ScriptModule


@dataclass(frozen=True, kw_only=True)
class Ptl(TorchScript):
    """One `.ptl` file: the traced program as bytecode. Inputs and outputs have no names."""

    name: str = "ptl"
    suffix: str = ".ptl"
    runtime_name: str = "PyTorch's lite interpreter"

    def load(self, path: Path) -> Any:
        """Load the program with the lite interpreter."""
        from torch.jit.mobile import _load_for_lite_interpreter

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return _load_for_lite_interpreter(str(path))

    def save(self, program: ScriptModule, path: Path, extra_files: dict[str, str]) -> None:
        """Write a program as bytecode."""
        program._save_for_lite_interpreter(str(path), _extra_files=extra_files)


FORMAT = Ptl()
