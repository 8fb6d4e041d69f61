"""Pages as one HTML file with its style and pictures inside, which loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sentio_mobile._internal.files import write_text


def write_page(
    path: Path, template: Path, view: Mapping[str, object], filters: Mapping[str, Callable[..., str]] | None = None
) -> None:
    """Fill in a template and write it. What it shows is escaped; a name that `view` lacks is an error.

    Args:
        path: the file to write.
        template: a Jinja file; it may include `page.css` and import from `page.j2`.
        view: what it shows.
        filters: its own ways of writing values, by name.

    Raises:
        OutputError: `path` cannot be written.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters or {})
    write_text(path, environment.get_template(template.name).render(view))
