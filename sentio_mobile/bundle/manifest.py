"""The manifest of a bundle: everything that a bundle states about itself, and the hash of every file in it.

Apps read it too: the fields that Kotlin, Swift and TypeScript use are `schema`, `name`, `release`, `licence`, `spec`,
`files`, `provenance.data.labels`, and `format`, `precision`, `form`, `path` and `parity.tolerance` of each artifact.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sentio_mobile._internal.files import is_file, read_file, sha256
from sentio_mobile._internal.quantities import parameters_in_words
from sentio_mobile._internal.record_messages import shown
from sentio_mobile._internal.records import Count, Name, Record, Sha256, Size, Text, from_plain
from sentio_mobile.bundle.about import About
from sentio_mobile.bundle.accuracy import Accuracy
from sentio_mobile.bundle.parity import Parity, Reason
from sentio_mobile.errors import BundleError, InputError, RecordError, printable
from sentio_mobile.quantization.calibration import CalibrationOrigin
from sentio_mobile.spec import DataOrigin, Form, ModelSpec, Precision

SCHEMA = 3
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 64 * 1024 * 1024

UNKNOWN = "unknown"
"""The licence of a model whose licence nobody stated."""

Licence = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]{0,63}\Z")]
"""An SPDX identifier, or `unknown`. SPDX need not list it: `LicenseRef-...` is fine."""

MAX_ARTIFACTS, MAX_FILES = 256, 2048
"""The most that a bundle may have; with every format, form and precision an export has 70 artifacts of 170 files."""

MAX_STEP_BYTES = 255
"""Bytes of the name of a file or a folder, as most file systems have it."""

RelativePath = Annotated[str, Meta(min_length=1, max_length=1024)]
"""A path inside the bundle, with forward slashes."""

Reasons = Annotated[dict[Name, Reason], Meta(max_length=1024)]
"""A reason for each artifact, by its label."""

Details = dict[Name, object]
"""The settings that trained a model, as plain JSON values: shown to people, and interpreted by no program."""


class FileEntry(Record, frozen=True, kw_only=True):
    """A file of a bundle."""

    # Its hash.
    sha256: Sha256
    # Its length.
    bytes: Size


class ArtifactEntry(Record, frozen=True, kw_only=True):
    """An artifact of a bundle, and what was measured when it was exported."""

    # The artifact's format.
    format: Name
    # The artifact's precision.
    precision: Precision
    # The artifact's form.
    form: Form
    # A file, or a folder for Core ML, relative to the bundle.
    path: RelativePath
    # Why two exports of the same checkpoint differ in some bytes; null where they do not.
    varies: Text | None
    # Its outputs on the golden vectors, against PyTorch's.
    parity: Parity
    # Its predictions on validation songs, against fp32; null without songs, and in the form `waveform`.
    accuracy: Accuracy | None

    @property
    def label(self) -> str:
        """The artifact's name in tables and messages, as `Artifact.label`."""
        return f"{self.format} {self.form} {self.precision}"


class Provenance(Record, frozen=True, kw_only=True):
    """Where a model comes from."""

    # SHA-256 of the checkpoint's weights.
    checkpoint_sha256: Sha256
    # The settings of the training.
    recipe: Details
    # The songs of the training; null where they are not known.
    data: DataOrigin | None
    # The songs that activation ranges were measured on; null where they were not needed.
    calibration: CalibrationOrigin | None
    # Layers that int8 and int8-dynamic leave in floating point.
    keep_float: Annotated[tuple[Name, ...], Meta(max_length=4096)]


class TrimmedFrom(Record, frozen=True, kw_only=True):
    """The bundle that an app's bundle was trimmed from."""

    # The hash of its manifest.
    manifest_sha256: Sha256


class Manifest(Record, frozen=True, kw_only=True):
    """manifest.json."""

    # Version of this record.
    schema: Literal[3] = 3
    # Name of the model, as in the names of its files.
    name: Name
    # Release of the model, as in the names of its files.
    release: Name
    # SPDX identifier of the model's licence, or `unknown`.
    licence: Licence
    # Input and output of the model.
    spec: ModelSpec
    # Number of the network's weights, batch normalization folded into the layers before it.
    parameters: Count
    # Number of the weights that were trained; null in older bundles.
    parameters_trained: Count | None = None
    # The artifacts, the preferred one first.
    artifacts: Annotated[tuple[ArtifactEntry, ...], Meta(min_length=1, max_length=MAX_ARTIFACTS)]
    # Conversions that failed, with the reason, by label.
    failed: Reasons
    # Artifacts that failed a check of the export, with the reason, by label.
    refused: Reasons
    # Every file of the bundle but the manifest and its signature, by its path.
    files: Annotated[dict[RelativePath, FileEntry], Meta(max_length=MAX_FILES)]
    # Where the model comes from.
    provenance: Provenance
    # Versions of the packages that made the bundle.
    versions: Annotated[dict[Name, Name], Meta(max_length=1024)]
    # The bundle that this one was trimmed from; only in an app.
    trimmed_from: TrimmedFrom | None = None
    # What the model's maker says of it; null where nothing was said.
    about: About | None = None

    def check(self) -> None:
        """Paths must stay inside the bundle, and every artifact needs the hashes of its files."""
        for path in (*self.files, *(artifact.path for artifact in self.artifacts)):
            if not _is_inside(path):
                raise RecordError(f"files names {shown(path)}, no path inside the bundle")
        folders = {str(above) for path in self.files for above in PurePosixPath(path).parents}
        if both := next((path for path in self.files if path in folders), None):
            raise RecordError(f"files names {shown(both)} as a file and as a folder")
        if missing := next((one.path for one in self.artifacts if one.path not in self.files.keys() | folders), None):
            raise RecordError(f"files has no hash for {shown(missing)}")

    @property
    def trained(self) -> int:
        """The number of weights that were trained, or that of the folded network in an older bundle."""
        return self.parameters_trained or self.parameters

    @property
    def parameters_in_words(self) -> str:
        """How many weights the network has, trained and folded."""
        return parameters_in_words(self.parameters, self.parameters_trained)

    def files_of(self, artifact: ArtifactEntry) -> dict[str, FileEntry]:
        """The files of an artifact: the one at its path, or all in the folder at its path."""
        folder = f"{artifact.path}/"
        return {name: entry for name, entry in self.files.items() if name == artifact.path or name.startswith(folder)}


def _is_inside(path: str) -> bool:
    """Whether a path leads to a place inside the bundle, by a name that every system can have."""
    steps = PurePosixPath(path)
    plain = steps.as_posix() == path and "\\" not in path and printable(path) == path
    short = all(len(step.encode()) <= MAX_STEP_BYTES for step in steps.parts) if plain else False
    return plain and short and not steps.is_absolute() and ".." not in steps.parts and path != "."


def read_manifest_bytes(folder: Path) -> bytes:
    """Read the exact content of a bundle's manifest.

    Raises:
        BundleError: The folder is no bundle, or the file cannot be read or is too large.
    """
    path = folder / MANIFEST
    if not is_file(path):
        raise BundleError(f"{folder}: is no bundle (no {MANIFEST}); make one with `sentio-mobile export`")
    return read_file(path, MAX_MANIFEST_BYTES, BundleError)


def parse_manifest(content: bytes, folder: Path) -> Manifest:
    """Parse a manifest.

    Args:
        content: The content of the file.
        folder: The bundle, for messages.

    Raises:
        BundleError: It is of another schema, is not JSON, or a field is missing, unknown or out of its range.
    """
    path = folder / MANIFEST
    try:
        plain = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{path}: is damaged: not JSON ({error}); export again") from None
    schema = plain.get("schema") if isinstance(plain, dict) else SCHEMA
    if schema != SCHEMA:
        is_older = isinstance(schema, int) and schema < SCHEMA
        what = "export again with this version" if is_older else "upgrade sentio-mobile"
        raise BundleError(f"{folder}: manifest schema {shown(schema)}, this version reads {SCHEMA}; {what}")
    try:
        return from_plain(Manifest, plain, str(path), BundleError, complete=True)
    except BundleError as error:
        raise BundleError(f"{error}; the manifest is damaged or was changed, export again") from None


def hash_files(folder: Path) -> dict[str, FileEntry]:
    """The hash and the length of every file in a folder, by its path."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {
        file.relative_to(folder).as_posix(): FileEntry(sha256=sha256(file), bytes=file.stat().st_size) for file in files
    }


def check_licence(text: str) -> str:
    """Return a licence identifier if it has the form of SPDX's.

    Raises:
        InputError: It has not.
    """
    try:
        return msgspec.convert(text, Licence)
    except msgspec.ValidationError:
        raise InputError(
            f"{text!r:.80} is no licence identifier; give one of SPDX's, such as Apache-2.0 or CC-BY-NC-4.0 "
            "(letters, digits, dot, plus, hyphen)"
        ) from None


def flatten(table: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested tables as one table with dotted names, such as `training.epochs`, to compare and show field by field.

    A name that contains a dot is quoted. Nulls and empty tables are left out: they say no more than an absent field.
    """
    flat: dict[str, object] = {}
    for name, value in table.items():
        key = json.dumps(name) if "." in name else name
        key = f"{prefix}.{key}" if prefix else key
        if isinstance(value, Mapping):
            flat.update(flatten(value, key))
        elif value is not None:
            flat[key] = value
    return flat
