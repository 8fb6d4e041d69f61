"""musicnn: the network, its weights out of a TensorFlow checkpoint, and how they are installed."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray

from sentio_mobile.cli import main
from sentio_mobile.errors import AudioError, CheckpointError, InputError
from sentio_mobile.models.encoders.base import EncoderInfo, load_encoder
from sentio_mobile.models.encoders.install import convert, install_musicnn
from sentio_mobile.models.encoders.musicnn import FRAMES, MELS, Musicnn, MusicnnEncoder, log_mel_patches
from sentio_mobile.models.encoders.tensorflow_checkpoint import read_tensors

SECOND = 16_000

SHAPES = {
    **{f"conv2d{i}/kernel": s for i, s in {"": (7, 38, 1, 204), "_1": (7, 67, 1, 204), "_2": (128, 1, 1, 51)}.items()},
    **{f"conv2d{i}/kernel": s for i, s in {"_3": (64, 1, 1, 51), "_4": (32, 1, 1, 51), "_5": (7, 561, 1, 64)}.items()},
    **{f"conv2d{i}/kernel": (7, 64, 1, 64) for i in ("_6", "_7")},
    "dense/kernel": (1506, 200),
    "dense_1/kernel": (200, 50),
}
NORMS = (1, 204, 204, 51, 51, 51, 64, 64, 64, 1506, 200)


@pytest.fixture(scope="module")
def tensors() -> dict[str, NDArray[np.float32]]:
    """Random tensors under TensorFlow's names."""
    random = np.random.default_rng(0)
    found = {name: random.normal(0, 0.05, shape).astype(np.float32) for name, shape in SHAPES.items()}
    found |= {
        name.replace("kernel", "bias"): random.normal(0, 0.05, shape[-1:]).astype(np.float32)
        for name, shape in SHAPES.items()
    }
    for i, width in enumerate(NORMS):
        for part in ("gamma", "beta", "moving_mean", "moving_variance"):
            name = f"batch_normalization{f'_{i}' if i else ''}/{part}"
            found[name] = random.uniform(0.5, 1.5, width).astype(np.float32)
    return found


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def checkpoint_of(tensors: Mapping[str, NDArray[np.float32]]) -> tuple[bytes, bytes]:
    """Write a checkpoint as TensorFlow lays it out: one data block, no shared keys, one restart."""
    data, entries = b"", b"" + varint(0) + varint(0) + varint(2) + b"\x08\x01"
    for name in sorted(tensors):
        value = tensors[name]
        shape = b"".join(b"\x12" + varint(len(varint(n)) + 1) + b"\x08" + varint(n) for n in value.shape)
        entry = (
            b"\x08\x01\x12" + varint(len(shape)) + shape + b"\x20" + varint(len(data)) + b"\x28" + varint(value.nbytes)
        )
        entries += varint(0) + varint(len(name)) + varint(len(entry)) + name.encode() + entry
        data += value.tobytes()
    one_restart = (0).to_bytes(4, "little") + (1).to_bytes(4, "little")
    block = entries + one_restart
    handle = varint(0) + varint(len(block))
    index = varint(0) + varint(1) + varint(len(handle)) + b"z" + handle + one_restart
    body = block + bytes(5) + index + bytes(5)
    footer = varint(0) + varint(0) + varint(len(block) + 5) + varint(len(index))
    return body + footer.ljust(40, b"\0") + bytes.fromhex("57fb808b247547db"), data


def test_checkpoint_gives_the_tensors_that_were_written(tensors: dict[str, NDArray[np.float32]]) -> None:
    found = read_tensors(*checkpoint_of(tensors))
    assert found.keys() == tensors.keys()
    for name, value in tensors.items():
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("seed", range(40))
def test_damaged_checkpoint_raises_nothing_but_its_error(seed: int, tensors: dict[str, NDArray[np.float32]]) -> None:
    random = np.random.default_rng(seed)
    index, data = checkpoint_of({name: tensors[name] for name in ("dense_1/bias", "conv2d/bias")})
    broken = bytearray(index)
    for at in random.integers(0, len(index), 3):
        broken[at] = int(random.integers(0, 256))
    # A flipped byte in a checksum or in an unread field is not seen; all else is refused by this error alone.
    with contextlib.suppress(CheckpointError):
        read_tensors(bytes(broken[: random.integers(20, len(index) + 1)]), data[: random.integers(0, len(data))])


def test_converted_network_computes_what_the_paper_says(tensors: dict[str, NDArray[np.float32]]) -> None:
    network = Musicnn().eval()
    network.load_state_dict(convert(tensors))
    patch = np.random.default_rng(1).uniform(0, 4, (FRAMES, MELS)).astype(np.float32)
    with torch.inference_mode():
        embedding, logits = network(torch.from_numpy(patch[None]))
    expected = reference(tensors, patch)
    np.testing.assert_allclose(embedding[0].numpy(), expected[0], atol=2e-4)
    np.testing.assert_allclose(logits[0].numpy(), expected[1], atol=2e-4)


def reference(t: Mapping[str, NDArray[np.float32]], patch: NDArray[np.float32]) -> tuple[NDArray[np.float64], ...]:
    """musicnn in plain numpy, one filter position after another."""

    def norm(x: NDArray[np.float64], i: int) -> NDArray[np.float64]:
        gamma, beta, mean, var = (
            t[f"batch_normalization{f'_{i}' if i else ''}/{part}"].astype(np.float64)
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return gamma * (x - mean) / np.sqrt(var + 1e-3) + beta

    def filtered(x: NDArray[np.float64], i: int) -> NDArray[np.float64]:
        kernel = t[f"conv2d{f'_{i}' if i else ''}/kernel"][:, :, 0].astype(np.float64)
        views = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2])
        found = np.einsum("tfab,abc->tfc", views, kernel, optimize=True)
        found = np.maximum(found + t[f"conv2d{f'_{i}' if i else ''}/bias"], 0)
        return norm(found, i + 1).max(axis=1)

    image = norm(patch.astype(np.float64), 0)
    timbral = [filtered(np.pad(image, ((3, 3), (0, 0))), i) for i in (0, 1)]
    temporal = [filtered(np.pad(image, (((n - 1) // 2, n // 2), (0, 0))), i) for i, n in ((2, 128), (3, 64), (4, 32))]
    layers = [np.concatenate([*timbral, *temporal], axis=1)]
    for i in (5, 6, 7):
        found = filtered(np.pad(layers[-1], ((3, 3), (0, 0))), i)
        layers.append(found if i == 5 else found + layers[-1])
    everything = np.concatenate(layers, axis=1)
    pooled = norm(np.stack([everything.max(axis=0), everything.mean(axis=0)], axis=1).ravel(), 9)
    embedding = np.maximum(pooled @ t["dense/kernel"] + t["dense/bias"], 0)
    return embedding, norm(embedding, 10) @ t["dense_1/kernel"] + t["dense_1/bias"]


def test_wheel_with_another_hash_is_refused(tmp_path: Path) -> None:
    (tmp_path / "musicnn.whl").write_bytes(b"another file")
    with pytest.raises(InputError, match=r"is not the musicnn 0\.1\.0 .*pip download"):
        install_musicnn(tmp_path / "musicnn.whl")
    with pytest.raises(InputError, match="does not exist"):
        install_musicnn(tmp_path / "none.whl")


def test_encoder_that_is_not_installed_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    result = CliRunner().invoke(main, ["encoder", "embed", "x.wav", "--encoder", "musicnn-msd", "--out", "y"])
    assert result.exit_code == 2
    assert "sentio-mobile encoder install musicnn" in result.output.replace("\n", " ")
    place = tmp_path / "sentio-mobile" / "encoders" / "musicnn-msd.safetensors"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="is damaged"):
        load_encoder("musicnn-msd")


@pytest.mark.parametrize(("pcm", "fault"), [(np.zeros(0), "empty"), (np.full(9, np.nan), "NaN or infinity")])
def test_sound_that_cannot_be_embedded_is_refused(pcm: NDArray[np.float64], fault: str) -> None:
    with pytest.raises(AudioError, match=fault):
        log_mel_patches(pcm.astype(np.float32))


@pytest.mark.parametrize(("seconds", "patches"), [(0.1, 1), (2.9, 1), (3.5, 1), (9.0, 3)])
def test_a_sound_has_an_embedding_for_each_three_seconds(seconds: float, patches: int) -> None:
    pcm = np.sin(np.arange(int(seconds * SECOND)) / 10).astype(np.float32)
    assert log_mel_patches(pcm).shape == (patches, FRAMES, MELS)


@pytest.mark.exhaustive
def test_published_weights_give_the_published_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    try:
        install_musicnn()
    except InputError as error:
        pytest.skip(str(error))
    encoder = load_encoder("musicnn-msd")
    assert isinstance(encoder, MusicnnEncoder)
    time = np.arange(3 * SECOND) / SECOND
    pcm = (0.3 * np.sin(2 * np.pi * 220 * time) * (1 + np.sin(2 * np.pi * 2 * time))).astype(np.float32)
    embedding, tags = encoder.embed(pcm)[0], encoder.tag(pcm)[0]
    assert [encoder.tags[i] for i in np.argsort(-tags)[:2]] == TOP_TAGS
    np.testing.assert_allclose(embedding[np.argsort(-embedding)[:4]], TOP_VALUES, rtol=1e-3)


TOP_TAGS = ["ambient", "jazz"]
TOP_VALUES = [6.563193, 6.514103, 6.288381, 6.028644]
"""From this network, after it gave the reference implementation's outputs within 1e-5 on nine seconds of sound."""


def test_encoder_gives_what_the_network_gives_in_batches(tensors: dict[str, NDArray[np.float32]]) -> None:
    # Scales of batch norm may be negative: then the smallest value is the largest after it.
    turned = {
        name: value * (-1) ** np.arange(value.size) if name.endswith("gamma") else value
        for name, value in tensors.items()
    }
    network = Musicnn().eval()
    network.load_state_dict(convert({name: value.astype(np.float32) for name, value in turned.items()}))
    info = EncoderInfo(
        name="random", sample_rate=16_000, window_s=3, hop_s=3, size=200, parameters=1, licence="MIT", source="a test",
        digest="0" * 64,
    )  # fmt: skip
    pcm = np.random.default_rng(2).uniform(-1, 1, 7 * SECOND).astype(np.float32)
    with torch.inference_mode():
        embeddings, logits = network(torch.from_numpy(log_mel_patches(pcm)))
    found = MusicnnEncoder(network, info, ["tag"] * 50).embed_and_tag(pcm)
    np.testing.assert_allclose(found[0], embeddings.numpy(), rtol=1e-5, atol=1e-5 * embeddings.max())
    np.testing.assert_allclose(found[1], torch.sigmoid(logits).numpy(), rtol=1e-5, atol=1e-5)
