"""ExecuTorch, PyTorch's successor of TorchScript for phones, with XNNPACK's kernels, which run on every processor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.protobuf import FAULTS
from sentio_mobile._internal.subprocesses import silence_output
from sentio_mobile.errors import BundleError
from sentio_mobile.formats.base import ConvertedModel, Format, Runner, damaged
from sentio_mobile.spec import OUTPUTS, ModelSpec, Precision

if TYPE_CHECKING:
    from torch import nn

    from sentio_mobile.quantization.options import QuantizationOptions


@dataclass(frozen=True, kw_only=True)
class ExecuTorch(Format):
    """One `.pte` file with one method, `forward`, for one clip. It has no names for input and output, and no spec."""

    name: str = "executorch"
    suffix: str = ".pte"
    extra: str | None = "executorch"
    converters: tuple[str, ...] = ("executorch", "torchao")
    # Its library is linked against torch, which takes most of the memory.
    runtimes: tuple[str, ...] = ("torch", "executorch")
    precisions: tuple[Precision, ...] = ("fp32", "int8")
    calibrated: tuple[Precision, ...] = ("int8",)

    def convert(self, model: nn.Module, spec: ModelSpec) -> ConvertedModel:
        """Keep the network as it is: ranges are measured in PyTorch, so that each precision is lowered by itself."""
        return _Converted(model.eval(), spec)

    def open(self, path: Path, spec: ModelSpec, threads: int = 1) -> Runner:
        """Load a file with ExecuTorch's runtime, which verifies the whole program before it reads any of it.

        Raises:
            BundleError: ExecuTorch cannot load it, or its input and output have not the spec's shapes.
        """
        runtime = _runtime()
        try:
            with silence_output():
                runtime._unsafe_reset_threadpool(threads)
                check = runtime.Verification.InternalConsistency
                program = runtime._load_program(str(path), program_verification=check)
                # XNNPACK reads its part, and packs the weights, only here.
                method = program.load_method(_METHOD)
                about = method.method_meta()
        except (RuntimeError, ValueError, OSError) as error:
            raise damaged(path, "ExecuTorch", error) from error
        inputs = [tuple(about.input_tensor_meta(i).sizes()) for i in range(about.num_inputs())]
        outputs = [tuple(about.output_tensor_meta(i).sizes()) for i in range(about.num_outputs())]
        if inputs != [spec.input_shape] or outputs != [(1, len(OUTPUTS))]:
            raise BundleError(f"{path} takes {inputs} and gives {outputs}; it is not the spec's model")
        return _Runner(runtime, program, method, threads)

    def operators(self, path: Path) -> Iterable[str]:
        """Its operators, and the numbers of XNNPACK's nodes."""
        from sentio_mobile.formats.operators.executorch_program import operators_in

        return operators_in(path.read_bytes())

    def stored_numbers(self, path: Path) -> Mapping[str, int]:
        """Count the numbers of the constants of the program and of XNNPACK's graphs."""
        from sentio_mobile.formats.operators.executorch_program import constants_in

        try:
            return constants_in(path.read_bytes())
        except FAULTS as error:
            raise damaged(path, "ExecuTorch", error) from error


_METHOD = "forward"


@dataclass(frozen=True)
class _Converted:
    model: nn.Module
    spec: ModelSpec

    def write(self, precision: Precision, options: QuantizationOptions, path: Path) -> None:
        """Quantize the network alone, put the front end before it, and lower both to XNNPACK."""
        from sentio_mobile.formats.executorch_lower import lower, quantize
        from sentio_mobile.formats.forms import Waveform

        spec = self.spec.in_form("spectrogram")
        if isinstance(self.model, Waveform):
            network = quantize(self.model.model, precision, options=options, spec=spec)
            path.write_bytes(lower([self.model.front_end, network], self.spec))
        else:
            path.write_bytes(lower([quantize(self.model, precision, options=options, spec=spec)], self.spec))


@dataclass(frozen=True)
class _Runner:
    runtime: Any
    program: Any
    """The method reads from it."""
    method: Any
    threads: int

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        import torch

        # ExecuTorch has one pool of threads for the whole process.
        if self.runtime._threadpool_get_thread_count() != self.threads:
            with silence_output():
                self.runtime._unsafe_reset_threadpool(self.threads)
        # A copy, because PyTorch warns of a read-only array.
        predictions: NDArray[np.float32] = self.method.call([torch.tensor(inputs)])[0].numpy()
        return predictions


def _runtime() -> Any:
    """ExecuTorch's library.

    The documented module only passes its names on, and imports the converter, which takes ten seconds.
    """
    import torch  # noqa: F401 (the library is linked against torch's, which must be there before it)
    from executorch.extension.pybindings import _C

    return _C


FORMAT = ExecuTorch()
