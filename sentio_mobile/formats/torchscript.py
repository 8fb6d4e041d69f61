"""TorchScript, for applications that already link libtorch.

PyTorch calls TorchScript deprecated and puts no more work into it: choose another format for a new application.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.formats.artifacts import SPEC_KEY, damaged, spec_json
from sentio_mobile.formats.base import Runner
from sentio_mobile.spec import Form, ModelSpec, Precision

if TYPE_CHECKING:
    from torch import nn
    from torch.jit import ScriptModule

    from sentio_mobile.quantization.settings import QuantizationOptions


class TorchScript:
    """Trace, freeze, save: one `.pt` file that `torch.jit.load` and libtorch read. Inputs and outputs have no names."""

    name = "torchscript"
    suffix = ".pt"
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
        """Load a file with `torch.jit.load`. A TorchScript file is a program: check its hash first.

        Raises:
            BundleError: PyTorch cannot load it.
        """
        import torch

        try:
            with warnings.catch_warnings():
                # The deprecation is told above; a user who loads a file can do nothing about it.
                warnings.filterwarnings("ignore", message="`torch.jit.load` is deprecated")
                program = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
        except (RuntimeError, ValueError, OSError) as error:
            raise damaged(path, "PyTorch", error) from error
        return TorchRunner(program.eval(), threads)

    def numbers(self, path: Path) -> Mapping[str, int]:
        """As of the file's tensors."""
        return numbers_of(path)


class _Converted:
    def __init__(self, program: ScriptModule, spec: ModelSpec) -> None:
        self.program, self.spec = program, spec

    def write(self, precision: Precision, rounding: QuantizationOptions, path: Path) -> None:
        """Write the program with its spec among the file's extra files, under `SPEC_KEY`."""
        import torch

        torch.jit.save(self.program, str(path), _extra_files={SPEC_KEY: spec_json(self.spec)})


class TorchRunner:
    """A program that PyTorch has loaded."""

    def __init__(self, program: Any, threads: int) -> None:
        self.program, self.threads = program, threads

    def __call__(self, given: NDArray[np.float32]) -> NDArray[np.float32]:
        """One clip to valence and arousal."""
        import torch

        # PyTorch's number of threads belongs to the process: it is given back after each call.
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            with torch.no_grad():
                # A copy, because a read-only array (a memory map) makes PyTorch warn.
                answer: NDArray[np.float32] = self.program(torch.tensor(given)).numpy()
        finally:
            torch.set_num_threads(before)
        return answer


def traced(model: nn.Module, spec: ModelSpec) -> ScriptModule:
    """The model as a program whose weights are constants."""
    import torch

    with torch.no_grad():
        program = torch.jit.trace(model.eval(), torch.zeros(spec.input_shape))  # type: ignore[no-untyped-call]
    return _without_traces(torch.jit.freeze(program))


def numbers_of(path: Path) -> dict[str, int]:
    """How many numbers the files of constants in a TorchScript archive hold; they are all of 32 bits here.

    Raises:
        BundleError: it is no such archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = [i.file_size for i in archive.infolist() if "/constants/" in i.filename and "pkl" not in i.filename]
    except (OSError, zipfile.BadZipFile) as error:
        raise damaged(path, "PyTorch", error) from error
    return {"float32": sum(sizes) // 4}


def _without_traces(program: ScriptModule) -> ScriptModule:
    """The same program without the call stacks that tracing records, source paths of this machine among them.

    PyTorch has no option to leave them out of the file, but it loads a file from which they were taken.
    """
    import torch

    full, bare = io.BytesIO(), io.BytesIO()
    torch.jit.save(program, full)
    with zipfile.ZipFile(full) as source, zipfile.ZipFile(bare, "w") as target:
        for item in source.infolist():
            if not item.filename.endswith(".debug_pkl"):
                target.writestr(item.filename, source.read(item))
    bare.seek(0)
    return torch.jit.load(bare)  # type: ignore[no-untyped-call]


FORMAT = TorchScript()
