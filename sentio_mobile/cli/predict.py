"""`sentio-mobile predict`: how does this song feel?"""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile.cli.words import console, json_option, threads_option


@click.command(epilog="Example: sentio-mobile predict bundle song.mp3")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("songs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format", "format_name", default="onnx", show_default=True, help="Which of the bundle's formats answers."
)
@threads_option
@json_option
def predict(bundle: Path, songs: tuple[Path, ...], format_name: str, threads: int, as_json: bool) -> None:
    """Valence and arousal of the first 30 s of each song, from -1 to 1."""
    import json

    from sentio_mobile.predict import Predictor

    predictor = Predictor.open(bundle, format_name, threads)
    answers = [predictor(song) for song in songs]
    if as_json:
        click.echo(json.dumps([answer.to_dict() for answer in answers], indent=2))
        return
    for answer in answers:
        console.print(
            f"{answer.song}: valence {answer.valence:+.2f}, arousal {answer.arousal:+.2f} ({answer.quadrant})",
            markup=False,
            soft_wrap=True,
        )
