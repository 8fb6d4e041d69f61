"""The sizes of the parts of an app, as far as its project tells."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from sentio_mobile._internal.records import Record, Size, Text
from sentio_mobile.bundle.bundle import GOLDEN, Bundle
from sentio_mobile.packaging.platforms import Platform
from sentio_mobile.packaging.source_files import source_files
from sentio_mobile.spec import Artifact

_CODE_SUFFIXES = frozenset({".kt", ".java", ".swift", ".ts", ".tsx", ".js", ".mjs", ".css", ".html"})

_Part = Literal["model", "golden", "metadata", "code", "resources", "project"]
_PARTS: tuple[_Part, ...] = ("model", "golden", "metadata", "code", "resources", "project")


class Sizes(Record, frozen=True, kw_only=True):
    """Bytes of the files of an app, before they are compiled and compressed."""

    # All artifacts.
    model: Size
    # The share of `model` that turns PCM into the image; null where the bundle cannot tell.
    front_end: Size | None
    # The vectors that the app checks itself on.
    golden: Size
    # The manifest and the model card.
    metadata: Size
    # The SDK and the app, as source.
    code: Size
    # Icons, texts, manifests.
    resources: Size
    # Files for building, testing and reading, which no app contains.
    project: Size
    # All of the above that ends up in the app.
    app: Size
    # What an app contains besides and is not counted, in words.
    runtime: Text


def measure(project: Path, platform: Platform, bundle: Bundle, artifacts: tuple[Artifact, ...]) -> Sizes:
    """Add up the files of a packaged project by their purpose."""
    model = Path(platform.model)
    packaged = [artifact.path.relative_to(bundle.folder) for artifact in artifacts]
    sums: dict[_Part, int] = dict.fromkeys(_PARTS, 0)
    for path in source_files(project):
        sums[_part(path, model, packaged, platform)] += (project / path).stat().st_size
    return Sizes(
        **sums,
        front_end=_front_end(bundle, artifacts),
        app=sum(sums.values()) - sums["project"],
        runtime=platform.runtime,
    )


def _part(path: Path, model: Path, packaged: list[Path], platform: Platform) -> _Part:
    if path.is_relative_to(model):
        inside = path.relative_to(model)
        if any(inside.is_relative_to(artifact) for artifact in packaged):
            return "model"
        return "golden" if inside == Path(GOLDEN) else "metadata"
    if not any(fnmatchcase(path.as_posix(), pattern) for pattern in platform.shipped):
        return "project"
    return "code" if path.suffix in _CODE_SUFFIXES else "resources"


def _front_end(bundle: Bundle, artifacts: tuple[Artifact, ...]) -> int | None:
    """Bytes by which waveform artifacts are larger than spectrogram ones of the same format and precision."""
    total, others = 0, {(one.format, one.precision): one for one in bundle.artifacts if one.form == "spectrogram"}
    for artifact in artifacts:
        other = others.get((artifact.format, artifact.precision))
        if artifact.form != "waveform" or other is None:
            return None
        total += bundle.size(artifact) - bundle.size(other)
    return max(0, total)
