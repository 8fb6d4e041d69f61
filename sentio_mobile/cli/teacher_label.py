"""`sentio-mobile teacher label`: a teacher's predictions for music, as pseudo-labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from sentio_mobile.cli.options import PATH, Command, console, force_option, out_option
from sentio_mobile.errors import InputError

if TYPE_CHECKING:
    from sentio_mobile._internal.progress import Progress
    from sentio_mobile.data.prepared import PreparedData
    from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings
    from sentio_mobile.teacher.probe.label import ClipLabels

TAGS, TAGS_ENCODER = Path("tags"), "musicnn-msd"
"""The teacher that is no file, and the encoder whose tags it knows."""


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
    "teachers' predictions.",
)
@click.option(
    "--on",
    "targets",
    type=(PATH, PATH),
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
    help="Embeddings of the music, written by `teacher embed`, for probes and tags.",
)
@out_option
@force_option
def label(
    teachers: tuple[Path, ...], targets: tuple[tuple[Path, Path], ...], embeddings: Path | None, out: Path, force: bool
) -> None:
    """Label music with the predictions of one teacher, or of several.

    Each window gets a valence and an arousal, in a CSV that `distill --pseudo-labels` uses. For music that a probe was
    trained on, its out-of-fold predictions are taken: what it predicts for that music now, it has read off the labels.
    """
    from sentio_mobile._internal.files import require_free
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.data.pseudo_labels import write_pseudo_labels
    from sentio_mobile.models.encoders.clip_embeddings import read_clip_embeddings
    from sentio_mobile.teacher.probe.label import mean_of_teachers

    require_free(out, force)
    folders = [(open_data(folder), music) for folder, music in targets]
    known = read_clip_embeddings(embeddings) if embeddings else None
    with ProgressBars() as progress:
        found = [
            mean_of_teachers(
                [_predict(teacher, data, music, embeddings=known, progress=progress) for teacher in teachers]
            )
            for data, music in folders
        ]
    write_pseudo_labels(out, (triple for one in found for triple in one.triples()))
    total, inside = sum(len(one.checksums) for one in found), sum(one.out_of_fold for one in found)
    console.print(f"{total} pseudo-labels in {out}, {inside} of them out of fold", markup=False, soft_wrap=True)


def _predict(
    teacher: Path, data: PreparedData, music: Path, *, embeddings: ClipEmbeddings | None, progress: Progress
) -> ClipLabels:
    from sentio_mobile.models.checkpoint import Checkpoint
    from sentio_mobile.teacher.probe.label import label_by_network, label_by_probe, label_by_tags
    from sentio_mobile.teacher.probe.probe import Probe, is_probe

    if teacher == TAGS and not teacher.exists():
        return label_by_tags(data, _needed(embeddings, "the teacher tags", data, music=music, encoder=TAGS_ENCODER))
    if not is_probe(teacher):
        return label_by_network(Checkpoint.load(teacher), data, progress=progress)
    probe = Probe.load(teacher)
    known = _needed(embeddings, f"the probe {teacher}", data, music=music, encoder=probe.sheet.encoder.name)
    return label_by_probe(probe, data, known, music=music, progress=progress)


def _needed(
    embeddings: ClipEmbeddings | None, what: str, data: PreparedData, *, music: Path, encoder: str
) -> ClipEmbeddings:
    if embeddings is None:
        raise InputError(
            f"{what} needs embeddings of the music; make them with `sentio-mobile teacher embed --data "
            f"{data.folder} --music {music} --encoder {encoder}` and give the file as --embeddings"
        )
    return embeddings
