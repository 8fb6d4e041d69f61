"""TorchScript for PyTorch's lite interpreter, for applications that already have PyTorch Mobile.

PyTorch has ended PyTorch Mobile in favour of ExecuTorch: choose another format for a new application.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sentio_mobile.formats.artifacts import SPEC_KEY, damaged, spec_json
from sentio_mobile.formats.base import Runner
from sentio_mobile.formats.torchscript import TorchRunner, numbers_of, traced
from sentio_mobile.spec import Form, ModelSpec, Precision

if TYPE_CHECKING:
    from torch import nn
    from torch.jit import ScriptModule

    from sentio_mobile.quantization.settings import QuantizationOptions


class Ptl:
    """One `.ptl` file. Inputs and outputs have no names."""

    name = "ptl"
    suffix = ".ptl"
    extra: str | None = None
    converters: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ("torch",)
    free_batch: tuple[Form, ...] = ()
    timed_here = True
    varies: str | None = None
    precisions: Mapping[Form, tuple[Precision, ...]] = {"spectrogram": ("fp32",), "waveform": ("fp32",)}
    calibrated: tuple[Precision, ...] = ()

    def convert(self, model: nn.Module, spec: ModelSpec) -> _Converted:
        """Trace and freeze."""
        return _Converted(traced(model, spec), spec)

    def open(self, path: Path, spec: ModelSpec, threads: int) -> Runner:
        """Load a file with the lite interpreter.

        Raises:
            BundleError: PyTorch cannot load it.
        """
        from torch.jit.mobile import _load_for_lite_interpreter

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                program = _load_for_lite_interpreter(str(path))  # type: ignore[no-untyped-call]
        except (RuntimeError, ValueError, OSError) as error:
            raise damaged(path, "PyTorch's lite interpreter", error) from error
        return TorchRunner(program, threads)

    def numbers(self, path: Path) -> Mapping[str, int]:
        """As of the file's tensors."""
        return numbers_of(path)


class _Converted:
    def __init__(self, program: ScriptModule, spec: ModelSpec) -> None:
        self.program, self.spec = program, spec

    def write(self, precision: Precision, rounding: QuantizationOptions, path: Path) -> None:
        """Write the program as bytecode, with its spec among the file's extra files, under `SPEC_KEY`."""
        extra = {SPEC_KEY: spec_json(self.spec)}
        self.program._save_for_lite_interpreter(str(path), _extra_files=extra)


FORMAT = Ptl()
