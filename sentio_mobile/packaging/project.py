"""A bundle becomes a project: the platform's own, with this model in it and under this name."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError

from sentio_mobile._internal.files import new_folder, write_text
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.licence import UNKNOWN
from sentio_mobile.errors import InputError, OutputError
from sentio_mobile.packaging.platform import App, Platform
from sentio_mobile.packaging.select_artifacts import one_line, refusals, select_artifacts
from sentio_mobile.packaging.sizes import Sizes, measure
from sentio_mobile.packaging.source_files import source_files
from sentio_mobile.packaging.trim_bundle import trim_bundle
from sentio_mobile.spec import Artifact, Form, Precision

LICENSE = "LICENSE"


@dataclass(frozen=True, kw_only=True)
class Packaged:
    """A project that was written.

    Attributes:
        artifacts: the bundle's, in the order in which the app tries them.
        licence: the model's, an SPDX identifier or `unknown`; the SDK's own stands in the project's LICENSE.
        notes: what whoever gives the app out should know, a line each.
        next_steps: what to type next, a line each.
    """

    artifacts: tuple[Artifact, ...]
    sizes: Sizes
    licence: str
    notes: tuple[str, ...]
    next_steps: tuple[str, ...]


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
) -> Packaged:
    """Write a project that opens and builds by itself. The same bundle and arguments give the same bytes.

    Args:
        bundle: opened, so that every hash was checked.
        platform: which of the projects.
        out: the folder to write; nothing stands there unless the whole project does.
        app: the id and name; by default those of the demo.
        formats: by default the platform's first that the bundle has.
        form: by default `waveform`.
        precision: by default the narrowest that the bundle has.
        overwrite: an existing `out` gives way.

    Raises:
        InputError: the platform does not run such artifacts, or `out` is no place of its own.
        BundleError: the bundle has none.
        OutputError: `out` cannot be written, or holds something already and `overwrite` is false.
    """
    template, place = ROOT / platform.name, out.absolute()
    artifacts = select_artifacts(bundle, platform, formats=formats, form=form, precision=precision)
    chosen = tuple(dict.fromkeys(artifact.format for artifact in artifacts))
    sources, settings = source_files(template), _settings(template / platform.settings)
    if place.is_file():
        raise OutputError(f"{out}: is a file; choose another place")
    for other in (bundle.folder, template):
        _require_apart(place, other)
    with new_folder(place, overwrite) as folder:
        try:
            _copy(template, sources, folder, (platform.model, *platform.left_out(chosen)))
            write_text(folder / platform.settings, platform.configure(settings, app or App(), chosen))
            shutil.copyfile(ROOT / LICENSE, folder / LICENSE)
            (folder / platform.model).mkdir(parents=True)
            trim_bundle(bundle, artifacts, folder / platform.model)
        except (OSError, SafetensorError) as error:
            why = f"{error.strerror} ({error.filename})" if isinstance(error, OSError) else str(error)
            raise OutputError(f"cannot write {out}: {why}; nothing was left") from error
        sizes = measure(folder, platform, bundle, artifacts)
    licence = one_line(bundle.manifest.get("licence", UNKNOWN))
    notes = _notes(bundle, artifacts, licence)
    return Packaged(
        artifacts=artifacts,
        sizes=sizes,
        licence=licence,
        notes=notes,
        next_steps=platform.next_steps(shlex.quote(str(out))),
    )


def _settings(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}; install sentio-mobile again") from error


def _require_apart(out: Path, other: Path) -> None:
    here, there = out.resolve(), other.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise InputError(f"{out}: would overwrite or grow {other}, which it is made from; choose another place")


def _copy(template: Path, sources: Sequence[Path], folder: Path, but: Sequence[str]) -> None:
    for path in sources:
        if not any(path.is_relative_to(other) for other in but):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(template / path, folder / path)


def _notes(bundle: Bundle, artifacts: Sequence[Artifact], licence: str) -> tuple[str, ...]:
    refused = refusals(bundle)
    lines = [f"{refused[artifact.label]} (kept by --force)" for artifact in artifacts if artifact.label in refused]
    if licence == UNKNOWN:
        say = "`sentio-mobile export --licence` says it"
        lines.append(f"the model's licence is unknown: nobody has said what it may be used for. {say}")
    return tuple(lines)
