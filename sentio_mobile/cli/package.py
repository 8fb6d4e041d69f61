"""`sentio-mobile package`: a bundle becomes a project that opens in its own IDE."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from sentio_mobile.cli.options import PATH, Command, Group, force_option, out_option, signature_option
from sentio_mobile.cli.output import console, json_option, print_json, stderr
from sentio_mobile.packaging.platforms import PLATFORMS, App, Platform
from sentio_mobile.spec import Form, Precision

_Decorator = Callable[[Callable[..., None]], Callable[..., None]]

if TYPE_CHECKING:
    from sentio_mobile.packaging.project import PackagedProject


@click.group(cls=Group)
def package() -> None:
    """Write an app project with a bundle's model inside: Android, iOS or web."""


def _command(platform: Platform, does: str, example: str) -> click.Command:
    @click.command(
        platform.name, cls=Command, help=does, epilog=f"Example: sentio-mobile package {platform.name} {example}"
    )
    @click.argument("bundle", type=PATH)
    @out_option
    @click.option(
        "--id", "app_id", default=App().id, show_default=True, help="The app's identifier, in reverse-DNS notation."
    )
    @click.option("--name", default=App().name, show_default=True, help="The name under the app's icon.")
    @_only_for(
        platform.formats,
        click.option(
            "--format",
            "formats",
            multiple=True,
            type=click.Choice(platform.formats),
            help="Format to ship; may be given more than once, and the app runs the first that it can. By default the "
            f"first of {', '.join(platform.formats)} that the bundle has.",
        ),
    )
    @_only_for(
        platform.forms,
        click.option(
            "--form",
            type=click.Choice(platform.forms),
            default=platform.forms[0],
            show_default=True,
            help="The model's input: PCM, or a log-mel image, which the app computes.",
        ),
    )
    @click.option(
        "--precision",
        type=click.Choice(platform.precisions),
        help=f"The artifacts' precision; by default the first of {', '.join(platform.precisions)} that the bundle has.",
    )
    @force_option
    @signature_option
    @json_option
    def command(
        bundle: Path,
        out: Path,
        app_id: str,
        name: str,
        precision: Precision | None,
        force: bool,
        signature_key: Path | None,
        formats: tuple[str, ...] = (),
        form: Form | None = None,
    ) -> None:
        from sentio_mobile._internal.files import require_free
        from sentio_mobile.bundle.sign import open_trusted
        from sentio_mobile.packaging.project import package as package_bundle

        app = App(id=app_id, name=name)
        require_free(out, force)
        opened = open_trusted(bundle, signature_key)
        project = package_bundle(
            opened, platform, out=out, app=app, formats=formats, form=form, precision=precision, overwrite=force
        )
        _show(project)
        print_json(project)

    return command


def _only_for(choices: Sequence[str], option: _Decorator) -> _Decorator:
    """The option, if there is more than one choice."""
    return option if len(choices) > 1 else lambda function: function


def _show(project: PackagedProject) -> None:
    from rich.markup import escape
    from rich.table import Table

    sizes = project.sizes
    table = Table("part of the app", "size", "what it is")
    table.columns[1].justify = "right"
    front_end = "" if sizes.front_end is None else f", of which front end: {sizes.front_end:,} B"
    rows = (
        ("model", sizes.model, ", ".join(artifact.label for artifact in project.artifacts) + front_end),
        ("golden vectors", sizes.golden, "with which the app tests itself"),
        ("metadata", sizes.metadata, f"manifest and model card; the model's licence: {project.licence}"),
        ("code", sizes.code, "source code of the SDK and the app"),
        ("resources", sizes.resources, "icons, texts, manifests"),
    )
    for part, size, what in rows:
        table.add_row(part, f"{size:,} B", escape(what))
    table.add_section()
    table.add_row("total", f"{sizes.app:,} B", f"not included: {sizes.runtime}")
    console.print(table)
    for line in project.notes:
        stderr.print("[yellow]Note:[/]", end=" ")
        stderr.print(line, markup=False, soft_wrap=True)
    console.print(f"Project: {project.out}. Next:", markup=False, soft_wrap=True)
    for line in project.next_steps:
        console.print(f"  {line}", markup=False, soft_wrap=True)


for _platform in PLATFORMS:
    package.add_command(
        _command(
            _platform,
            f"Write {_platform.description} with a bundle's model inside.\n\nThe bundle's hashes are checked first.",
            f"bundle --id org.example.moods --name Moods --out moods-{_platform.name}",
        )
    )
