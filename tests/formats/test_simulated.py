"""What quantization-aware finetuning simulates is what a strictly integer file does: both err on the same songs."""

import numpy as np
import pytest
import torch

from sentio_mobile._internal.resources import ROOT
from sentio_mobile.audio.image import to_input
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.formats.registry import get_format
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.quantization.fake_quant import fake_quantize, observing_ranges


@pytest.mark.slow
def test_rounding_is_simulated_as_integer_kernels_do_it(
    exported: Bundle, calibration: Calibration, data: PreparedData
) -> None:
    loaded = Checkpoint.load(ROOT / "export" / "golden" / "student")
    network, plain = fake_quantize(loaded.model)
    pictures = [*exported.golden().images(exported.spec.audio), *calibration.images]
    given = [torch.from_numpy(to_input(picture, loaded.spec)) for picture in pictures]
    with torch.inference_mode():
        with observing_ranges(network.eval()):
            for picture in calibration.inputs(loaded.spec):
                network(torch.from_numpy(picture))
        whole, simulated = (torch.cat([net(one) for one in given]).numpy() for net in (plain, network))
    artifact = exported.artifact("tflite", "spectrogram", "int8-full")
    run = get_format("tflite").open(artifact.path, loaded.spec, 1)
    real = np.concatenate([run(one.numpy()) for one in given])
    errors, told = (real - whole).ravel(), (simulated - whole).ravel()
    assert np.corrcoef(errors, told)[0, 1] > 0.8
    assert np.sqrt(np.mean(np.square(told))) == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=0.3)
