"""From a `ModelSpec` to a network: the one place that knows which architectures exist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sentio_mobile._internal.records import from_plain, shown, to_plain
from sentio_mobile.errors import InputError
from sentio_mobile.models.config import ASTSettings, CRNNSettings, MobileViTSettings, ViTSettings
from sentio_mobile.spec import AudioSpec, ModelSpec

if TYPE_CHECKING:
    from torch import nn

Settings = ViTSettings | ASTSettings | CRNNSettings | MobileViTSettings

TAG = "architecture"
"""The key that tells settings of several architectures apart in plain values."""

ARCHITECTURES: Mapping[str, type[Settings]] = {
    "vit": ViTSettings,
    "ast": ASTSettings,
    "crnn": CRNNSettings,
    "mobilevit": MobileViTSettings,
}


def spec_of(settings: Settings, audio: AudioSpec) -> ModelSpec:
    """The spec of a model with these settings behind this front end."""
    values = to_plain(settings)
    return ModelSpec(architecture=values.pop(TAG), settings=values, audio=audio)


def architecture_of(settings: Settings) -> str:
    """The name of the architecture that settings are of."""
    return str(to_plain(settings)[TAG])


def build(spec: ModelSpec) -> nn.Module:
    """A freshly initialized network for `spec`.

    Raises:
        InputError: The architecture is unknown, or its settings have a fault.
    """
    settings = settings_of(spec)
    if isinstance(settings, ViTSettings):
        from sentio_mobile.models.vit import ViT

        return ViT(settings, spec.audio.image_size)
    if isinstance(settings, ASTSettings):
        from sentio_mobile.models.ast import AST

        return AST(settings, spec.audio.image_size)
    if isinstance(settings, CRNNSettings):
        from sentio_mobile.models.crnn import CRNN

        return CRNN(settings, spec.audio.image_size)
    from sentio_mobile.models.mobilevit import MobileViT

    return MobileViT(settings, spec.audio.image_size)


def settings_of(spec: ModelSpec) -> Settings:
    """The settings in a spec; those that it lacks have their defaults.

    Raises:
        InputError: The architecture is unknown, or its settings have a fault.
    """
    name = spec.architecture
    if name not in ARCHITECTURES:
        raise InputError(f"unknown architecture {shown(name)}; known: {', '.join(ARCHITECTURES)}")
    return from_plain(ARCHITECTURES[name], {**spec.settings, TAG: name}, f"architecture {name}")
