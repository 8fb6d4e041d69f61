"""HTML pages in one file each: style and charts are inside, and nothing is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sentio_mobile._internal.files import write_text


def write_page(
    path: Path, template: Path, view: Mapping[str, object], filters: Mapping[str, Callable[..., str]] | None = None
) -> None:
    """Render a template and write the page. Values are escaped. A name that `view` lacks is an error.

    Args:
        path: The file to write.
        template: A Jinja file. It may include `page.css` and import from `page.j2`.
        view: The values of the template, by name.
        filters: Functions that format values, by the name that the template uses.

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
