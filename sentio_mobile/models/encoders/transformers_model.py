"""Audio networks of the package `transformers` as encoders: `hf:FOLDER`, `hf:HUB-ID`, and `hf:...#layer=6`.

The classes are those of `transformers`, the settings and weights come from a folder, and no code of the folder or the
hub is run. See `transformers_families` for what is known of each kind of network.
"""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from inspect import signature
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.records import to_plain
from sentio_mobile.errors import CheckpointError, InputError, MissingExtraError
from sentio_mobile.models.encoders.base import EncoderInfo
from sentio_mobile.models.encoders.transformers_families import Family, Geometry
from sentio_mobile.models.encoders.transformers_folder import (
    CONFIG,
    ModelFolder,
    first_line,
    open_folder,
    read_weights,
    require_sane,
)
from sentio_mobile.models.encoders.windowed import embed_in_windows, means_by_step, require_layer, split_layer

PREFIX = "hf:"

_VERSION = 1
"""Version of what is done with hidden states. Embeddings of another version are made again."""

_SPARE = 2
"""How many times the weights in the files a network may have. Those that are missing are named; more is a mistake."""

_UNUSED = ("masked_spec_embed",)
"""Tensors that only training uses, and that some files lack."""


class TransformersEncoder:
    """A network of `transformers` as an encoder.

    Args:
        network: The network, in evaluation mode.
        config: Its settings.
        extractor: The feature extractor.
        family: The kind of network.
        geometry: How it divides time.
        layer: The layer whose hidden states are used; None for the network's output.
        info: The encoder's facts.
    """

    def __init__(
        self,
        network: Any,
        config: Any,
        extractor: Any,
        *,
        family: Family,
        geometry: Geometry,
        layer: int | None,
        info: EncoderInfo,
    ) -> None:
        self.network, self.config, self.extractor = network, config, extractor
        self.family, self.geometry, self.layer, self.info = family, geometry, layer, info

    def embed(self, pcm: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings [time, size] of a mono sound; see `AudioEncoder.embed`.

        The network is given whole windows, of which each time step is a part. A sound that is shorter than a window is
        repeated, or followed by silence where the network was trained so. Only steps within the sound are given.

        Raises:
            AudioError: The sound is empty or holds NaN or infinity.
            CheckpointError: The network and its feature extractor do not fit each other, or the weights are broken.
        """
        geometry = self.geometry
        return embed_in_windows(pcm, self._embed_window, step=geometry.step, steps=geometry.window // geometry.step)

    def frames(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """The hidden states [frames, size] of one window [samples], or a shorter sound, as `transformers` gives them.

        Raises:
            CheckpointError: The network and its feature extractor do not fit each other, or the weights are broken.
        """
        try:
            with torch.inference_mode():
                inputs = self.extractor(window, sampling_rate=self.info.sample_rate, return_tensors="pt")
                outputs = self.network(**inputs, output_hidden_states=self.layer is not None)
                states = self.family.states(outputs, self.config, self.layer).float().numpy()
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise CheckpointError(f"{self.info.name} cannot be run ({first_line(error)}); is {CONFIG} its own?") from (
                error
            )
        if states.shape != (self.geometry.frames, self.info.size):
            expected = (self.geometry.frames, self.info.size)
            raise CheckpointError(f"{self.info.name} gives frames of the shape {states.shape}, not {expected}")
        if not np.isfinite(states).all():
            raise CheckpointError(f"{self.info.name} gives NaN or infinity; its weights are damaged")
        return states

    def _embed_window(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        geometry = self.geometry
        wanted = geometry.step if geometry.silence else geometry.window
        if len(window) < wanted:
            window = np.tile(window, -(-wanted // len(window)))[:wanted]
        centres = geometry.first + geometry.frame * np.arange(geometry.frames)
        steps = geometry.window // geometry.step
        return means_by_step(self.frames(window), centres, step=geometry.step, steps=steps)


def load(place: str) -> TransformersEncoder:
    """Load an encoder.

    Args:
        place: A folder or hub id, and `#layer=6` where hidden states of a layer are wanted.

    Raises:
        InputError: There is no such model or layer.
        CheckpointError: The folder is no model, one of another kind, or damaged.
        MissingExtraError: `transformers` is not installed.
    """
    where, layer = split_layer(place)
    transformers = _import_transformers()
    folder = open_folder(where)
    with _quiet(transformers):
        settings = _own_settings(transformers, folder)
        config = _build_config(transformers, folder, settings)
        geometry = _fit(folder, config)
        require_layer(layer, 0, geometry.layers, f"{PREFIX}{where}")
        network = _build_network(transformers, folder, config)
        extractor = _build_extractor(transformers, folder)
    rate = folder.features.sampling_rate
    info = EncoderInfo(
        name=f"{PREFIX}{place}",
        sample_rate=rate,
        window_s=geometry.step / rate,
        hop_s=geometry.step / rate,
        size=geometry.size(layer),
        parameters=sum(weight.numel() for weight in network.parameters()),
        licence=folder.licence,
        source=folder.source,
        digest=_digest(folder, settings, layer),
    )
    return TransformersEncoder(
        network, config, extractor, family=folder.family, geometry=geometry, layer=layer, info=info
    )


def _import_transformers() -> Any:
    try:
        return import_module("transformers")
    except ImportError as error:
        raise MissingExtraError("transformers", "transformers", "an encoder hf:...") from error


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """No reports, bars and warnings while classes and weights are loaded; whatever is wrong becomes one line."""
    log = transformers.utils.logging
    # Classes are imported when they are asked for. Packages that come with them announce changes in torch.
    announcements = logging.getLogger("torch.utils._pytree")
    levels, had_bars = (log.get_verbosity(), announcements.level), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    announcements.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.set_verbosity(levels[0])
        announcements.setLevel(levels[1])
        if had_bars:
            log.enable_progress_bar()


def _own_settings(transformers: Any, folder: ModelFolder) -> dict[str, object]:
    """The settings that are of the network's own class. General ones can name code, quantizers and devices."""
    own = set(signature(getattr(transformers, folder.family.config)).parameters)
    own -= set(signature(transformers.PreTrainedConfig).parameters)
    settings = {name: value for name, value in folder.config.items() if name in own}
    require_sane(settings, folder.path / CONFIG)
    return settings


def _build_config(transformers: Any, folder: ModelFolder, settings: dict[str, object]) -> Any:
    path = folder.path / CONFIG
    try:
        return getattr(transformers, folder.family.config)(**settings)
    except Exception as error:  # The library checks settings in many ways, with an exception for each.
        raise CheckpointError(f"{path} is no {folder.family.title} network ({first_line(error)})") from error


def _fit(folder: ModelFolder, config: Any) -> Geometry:
    """The geometry, once network and feature extractor are known to fit."""
    path = folder.path / CONFIG
    try:
        geometry = folder.family.geometry(config, folder.features)
    except InputError as error:
        raise CheckpointError(f"{folder.path}: {error}; are both files of one model?") from error
    except (TypeError, ValueError, ArithmeticError, AttributeError, IndexError) as error:
        raise CheckpointError(f"{path} is no {folder.family.title} network ({first_line(error)})") from error
    centres = geometry.first + geometry.frame * np.arange(max(0, geometry.frames))
    if np.any(np.diff(np.searchsorted(centres, geometry.step * np.arange(geometry.window // geometry.step + 1))) < 1):
        raise CheckpointError(f"{path}: a network with {geometry.frames} frames a window has too few for its steps")
    return geometry


def _build_network(transformers: Any, folder: ModelFolder, config: Any) -> Any:
    path, title = folder.path / CONFIG, folder.family.title
    kind = attrgetter(folder.family.network)(transformers)
    weights = read_weights(folder)
    there = sum(tensor.numel() for tensor in weights.values())
    try:
        # Without memory, so that absurd sizes cost none.
        with torch.device("meta"):
            described = sum(weight.numel() for weight in kind(config).parameters())
    except Exception as error:  # Whatever a class does not accept of its settings.
        raise CheckpointError(f"{path} is no {title} network ({first_line(error)})") from error
    if described > _SPARE * there:
        raise CheckpointError(f"{path} describes a network of {described:,} weights; the folder has {there:,}")
    try:
        network, found = kind.from_pretrained(
            None,
            config=config,
            state_dict=weights,
            dtype=torch.float32,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except Exception as error:  # Whatever a class does not accept of its settings or weights.
        raise CheckpointError(f"{folder.path}: {CONFIG} and the weights do not fit ({first_line(error)})") from error
    for name, in_file, expected in sorted(found["mismatched_keys"]):
        shapes = f"{name} is {tuple(in_file)} in the file and {tuple(expected)} in the network"
        raise CheckpointError(f"{folder.path}: {CONFIG} and the weights do not fit: {shapes}")
    if missing := sorted(name for name in found["missing_keys"] if not name.endswith(_UNUSED)):
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise CheckpointError(f"{folder.path} lacks weights of its {title} network: {missing[0]}{more}")
    return network.eval()


def _build_extractor(transformers: Any, folder: ModelFolder) -> Any:
    try:
        return getattr(transformers, folder.family.extractor)(**to_plain(folder.features))
    except Exception as error:  # Mel filters that cannot be made fail in many ways.
        raise CheckpointError(f"{folder.path}: its feature extractor cannot be made ({first_line(error)})") from error


def _digest(folder: ModelFolder, settings: dict[str, object], layer: int | None) -> str:
    """A hash of everything that decides the embeddings."""
    facts = [_VERSION, folder.family.network, settings, to_plain(folder.features), layer]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for path in folder.weights:
        digest.update(bytes.fromhex(sha256(path)))
    return digest.hexdigest()
