"""A bundle: one folder with a model in its formats, its spec, its golden vectors, its measurements and its hashes.

manifest.json        Written last: SHA-256 and size of every other file, and everything that the bundle states.
evaluation.json      Metrics on validation and test songs, with the predictions they were computed from.
golden.safetensors   Inputs in both forms, and the outputs that every runtime must give.
MODEL_CARD.md        A summary for people.
sbom.cdx.json        The bill of materials: the packages that made the bundle, its files, and the music behind it.
<model>-<form>-<precision>.*   One artifact for each format, form and precision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sentio_mobile._internal.files import is_file, sha256
from sentio_mobile._internal.records import from_plain, read_plain
from sentio_mobile.bundle.golden import Golden
from sentio_mobile.bundle.manifest import MANIFEST, ArtifactEntry, Manifest, parse_manifest, read_manifest_bytes
from sentio_mobile.errors import BundleError, InputError
from sentio_mobile.formats.operators.allow_list import check_operators
from sentio_mobile.formats.registry import get_format
from sentio_mobile.metrics.evaluation import Evaluation
from sentio_mobile.spec import PRECISIONS, Artifact, Form, ModelSpec, Precision

EVALUATION, GOLDEN, CARD = "evaluation.json", "golden.safetensors", "MODEL_CARD.md"

Choice = Callable[[Manifest], ArtifactEntry]
"""Chooses one of a bundle's artifacts."""


@dataclass(frozen=True)
class Bundle:
    """A bundle. What it gives out was hashed: files that were not when it was opened are hashed when they are read.

    Attributes:
        folder: The folder of the bundle.
        manifest: The content of its manifest.
        hashed: Names of the files that were hashed when it was opened.
    """

    folder: Path
    manifest: Manifest
    hashed: frozenset[str]

    @property
    def spec(self) -> ModelSpec:
        """The spec of the model."""
        return self.manifest.spec

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """The artifacts whose files were hashed, in the order of the manifest."""
        entries = self.manifest.artifacts
        return tuple(self.artifact_of(one) for one in entries if self.manifest.files_of(one).keys() <= self.hashed)

    def entry(self, artifact: Artifact) -> ArtifactEntry:
        """The manifest's entry of one of the bundle's artifacts."""
        return next(entry for entry in self.manifest.artifacts if self.folder / entry.path == artifact.path)

    def golden(self) -> Golden:
        """Read the golden vectors.

        Raises:
            BundleError: They are missing or damaged.
        """
        self._hash(GOLDEN)
        return Golden.load(self.folder / GOLDEN, self.spec)

    def evaluation(self) -> Evaluation:
        """Read the evaluation that came with the checkpoint; empty if there was none, or an app's folder left it out.

        Raises:
            BundleError: It is damaged.
        """
        if EVALUATION not in self.manifest.files:
            return Evaluation()
        self._hash(EVALUATION)
        path = self.folder / EVALUATION
        return from_plain(Evaluation, read_plain(path, BundleError), str(path), BundleError)

    def check_operators(self, artifacts: Sequence[Artifact] | None = None) -> None:
        """Make sure that artifacts ask their runtimes for nothing but what our exports ask for. None is run.

        Args:
            artifacts: Artifacts of the bundle; all of them by default.

        Raises:
            BundleError: One asks for something else.
        """
        for artifact in self.artifacts if artifacts is None else artifacts:
            check_operators(get_format(artifact.format), artifact.path)

    def size(self, artifact: Artifact) -> int:
        """Bytes of an artifact on disk."""
        return sum(entry.bytes for entry in self.manifest.files_of(self.entry(artifact)).values())

    def artifact(self, format_name: str, form: Form = "spectrogram", precision: Precision | None = None) -> Artifact:
        """Find the artifact of one format in one form.

        Args:
            format_name: The format.
            form: The form.
            precision: The precision; None for the highest that there is.

        Raises:
            BundleError: The bundle has none, or a file of it is missing or was changed.
        """
        return self.artifact_of(
            find_artifact(self.manifest, self.folder, format_name=format_name, form=form, precision=precision)
        )

    def artifact_of(self, entry: ArtifactEntry) -> Artifact:
        """The artifact of one of the manifest's entries.

        Raises:
            BundleError: A file of it is missing or was changed.
        """
        for name in self.manifest.files_of(entry):
            self._hash(name)
        return Artifact(entry.format, entry.precision, entry.form, self.folder / entry.path)

    def _hash(self, name: str) -> None:
        """Hash a file that was not hashed when the bundle was opened."""
        if name in self.manifest.files and name not in self.hashed:
            _check_file(self.folder, name, self.manifest.files[name].sha256)


def find_artifact(
    manifest: Manifest, folder: Path, *, format_name: str, form: Form, precision: Precision | None = None
) -> ArtifactEntry:
    """Find the artifact of one format in one form.

    Args:
        manifest: The manifest of a bundle.
        folder: The bundle, for messages.
        format_name: The format.
        form: The form.
        precision: The precision; None for the highest that there is.

    Raises:
        BundleError: The bundle has none.
    """
    found = [a for a in manifest.artifacts if (a.format, a.form) == (format_name, form)]
    found = [a for a in found if precision in (None, a.precision)]
    if found:
        return min(found, key=lambda a: PRECISIONS.index(a.precision))
    available = ", ".join(artifact.label for artifact in manifest.artifacts)
    wanted = " ".join(filter(None, (format_name, form, precision)))
    raise BundleError(f"{folder}: has no {wanted} artifact; it has {available}")


def open_bundle(folder: Path, only: Choice | None = None) -> Bundle:
    """Open a bundle. What is hashed is hashed before any of it is parsed.

    Args:
        folder: The bundle.
        only: Chooses the one artifact that is wanted. No other is hashed then, or given out. By default every file but
            the manifest is hashed.

    Raises:
        BundleError: The manifest is missing, of another schema or damaged, or a file is missing or was changed.
    """
    return open_with_manifest(folder, read_manifest_bytes(folder), only)


def open_with_manifest(folder: Path, content: bytes, only: Choice | None = None) -> Bundle:
    """Open a bundle by a manifest that was read before, so that what was checked in it is what is used.

    Args:
        folder: The bundle.
        content: The content of its manifest.
        only: As for `open_bundle`.

    Raises:
        BundleError: The manifest is of another schema or damaged, or a file is missing or was changed.
    """
    manifest = parse_manifest(content, folder)
    entries = manifest.artifacts if only is None else (only(manifest),)
    files = manifest.files if only is None else manifest.files_of(entries[0])
    for name, entry in files.items():
        _check_file(folder, name, entry.sha256)
    for artifact in entries:
        try:
            get_format(artifact.format)
        except InputError as error:
            raise BundleError(f"{folder / MANIFEST}: {error}; upgrade sentio-mobile") from error
    return Bundle(folder, manifest, frozenset(files))


def _check_file(folder: Path, name: str, expected: str) -> None:
    path = folder / name
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise BundleError(f"{folder / MANIFEST}: names {name!r}, a file outside the bundle; do not use it")
        if not is_file(path):
            raise BundleError(f"{path}: is missing from the bundle; export again or copy the whole folder")
        found = sha256(path)
    # Links in a loop are a RuntimeError.
    except (OSError, RuntimeError) as error:
        raise BundleError(f"{path}: cannot be read ({error}); export again or copy the whole folder") from error
    if found != expected:
        raise BundleError(f"{path}: is not the file that the manifest was written for (SHA-256 differs); export again")
