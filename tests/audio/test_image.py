"""The picture that a model looks at: numpy and torch agree, and both agree with torch's own resize."""

import numpy as np
import torch

from sentio_mobile.audio.image import to_image, to_image_batch
from sentio_mobile.spec import ModelSpec


def test_numpy_and_torch_give_torchs_bilinear_resize() -> None:
    spec = ModelSpec("vit")
    mel = np.random.default_rng(0).random((128, 1292), dtype=np.float32)
    image = to_image(mel, spec)
    batch = to_image_batch(torch.from_numpy(mel)[None], spec)
    resized = torch.nn.functional.interpolate(torch.from_numpy(mel)[None, None], (224, 224), mode="bilinear")
    wanted = (resized - torch.tensor(spec.image_mean).view(1, 3, 1, 1)) / torch.tensor(spec.image_sd).view(1, 3, 1, 1)
    assert image.shape == spec.input_shape
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, wanted.numpy(), atol=3e-4)
    np.testing.assert_allclose(batch.numpy(), image, atol=1e-5)
