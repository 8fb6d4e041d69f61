"""Choose the artifacts that an app gets: the platform's first format, in the precision that suits it best."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.errors import BundleError, InputError
from sentio_mobile.packaging.platforms import Platform
from sentio_mobile.spec import Artifact, Form, Precision


def select_artifacts(
    bundle: Bundle,
    platform: Platform,
    *,
    formats: Sequence[str] = (),
    form: Form | None = None,
    precision: Precision | None = None,
) -> tuple[Artifact, ...]:
    """Choose one artifact for each format, in the order of `formats`: an app runs the first that it can.

    Args:
        bundle: The bundle.
        platform: The platform of the app.
        formats: The formats; by default the first of the platform's that the bundle has.
        form: The form; by default the platform's first, `waveform`.
        precision: The precision; by default the first of the platform's that the bundle has and that passed its checks.

    Raises:
        InputError: The platform does not run such artifacts.
        BundleError: The bundle has none.
    """
    form = form or platform.forms[0]
    if form not in platform.forms:
        runs = ", ".join(platform.forms)
        raise InputError(f"{platform.title} has no front end for {form} models; it runs those of the form {runs}")
    if unsupported := next((name for name in formats if name not in platform.formats), None):
        raise InputError(f"{platform.title} does not run {unsupported}; it runs {', '.join(platform.formats)}")
    if precision not in (None, *platform.precisions):
        runs = ", ".join(platform.precisions)
        raise InputError(f"{platform.title} does not run {precision} models, which take integers; it runs {runs}")
    precisions = platform.precisions if precision is None else (precision,)
    names = tuple(dict.fromkeys(formats)) or platform.formats
    skipped = refusals(bundle) if precision is None else {}
    found = [_first(bundle, name, form=form, precisions=precisions, skipped=skipped) for name in names]
    if formats and None in found:
        raise _missing(bundle, names[found.index(None)], form, precision)
    artifacts = tuple(artifact for artifact in found if artifact)
    if not artifacts:
        raise _missing(bundle, names[0], form, precision)
    return artifacts if formats else artifacts[:1]


def _first(
    bundle: Bundle, name: str, *, form: Form, precisions: Sequence[Precision], skipped: Collection[str]
) -> Artifact | None:
    found = [
        artifact
        for artifact in bundle.artifacts
        if (artifact.format, artifact.form) == (name, form)
        and artifact.precision in precisions
        and artifact.label not in skipped
    ]
    return min(found, key=lambda artifact: precisions.index(artifact.precision), default=None)


def _missing(bundle: Bundle, name: str, form: Form, precision: Precision | None) -> BundleError:
    wanted = " ".join(filter(None, (name, form, precision)))
    same_format = [artifact for artifact in bundle.artifacts if artifact.format == name]
    available = ", ".join(artifact.label for artifact in same_format or bundle.artifacts) or "none at all"
    reasons = [f"; {why}" for label, why in refusals(bundle).items() if label.startswith(f"{name} {form} ")]
    command = f"sentio-mobile export --format {name} --form {form}"
    command += f" --precision {precision}" if precision else ""
    return BundleError(
        f"{bundle.folder}: has no {wanted} artifact; it has {available}{''.join(reasons)}; make one by `{command}`"
    )


def refusals(bundle: Bundle) -> dict[str, str]:
    """The reason, on one line, for each artifact that failed a check of the export, by label."""
    return {label: one_line(why) for label, why in bundle.manifest.refused.items()}


def one_line(text: object) -> str:
    """A text from a manifest, escaped so that it cannot control a terminal."""
    line = str(text)
    return line if line.isprintable() else ascii(line)
