"""How large the parts of an app are, as far as its project can tell."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from sentio_mobile.bundle.bundle import GOLDEN, Bundle
from sentio_mobile.packaging.platform import Platform
from sentio_mobile.packaging.source_files import source_files
from sentio_mobile.spec import Artifact

_CODE = frozenset({".kt", ".java", ".swift", ".ts", ".tsx", ".js", ".mjs", ".css", ".html"})
_PARTS = ("model", "golden", "papers", "code", "resources", "project")


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Bytes of the files that an app is made of, before they are compiled and compressed.

    Attributes:
        model: the artifacts, all of them.
        front_end: the share of `model` that turns PCM into the picture, where the bundle can tell; else None.
        golden: the vectors that the app checks itself on.
        papers: the manifest and the model card.
        code: of the SDK and the app, in its language.
        resources: icons, texts, manifests.
        project: what is there for building, testing and reading; no app has it.
        runtime: what an app has besides and is not counted, in words.
    """

    model: int
    front_end: int | None
    golden: int
    papers: int
    code: int
    resources: int
    project: int
    runtime: str

    @property
    def app(self) -> int:
        """All that is shipped and counted."""
        return self.model + self.golden + self.papers + self.code + self.resources


def measure(project: Path, platform: Platform, bundle: Bundle, artifacts: tuple[Artifact, ...]) -> Sizes:
    """Sort the files of a packaged project by what they are for."""
    model = Path(platform.model)
    carried = [artifact.path.relative_to(bundle.folder) for artifact in artifacts]
    sums = dict.fromkeys(_PARTS, 0)
    for path in source_files(project):
        sums[_part(path, model, carried, platform)] += (project / path).stat().st_size
    return Sizes(front_end=_front_end(bundle, artifacts), runtime=platform.runtime, **sums)


def _part(path: Path, model: Path, carried: list[Path], platform: Platform) -> str:
    if path.is_relative_to(model):
        inside = path.relative_to(model)
        if any(inside.is_relative_to(artifact) for artifact in carried):
            return "model"
        return "golden" if inside == Path(GOLDEN) else "papers"
    if not any(fnmatchcase(path.as_posix(), pattern) for pattern in platform.shipped):
        return "project"
    return "code" if path.suffix in _CODE else "resources"


def _front_end(bundle: Bundle, artifacts: tuple[Artifact, ...]) -> int | None:
    """What the waveform artifacts have over spectrogram ones of the same format and precision."""
    total, others = 0, {(one.format, one.precision): one for one in bundle.artifacts if one.form == "spectrogram"}
    for artifact in artifacts:
        other = others.get((artifact.format, artifact.precision))
        if artifact.form != "waveform" or other is None:
            return None
        total += bundle.size(artifact) - bundle.size(other)
    return total
