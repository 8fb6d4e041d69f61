"""`sentio-mobile serve`: a bundle's model in the browser, on this machine only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from sentio_mobile._internal.stopping import Stopped
from sentio_mobile.cli.options import PATH, Command, signature_option
from sentio_mobile.cli.output import console
from sentio_mobile.packaging.platforms import WEB
from sentio_mobile.spec import Precision

if TYPE_CHECKING:
    from sentio_mobile.packaging.server import Server


@click.command(cls=Command, epilog="Example: sentio-mobile serve bundle --open")
@click.argument("bundle", type=PATH)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="TCP port; 0 takes any that is free."
)
@click.option(
    "--precision",
    type=click.Choice(WEB.precisions),
    help=f"The artifact's precision; by default the first of {', '.join(WEB.precisions)} that the bundle has.",
)
@click.option("--open", "open_it", is_flag=True, help="Open the page in the browser.")
@signature_option
def serve(bundle: Path, port: int, precision: Precision | None, open_it: bool, signature_key: Path | None) -> None:
    """Try a bundle's model in the browser, on this machine only.

    Drop a song on the page or use the microphone. The page runs the bundle's ONNX waveform model, and audio stays in
    the browser. It is served on 127.0.0.1 until Ctrl-C. A wheel has the page built; in a checkout,
    npm builds it the first time.
    """
    import tempfile

    from sentio_mobile.bundle.sign import open_trusted
    from sentio_mobile.packaging.built_page import built_page
    from sentio_mobile.packaging.select_artifacts import select_artifacts
    from sentio_mobile.packaging.server import Server, read_headers
    from sentio_mobile.packaging.trim_bundle import trim_bundle

    opened = open_trusted(bundle, signature_key)
    artifacts = select_artifacts(opened, WEB, precision=precision)
    opened.check_operators(artifacts)
    page = built_page(WEB.template, say=lambda line: console.print(line, markup=False, soft_wrap=True))
    with tempfile.TemporaryDirectory(prefix="sentio-mobile-") as folder:
        trim_bundle(opened, artifacts, Path(folder))
        with Server(page, Path(folder), read_headers(WEB.template), port) as server:
            for line in (f"{artifacts[0].label} of {bundle}: {server.url}", "Press Ctrl-C to stop."):
                console.print(line, markup=False, soft_wrap=True)
            if open_it:
                click.launch(server.url)
            _serve(server)


def _serve(server: Server) -> None:
    """Serve until Ctrl-C or SIGTERM; either way the folder with the model is removed."""
    try:
        server.serve_forever()
    except (KeyboardInterrupt, Stopped):
        console.print("Stopped.")
