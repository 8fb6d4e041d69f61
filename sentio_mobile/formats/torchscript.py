"""TorchScript, for applications that already link libtorch, and the base of `ptl`, which is made from the same trace.

PyTorch has deprecated TorchScript: choose another format for a new application.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.formats.base import SPEC_KEY, Format, Runner, damaged, spec_json
from sentio_mobile.spec import ModelSpec, Precision

if TYPE_CHECKING:
    from torch import nn
    from torch.jit import ScriptModule

    from sentio_mobile.quantization.options import QuantizationOptions


@dataclass(frozen=True, kw_only=True)
class TorchScript(Format):
    """One `.pt` file, traced and frozen, that `torch.jit.load` and libtorch read. Inputs and outputs have no names."""

    name: str = "torchscript"
    suffix: str = ".pt"
    runtimes: tuple[str, ...] = ("torch",)
    runtime_name: str = "PyTorch"
    """What messages call the runtime."""

    def convert(self, model: nn.Module, spec: ModelSpec) -> _Converted:
        """Trace the network and make its weights constants of the program."""
        import torch

        # Its own check runs the network again on silence, to 1e-5. The golden vectors judge every artifact.
        with torch.no_grad():
            program = torch.jit.trace(model.eval(), torch.zeros(spec.input_shape), check_trace=False)
        return _Converted(self, _without_call_stacks(torch.jit.freeze(program)), spec)

    def open(self, path: Path, spec: ModelSpec, threads: int = 1) -> Runner:
        """Load a file. A TorchScript file is a program: check its hash first.

        Raises:
            BundleError: PyTorch cannot load it.
        """
        try:
            return _Runner(self.load(path), threads)
        except (RuntimeError, ValueError, OSError) as error:
            raise damaged(path, self.runtime_name, error) from error

    def operators(self, path: Path) -> Iterable[str]:
        """The names in its source, and for `ptl` in its bytecode."""
        from sentio_mobile.formats.operators.torch_archive import operators_in

        return operators_in(path)

    def stored_numbers(self, path: Path) -> Mapping[str, int]:
        """Count the numbers in the archive's files of constants, which are all of 32 bits here."""
        try:
            with zipfile.ZipFile(path) as archive:
                files = [file for file in archive.infolist() if "/constants/" in file.filename]
        # A reader of archives can fail in any way on arbitrary bytes.
        except Exception as error:
            raise damaged(path, "PyTorch", error) from error
        return {"float32": sum(file.file_size for file in files if "pkl" not in file.filename) // 4}

    def load(self, path: Path) -> Any:
        """Load the program with PyTorch."""
        import torch

        with warnings.catch_warnings():
            # The documentation says that TorchScript is deprecated; whoever loads a file cannot change it.
            warnings.filterwarnings("ignore", message="`torch.jit.load` is deprecated")
            return torch.jit.load(str(path), map_location="cpu").eval()

    def save(self, program: ScriptModule, path: Path, extra_files: dict[str, str]) -> None:
        """Write a program.

        Args:
            program: The traced network.
            path: The file to write.
            extra_files: Texts to add to the archive, by name.
        """
        import torch

        torch.jit.save(program, str(path), _extra_files=extra_files)


@dataclass(frozen=True)
class _Converted:
    format: TorchScript
    program: ScriptModule
    spec: ModelSpec

    def write(self, precision: Precision, options: QuantizationOptions, path: Path) -> None:
        """Write the program, with its spec as the extra file `SPEC_KEY`."""
        self.format.save(self.program, path, {SPEC_KEY: spec_json(self.spec)})


@dataclass(frozen=True)
class _Runner:
    program: Any
    threads: int

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        import torch

        # PyTorch has one number of threads for the whole process: it is restored after each call.
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            with torch.no_grad():
                # A copy, because PyTorch warns of a read-only array (a memory map).
                predictions: NDArray[np.float32] = self.program(torch.tensor(inputs)).numpy()
        finally:
            torch.set_num_threads(before)
        return predictions


def _without_call_stacks(program: ScriptModule) -> ScriptModule:
    """The same program without the call stacks that tracing records, which have source paths of this machine.

    PyTorch has no option to leave them out of the file, but loads a file from which they were removed.
    """
    import torch

    full, stripped = io.BytesIO(), io.BytesIO()
    torch.jit.save(program, full)
    with zipfile.ZipFile(full) as source, zipfile.ZipFile(stripped, "w") as target:
        for item in source.infolist():
            if not item.filename.endswith(".debug_pkl"):
                target.writestr(item.filename, source.read(item))
    stripped.seek(0)
    return torch.jit.load(stripped)


FORMAT = TorchScript()
