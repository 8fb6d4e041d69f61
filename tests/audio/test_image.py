"""The image that a model takes in: numpy and torch agree, and both agree with torch's own resize."""

import numpy as np
import torch

from sentio_mobile.audio.image import resize_to_image, to_input, to_input_batch
from sentio_mobile.audio.logmel import apply_normalization
from sentio_mobile.spec import AudioSpec, ModelSpec


def test_to_input_equals_torchs_bilinear_resize_in_numpy_and_torch() -> None:
    spec = ModelSpec(architecture="vit")
    mel = np.random.default_rng(0).random((128, 1292), dtype=np.float32)
    image = to_input(resize_to_image(mel, (224, 224)), spec)
    batch = to_input_batch(torch.from_numpy(mel)[None], spec)
    resized = torch.nn.functional.interpolate(torch.from_numpy(mel)[None, None], (224, 224), mode="bilinear")
    wanted = (resized - torch.tensor(spec.image_mean).view(1, 3, 1, 1)) / torch.tensor(spec.image_sd).view(1, 3, 1, 1)
    assert image.shape == spec.input_shape
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, wanted.numpy(), atol=3e-4)
    np.testing.assert_allclose(batch.numpy(), image, atol=1e-5)


def test_to_input_batch_zscore_equals_numpys() -> None:
    spec = ModelSpec(architecture="vit", audio=AudioSpec(normalization="zscore"))
    mels = np.random.default_rng(0).random((2, 128, 1292), dtype=np.float32) ** 2
    mels[1] = 0.25
    batch = to_input_batch(torch.from_numpy(mels), spec)
    for mel, one in zip(mels, batch, strict=True):
        wanted = to_input(resize_to_image(apply_normalization(mel, spec.audio), (224, 224)), spec)[0]
        np.testing.assert_allclose(one.numpy(), wanted, atol=1e-4)
