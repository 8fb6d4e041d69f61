"""Golden vectors that do not fit are one error, whatever is wrong with them."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from sentio_mobile._internal.records import replace
from sentio_mobile.audio.image import clip_to_image
from sentio_mobile.bundle.golden import Golden, clip_of_excerpt
from sentio_mobile.errors import BundleError
from sentio_mobile.spec import AudioSpec, ModelSpec

SPEC = ModelSpec(architecture="mobilevit", settings={"width": 64}, audio=AudioSpec(image_size=(14, 14)))


def damaged(kind: str) -> dict[str, NDArray[np.generic]]:
    """Golden vectors of the right spec with one thing wrong."""
    images = np.zeros((3, *SPEC.audio.image_size), np.float32)
    right: dict[str, NDArray[np.generic]] = {
        "excerpt": np.zeros((3, 100), np.int16),
        "length": np.full(3, 100, np.int32),
        "picture": images,
    }
    right["output"] = np.zeros((3, 2), np.float32)
    if kind == "none":
        return {name: value[:0] for name, value in right.items()}
    if kind == "scalars":
        return {name: np.array(value.ravel()[0]) for name, value in right.items()}
    wrong: dict[str, dict[str, NDArray[np.generic]]] = {
        "scalar output": {"output": np.array(0, np.float32)},
        "scalar excerpt": {"excerpt": np.array(0, np.int16)},
        "excerpt of no sample": {"excerpt": np.zeros((3, 0), np.int16)},
        "length 0": {"length": np.zeros(3, np.int32)},
        "other type": {"picture": images.astype(np.float16)},
        "output not a number": {"output": np.full((3, 2), np.nan, np.float32)},
        "output past the scale": {"output": np.full((3, 2), 3, np.float32)},
        "more images": {"picture": images[:2]},
    }
    return {**right, **wrong[kind]}


KINDS = (
    *("none", "scalars", "scalar output", "scalar excerpt", "excerpt of no sample", "length 0", "other type"),
    *("output not a number", "output past the scale", "more images"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_golden_vectors_are_one_error(kind: str, tmp_path: Path) -> None:
    save_file(damaged(kind), tmp_path / "golden.safetensors")
    with pytest.raises(BundleError, match="golden vectors"):
        Golden.load(tmp_path / "golden.safetensors", SPEC)


def test_golden_vectors_of_numbers_that_numpy_lacks_are_one_error(tmp_path: Path) -> None:
    values = {name: torch.from_numpy(value) for name, value in damaged("length 0").items()}
    safetensors.torch.save_file({**values, "picture": values["picture"].bfloat16()}, tmp_path / "golden.safetensors")
    with pytest.raises(BundleError, match="holds no golden vectors"):
        Golden.load(tmp_path / "golden.safetensors", SPEC)


def test_images_that_are_left_out_are_computed_from_the_sound(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    excerpt = random.integers(-3000, 3000, (2, 5000), dtype=np.int16)
    length = np.array([SPEC.audio.n_samples, 20_000], np.int32)
    clips = [clip_of_excerpt(one, int(n), SPEC.audio) for one, n in zip(excerpt, length, strict=True)]
    images = np.stack([clip_to_image(clip, SPEC.audio) for clip in clips])
    whole = Golden(excerpt=excerpt, length=length, image=images, output=np.zeros((2, 2), np.float32))
    replace(whole, image=None).save(tmp_path / "golden.safetensors")
    app = Golden.load(tmp_path / "golden.safetensors", SPEC)
    assert app.image is None
    np.testing.assert_array_equal(app.images(SPEC.audio), images)
    np.testing.assert_array_equal(app.first(1).inputs(SPEC), whole.first(1).inputs(SPEC))
