"""Read a folder of a model of `transformers` as data: settings, weights, licence. Nothing in it is run.

Only what an encoder needs is read: config.json, preprocessor_config.json, safetensors, and the head of README.md. Other
files, such as pickled weights, Python files and adapters, are never opened.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from sentio_mobile._internal.files import is_file, open_file
from sentio_mobile._internal.record_messages import field_types, shown
from sentio_mobile._internal.records import from_plain, read_plain
from sentio_mobile.errors import CheckpointError, InputError, MissingExtraError
from sentio_mobile.models.encoders.transformers_families import FAMILIES, Family
from sentio_mobile.models.encoders.transformers_features import Features

CONFIG, FEATURES, PROCESSOR, WEIGHTS, CARD = (
    *("config.json", "preprocessor_config.json", "processor_config.json", "model.safetensors", "README.md"),
)
SHARDS = "model-*-of-*.safetensors"
"""Weights in several files."""

NEEDED = f"{CONFIG}, {FEATURES} and {WEIGHTS}"

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack")
"""Weights that are not read: to load most of them is to run them."""

MAX_NUMBER, MAX_LAYERS, MAX_LIST, MAX_CARD_BYTES = 1_000_000, 256, 1000, 1_000_000
"""The largest number, the most layers and the longest list in a config.json; the largest README.md."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


@dataclass(frozen=True, kw_only=True)
class ModelFolder:
    """What a folder says.

    Attributes:
        path: The folder.
        source: Where it came from, for people.
        family: The kind of network.
        config: Settings of the network.
        features: Settings of the feature extractor.
        weights: Files of weights.
        licence: As the model card's head states it, or "unknown".
    """

    path: Path
    source: str
    family: Family
    config: dict[str, object]
    features: Features
    weights: tuple[Path, ...]
    licence: str


def open_folder(place: str) -> ModelFolder:
    """Read the settings of a model.

    Args:
        place: A folder, or the id of a model on the Hugging Face hub, which is downloaded once.

    Raises:
        InputError: There is no such folder, and the hub does not give it.
        CheckpointError: The folder is no model, or one of another kind, or a setting is out of its range.
        MissingExtraError: The hub's client is not installed.
    """
    path, source = (Path(place), f"the folder {place}") if _is_folder(place) else _from_hub(place)
    if not is_file(path / CONFIG):
        raise CheckpointError(f"{path} is no model folder: it has no {CONFIG}; it needs {NEEDED}")
    family, config = _read_config(path / CONFIG)
    return ModelFolder(
        path=path,
        source=f"{family.title}, {source}"[:1000],
        family=family,
        config=config,
        features=_read_features(path, family),
        weights=_find_weights(path),
        licence=_read_licence(path / CARD),
    )


def read_weights(folder: ModelFolder) -> dict[str, torch.Tensor]:
    """Read the tensors that an encoder needs, under the names that its network has.

    Raises:
        CheckpointError: A file is damaged, or has none of these tensors.
    """
    found: dict[str, torch.Tensor] = {}
    wanted = re.compile(folder.family.weights)
    for path in folder.weights:
        try:
            open_file(path).close()  # safetensors waits for a pipe, and nothing can end that
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118 - not a dictionary
                    if match := wanted.match(name):
                        found[name[match.end() :]] = file.get_tensor(name)
        except (SafetensorError, OSError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"{path} is damaged ({first_line(error)}); download it again") from error
    if not found:
        raise CheckpointError(f"{folder.path} has no weights of a {folder.family.title} network; is it another model?")
    return found


def first_line(error: object) -> str:
    """The first line of a message of another library, cut to 200 characters."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _read_config(path: Path) -> tuple[Family, dict[str, object]]:
    values = _read_object(path)
    kind = values.get("model_type")
    if not isinstance(kind, str) or kind not in FAMILIES:
        known = ", ".join(f"{name} ({family.title})" for name, family in FAMILIES.items())
        raise CheckpointError(f"{path}: model_type {shown(kind)} is no network that can be an encoder; known: {known}")
    family = FAMILIES[kind]
    if family.section is not None:
        section = values.get(family.section)
        if not isinstance(section, dict):
            raise CheckpointError(f"{path} lacks the table {family.section!r} of a {family.title} model")
        values = {**section, **{name: values[name] for name in family.shared if name in values}}
    return family, {**values, **family.fixed}


def require_sane(config: dict[str, object], path: Path) -> None:
    """Refuse settings of sizes that no network has, before anything is built from them.

    Raises:
        CheckpointError: A number is too large or not finite, or a list too long.
    """
    for name, value in config.items():
        values = value if isinstance(value, list) else [value]
        if len(values) > MAX_LIST:
            raise CheckpointError(f"{path}: {name} must have at most {MAX_LIST:,} values, not {len(values):,}")
        largest = MAX_LAYERS if "layers" in name or name == "depths" else MAX_NUMBER
        for one in values:
            if isinstance(one, str | bool | None):
                continue
            if not isinstance(one, int | float):
                raise CheckpointError(f"{path}: {name} must be a number, a text or a list of them, not {shown(one)}")
            # NaN fails the comparison too.
            if not -largest <= one <= largest:
                raise CheckpointError(f"{path}: {name} must be at most {largest:,}, not {shown(one)}")


def _read_features(folder: Path, family: Family) -> Features:
    path = folder / FEATURES
    if is_file(path):
        values = _read_object(path)
    else:
        path = folder / PROCESSOR
        inside = _read_object(path).get("feature_extractor") if is_file(path) else None
        if not isinstance(inside, dict):
            raise CheckpointError(f"{folder} has no {FEATURES}, which states the sample rate; it needs {NEEDED}")
        values = inside
    kind = values.get("feature_extractor_type", family.extractor)
    if kind != family.extractor:
        raise CheckpointError(f"{path}: feature_extractor_type must be {family.extractor}, not {shown(kind)}")
    # Other keys are results of these settings, or of no use here.
    used = {name: value for name, value in values.items() if name in field_types(family.features)}
    return from_plain(family.features, used, str(path), CheckpointError)


def _read_object(path: Path) -> dict[str, object]:
    values = read_plain(path, CheckpointError)
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} holds no JSON object; download it again")
    return values


def _find_weights(folder: Path) -> tuple[Path, ...]:
    if is_file(folder / WEIGHTS):
        return (folder / WEIGHTS,)
    if shards := sorted(folder.glob(SHARDS)):
        stated = shards[0].stem.rpartition("-")[2]
        if not stated.isdigit() or int(stated) != len(shards):
            raise CheckpointError(f"{folder} has {len(shards)} of {shown(stated)[1:-1]} files of weights; add the rest")
        return tuple(shards)
    pickled = next((path.name for pattern in PICKLES for path in sorted(folder.glob(pattern))), None)
    if pickled is not None:
        raise CheckpointError(
            f"{folder} has no {WEIGHTS}, and {shown(pickled)[1:-1]} is not read, because loading it could run any "
            "code; load the model where you trust it and write it with save_pretrained()"
        )
    raise CheckpointError(f"{folder} has no {WEIGHTS}; it needs {NEEDED} (pickled weights are not read)")


def _read_licence(path: Path) -> str:
    """The licence in the head of a model card; "unknown" where there is none, or none that can be read."""
    try:
        from huggingface_hub import metadata_load

        if not is_file(path) or path.stat().st_size > MAX_CARD_BYTES:
            return "unknown"
        card = metadata_load(path) or {}
    except Exception:  # A card is free text with YAML on top; it may be wrong in any way, and nothing depends on it.
        return "unknown"
    licence = card.get("license")
    if licence == "other":
        licence = card.get("license_name", licence)
    if isinstance(licence, str) and re.fullmatch(r"[\w .+()-]{1,100}", licence):
        return licence
    return "unknown"


def _is_folder(place: str) -> bool:
    try:
        return place != "" and Path(place).is_dir()
    except (OSError, ValueError):  # Too long, or with characters that no path has.
        return False


def _from_hub(place: str) -> tuple[Path, str]:
    """The folder of a model of the hub in the hub's cache, and where it came from."""
    if not _HUB_ID.fullmatch(place):
        raise InputError(f"there is no folder {shown(place)[1:-1]}; give a folder with {NEEDED}, or a hub id")
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingExtraError("huggingface_hub", "transformers", f"the model {place} of the Hugging Face hub") from (
            error
        )
    files = [CONFIG, FEATURES, PROCESSOR, WEIGHTS, SHARDS, CARD]
    try:
        # What is in the cache needs no network, which each of many worker processes would ask otherwise.
        path = Path(snapshot_download(place, allow_patterns=files, local_files_only=True))
        if not any(path.glob("*.safetensors")):
            raise FileNotFoundError("its download was not completed")
    except Exception:
        try:
            path = Path(snapshot_download(place, allow_patterns=files))
        except Exception as error:  # A client of the network fails in many ways, and all mean the same here.
            raise InputError(
                f"there is no folder {place}, and the Hugging Face hub does not give a model of this name "
                f"({first_line(error)}); put its {NEEDED} into a folder and give that"
            ) from error
    return path, f"Hugging Face hub, {place}, commit {path.name[:12]}"
