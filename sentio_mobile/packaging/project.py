"""Write an app's project: the platform's own, with a bundle's model in it and under a name of its own."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from msgspec import Meta, field
from safetensors import SafetensorError

from sentio_mobile._internal.files import new_folder, write_text
from sentio_mobile._internal.records import Name, Record, Text
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.manifest import UNKNOWN, Licence
from sentio_mobile.errors import InputError, OutputError
from sentio_mobile.packaging.platforms import App, Platform
from sentio_mobile.packaging.readme import README, app_readme
from sentio_mobile.packaging.select_artifacts import refusals, select_artifacts
from sentio_mobile.packaging.sizes import Sizes, measure
from sentio_mobile.packaging.source_files import source_files
from sentio_mobile.packaging.trim_bundle import trim_bundle
from sentio_mobile.spec import Artifact, Form, Precision

LICENSE = "LICENSE"


class PackagedArtifact(Record, frozen=True, kw_only=True):
    """One artifact in an app."""

    # The artifact's format.
    format: Name
    # The artifact's form.
    form: Form
    # The artifact's precision.
    precision: Precision
    # Its file name in the app.
    path: Name

    @property
    def label(self) -> str:
        """The artifact's name in tables and messages, as `Artifact.label`."""
        return f"{self.format} {self.form} {self.precision}"


class PackagedProject(Record, frozen=True, kw_only=True):
    """A project that was written; what `package --json` prints."""

    # The platform's name.
    platform: Name
    # The folder that was written.
    out: Text
    # The id of the app.
    id: Name
    # The name of the app.
    name: Name
    # The artifacts, in the order in which the app tries them.
    artifacts: Annotated[tuple[PackagedArtifact, ...], Meta(max_length=1000)]
    # The model's licence; that of the SDK stands in the project's LICENSE.
    licence: Licence
    # Bytes of the parts of the app.
    sizes: Sizes = field(name="bytes")
    # What whoever publishes the app should know, one line each.
    notes: Annotated[tuple[Text, ...], Meta(max_length=1000)]
    # The commands to type next.
    next_steps: Annotated[tuple[Text, ...], Meta(max_length=1000)] = field(name="next")


def package(
    bundle: Bundle,
    platform: Platform,
    *,
    out: Path,
    app: App | None = None,
    formats: Sequence[str] = (),
    form: Form | None = None,
    precision: Precision | None = None,
    overwrite: bool = False,
) -> PackagedProject:
    """Write a project that opens and builds by itself. The same bundle and arguments give the same bytes.

    Args:
        bundle: An opened bundle: every hash was checked.
        platform: The platform of the app.
        out: The folder to write; it appears only when the whole project is written.
        app: The id and name; by default those of the demo.
        formats: The formats; by default the platform's first that the bundle has.
        form: The form; by default `waveform`.
        precision: The precision; by default the platform's first that the bundle has.
        overwrite: Whether an existing `out` gives way.

    Raises:
        InputError: The platform does not run such artifacts, or `out` overlaps with what the project is made from.
        BundleError: The bundle has no such artifact.
        OutputError: `out` cannot be written, or exists and `overwrite` is false.
    """
    app, template, place = app or App(), platform.template, out.absolute()
    artifacts = select_artifacts(bundle, platform, formats=formats, form=form, precision=precision)
    names = tuple(dict.fromkeys(artifact.format for artifact in artifacts))
    sources, settings = source_files(template), _read_settings(template / platform.settings)
    if place.is_file():
        raise OutputError(f"{out}: is a file; choose another place")
    for source in (bundle.folder, template):
        _require_apart(place, source)
    with new_folder(place, overwrite, executable=platform.executable) as folder:
        try:
            _copy(template, sources, folder, excluded=(platform.model, *platform.unused(names)))
            if Path(README) in sources:
                text = (template / README).read_text(encoding="utf-8")
                text = app_readme(text, app=app, platform=platform, bundle=bundle, artifacts=artifacts)
                write_text(folder / README, text)
            write_text(folder / platform.settings, platform.configure(settings, app, artifacts))
            shutil.copyfile(ROOT / LICENSE, folder / LICENSE)
            (folder / platform.model).mkdir(parents=True)
            trim_bundle(bundle, artifacts, folder / platform.model)
            has_build = platform.add_build(template, folder, app)
        except (OSError, SafetensorError) as error:
            why = f"{error.strerror} ({error.filename})" if isinstance(error, OSError) else str(error)
            raise OutputError(f"cannot write {out}: {why}; nothing was left") from error
        sizes = measure(folder, platform, bundle, artifacts)
    licence = bundle.manifest.licence
    return PackagedProject(
        platform=platform.name,
        out=str(out),
        id=app.id,
        name=app.name,
        artifacts=tuple(
            PackagedArtifact(format=one.format, form=one.form, precision=one.precision, path=one.path.name)
            for one in artifacts
        ),
        licence=licence,
        sizes=sizes,
        notes=(*_notes(bundle, artifacts, licence), *platform.notes(artifacts)),
        next_steps=(platform.build_steps if has_build else platform.next_steps)(shlex.quote(str(out))),
    )


def _read_settings(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}; install sentio-mobile again") from error


def _require_apart(out: Path, source: Path) -> None:
    target, origin = out.resolve(), source.resolve()
    if target.is_relative_to(origin) or origin.is_relative_to(target):
        raise InputError(f"{out}: would overwrite or grow {source}, which it is made from; choose another place")


def _copy(template: Path, sources: Sequence[Path], folder: Path, excluded: Sequence[str]) -> None:
    for path in sources:
        if not any(path.is_relative_to(other) for other in excluded):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(template / path, folder / path)


def _notes(bundle: Bundle, artifacts: Sequence[Artifact], licence: str) -> tuple[str, ...]:
    refused = refusals(bundle)
    lines = [f"{refused[artifact.label]} (kept by --force)" for artifact in artifacts if artifact.label in refused]
    if licence == UNKNOWN:
        lines.append("the model's licence is unknown, and so is how it may be used; `export --licence` states one")
    return tuple(lines)
