"""Teachers that have heard music: `embed`, `train_probe` and `label`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sentio_mobile.api.inputs import to_data
from sentio_mobile.errors import InputError

if TYPE_CHECKING:
    from sentio_mobile._internal.progress import Progress
    from sentio_mobile.data.prepared import PreparedData
    from sentio_mobile.data.pseudo_labels import PseudoLabels
    from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings
    from sentio_mobile.teacher.probe.config import ProbeRecipe
    from sentio_mobile.teacher.probe.probe import Probe


def embed(
    sources: Sequence[tuple[str | Path | PreparedData, str | Path]],
    *,
    out: str | Path,
    encoder: str = "musicnn-msd",
    step: float = 1.0,
    clean: bool = False,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ClipEmbeddings:
    """Write an encoder's embeddings of every window of prepared songs, with its tags where it knows any.

    What was embedded stays in the user's cache, so that a run that was stopped continues. A script calls this below
    `if __name__ == "__main__":`, because worker processes read the script too.

    Example:
        ```python
        import sentio_mobile

        if __name__ == "__main__":
            found = sentio_mobile.embed([("prepared", "songs/")], out="embeddings.safetensors")
            print(found.embeddings.shape)
        ```

    Args:
        sources: Pairs of a prepared folder and the folder that it was prepared from.
        out: The .safetensors file to write.
        encoder: One of those that `sentio-mobile encoder list` shows.
        step: Shortest time from one embedding to the next, in seconds; those that follow faster are averaged.
        clean: Whether perturbed copies get the embeddings of the clean sound, so that students learn not to mind.
        workers: Processes, each on one core. The default is one for each usable core.
        overwrite: Whether an existing `out` is overwritten.
        progress: Receives the progress, song by song.

    Returns:
        The embeddings, read from `out`.

    Raises:
        InputError: There is no such encoder, it is not installed, or `step` or `workers` is out of its range.
        DataError: More than 5% of a folder's songs cannot be embedded, or the folders' clips differ in length.
        OutputError: `out` exists, or cannot be written.
    """
    from sentio_mobile._internal.files import require_free_file
    from sentio_mobile.models.encoders.clip_embeddings import read_clip_embeddings
    from sentio_mobile.teacher.embed import embed_clips

    require_free_file(Path(out), overwrite)
    if not sources:
        raise InputError("there is nothing to embed: give pairs of a prepared folder and the folder of its songs")
    pairs = [(to_data(data), Path(music)) for data, music in sources]
    embed_clips(pairs, encoder, step=step, clean=clean, workers=workers, progress=progress).write(Path(out))
    return read_clip_embeddings(Path(out))


def train_probe(
    *,
    data: str | Path | PreparedData,
    embeddings: str | Path | ClipEmbeddings,
    out: str | Path,
    recipe: ProbeRecipe | None = None,
    music: str | Path | None = None,
    songs: Literal["train", "all"] = "train",
    weak_labels: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Probe:
    """Train a probe, a teacher that predicts from an encoder's embeddings, and judge it by nested cross-validation.

    Example:
        ```python
        import sentio_mobile

        probe = sentio_mobile.train_probe(data="prepared", embeddings="embeddings.safetensors", out="probe")
        print(probe.sheet.evaluation.songs.ccc["mean"])
        ```

    Args:
        data: A prepared folder with labels, or what `prepare` returned.
        embeddings: A file that `embed` wrote, or what it returned.
        out: The folder to write.
        recipe: Regressors, inputs, folds and grids. The default tries Ridge, support vectors and a small network.
        music: The folder that the songs were prepared from. With it, members may also hear 164 audio features.
        songs: "train" takes the training songs; "all" takes every labelled song, which leaves none to evaluate on but
            by the cross-validation.
        weak_labels: A CSV of high and low by song, for the AUC. By default a song is high where its label is above 0.
        overwrite: Whether an existing `out` is overwritten.
        progress: Receives the progress, fold by fold.

    Returns:
        The probe; `sheet.evaluation` has its out-of-fold figures. `distill`, `evaluate`, `label` and `load` take `out`.

    Raises:
        DataError: Songs have no labels or all the same ones, a window has no embeddings, or there are too few groups.
        MissingExtraError: librosa or xgboost is needed and not installed.
        OutputError: `out` exists, or cannot be written.
    """
    from sentio_mobile._internal.files import require_free
    from sentio_mobile.data.weak_labels import read_weak_labels
    from sentio_mobile.models.encoders.clip_embeddings import read_clip_embeddings
    from sentio_mobile.teacher.probe.train import train_probe as train

    require_free(Path(out), overwrite)
    return train(
        to_data(data),
        read_clip_embeddings(Path(embeddings)) if isinstance(embeddings, str | Path) else embeddings,
        out=Path(out),
        recipe=recipe,
        music=None if music is None else Path(music),
        songs=songs,
        weak_labels=None if weak_labels is None else read_weak_labels(Path(weak_labels)),
        overwrite=overwrite,
        progress=progress,
    )


def label(
    teachers: Sequence[str | Path],
    *,
    data: str | Path | PreparedData,
    out: str | Path,
    embeddings: str | Path | ClipEmbeddings | None = None,
    music: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> PseudoLabels:
    """Label every window of prepared songs with the mean prediction of one or several teachers.

    Clips that a probe was trained on get its out-of-fold predictions: what it says of them now, it has read off their
    labels.

    Example:
        ```python
        import sentio_mobile

        labels = sentio_mobile.label(
            ["probe"], data="unlabelled", embeddings="embeddings.safetensors", out="pseudo-labels.csv"
        )
        print(len(labels.by_clip))
        ```

    Args:
        teachers: Folders of probes and of checkpoints; "tags" for the places of an encoder's tags on the plane of
            valence and arousal, which need nobody's labels.
        data: A prepared folder, with or without labels, or what `prepare` returned.
        out: The CSV file to write.
        embeddings: A file that `embed` wrote for these songs, or what it returned; probes and tags need it.
        music: The folder that the songs were prepared from; needed by probes that hear 164 audio features.
        overwrite: Whether an existing `out` is overwritten.
        progress: Receives the progress, window by window.

    Returns:
        The pseudo-labels, read from `out`. `distill` takes the file.

    Raises:
        CheckpointError: A teacher's folder holds neither a probe nor a checkpoint, or is damaged.
        DataError: A window has no embeddings, or the songs have another front end than a teacher.
        InputError: There is no teacher, or embeddings or music are needed and not given.
        OutputError: `out` exists, or cannot be written.
    """
    from sentio_mobile._internal.files import require_free_file
    from sentio_mobile.data.pseudo_labels import read_pseudo_labels, write_pseudo_labels
    from sentio_mobile.models.encoders.clip_embeddings import read_clip_embeddings
    from sentio_mobile.teacher.probe.label import label_by_teacher, mean_of_teachers

    require_free_file(Path(out), overwrite)
    if not teachers:
        raise InputError("there is no teacher: give the folder of a probe or of a checkpoint, or 'tags'")
    songs = to_data(data)
    known = read_clip_embeddings(Path(embeddings)) if isinstance(embeddings, str | Path) else embeddings
    place = None if music is None else Path(music)
    found = mean_of_teachers(
        [label_by_teacher(Path(one), songs, known, music=place, progress=progress) for one in teachers]
    )
    write_pseudo_labels(Path(out), found.triples())
    return read_pseudo_labels(Path(out))
