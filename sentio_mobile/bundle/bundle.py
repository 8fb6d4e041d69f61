"""A bundle: one folder with a model in its formats, its spec, its golden vectors, its measurements and its hashes.

manifest.json        written last; SHA-256 and size of every other file
evaluation.json      metrics on validation and test songs, with the predictions behind them
golden.safetensors   inputs in both forms, and the outputs that every runtime must give
MODEL_CARD.md        the same for people
<model>-<form>-<precision>.*   one artifact for each format, form and precision
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentio_mobile._internal.files import read_json, sha256
from sentio_mobile._internal.records import from_plain, read_plain
from sentio_mobile.bundle.golden import Golden
from sentio_mobile.errors import BundleError, InputError
from sentio_mobile.formats.registry import get_format
from sentio_mobile.metrics.evaluation import Evaluation
from sentio_mobile.spec import FORMS, PRECISIONS, Artifact, Form, ModelSpec, Precision

SCHEMA = 2
MANIFEST, EVALUATION, GOLDEN = "manifest.json", "evaluation.json", "golden.safetensors"


@dataclass(frozen=True)
class Bundle:
    """A bundle whose hashes were checked."""

    folder: Path
    manifest: dict[str, Any]
    spec: ModelSpec
    artifacts: tuple[Artifact, ...]

    def golden(self) -> Golden:
        """The golden vectors."""
        return Golden.load(self.folder / GOLDEN, self.spec)

    def evaluation(self) -> Evaluation:
        """The evaluation that came with the checkpoint; empty when it had none.

        Raises:
            BundleError: It is damaged.
        """
        path = self.folder / EVALUATION
        return from_plain(Evaluation, read_plain(path, BundleError), str(path), BundleError)

    def size(self, artifact: Artifact) -> int:
        """Bytes of an artifact on disk."""
        files: dict[str, dict[str, Any]] = self.manifest["files"]
        return sum(files[name]["bytes"] for name in _files_of(artifact.path.relative_to(self.folder).as_posix(), files))

    def artifact(self, format_name: str, form: Form = "spectrogram", precision: Precision | None = None) -> Artifact:
        """The artifact of one format in one form, of the given precision or the widest that there is.

        Raises:
            BundleError: the bundle has none.
        """
        found = [a for a in self.artifacts if (a.format, a.form) == (format_name, form)]
        found = [a for a in found if precision in (None, a.precision)]
        if found:
            return min(found, key=lambda a: PRECISIONS.index(a.precision))
        have = ", ".join(artifact.label for artifact in self.artifacts)
        wanted = " ".join(filter(None, (format_name, form, precision)))
        raise BundleError(f"{self.folder}: has no {wanted} artifact; it has {have}")


def open_bundle(folder: Path) -> Bundle:
    """Open a bundle; every file is hashed before any of them is parsed.

    Raises:
        BundleError: the manifest is missing, of a newer schema or damaged, or a file is missing or was changed.
    """
    if not (folder / MANIFEST).is_file():
        raise BundleError(f"{folder}: is no bundle (no {MANIFEST}); make one with `sentio-mobile export`")
    manifest = read_json(folder / MANIFEST, BundleError)
    if manifest.get("schema") != SCHEMA:
        raise BundleError(f"{folder}: manifest schema {manifest.get('schema')!r}, this version reads {SCHEMA}; upgrade")
    try:
        for name, entry in manifest["files"].items():
            _check_file(folder, name, entry["sha256"])
        spec = ModelSpec.from_dict(manifest["spec"])
        artifacts = tuple(
            Artifact(entry["format"], entry["precision"], entry["form"], folder / entry["path"])
            for entry in manifest["artifacts"]
        )
        for artifact, entry in zip(artifacts, manifest["artifacts"], strict=True):
            get_format(artifact.format)
            for what, value, known in (("form", artifact.form, FORMS), ("precision", artifact.precision, PRECISIONS)):
                if value not in known:
                    raise BundleError(f"{folder / MANIFEST}: {what} {value!r} is not known; upgrade")
            if not _files_of(entry["path"], manifest["files"]):
                raise BundleError(f"{folder / MANIFEST}: has no hash for {entry['path']!r}; do not use it")
    except BundleError:
        raise
    except (KeyError, TypeError, AttributeError, InputError) as error:
        raise BundleError(f"{folder / MANIFEST}: is damaged ({error}); export again") from error
    return Bundle(folder=folder, manifest=manifest, spec=spec, artifacts=artifacts)


def _files_of(path: str, files: Iterable[str]) -> list[str]:
    """Those of the hashed files that make up the artifact at `path`: itself, or what lies in that folder."""
    return [name for name in files if name == path or name.startswith(f"{path}/")]


def _check_file(folder: Path, name: str, wanted: str) -> None:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BundleError(f"{folder / MANIFEST}: names {name!r}, a file outside the bundle; do not use it")
    if not path.is_file():
        raise BundleError(f"{path}: is missing from the bundle; export again or copy the whole folder")
    if sha256(path) != wanted:
        raise BundleError(f"{path}: is not the file that the manifest was written for (SHA-256 differs); export again")
