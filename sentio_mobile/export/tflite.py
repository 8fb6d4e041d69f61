"""LiteRT (TensorFlow Lite), for Android. Only built-in operations, so that an application needs no further library."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.export.artifacts import damaged, fp32_artifact, missing_name
from sentio_mobile.export.protocol import Runner
from sentio_mobile.spec import Artifact, Form, ModelSpec

if TYPE_CHECKING:
    from torch import nn


class Tflite:
    """One `.tflite` file with one signature, whose input keeps PyTorch's layout."""

    name = "tflite"
    suffix = ".tflite"
    extra: str | None = "tflite"
    converters: tuple[str, ...] = ("litert_torch",)
    runtimes: tuple[str, ...] = ("ai_edge_litert",)
    free_batch: tuple[Form, ...] = ()
    timed_here = True

    def export(self, model: nn.Module, spec: ModelSpec, folder: Path) -> Artifact:
        """Convert straight from PyTorch's graph; nothing goes through ONNX or TensorFlow."""
        import litert_torch
        import torch

        artifact = fp32_artifact(self.name, self.suffix, spec, folder)
        example = {spec.input_name: torch.zeros(spec.input_shape)}
        converted = litert_torch.convert(_named(model, spec).eval(), sample_kwargs=example)
        converted.export(str(artifact.path))
        return artifact

    def open(self, path: Path, spec: ModelSpec, threads: int) -> Runner:
        """Load a file with the LiteRT interpreter, which verifies the whole flatbuffer before it reads any of it.

        Raises:
            BundleError: LiteRT cannot load it, or it has not the spec's input and output.
        """
        from ai_edge_litert.interpreter import Interpreter

        try:
            with _without_greeting():
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


class _Runner:
    def __init__(self, signature: Any, spec: ModelSpec) -> None:
        self.signature, self.input_name, self.output_name = signature, spec.input_name, spec.output_name

    def __call__(self, given: NDArray[np.float32]) -> NDArray[np.float32]:
        answer: NDArray[np.float32] = self.signature(**{self.input_name: given})[self.output_name]
        return answer


@contextmanager
def _without_greeting() -> Iterator[None]:
    """Keep LiteRT's line about its delegate off the terminal: it has no setting for it, and writes past Python.

    What it says of a fault comes as an exception too.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _named(model: nn.Module, spec: ModelSpec) -> nn.Module:
    """The model with the spec's names, which the converter reads from keyword arguments and from a dictionary."""
    import torch
    from torch import nn

    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
            return {spec.output_name: self.model(inputs[spec.input_name])}

    return Named()


FORMAT = Tflite()
