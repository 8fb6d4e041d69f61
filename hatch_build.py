"""A build hook: wheel and sdist carry the built web page, so that `serve` needs no npm where they are installed.

The page is what `npm run build` left in web/dist. Where that is missing or older than its sources, the archives are
written without it and the builder says so; `make wheel` builds the page first.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):
    """Adds the page's files, and beside them a stamp of the sources that they were built from."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """List the page's files for the builder; an editable installation has the checkout's own."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        try:
            from sentio_mobile.packaging.source_files import BUILT, STAMP, is_built, source_digest
        finally:
            sys.path.pop(0)
        project = Path(self.root) / "web"
        page = project / BUILT
        if not is_built(project):
            self.app.display_warning("No built web page goes in: `make wheel` builds it first, with npm")
            return
        place = "web" if self.target_name == "sdist" else "sentio_mobile/_resources/web"
        for path in sorted(page.rglob("*")):
            inside = path.relative_to(page)
            # The model that the page was built with stays out: `serve` and `package` bring their own.
            if path.is_file() and inside.parts[0] != "sentio" and inside.name != STAMP:
                build_data["force_include"][str(path)] = f"{place}/{BUILT}/{inside.as_posix()}"
        self._folder = tempfile.TemporaryDirectory()
        stamp = Path(self._folder.name) / STAMP
        stamp.write_text(f"{source_digest(project)}\n")
        build_data["force_include"][str(stamp)] = f"{place}/{BUILT}/{STAMP}"
