"""`sentio-mobile teacher explain`: which parts of a song a teacher attends to, or what a probe predicts over time."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from sentio_mobile._internal.files import is_file
from sentio_mobile.cli.options import PATH, Command
from sentio_mobile.cli.output import console, json_option, print_json
from sentio_mobile.errors import InputError


@click.command(cls=Command, epilog="Example: sentio-mobile teacher explain teacher-ckpt song.mp3 --out song.png")
@click.argument("checkpoint", type=PATH)
@click.argument("song", type=PATH)
@click.option("--out", type=PATH, required=True, metavar="FILE", help="The chart: a .png or .svg file.")
@click.option("--start", type=float, default=0.0, show_default=True, help="Start of the clip in the song, in seconds.")
@click.option("--blocks", metavar="N,N,...", help="Blocks whose attention is followed, counted from 0; by default all.")
@json_option
def explain(checkpoint: Path, song: Path, out: Path, start: float, blocks: str | None) -> None:
    """Draw which parts of a song a teacher attends to, or what a probe predicts over time.

    The chart shows the spectrogram of one clip, as long as the teacher's input, and over it the attention rollout from
    the class token to the patches. Rollout follows attention: it shows where a model looks, not why it predicts what it
    does. CHECKPOINT may also be a probe: the chart then shows its predictions over the time of the clip.
    """
    from sentio_mobile.inference.write import CHART_SUFFIXES, check_output_file

    check_output_file(out, CHART_SUFFIXES)
    chosen = _parse_blocks(blocks)
    if is_file(checkpoint / "probe.json"):
        if chosen is not None:
            raise InputError(f"{checkpoint} is a probe, which has no blocks; leave --blocks out")
        _explain_probe(checkpoint, song, start=start, out=out)
        return
    # Torch takes seconds to import, so wrong arguments are reported before it is.
    from sentio_mobile.models.checkpoint import Checkpoint
    from sentio_mobile.teacher.attention_chart import plot_explanation
    from sentio_mobile.teacher.attention_rollout import explain as explain_song

    found = explain_song(Checkpoint.load(checkpoint), song, start, chosen)
    plot_explanation(out, found)
    print_json(found.to_record())
    console.print(
        f"{out}: valence {found.valence:+.2f}, arousal {found.arousal:+.2f} from {start:g} s on",
        markup=False,
        soft_wrap=True,
    )


def _explain_probe(folder: Path, song: Path, *, start: float, out: Path) -> None:
    from sentio_mobile.teacher.probe.chart import plot_time_course
    from sentio_mobile.teacher.probe.listen import ListeningProbe
    from sentio_mobile.teacher.probe.probe import Probe

    found = ListeningProbe(Probe.load(folder)).explain(song, start)
    plot_time_course(out, found)
    print_json(found)
    line = f"{out}: valence {found.valence:+.2f}, arousal {found.arousal:+.2f} from {start:g} s on"
    console.print(f"{line}, in {len(found.times)} steps of {found.step:.1f} s", markup=False, soft_wrap=True)


def _parse_blocks(blocks: str | None) -> tuple[int, ...] | None:
    if blocks is None:
        return None
    try:
        return tuple(int(number) for number in blocks.split(","))
    except ValueError as error:
        raise InputError(f"--blocks takes numbers with commas between them, such as 9,10,11, not {blocks!r}") from error
