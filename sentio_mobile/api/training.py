"""From labelled music to a teacher: `prepare` and `train_teacher`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sentio_mobile.api.inputs import to_checkpoint, to_data, to_embeddings, to_scale, to_weak_labels
from sentio_mobile.errors import InputError

if TYPE_CHECKING:
    from sentio_mobile._internal.progress import Progress
    from sentio_mobile.data.config import Columns, TableSettings
    from sentio_mobile.data.prepared import PreparedData
    from sentio_mobile.data.reading import ReadFiles
    from sentio_mobile.models.checkpoint import Checkpoint
    from sentio_mobile.teacher.config import TeacherRecipe


def prepare(
    source: str | Path | Sequence[str | Path],
    *,
    out: str | Path,
    scale: tuple[float, float] | str | None = None,
    columns: Columns | None = None,
    tables: Sequence[TableSettings] = (),
    norms: str | Path | None = None,
    norms_scale: tuple[float, float] | str | None = None,
    labels: Literal["static", "dynamic"] = "static",
    window: Literal["start", "middle"] = "start",
    windows: int = 1,
    perturb: int = 0,
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
    seed: int = 0,
    splits: str | Path | None = None,
    recipe: str | TeacherRecipe | None = None,
    store: str | Path | None = None,
    read: ReadFiles | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> PreparedData:
    """Turn music into log-mel spectrograms and fixed training, validation and test songs.

    Example:
        ```python
        import sentio_mobile

        data = sentio_mobile.prepare("songs.csv", out="prepared", scale=(1, 9))
        print({name: len(split) for name, split in data.splits.items()})
        ```

    Args:
        source: A data set's root folder; a CSV with the columns path, valence_mean, arousal_mean and, optionally,
            group, song_id, start, end and rater; or a folder of audio without labels. Several labelled sources are
            prepared together.
        out: The folder to write. An unfinished one is continued.
        scale: Lowest and highest label of a CSV. Without it, the scale is guessed where the labels can mean one only.
        columns: Names of a CSV's columns, by what they hold: path, valence, arousal, song_id, group, rater, start, end,
            valence_sd, arousal_sd, raters, tags. A path may be a pattern such as `music/{id}.mp3`.
        tables: Scale and columns of each CSV of several, in their order, in place of `scale` and `columns`.
        norms: A CSV with the columns word, valence and arousal. Songs with tags get the mean of their tags as labels.
        norms_scale: Lowest and highest norm; guessed without it, as `scale` is.
        labels: One label for a whole song, or those rated within each window (DEAM only).
        window: Which 30 s of a longer song are evaluated.
        windows: Number of windows kept of a longer song, 1 or more. Training draws one of them in each epoch.
        perturb: Perturbed copies of each window, 0 to 5, of training songs and of songs without labels: through MP3, an
            equalizer, noise or a gain, drawn for each song. Training draws one of a song's windows and their copies.
        fractions: Shares of training, validation and test songs; they sum to 1.
        seed: Random seed of the split.
        splits: Existing splits: a folder with train.txt, val.txt and test.txt, or the songs.csv of a prepared folder.
        recipe: A teacher's recipe whose front end is used, such as "ast_5s". The default front end takes 30 s at
            22,050 Hz.
        store: Folder for the spectrograms, which several prepared folders can share. The default is `out`/store.
        read: Reads the files, such as `sentio_mobile.engines.prepare.ReadOnRay` on a cluster; by default processes of
            this machine do.
        overwrite: Whether an existing `out` is overwritten.
        progress: Receives the progress, song by song.

    Returns:
        The prepared data, opened.

    Raises:
        LabelError: A label is missing or off its scale.
        DataError: Too few songs, or more than 5% of them hold no usable audio.
        OutputError: `out` exists, or cannot be written.
    """
    from sentio_mobile.data.config import DataRecipe
    from sentio_mobile.data.prepare import prepare as prepare_data
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.data.splits import read_splits
    from sentio_mobile.recipes import load_recipe
    from sentio_mobile.spec import AudioSpec
    from sentio_mobile.teacher.config import TeacherRecipe

    settings = DataRecipe(
        scale=to_scale(scale),
        columns=dict(columns or {}),
        tables=tuple(tables),
        norms="" if norms is None else str(Path(norms).absolute()),
        norms_scale=to_scale(norms_scale),
        labels=labels,
        window=window,
        windows=windows,
        perturb=perturb,
        fractions=fractions,
        seed=seed,
    )
    teacher = load_recipe(TeacherRecipe, recipe, "teacher") if isinstance(recipe, str) else recipe
    prepare_data(
        Path(source) if isinstance(source, str | Path) else [Path(one) for one in source],
        Path(out),
        recipe=settings,
        audio=(teacher and teacher.audio) or AudioSpec(),
        progress=progress,
        overwrite=overwrite,
        store=None if store is None else Path(store),
        splits=None if splits is None else read_splits(Path(splits)),
        read=read,
    )
    return open_data(Path(out))


def train_teacher(
    *,
    data: str | Path | PreparedData,
    out: str | Path,
    recipe: str | TeacherRecipe = "vit_small",
    start: str | Path | Checkpoint | None = None,
    weights: str | None = None,
    gan_samples: str | Path | None = None,
    weak_labels: Sequence[tuple[str | Path, str | Path]] = (),
    unlabelled: Sequence[str | Path] = (),
    embeddings: Sequence[str | Path] = (),
    devices: int = 1,
    nodes: int = 1,
    strategy: str = "auto",
    accelerator: str = "auto",
    logger: str = "csv",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Checkpoint:
    """Train a teacher, the large model that a student learns from.

    The epoch with the best validation CCC is kept. The test songs are read once, at the end. A run that was stopped
    continues when it is called again with the same arguments.

    Example:
        ```python
        import sentio_mobile

        teacher = sentio_mobile.train_teacher(data="prepared", recipe="vit_small", out="teacher-ckpt")
        ```

    Args:
        data: A prepared folder, or what `prepare` returned.
        out: The checkpoint folder to write.
        recipe: A recipe's name, such as "vit_small" (2.9 M parameters) or "vit_b_16" (86 M, needs a GPU); the path of a
            .toml file; or a recipe object.
        start: A teacher's checkpoint whose weights are the first ones, in place of random weights.
        weights: First weights of the backbone only: "imagenet", or a file or folder as for `sentio-mobile teacher
            import`. Positions are interpolated to the image size of the songs.
        gan_samples: A folder written by `sentio-mobile teacher gan sample`, mixed in as the recipe says.
        weak_labels: Pairs of a prepared folder without labels and a CSV (song_id, v_high, a_high) that says on which
            side of neutral each song is.
        unlabelled: Prepared folders of music without labels, of which only `embeddings` are learned.
        embeddings: Files that `sentio-mobile teacher embed` wrote for all of this music: an encoder's embeddings, which
            are learned beside the labels.
        devices: Processes or GPUs on each machine.
        nodes: Number of machines.
        strategy: Lightning's strategy, such as "ddp" or "fsdp".
        accelerator: "auto", "cpu", "gpu" or "mps".
        logger: "csv", which is always written, or "tensorboard", "wandb" or "mlflow" too.
        overwrite: Whether an existing `out` is overwritten.
        progress: Receives the progress, step by step.

    Returns:
        The trained checkpoint, with its evaluation on validation and test songs.

    Raises:
        RecipeError: There is no such recipe, or a setting is wrong.
        DataError: The songs were prepared for another front end than the recipe's.
        CheckpointError: `start` or `weights` do not fit the recipe.
        TrainingError: Too few songs, or the loss is not finite.
        OutputError: `out` exists, or cannot be written.
    """
    from sentio_mobile._internal.files import require_free
    from sentio_mobile.data.gan_samples import open_gan_samples
    from sentio_mobile.recipes import load_recipe
    from sentio_mobile.teacher.config import TeacherRecipe

    require_free(Path(out), overwrite)
    if start is not None and weights is not None:
        raise InputError("start and weights both give the first weights; give one of them")
    settings = load_recipe(TeacherRecipe, recipe, "teacher") if isinstance(recipe, str) else recipe
    songs = to_data(data)
    if unlabelled and not embeddings:
        raise InputError("a teacher learns embeddings of music without labels, and there are none: give embeddings")
    samples = None if gan_samples is None else open_gan_samples(Path(gan_samples))
    weakly_labelled = to_weak_labels(weak_labels)
    music = [to_data(folder) for folder in unlabelled]
    found = to_embeddings(embeddings)
    # Torch takes seconds to import, so wrong arguments are reported before it is.
    from sentio_mobile.teacher.train import train_teacher as train
    from sentio_mobile.training.trainer import Hardware

    backbone = None
    if weights is not None:
        from sentio_mobile.teacher.pretrained import pretrained_backbone

        backbone = pretrained_backbone(weights, settings.model, songs.audio)
    return train(
        songs,
        settings,
        out=Path(out),
        progress=progress,
        overwrite=overwrite,
        start=None if start is None else to_checkpoint(start),
        backbone=backbone,
        hardware=Hardware(devices, nodes, strategy, accelerator, logger),
        gan_samples=samples,
        weak_labels=weakly_labelled,
        unlabelled=music,
        embeddings=found,
    )
