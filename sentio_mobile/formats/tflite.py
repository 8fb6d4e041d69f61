"""LiteRT (TensorFlow Lite), for Android. Only built-in operations, so that an application needs no further library."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.quiet import silence_output
from sentio_mobile.formats.artifacts import SPEC_KEY, damaged, missing_name, spec_json
from sentio_mobile.formats.base import Runner
from sentio_mobile.spec import Form, ModelSpec, Precision

if TYPE_CHECKING:
    from torch import nn

    from sentio_mobile.quantization.settings import QuantizationOptions


class Tflite:
    """One `.tflite` file with one signature, whose input keeps PyTorch's layout."""

    name = "tflite"
    suffix = ".tflite"
    extra: str | None = "tflite"
    converters: tuple[str, ...] = ("litert_torch", "ai_edge_quantizer")
    runtimes: tuple[str, ...] = ("ai_edge_litert",)
    free_batch: tuple[Form, ...] = ()
    timed_here = True
    varies: str | None = None
    precisions: Mapping[Form, tuple[Precision, ...]] = {
        "spectrogram": ("fp32", "fp16", "int8-dynamic", "int8", "int8-full"),
        # PCM of 8 bits would be another sound.
        "waveform": ("fp32", "fp16", "int8-dynamic", "int8"),
    }
    calibrated: tuple[Precision, ...] = ("int8", "int8-full")

    def convert(self, model: nn.Module, spec: ModelSpec) -> _Converted:
        """Convert straight from PyTorch's graph; nothing goes through ONNX or TensorFlow."""
        from sentio_mobile.formats.forms import Waveform

        if not isinstance(model, Waveform):
            return _Converted(_convert(model, spec, spec.output_name), None, spec)
        network = _convert(model.model, spec.in_form("spectrogram"), spec.output_name)
        return _Converted(network, _convert(model.front_end, spec, "spectrogram"), spec)

    def open(self, path: Path, spec: ModelSpec, threads: int) -> Runner:
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
        for wanted, side in ((spec.input_name, "inputs"), (spec.output_name, "outputs")):
            found = names.get(side, [])
            if wanted not in found:
                raise missing_name(path, wanted, found)
        return _Runner(interpreter.get_signature_runner(signature), spec)

    def numbers(self, path: Path) -> Mapping[str, int]:
        """As of the tensors that have content of their own."""
        from sentio_mobile.formats.tflite_file import constants_of, read

        return constants_of(read(path))


class _Converted:
    """The network, and what comes before it, each as a file's content in 32 bits."""

    def __init__(self, network: bytes, front_end: bytes | None, spec: ModelSpec) -> None:
        self.network, self.front_end, self.spec = network, front_end, spec

    def write(self, precision: Precision, rounding: QuantizationOptions, path: Path) -> None:
        """The network is rounded by itself, joined to the front end after it, and given its spec as metadata."""
        from sentio_mobile.formats.tflite_file import finished, join
        from sentio_mobile.formats.tflite_quantize import quantize

        content = quantize(self.network, precision, rounding, self.spec.in_form("spectrogram"))
        whole = content if self.front_end is None else join(self.front_end, content)
        path.write_bytes(finished(whole, SPEC_KEY, spec_json(self.spec)))


class _Runner:
    def __init__(self, signature: Any, spec: ModelSpec) -> None:
        self.signature, self.input_name, self.output_name = signature, spec.input_name, spec.output_name
        self.takes = _Scale(signature.get_input_details()[spec.input_name])
        self.gives = _Scale(signature.get_output_details()[spec.output_name])

    def __call__(self, given: NDArray[np.float32]) -> NDArray[np.float32]:
        answer = self.signature(**{self.input_name: self.takes.rounded(given)})[self.output_name]
        return self.gives.plain(answer)


class _Scale:
    """How an input or output stands for real numbers: as itself, or as (number - zero point) * scale in 8 bits."""

    def __init__(self, details: Mapping[str, Any]) -> None:
        self.scale, self.zero = details["quantization"]
        self.is_plain, self.type = details["dtype"] == np.float32, details["dtype"]

    def rounded(self, values: NDArray[np.float32]) -> NDArray[np.generic]:
        if self.is_plain:
            return values
        limits = np.iinfo(self.type)
        rounded: NDArray[np.generic] = np.clip(np.rint(values / self.scale + self.zero), limits.min, limits.max)
        return rounded.astype(self.type)

    def plain(self, values: NDArray[np.generic]) -> NDArray[np.float32]:
        if self.is_plain:
            return values.astype(np.float32, copy=False)
        return ((values.astype(np.float32) - self.zero) * np.float32(self.scale)).astype(np.float32)


def _convert(model: nn.Module, spec: ModelSpec, output_name: str) -> bytes:
    """A network, or a front end, as the content of a file."""
    import litert_torch
    import torch

    example = {spec.input_name: torch.zeros(spec.input_shape)}
    converted = litert_torch.convert(_named(model, spec, output_name).eval(), sample_kwargs=example)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "converted.tflite"
        converted.export(str(place))
        return place.read_bytes()


def _named(model: nn.Module, spec: ModelSpec, output_name: str) -> nn.Module:
    """The model with the spec's names, which the converter reads from keyword arguments and from a dictionary."""
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
