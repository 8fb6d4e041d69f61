"""The doors of teachers' folders: probes, GANs, their samples, encoders of transformers, and parts of foreign weights.

Whoever writes a sheet writes the hashes in it too: files are changed here, and their hashes made right again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fuzz.cases import any_bytes, changed_json
from fuzz.harness import attempt
from fuzz.test_sheets import write_checkpoint
from hypothesis import given
from hypothesis import strategies as st
from probes import QUICK, SIZE, toy_info
from safetensors.numpy import load, save

from sentio_mobile._internal.records import from_plain, to_plain, write_record
from sentio_mobile.data.gan_samples import Sampling, open_gan_samples, write_gan_samples
from sentio_mobile.metrics.evaluation import evaluate
from sentio_mobile.models.config import GanSettings
from sentio_mobile.models.encoders.own_checkpoint import load as load_checkpoint
from sentio_mobile.spec import AudioSpec, DataOrigin
from sentio_mobile.teacher.gan.checkpoint import GanCheckpoint, build_gan
from sentio_mobile.teacher.gan.config import GanRecipe, GanTraining
from sentio_mobile.teacher.import_weights.read import read_weights
from sentio_mobile.teacher.probe.probe import Probe
from sentio_mobile.teacher.probe.sheet import ProbeSheet

AUDIO = AudioSpec(seconds=0.5, n_mels=16, image_size=(16, 16))
ORIGIN = DataOrigin(labels="rated", source="a test", fingerprint="f" * 64, songs={"train": 9})
EMBEDDINGS = np.random.default_rng(0).normal(size=(3, 4, SIZE)).astype(np.float32)


@dataclass(frozen=True)
class Door:
    """A kind of folder.

    Attributes:
        write: Writes a right one.
        use: Reads it, and does with it what a command would.
        sheet: Its sheet.
        hashes: Names of the sheet's fields that hold the hash of a file, by the file's name.
    """

    write: Callable[[Path], object]
    use: Callable[[Path], object]
    sheet: str
    hashes: Mapping[str, str]


def member_tensors(regressor: str) -> dict[str, np.ndarray[Any, Any]]:
    """The numbers of a member of each kind."""
    random = np.random.default_rng(1)
    one = np.array([0.1])
    own: dict[str, Any] = {
        "ridge": {"weights": random.normal(size=SIZE), "bias": one},
        "svr": {"vectors": random.normal(size=(5, SIZE)), "weights": random.normal(size=5), "bias": one, "gamma": one},
        "mlp": {
            **{"hidden_weights": random.normal(size=(SIZE, 3)), "hidden_bias": np.zeros(3)},
            **{"weights": np.ones(3), "bias": one},
        },
        "xgboost": {
            **{"columns": np.zeros((2, 3), np.int32), "thresholds": np.zeros((2, 3))},
            **{"low": np.array([[1, 1, 2]] * 2, np.int32), "high": np.array([[2, 1, 2]] * 2, np.int32)},
            **{"leaves": np.full((2, 3), 0.2), "bias": one, "depth": np.array([1], np.int32)},
        },
    }[regressor]
    return {"centre": np.zeros(SIZE), "scale": np.ones(SIZE), **own}


def write_probe(folder: Path) -> None:
    """A probe of one member of each kind for each output, trained on nothing."""
    folder.mkdir()
    kinds = [(output, kind) for output in ("valence", "arousal") for kind in ("ridge", "svr", "mlp", "xgboost")]
    tensors = {
        f"{i}.{name}": np.asarray(v) for i, (_, kind) in enumerate(kinds) for name, v in member_tensors(kind).items()
    }
    (folder / "probe.safetensors").write_bytes(save(tensors))
    (folder / "predictions.csv").write_text("clip,valence,arousal\n00000000000000aa,0.5,-0.5\n")
    interval = {"value": 0.8, "low": 0.7, "high": 0.9}
    control = {"ccc": 0.5, "shuffled": 0.1, "informative": True}
    sides = ("valence", "arousal", "valence_when_calm", "valence_when_energetic")
    truth = np.linspace(-0.5, 0.5, 12).reshape(6, 2).astype(np.float32)
    member = {"input": "embedding", "parts": ["mean"], "settings": {"alpha": 1.0}, "weight": 0.25}
    sheet = {
        **{"schema": 1, "encoder": to_plain(toy_info()), "audio": to_plain(AUDIO), "offsets": [0.0, 0.1]},
        "members": [{"output": output, "regressor": kind, **member} for output, kind in kinds],
        "recipe": to_plain(QUICK),
        "evaluation": {
            **{"folds": 4, "groups": 9, "clips": 9, "warnings": []},
            "songs": to_plain(evaluate(tuple("abcdef"), truth, truth * 0.9, seed=0)),
            "auc": {"high": "labels above 0", **dict.fromkeys(sides, interval)},
            "control": {"shuffles": 20, "valence": control, "arousal": control},
        },
        **{"uncertainty": None, "trained_on": "train", "data": to_plain(ORIGIN), "embeddings_sha256": "e" * 64},
        **{"tensors_sha256": sha256(folder / "probe.safetensors"), "versions": {"numpy": "2"}},
        "predictions_sha256": sha256(folder / "predictions.csv"),
    }
    write_record(folder / "probe.json", from_plain(ProbeSheet, sheet, "probe.json"))


def use_probe(folder: Path) -> object:
    found = Probe.load(folder)
    if found.sheet.encoder.size != SIZE or found.needs_features:
        return found
    predicted = found.predict(EMBEDDINGS)
    assert predicted.shape == (3, 2)
    assert (np.abs(predicted) <= 1).all()
    return found


def write_gan(folder: Path) -> None:
    settings = GanSettings(noise=4, condition_widths=(4,), seed_width=2, widths=(8, 8), attention_at=0)
    recipe = GanRecipe(model=settings, training=GanTraining(epochs=1, steps=1, batch_size=4))
    generator, discriminator = build_gan(settings, AUDIO, ())
    GanCheckpoint(
        generator=generator, discriminator=discriminator, audio=AUDIO, classes=(),
        labels=np.array([[0.5, -0.5], [0.1, 0.2]], np.float32), recipe=recipe, history=(), data=ORIGIN,
    ).save(folder)  # fmt: skip


def use_gan(folder: Path) -> object:
    found = GanCheckpoint.load(folder)
    labels = np.zeros(1, np.int64) if found.classes else np.zeros((1, 2), np.float32)
    mels = found.sample(labels, seed=0)
    assert mels.shape == (1, found.audio.n_mels, found.audio.n_frames)
    return found


def write_samples(folder: Path) -> None:
    mels = np.full((3, AUDIO.n_mels, AUDIO.n_frames), 0.5, np.float32)
    batch = (mels, np.zeros((3, 2), np.float32), np.ones(3, np.float32))
    write_gan_samples(folder, AUDIO, batches=[batch], sampling=lambda: Sampling(generator="a test"))


def use_samples(folder: Path) -> object:
    found = open_gan_samples(folder)
    assert len(found.mels) == len(found.labels)
    return found


DOORS = {
    "probe": Door(
        write_probe,
        use_probe,
        "probe.json",
        {"probe.safetensors": "tensors_sha256", "predictions.csv": "predictions_sha256"},
    ),
    "GAN": Door(
        write_gan,
        use_gan,
        "gan.json",
        {"generator.safetensors": "generator_sha256", "discriminator.safetensors": "discriminator_sha256"},
    ),
    "GAN samples": Door(
        write_samples, use_samples, "gan-samples.json", {"mels.f16": "mels_sha256", "labels.csv": "labels_sha256"}
    ),
    "checkpoint as encoder": Door(
        write_checkpoint,
        lambda folder: load_checkpoint(str(folder)),
        "checkpoint.json",
        {"model.safetensors": "weights_sha256"},
    ),
}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


Right = tuple[str, Path, dict[str, bytes]]


@pytest.fixture(scope="module", params=DOORS)
def right(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Right:
    """A right folder, and the content of its files."""
    folder, door = tmp_path_factory.mktemp("models") / "right", DOORS[request.param]
    door.write(folder)
    assert door.use(folder) is not None
    return request.param, folder, {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def try_folder(right: Right, changes: Mapping[str, bytes], sheet: Any = None) -> None:
    """Use the folder with other files whose hashes are right, and perhaps another sheet."""
    name, folder, files = right
    door = DOORS[name]
    for file, content in {**files, **changes}.items():
        (folder / file).write_bytes(content)
    plain = json.loads(files[door.sheet]) if sheet is None else sheet
    if isinstance(plain, dict):
        known = {field: sha256(folder / file) for file, field in door.hashes.items() if field in plain}
        plain = {**plain, **known}
    if door.sheet not in changes:
        (folder / door.sheet).write_text(json.dumps(plain))
    attempt(name, lambda: door.use(folder), folder)


@given(data=st.data())
def test_changed_sheet_of_a_model_is_read_or_one_error(right: Right, data: st.DataObject) -> None:
    name, _, files = right
    try_folder(right, {}, data.draw(changed_json(json.loads(files[DOORS[name].sheet]))))


@given(data=st.data())
def test_any_bytes_as_a_models_sheet_are_read_or_one_error(right: Right, data: st.DataObject) -> None:
    name, _, files = right
    sheet = DOORS[name].sheet
    try_folder(right, {sheet: data.draw(any_bytes((files[sheet],)))})


@given(data=st.data())
def test_changed_files_of_a_model_with_right_hashes_are_read_or_one_error(right: Right, data: st.DataObject) -> None:
    name, _, files = right
    file = data.draw(st.sampled_from(sorted(DOORS[name].hashes)))
    try_folder(right, {file: data.draw(any_bytes((files[file],), head=300))})


@given(data=st.data())
def test_changed_tensors_of_a_model_are_read_or_one_error(right: Right, data: st.DataObject) -> None:
    name, _, files = right
    file = next((file for file in DOORS[name].hashes if file.endswith(".safetensors")), None)
    if file is None:
        return
    tensors = load(files[file])
    for _ in range(data.draw(st.integers(1, 3))):
        one = data.draw(st.sampled_from(sorted(tensors)))
        values = tensors[one]
        how = data.draw(st.sampled_from(("type", "fill", "shape", "leave out", "value", "empty")))
        if how == "type":
            kinds = (np.float16, np.float32, np.float64, np.int8, np.int64, np.uint8, np.uint64, np.bool_)
            with np.errstate(all="ignore"):
                tensors[one] = np.nan_to_num(values).astype(data.draw(st.sampled_from(kinds)))
        elif how == "fill":
            number = data.draw(st.sampled_from((0.0, 1.0, -1.0, 63.0, 1e30, 1e300, -1e300, np.nan, np.inf, 1e-320)))
            with np.errstate(all="ignore"):
                tensors[one] = np.full(values.shape, number).astype(values.dtype)
        elif how == "shape":
            tensors[one] = values.reshape(data.draw(st.sampled_from([(-1,), (1, -1), (-1, 1), (1, *values.shape)])))
        elif how == "value" and values.size:
            flat = values.copy().ravel()
            with np.errstate(all="ignore"):
                flat[0] = np.array(data.draw(st.sampled_from((-1, 5, 2**31 - 1, 127)))).astype(values.dtype)
            tensors[one] = flat.reshape(values.shape)
        elif how == "empty":
            tensors[one] = values.reshape(-1)[:0]
        else:
            del tensors[one]
            break
    try_folder(right, {file: save({key: np.ascontiguousarray(value) for key, value in tensors.items()})})


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A folder of a Wav2Vec2 network of few weights, as transformers writes it."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    wave = {**sizes, "conv_dim": [4] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}
    folder = tmp_path_factory.mktemp("encoder") / "model"
    transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**wave)).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(folder)
    return folder, {path.name: path.read_bytes() for path in folder.iterdir()}


@given(data=st.data())
def test_changed_folder_of_an_encoder_is_read_or_one_error(
    encoder: tuple[Path, dict[str, bytes]], data: st.DataObject
) -> None:
    from sentio_mobile.models.encoders.transformers_model import load as load_encoder

    folder, files = encoder
    for name, content in files.items():
        (folder / name).write_bytes(content)
    name = data.draw(st.sampled_from(sorted(files)))
    if name.endswith(".json") and data.draw(st.integers(0, 3)):
        content = json.dumps(data.draw(changed_json(json.loads(files[name])))).encode()
    else:
        content = data.draw(any_bytes((files[name],), head=300))
    (folder / name).write_bytes(content)
    attempt("encoder", lambda: load_encoder(str(folder)), folder)


PARTS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
INDEX = {"metadata": {"total_size": 32}, "weight_map": {"a": PARTS[0], "b": PARTS[1]}}


@given(data=st.data())
def test_changed_index_of_foreign_weights_is_read_or_one_error(data: st.DataObject, place: Path) -> None:
    for name, part in zip("ab", PARTS, strict=True):
        (place / part).write_bytes(save({name: np.ones((2, 2), np.float32)}))
    index = place / "model.safetensors.index.json"
    content = json.dumps(INDEX).encode()
    if data.draw(st.booleans()):
        content = json.dumps(data.draw(changed_json(INDEX))).encode()
    else:
        content = data.draw(any_bytes((content,)))
    index.write_bytes(content)
    for given_path in (index, place, place / PARTS[0]):
        found = attempt("parts of weights", lambda path=given_path: read_weights(path), place)
        for file in found.files if found else ():
            assert file.resolve().parent == place.resolve(), file
