"""A bundle: one folder with a model in its formats, its spec, its golden vectors, its measurements and its hashes.

manifest.json        written last; SHA-256 and size of every other file
evaluation.json      metrics on validation and test songs, with the predictions behind them
golden.safetensors   inputs, and the outputs that every runtime must give
<model>-fp32.*       one artifact for each format
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentio_mobile.errors import BundleError, ConversionError, InputError
from sentio_mobile.export.golden import Golden, make_golden
from sentio_mobile.export.protocol import get_format, require
from sentio_mobile.export.worker import convert
from sentio_mobile.files import new_folder, read_json, sha256, write_json
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.progress import Progress, Silent
from sentio_mobile.spec import Artifact, ModelSpec
from sentio_mobile.training.checkpoint import WEIGHTS, Checkpoint, package_versions

SCHEMA = 1
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

    def evaluation(self) -> dict[str, Any]:
        """The evaluation that came with the checkpoint; empty when it had none."""
        return read_json(self.folder / EVALUATION, BundleError)

    def size(self, artifact: Artifact) -> int:
        """Bytes of an artifact on disk."""
        files: dict[str, dict[str, Any]] = self.manifest["files"]
        return sum(files[name]["bytes"] for name in _files_of(artifact.path.relative_to(self.folder).as_posix(), files))

    def artifact(self, format_name: str) -> Artifact:
        """The artifact of one format.

        Raises:
            BundleError: the bundle has none.
        """
        for artifact in self.artifacts:
            if artifact.format == format_name:
                return artifact
        have = ", ".join(artifact.format for artifact in self.artifacts)
        raise BundleError(f"{self.folder}: has no {format_name} artifact; it has {have}")


def build_bundle(
    checkpoint: Path,
    formats: tuple[str, ...],
    out: Path,
    timeout_s: float = 600.0,
    progress: Progress | None = None,
    replace: bool = False,
) -> dict[str, str]:
    """Export a checkpoint to a new bundle. A format that fails costs itself and leaves the others.

    Args:
        checkpoint: a checkpoint folder.
        formats: names of formats.
        out: the bundle to write; conversion logs go to the folder `<out>-logs` beside it.
        timeout_s: time limit for each conversion.
        progress: shown as formats are done.
        replace: an existing `out` gives way.

    Returns:
        For each format that failed, the reason in one line.

    Raises:
        CheckpointError: the checkpoint cannot be read.
        MissingExtraError: a format's packages are not installed.
        ConversionError: every format failed; nothing is written.
        OutputError: `out` cannot be written.
    """
    progress = progress or Silent()
    for format_ in map(get_format, formats):
        require(format_, format_.converters)
    loaded = Checkpoint.load(checkpoint)
    fold_norms(loaded.model)
    failures: dict[str, str] = {}
    artifacts: list[Artifact] = []
    with new_folder(out, replace) as part:
        make_golden(loaded.model, loaded.spec, progress).save(part / GOLDEN)
        write_json(part / EVALUATION, {**loaded.evaluation, "history": loaded.history})
        progress.start("converting", len(formats))
        for name in formats:
            progress.advance(0, note=name)
            try:
                artifacts.append(
                    convert(checkpoint, name, part, out.with_name(f"{out.name}-logs") / f"{name}.log", timeout_s)
                )
            except ConversionError as error:
                failures[name] = str(error)
            progress.advance()
        progress.finish()
        if not artifacts:
            raise ConversionError("no format could be converted; " + "; ".join(failures.values()))
        files = sorted(file for file in part.rglob("*") if file.is_file())
        manifest = {
            "schema": SCHEMA,
            "spec": loaded.spec.to_dict(),
            "parameters": sum(p.numel() for p in loaded.model.parameters()),
            "artifacts": [
                {
                    "format": a.format,
                    "precision": a.precision,
                    "form": a.form,
                    "path": a.path.relative_to(part).as_posix(),
                }
                for a in artifacts
            ],
            "failed": failures,
            "files": {
                file.relative_to(part).as_posix(): {"sha256": sha256(file), "bytes": file.stat().st_size}
                for file in files
            },
            "provenance": {
                "checkpoint_sha256": sha256(checkpoint / WEIGHTS),
                "recipe": loaded.recipe,
                "data": loaded.data,
            },
            "versions": package_versions(),
        }
        write_json(part / MANIFEST, manifest)
    return failures


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
