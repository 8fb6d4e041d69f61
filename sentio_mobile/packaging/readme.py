"""The README of an app: that of its platform's project, without what holds for this repository alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sentio_mobile.bundle.bundle import CARD, Bundle
from sentio_mobile.bundle.model_card import inline_code
from sentio_mobile.errors import InputError
from sentio_mobile.packaging.platforms import App, Platform
from sentio_mobile.spec import Artifact

README = "README.md"

APP = "<!-- the app -->"
"""The line of a project's README in whose place an app's says what the app is; at its end where there is none."""

_REPOSITORY = re.compile(r"^<!-- repository -->\n.*?^<!-- end -->\n\n?", re.MULTILINE | re.DOTALL)
"""What an app's README leaves out."""

_MARK = re.compile(r"^<!-- (repository|end|the app) -->$", re.MULTILINE)


def app_readme(text: str, *, app: App, platform: Platform, bundle: Bundle, artifacts: Sequence[Artifact]) -> str:
    """Write the README of an app.

    Args:
        text: The README of the platform's project. What lies between the lines `<!-- repository -->` and `<!-- end -->`
            is left out.
        app: The id and the name, which becomes the title.
        platform: The platform.
        bundle: The bundle that the model is from.
        artifacts: The artifacts in the app, in the order in which it tries them.

    Raises:
        InputError: The README has no title, or a mark without its other half.
    """
    title, _, rest = text.partition("\n")
    rest = _REPOSITORY.sub("", rest)
    before, found, after = rest.partition(APP + "\n")
    if not title.startswith("# ") or _MARK.search(before + after):
        raise InputError(f"{platform.template / README}: is damaged; install sentio-mobile again")
    section = _section(app, platform, bundle, artifacts)
    body = before + section + after if found else "\n" + "\n\n".join(filter(None, [rest.strip(), section]))
    return f"# {app.name}\n{body}"


def _section(app: App, platform: Platform, bundle: Bundle, artifacts: Sequence[Artifact]) -> str:
    """What the app is."""
    manifest = bundle.manifest
    ships = [f"{artifact.label}, {bundle.size(artifact) / 1e6:.1f} MB" for artifact in artifacts]
    lines = [
        "## This app",
        "",
        f"{app.name} (`{app.id}`) carries the model {inline_code(f'{manifest.name} {manifest.release}')} with "
        f"{manifest.parameters:,} parameters, in `{platform.model}`: " + "; ".join(ships) + ".",
        *(["The app runs the first of them that the device can run."] if len(ships) > 1 else []),
        f"Licence of the model: {inline_code(manifest.licence)}; of the code: [LICENSE](LICENSE).",
    ]
    if CARD in manifest.files:
        lines.append(f"How it was trained and how well it does stands in [its card]({platform.model}/{CARD}).")
    return "\n".join(lines) + "\n"
