"""Layers that were to stay as they are do, and no other layer does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sentio_mobile.errors import ConversionError, InputError
from sentio_mobile.export.build import build_bundle
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.export.conversion import ConversionJob, convert
from sentio_mobile.formats.base import missing_packages
from sentio_mobile.formats.coreml import MIN_INT8_WEIGHTS
from sentio_mobile.formats.registry import get_format
from sentio_mobile.formats.tflite_file import read
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.mobilevit import MobileViT
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.quantization.layer_choice import layer_weights, quantizable_layers
from sentio_mobile.quantization.options import match_weights
from sentio_mobile.spec import Precision

KEPT = ("stem.layers.2", "stem.layers.8", "blocks.1.up", "blocks.0.attention.qkv", "output")
"""A depthwise convolution and one of a single point, a map with a ReLU after it, one without, and the last."""

Weights = dict[str, NDArray[np.float32]]


@pytest.fixture(scope="module")
def weights(checkpoint: Path) -> Weights:
    """Of every layer, the norms folded."""
    loaded = Checkpoint.load(checkpoint)
    fold_norms(loaded.model.eval())
    return layer_weights(loaded.model, list(quantizable_layers(loaded.model)))


def wide_in(path: Path) -> Iterator[NDArray[Any]]:
    """Constants of an artifact that are no integers."""
    if path.suffix == ".onnx":
        import onnx

        yield from map(onnx.numpy_helper.to_array, onnx.load(path).graph.initializer)
    elif path.suffix == ".tflite":
        model = read(path)
        for tensor in model.subgraphs[0].tensors:
            content = model.buffers[tensor.buffer].data
            if tensor.type == 0 and content is not None:
                yield np.frombuffer(bytes(content), dtype=np.float32)
    else:
        from sentio_mobile.formats.coreml_interpreter.mil_read import read_package

        for operation in read_package(path).operations:
            if operation.constant is not None:
                yield operation.constant


def wide_layers(path: Path, weights: Weights) -> set[str]:
    """Layers whose weights an artifact keeps as floating-point numbers, of their own value."""
    constants = {str(i): constant for i, constant in enumerate(wide_in(path))}
    found = set()
    for name, weight in weights.items():
        try:
            match_weights({name: weight}, constants)
            found.add(name)
        except ConversionError:
            pass
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "precisions"),
    [("tflite", ("int8-dynamic", "int8")), ("onnx", ("int8-dynamic", "int8")), ("coreml", ("int8",))],
)
def test_these_layers_stay_and_no_others(
    name: str,
    precisions: tuple[Precision, ...],
    checkpoint: Path,
    weights: Weights,
    images: NDArray[np.float32],
    answers: NDArray[np.float32],
    loaded: Checkpoint,
    tmp_path: Path,
) -> None:
    if missing_packages(get_format(name).converters):
        pytest.skip(f"the packages of {name} are not installed")
    spec = loaded.spec
    mean, sd = (np.array(values, dtype=np.float32)[0] for values in (spec.image_mean, spec.image_sd))
    calibration = Calibration(images[:, 0] * sd + mean)
    job = ConversionJob(format=name, form="spectrogram", precisions=precisions, keep_float=KEPT)
    made = convert(checkpoint, job, folder=tmp_path, log=tmp_path / "log", timeout_s=280, calibration=calibration)
    assert not made.failures
    for artifact in made.artifacts:
        left = set(KEPT)
        # ONNX Runtime's dynamic rounding has no convolutions, and ours for Core ML is not for a few hundred numbers.
        if name == "coreml":
            left |= {layer for layer, weight in weights.items() if weight.size <= MIN_INT8_WEIGHTS}
        if (name, artifact.precision) == ("onnx", "int8"):
            left |= set(MobileViT.head_layers)
        if (name, artifact.precision) == ("onnx", "int8-dynamic"):
            left |= {layer for layer in weights if layer.startswith("stem")}
        assert wide_layers(artifact.path, weights) == left, artifact.label
        run = get_format(name).open(artifact.path, spec, 1)
        found = np.concatenate([run(image[None]) for image in images])
        # This network was never trained, and 8 bits shake it.
        assert np.corrcoef(found.ravel(), answers.ravel())[0, 1] > 0.5


@pytest.mark.parametrize(
    ("precisions", "layer", "words"),
    [
        (("int8-dynamic", "int8-full"), "output", "int8-full leaves no layer in floating point"),
        (("fp32",), "output", "--keep-float is for the precisions int8-dynamic and int8"),
        (("int8-dynamic",), "blocks.1.dwn", r"no layer 'blocks\.1\.dwn'; similar names are blocks\.1\.down"),
    ],
)
def test_what_cannot_be_kept_is_said_at_once(
    precisions: tuple[Precision, ...], layer: str, words: str, checkpoint: Path, tmp_path: Path
) -> None:
    recipe = ExportRecipe(formats=("tflite",), forms=("spectrogram",), precisions=precisions, keep_float=(layer,))
    # No songs are given: this must be said before that.
    with pytest.raises(InputError, match=words) as caught:
        build_bundle(checkpoint, recipe, out=tmp_path / "bundle")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
