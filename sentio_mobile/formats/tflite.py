"""LiteRT (TensorFlow Lite), for Android. Only built-in operations, so that an application needs no further library."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.subprocesses import silence_output
from sentio_mobile.formats.base import SPEC_KEY, ConvertedModel, Format, Runner, check_name, damaged, spec_json
from sentio_mobile.spec import ModelSpec, Precision

if TYPE_CHECKING:
    from torch import nn

    from sentio_mobile.quantization.options import QuantizationOptions


@dataclass(frozen=True, kw_only=True)
class Tflite(Format):
    """One `.tflite` file with one signature, whose input keeps PyTorch's layout."""

    name: str = "tflite"
    suffix: str = ".tflite"
    extra: str | None = "tflite"
    converters: tuple[str, ...] = ("litert_torch", "ai_edge_quantizer")
    runtimes: tuple[str, ...] = ("ai_edge_litert",)
    precisions: tuple[Precision, ...] = ("fp32", "fp16", "int8-dynamic", "int8", "int8-full")
    # Inputs are 8-bit in int8-full, and PCM of 8 bits would be another sound.
    spectrogram_only: tuple[Precision, ...] = ("int8-full",)
    calibrated: tuple[Precision, ...] = ("int8", "int8-full")

    def convert(self, model: nn.Module, spec: ModelSpec) -> ConvertedModel:
        """Convert the network and the front end one by one, straight from PyTorch's graph."""
        from sentio_mobile.formats.forms import Waveform

        if not isinstance(model, Waveform):
            return _Converted(_convert(model, spec, spec.output_name), None, spec)
        network = _convert(model.model, spec.in_form("spectrogram"), spec.output_name)
        return _Converted(network, _convert(model.front_end, spec, "spectrogram"), spec)

    def open(self, path: Path, spec: ModelSpec, threads: int = 1) -> Runner:
        """Load a file with the LiteRT interpreter, which verifies the whole flatbuffer before it reads any of it.

        Raises:
            BundleError: LiteRT cannot load it, or it has not the spec's input and output.
        """
        from ai_edge_litert.interpreter import Interpreter

        try:
            with silence_output():
                interpreter = Interpreter(model_path=str(path), num_threads=threads)
                interpreter.allocate_tensors()
        except (RuntimeError, ValueError, OSError) as error:
            raise damaged(path, "LiteRT", error) from error
        signatures: dict[str, dict[str, list[str]]] = interpreter.get_signature_list()
        signature, names = next(iter(signatures.items()), ("", {}))
        check_name(path, spec.input_name, names.get("inputs", []))
        check_name(path, spec.output_name, names.get("outputs", []))
        return _Runner(interpreter.get_signature_runner(signature), spec)

    def operators(self, path: Path) -> Iterable[str]:
        """The numbers of its built-in operators."""
        from sentio_mobile.formats.operators.tflite_codes import operators_in

        return operators_in(path.read_bytes())

    def stored_numbers(self, path: Path) -> Mapping[str, int]:
        """Count the numbers of the tensors that have content of their own."""
        from sentio_mobile.formats.tflite_file import count_constants, read

        return count_constants(read(path))


@dataclass(frozen=True)
class _Converted:
    """The network, and the front end where there is one, each as the content of a 32-bit file."""

    network: bytes
    front_end: bytes | None
    spec: ModelSpec

    def write(self, precision: Precision, options: QuantizationOptions, path: Path) -> None:
        """Quantize the network alone, join the front end to it, and add the spec as metadata."""
        from sentio_mobile.formats.tflite_file import finish, join
        from sentio_mobile.formats.tflite_quantize import quantize

        network = quantize(self.network, precision, options=options, spec=self.spec.in_form("spectrogram"))
        model = network if self.front_end is None else join(self.front_end, network)
        path.write_bytes(finish(model, SPEC_KEY, spec_json(self.spec)))


class _Runner:
    def __init__(self, signature: Any, spec: ModelSpec) -> None:
        self.signature, self.input_name, self.output_name = signature, spec.input_name, spec.output_name
        self.input_scale = _Scale(signature.get_input_details()[spec.input_name])
        self.output_scale = _Scale(signature.get_output_details()[spec.output_name])

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        outputs = self.signature(**{self.input_name: self.input_scale.quantize(inputs)})
        return self.output_scale.dequantize(outputs[self.output_name])


class _Scale:
    """How an input or output stores real numbers: as they are, or as 8-bit integers, (integer - zero point) * scale."""

    def __init__(self, details: Mapping[str, Any]) -> None:
        self.scale, self.zero_point = details["quantization"]
        self.dtype = details["dtype"]

    def quantize(self, values: NDArray[np.float32]) -> NDArray[np.generic]:
        if self.dtype == np.float32:
            return values
        limits = np.iinfo(self.dtype)
        integers = np.clip(np.rint(values / self.scale + self.zero_point), limits.min, limits.max)
        quantized: NDArray[np.generic] = integers.astype(self.dtype)
        return quantized

    def dequantize(self, values: NDArray[np.generic]) -> NDArray[np.float32]:
        if self.dtype == np.float32:
            return values.astype(np.float32, copy=False)
        return ((values.astype(np.float32) - self.zero_point) * np.float32(self.scale)).astype(np.float32)


def _convert(model: nn.Module, spec: ModelSpec, output_name: str) -> bytes:
    """Convert a network, or a front end, to the content of a file."""
    import litert_torch
    import torch

    example = {spec.input_name: torch.zeros(spec.input_shape)}
    converted = litert_torch.convert(_with_names(model, spec, output_name).eval(), sample_kwargs=example)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "converted.tflite"
        converted.export(str(path))
        return path.read_bytes()


def _with_names(model: nn.Module, spec: ModelSpec, output_name: str) -> nn.Module:
    """The model with the spec's names, which the converter takes from keyword arguments and from a dictionary."""
    import torch
    from torch import nn

    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
            return {output_name: self.model(inputs[spec.input_name])}

    return Named()


FORMAT = Tflite()
