"""From a `ModelSpec` to a network: the one place that knows which architectures exist.

Another package adds a student through an entry point of the group `sentio_mobile.students`. Its value is a function
from the recipe's options and the image's height and width to a network:

    [project.entry-points."sentio_mobile.students"]
    toy = "my_package.toy:build"
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING

from sentio_mobile._internal.record_messages import shown
from sentio_mobile._internal.records import from_plain, to_plain
from sentio_mobile.errors import InputError, MissingExtraError
from sentio_mobile.models.config import (
    ASTSettings,
    CRNNSettings,
    CustomSettings,
    MobileViTSettings,
    MusicnnSettings,
    TimmSettings,
    ViTSettings,
)
from sentio_mobile.spec import AudioSpec, ModelSpec

if TYPE_CHECKING:
    from torch import nn

Settings = (
    ViTSettings | ASTSettings | CRNNSettings | MobileViTSettings | MusicnnSettings | TimmSettings | CustomSettings
)

ENTRY_POINTS = "sentio_mobile.students"
"""The group of entry points through which other packages add students."""

TAG = "architecture"
"""The key that tells settings of several architectures apart in plain values."""

ARCHITECTURES: Mapping[str, type[Settings]] = {
    "vit": ViTSettings,
    "ast": ASTSettings,
    "crnn": CRNNSettings,
    "mobilevit": MobileViTSettings,
    "musicnn": MusicnnSettings,
    "timm": TimmSettings,
    "custom": CustomSettings,
}


def spec_of(settings: Settings, audio: AudioSpec) -> ModelSpec:
    """The spec of a model with these settings behind this front end."""
    values = to_plain(settings)
    if isinstance(settings, CustomSettings):
        values |= values.pop("options")
    return ModelSpec(architecture=values.pop(TAG), settings=values, audio=audio)


def architecture_of(settings: Settings) -> str:
    """The name of the architecture that settings are of."""
    return str(to_plain(settings)[TAG])


def build(spec: ModelSpec) -> nn.Module:
    """A freshly initialized network for `spec`.

    Raises:
        InputError: The architecture is unknown, or its settings have a fault.
        MissingExtraError: The architecture is of a package that is not installed.
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
    if isinstance(settings, MusicnnSettings):
        from sentio_mobile.models.musicnn_student import MusicnnStudent

        return MusicnnStudent(settings, spec.audio)
    if isinstance(settings, TimmSettings):
        return _build_timm(settings, spec.audio.image_size)
    if isinstance(settings, CustomSettings):
        return _build_custom(settings, spec.audio.image_size)
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
    values: dict[str, object] = {**spec.settings, TAG: name}
    if ARCHITECTURES[name] is CustomSettings:
        own = {key: values[key] for key in (TAG, "name") if key in values}
        values = {**own, "options": {key: value for key, value in spec.settings.items() if key not in own}}
    return from_plain(ARCHITECTURES[name], values, f"architecture {name}")


def _build_timm(settings: TimmSettings, image_size: tuple[int, int]) -> nn.Module:
    if find_spec("timm") is None:
        raise MissingExtraError("timm", "timm", f"the student {settings.name!r}")
    from sentio_mobile.models.timm_student import TimmStudent

    return TimmStudent(settings, image_size)


def _build_custom(settings: CustomSettings, image_size: tuple[int, int]) -> nn.Module:
    points = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if settings.name not in points:
        known = ", ".join(sorted(points)) or "none"
        raise InputError(
            f"no installed package adds a student {shown(settings.name)}; known: {known}; install its package"
        )
    try:
        network: nn.Module = points[settings.name].load()(settings.options, image_size)
    except Exception as error:  # a package of somebody else may fail in any way
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"the student {settings.name!r} cannot be built: {reason}; check its options") from error
    return network
