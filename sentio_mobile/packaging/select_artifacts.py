"""Which of a bundle's artifacts an app carries: in a platform's first format, and in the fewest bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.errors import BundleError, InputError
from sentio_mobile.packaging.platform import Platform
from sentio_mobile.spec import Artifact, Form, Precision


def select_artifacts(
    bundle: Bundle,
    platform: Platform,
    *,
    formats: Sequence[str] = (),
    form: Form | None = None,
    precision: Precision | None = None,
) -> tuple[Artifact, ...]:
    """One artifact for each format, in the order of `formats`: an app runs the first that it can.

    Args:
        bundle: where they are.
        platform: what is to run them.
        formats: by default the first of the platform's that the bundle has.
        form: by default the platform's first, `waveform`.
        precision: by default the first of the platform's that the bundle has and that its export did not refuse.

    Raises:
        InputError: the platform does not run such artifacts.
        BundleError: the bundle has none.
    """
    form = form or platform.forms[0]
    if form not in platform.forms:
        runs = ", ".join(platform.forms)
        raise InputError(f"{platform.title} has no front end for {form} models; it runs those fed {runs}")
    if strange := next((name for name in formats if name not in platform.formats), None):
        raise InputError(f"{platform.title} does not run {strange}; it runs {', '.join(platform.formats)}")
    if precision not in (None, *platform.precisions):
        runs = ", ".join(platform.precisions)
        raise InputError(f"{platform.title} does not run {precision} models, which take integers; it runs {runs}")
    wanted = platform.precisions if precision is None else (precision,)
    names = tuple(dict.fromkeys(formats)) or platform.formats
    found = [
        _first(bundle, name, form=form, precisions=wanted, skip=refusals(bundle) if precision is None else {})
        for name in names
    ]
    if formats and None in found:
        raise _has_none(bundle, names[found.index(None)], form, precision)
    artifacts = tuple(artifact for artifact in found if artifact)
    if not artifacts:
        raise _has_none(bundle, names[0], form, precision)
    return artifacts if formats else artifacts[:1]


def _first(
    bundle: Bundle, name: str, *, form: Form, precisions: Sequence[Precision], skip: Mapping[str, str]
) -> Artifact | None:
    found = [
        artifact
        for artifact in bundle.artifacts
        if (artifact.format, artifact.form) == (name, form)
        and artifact.precision in precisions
        and artifact.label not in skip
    ]
    return min(found, key=lambda artifact: precisions.index(artifact.precision), default=None)


def _has_none(bundle: Bundle, name: str, form: Form, precision: Precision | None) -> BundleError:
    wanted = " ".join(filter(None, (name, form, precision)))
    same = [artifact for artifact in bundle.artifacts if artifact.format == name]
    have = ", ".join(artifact.label for artifact in same or bundle.artifacts) or "none at all"
    reasons = [f"; {why}" for label, why in refusals(bundle).items() if label.startswith(f"{name} {form} ")]
    make = f"sentio-mobile export --format {name} --form {form}" + (f" --precision {precision}" if precision else "")
    return BundleError(f"{bundle.folder}: has no {wanted} artifact; it has {have}{''.join(reasons)}; `{make}` makes it")


def refusals(bundle: Bundle) -> dict[str, str]:
    """Artifacts that are in the bundle by `export --force` alone: by label, why they were refused, on one line."""
    refused = bundle.manifest.get("refused")
    return {label: one_line(why) for label, why in refused.items()} if isinstance(refused, dict) else {}


def one_line(value: object) -> str:
    """A manifest's words as they may stand in a terminal, which they cannot steer."""
    words = str(value)
    return words if words.isprintable() else ascii(words)
