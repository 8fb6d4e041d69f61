"""`sentio-mobile teacher label`: a teacher's predictions for music, as pseudo-labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from sentio_mobile.cli.engine_options import PLACE, engine_options, require_paths, show_outcome
from sentio_mobile.cli.options import PATH, Command, claim_output, force_option
from sentio_mobile.cli.output import console, json_option, print_json, stderr

if TYPE_CHECKING:
    from sentio_mobile._internal.progress import Progress
    from sentio_mobile.data.prepared import PreparedData
    from sentio_mobile.teacher.probe.label import ClipLabels


@click.command(
    cls=Command,
    epilog="Example: sentio-mobile teacher label --teacher probe --on unlabelled albums/ --embeddings "
    "embeddings.safetensors --out pseudo-labels.csv\n\n"
    "Without anybody's labels: sentio-mobile teacher label --teacher tags --on unlabelled albums/ --embeddings "
    "embeddings.safetensors --out pseudo-labels.csv",
)
@click.option(
    "--teacher",
    "teachers",
    type=PATH,
    multiple=True,
    required=True,
    help="A probe, a checkpoint, or `tags`: where the words that musicnn-msd gives to music, such as happy and metal, "
    "lie on the plane, which needs nobody's labels. Given more than once, the pseudo-labels are the mean of all "
    "teachers' predictions. (`teacher ensemble` labels music with an ensemble on 164 features.)",
)
@click.option(
    "--on",
    "targets",
    type=(PATH, PLACE),
    multiple=True,
    required=True,
    metavar="PREPARED MUSIC",
    help="Music to label, with or without labels: its prepared folder, and the folder that it was prepared from. May "
    "be given more than once.",
)
@click.option(
    "--embeddings",
    type=PATH,
    metavar="FILE",
    help="Embeddings of the music, written by `teacher embed`, for probes and tags. Without it, the music is embedded "
    "first.",
)
@engine_options
@click.option(
    "--out",
    type=PLACE,
    required=True,
    help="The CSV to write. With --engine ray: a folder or a URL, for Parquet files.",
)
@force_option
@json_option
def label(
    teachers: tuple[Path, ...],
    targets: tuple[tuple[Path, Path | str], ...],
    embeddings: Path | None,
    engine: str,
    address: str | None,
    shard_songs: int,
    out: Path | str,
    force: bool,
) -> None:
    """Label music with the predictions of one teacher, or of several.

    Each window gets a valence and an arousal, in a CSV that `distill --pseudo-labels` uses. For music that a probe was
    trained on, its out-of-fold predictions are taken: what it predicts for that music now, it has read off the labels.

    With --engine ray a cluster labels: see "Many songs, many machines" in the documentation.
    """
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.data.pseudo_labels import write_pseudo_labels
    from sentio_mobile.teacher.probe.label import mean_of_teachers

    if engine == "ray":
        if embeddings is not None:
            raise click.UsageError(
                "--engine ray embeds the music as it labels it; leave --embeddings out, or label on this machine"
            )
        from sentio_mobile.engines.label import label_library
        from sentio_mobile.engines.run import Engine

        on = Engine(address, shard_songs)
        pairs = [(open_data(folder), str(place)) for folder, place in targets]
        with ProgressBars() as progress:
            outcome = label_library(teachers, pairs, str(out), engine=on, overwrite=force, progress=progress)
        show_outcome(outcome.songs, outcome.known, len(outcome.shards), out, list(outcome.faults))
        return
    require_paths(out, *(place for _, place in targets))
    out = Path(out)
    claim_output(out, force, file=True)
    folders = [(open_data(folder), Path(music)) for folder, music in targets]
    with ProgressBars() as progress:
        found = [
            mean_of_teachers(
                [_predict(teacher, data, music, embeddings=embeddings, progress=progress) for teacher in teachers]
            )
            for data, music in folders
        ]
    write_pseudo_labels(out, (triple for one in found for triple in one.triples()))
    total, inside = sum(len(one.checksums) for one in found), sum(one.out_of_fold for one in found)
    if missing := sum(one.missing for one in found):
        stderr.print(f"[yellow]{missing} windows have no embeddings and were left out[/]")
    console.print(f"{total} pseudo-labels in {out}, {inside} of them out of fold", markup=False, soft_wrap=True)
    print_json({"out": str(out), "pseudo_labels": total, "out_of_fold": inside, "without_embeddings": missing})


def _predict(
    teacher: Path, data: PreparedData, music: Path, *, embeddings: Path | None, progress: Progress
) -> ClipLabels:
    from sentio_mobile.cli.embeddings import embeddings_of
    from sentio_mobile.models.checkpoint import Checkpoint
    from sentio_mobile.teacher.probe.label import TAGS, TAGS_ENCODER, label_by_network, label_by_teacher
    from sentio_mobile.teacher.probe.probe import Probe, is_probe

    if teacher == TAGS and not teacher.exists():
        known = embeddings_of(data, music, encoder=TAGS_ENCODER, file=embeddings, progress=progress)
    elif is_probe(teacher):
        info = Probe.load(teacher).sheet.encoder
        known = embeddings_of(data, music, encoder=info.name, step=info.hop_s, file=embeddings, progress=progress)
    else:
        network = Checkpoint.load(teacher)
        if network.data is not None and network.data.fingerprint == data.sheet.fingerprint:
            note = f"{teacher} was trained on songs of {data.folder}; for those it has seen the labels"
            stderr.print(note, style="yellow", markup=False, soft_wrap=True)
        return label_by_network(network, data, progress=progress)
    return label_by_teacher(teacher, data, known, music=music, partial=True, progress=progress)
