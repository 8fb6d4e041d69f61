"""From a `ModelSpec` to a network: the one place that knows which architectures exist."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sentio_mobile._internal.tables import read_table
from sentio_mobile.errors import InputError
from sentio_mobile.models.config import ASTSettings, CRNNSettings, MobileViTSettings, ViTSettings
from sentio_mobile.spec import AudioSpec, ModelSpec

if TYPE_CHECKING:
    from torch import nn

Settings = ViTSettings | ASTSettings | CRNNSettings | MobileViTSettings

ARCHITECTURES: Mapping[str, type[Settings]] = {
    "vit": ViTSettings,
    "ast": ASTSettings,
    "crnn": CRNNSettings,
    "mobilevit": MobileViTSettings,
}


def spec_of(settings: Settings, audio: AudioSpec) -> ModelSpec:
    """The spec of a model with these settings behind this front end."""
    name = next(name for name, kind in ARCHITECTURES.items() if isinstance(settings, kind))
    return ModelSpec(architecture=name, settings=dataclasses.asdict(settings), audio=audio)


def build(spec: ModelSpec) -> nn.Module:
    """A freshly initialized network for `spec`.

    Raises:
        InputError: the architecture is unknown, or its settings are not ones that it has.
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
    """The settings in a spec, those that it lacks by their defaults.

    Raises:
        InputError: the architecture is unknown, or its settings are not ones that it has.
    """
    name = spec.architecture
    if name not in ARCHITECTURES:
        raise InputError(f"unknown architecture {name!r}; known: {', '.join(ARCHITECTURES)}")
    return read_table(ARCHITECTURES[name], spec.settings, f"architecture {name}")
