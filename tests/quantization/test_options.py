"""Layers stay in floating point where that was asked for, and are found again by their weights."""

import numpy as np
import pytest

from sentio_mobile._internal.resources import ROOT
from sentio_mobile.errors import ConversionError, InputError
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.quantization.layer_choice import head_weights, layer_weights
from sentio_mobile.quantization.options import QuantizationOptions, match_weights


def test_layer_weights_unknown_layer() -> None:
    model = Checkpoint.load(ROOT / "export" / "golden" / "student").model.eval()
    fold_norms(model)
    assert layer_weights(model, ("blocks.1.down",))["blocks.1.down"].ndim == 2
    assert set(head_weights(model)) == {"hidden", "output"}
    words = r"^the network has no layer 'blocks\.1\.dwn'; similar names are blocks\.1\.down, "
    with pytest.raises(InputError, match=words):
        layer_weights(model, ("blocks.1.dwn",))


def test_match_weights_permuted_and_halved() -> None:
    weight = np.random.default_rng(0).normal(size=(4, 3, 2, 2)).astype(np.float32)
    constants = {"a": weight.transpose(0, 2, 3, 1), "b": weight.astype(np.float16), "c": weight + 1}
    assert match_weights({"layer": weight}, constants) == {"a", "b"}
    with pytest.raises(ConversionError, match="no weights of the layer layer"):
        match_weights({"layer": weight}, {"c": weight + 1})


def test_options_for_precision() -> None:
    images = np.zeros((6, 8, 8), dtype=np.float32)
    options = QuantizationOptions(Calibration(images), {"output": images}, {"hidden": images})
    for precision in ("fp32", "fp16", "int8-full"):
        assert options.for_precision(precision, ("int8",)) == QuantizationOptions()
    assert options.for_precision("int8-dynamic", ("int8",)) == QuantizationOptions(keep_float=options.keep_float)
    assert options.for_precision("int8", ("int8",)) == options
