"""A model's folder is read as data, and every fault of it is one line."""

import json
import shutil
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
from safetensors.numpy import save_file

from sentio_mobile.errors import InputError
from sentio_mobile.models.encoders.transformers_folder import FEATURES, open_folder, read_weights, require_sane

CONFIG: dict[str, Any] = {"model_type": "wav2vec2", "hidden_size": 16}
FEATURE_SETTINGS: dict[str, Any] = {
    "feature_extractor_type": "Wav2Vec2FeatureExtractor",
    "sampling_rate": 16_000,
    "do_normalize": False,
    "padding_side": "right",
}


def write(path: Path, values: object) -> None:
    path.write_text(json.dumps(values), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like a model."""
    place = tmp_path / "model"
    place.mkdir()
    write(place / "config.json", CONFIG)
    write(place / FEATURES, FEATURE_SETTINGS)
    save_file({"wav2vec2.x": np.zeros((2, 3), dtype=np.float32)}, place / "model.safetensors")
    return place


def refusal(place: Path | str) -> str:
    """The line with which a folder is refused."""
    with pytest.raises(InputError) as caught:
        read_weights(open_folder(str(place)))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700
    return str(caught.value)


def test_open_folder_reads_settings_and_weights(folder: Path) -> None:
    found = open_folder(str(folder))
    assert (found.family.title, found.licence, found.config["hidden_size"]) == ("Wav2Vec2", "unknown", 16)
    assert (found.features.sampling_rate, found.source) == (16_000, f"Wav2Vec2, the folder {folder}")
    assert read_weights(found)["wav2vec2.x"].shape == (2, 3)


def test_open_folder_reads_a_processor_and_shards(folder: Path) -> None:
    (folder / FEATURES).unlink()
    write(folder / "processor_config.json", {"feature_extractor": FEATURE_SETTINGS})
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    assert "has 1 of 00002 files of weights" in refusal(folder)
    save_file({"y": np.zeros(1, dtype=np.float32)}, folder / "model-00002-of-00002.safetensors")
    assert read_weights(open_folder(str(folder))).keys() == {"wav2vec2.x", "y"}


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: bsd-3-clause\ntags: [audio]\n---\n# A model\n", "bsd-3-clause"),
        ("---\nlicense: other\nlicense_name: my-licence-1.0\n---\n", "my-licence-1.0"),
        ("---\nlicense: [a, b]\n---\n", "unknown"),
        ("---\nlicense: 'a\\e[31mb'\n---\n", "unknown"),
        ("---\n&a [*a, }\n---\n", "unknown"),
        ("# A model\n", "unknown"),
    ],
)
def test_open_folder_takes_the_licence_from_the_card(card: str, licence: str, folder: Path) -> None:
    (folder / "README.md").write_text(card, encoding="utf-8")
    assert open_folder(str(folder)).licence == licence


def test_folder_that_is_no_model_is_refused(folder: Path) -> None:
    (folder / "config.json").unlink()
    assert "is no model folder: it has no config.json; it needs config.json, preproc" in refusal(folder)
    (folder / "config.json").write_text("{")
    assert "is not JSON" in refusal(folder)
    write(folder / "config.json", [1])
    assert "holds no JSON object" in refusal(folder)
    assert "there is no folder" in refusal(folder / "none")


@pytest.mark.parametrize("kind", ["bert", None, ["x"] * 100_000, "\x1b[31m"])
def test_model_of_another_kind_is_refused_with_the_known_ones(kind: object, folder: Path) -> None:
    write(folder / "config.json", {**CONFIG, "model_type": kind})
    message = refusal(folder)
    assert "can be an encoder; known: audio-spectrogram-transformer (AST), clap (CLAP), " in message
    assert "\x1b" not in message


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"sampling_rate": None}, "sampling_rate"),
        ({"sampling_rate": 10**12}, "sampling_rate"),
        ({"do_normalize": "yes"}, "do_normalize"),
        ({"feature_size": 2}, "feature_size"),
        ({"feature_extractor_type": "MyExtractor"}, "must be Wav2Vec2FeatureExtractor, not 'MyExtractor'"),
    ],
)
def test_settings_of_features_out_of_range_are_refused(settings: dict[str, Any], fault: str, folder: Path) -> None:
    write(folder / FEATURES, {**FEATURE_SETTINGS, **settings})
    assert fault in refusal(folder)


def test_folder_without_a_sample_rate_is_refused(folder: Path) -> None:
    write(folder / FEATURES, {key: value for key, value in FEATURE_SETTINGS.items() if key != "sampling_rate"})
    assert f"{FEATURES} lacks the key 'sampling_rate'" in refusal(folder)
    (folder / FEATURES).unlink()
    assert f"has no {FEATURES}, which states the sample rate" in refusal(folder)


def test_weights_that_are_missing_pickled_or_damaged_are_refused(folder: Path) -> None:
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    for content in (b"", whole[:-4], b"\xff" * 64):
        weights.write_bytes(content)
        assert "model.safetensors is damaged (" in refusal(folder)
    save_file({}, weights)
    assert "has no weights of a Wav2Vec2 network" in refusal(folder)
    weights.unlink()
    assert "has no model.safetensors; it needs config.json" in refusal(folder)
    # Whatever is in it: it is never opened.
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    assert "pytorch_model.bin is not read, because loading it could run any code" in refusal(folder)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"hidden_size": 10**9}, "hidden_size must be at most 1,000,000, not 1000000000"),
        ({"num_hidden_layers": 10_000}, "num_hidden_layers must be at most 256, not 10000"),
        ({"depths": [2, 10**6]}, "depths must be at most 256"),
        ({"layer_norm_eps": float("nan")}, "layer_norm_eps must be at most 1,000,000, not nan"),
        ({"conv_dim": [1] * 100_000}, "conv_dim must have at most 1,000 values, not 100,000"),
        ({"conv_dim": {"a": 1}}, "conv_dim must be a number, a text or a list"),
    ],
)
def test_require_sane_refuses_sizes_that_no_network_has(settings: dict[str, object], fault: str) -> None:
    with pytest.raises(InputError) as caught:
        require_sane(settings, Path("config.json"))
    assert fault in str(caught.value)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache of a machine without a network."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    return cache


def test_hub_id_without_a_network_says_what_to_put_where(hub: Path) -> None:
    message = refusal("somebody/model")
    assert "the Hugging Face hub does not give a model of this name (" in message
    assert "put its config.json, preprocessor_config.json and model.safetensors into a folder" in message


@pytest.mark.parametrize("place", ["../../etc/passwd", "a/b/c", "", "a" * 300, "x\n/y"])
def test_what_is_neither_folder_nor_hub_id_is_refused(place: str, hub: Path) -> None:
    assert "there is no folder" in refusal(place)
    assert not hub.exists()


def test_model_in_the_cache_of_the_hub_needs_no_network(hub: Path, folder: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    place = hub / "models--somebody--model"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(commit)
    shutil.copytree(folder, place / "snapshots" / commit)
    found = open_folder("somebody/model")
    assert found.source == "Wav2Vec2, Hugging Face hub, somebody/model, commit 0123456789ab"
    (place / "snapshots" / commit / "model.safetensors").unlink()
    assert "has no model.safetensors; it needs config.json" in refusal("somebody/model")
