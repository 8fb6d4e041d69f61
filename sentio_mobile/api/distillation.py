"""From what a teacher knows to a student: `distill`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sentio_mobile.api.inputs import to_checkpoint, to_data, to_embeddings, to_weak_labels
from sentio_mobile.errors import InputError

if TYPE_CHECKING:
    from sentio_mobile._internal.progress import Progress
    from sentio_mobile.data.prepared import PreparedData
    from sentio_mobile.data.pseudo_labels import PseudoLabels
    from sentio_mobile.distill.config import DistillRecipe
    from sentio_mobile.distill.start import Start
    from sentio_mobile.models.checkpoint import Checkpoint
    from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings
    from sentio_mobile.teacher.probe.probe import Probe

PROBE = "probe.json"
"""The file by which the folder of a probe is known from that of a network."""


def distill(
    *,
    teacher: str | Path | Checkpoint | None = None,
    data: str | Path | PreparedData,
    out: str | Path,
    recipe: str | DistillRecipe = "mobilevit",
    start: str | Path | Checkpoint = "default",
    unlabelled: Sequence[str | Path] = (),
    gan_samples: Sequence[str | Path] = (),
    pseudo_labels: str | Path | None = None,
    weak_labels: Sequence[tuple[str | Path, str | Path]] = (),
    embeddings: Sequence[str | Path] = (),
    music: Sequence[str | Path] = (),
    cache: str | Path | None = None,
    convert: bool = False,
    accelerator: str = "auto",
    logger: str = "csv",
    overwrite: bool = False,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> Checkpoint:
    """Teach a phone-sized student what a teacher knows.

    The student learns from the labels, and from the teacher's predictions, features and attention. Both are evaluated
    on the same test songs. A run that was stopped continues when it is called again with the same arguments.

    Example:
        ```python
        import sentio_mobile

        student = sentio_mobile.distill(
            teacher="teacher-ckpt", data="prepared", recipe="mobilevit", out="student-ckpt"
        )
        ```

    Args:
        teacher: A checkpoint folder, what `train_teacher` returned, or the folder of a probe, which needs `embeddings`.
            It may be left out if `pseudo_labels` or `embeddings` are what the student learns from, or if the recipe
            learns nothing from a teacher.
        data: A prepared folder, or what `prepare` returned.
        out: The checkpoint folder to write.
        recipe: A recipe's name, such as "mobilevit" (7.3 M parameters) or "mobilevit_xs" (2.0 M); the path of a .toml
            file; or a recipe object.
        start: The student's first weights: "default" for the shipped ones where they fit the recipe, and random ones
            otherwise; "random"; or a student's checkpoint of the same architecture and widths.
        unlabelled: Prepared folders of music without labels: the student learns the teacher's predictions for it.
        gan_samples: Folders written by `sentio-mobile teacher gan sample`, used like `unlabelled`.
        pseudo_labels: A CSV of another teacher's predictions for the `unlabelled` music, used as labels. Without
            `teacher`, its predictions for labelled songs are learned beside the labels.
        weak_labels: Pairs of a prepared folder without labels and a CSV (song_id, v_high, a_high) that says on which
            side of neutral each song is.
        embeddings: Files of an encoder's embeddings of all the music, which the student learns to predict;
            `sentio-mobile teacher embed` writes them.
        music: For a probe that also hears 164 audio features: the folder that `data` was prepared from, and then those
            of `unlabelled`, in their order.
        cache: Folder where the teacher's outputs are kept for other runs. They are deleted by default.
        convert: Whether the teacher may use its own normalization and image size.
        accelerator: "auto", "cpu", "gpu" or "mps".
        logger: "csv", which is always written, or "tensorboard", "wandb" or "mlflow" too.
        overwrite: Whether an existing `out` is overwritten.
        progress: Receives the progress, step by step.
        announce: Receives a line of text that says which first weights the student has.

    Returns:
        The student's checkpoint. Its evaluation holds the teacher's figures and the retention, too, or why there is
        no retention.

    Raises:
        InputError: The recipe learns from a teacher and there is none, or music teaches nothing.
        RecipeError: There is no such recipe, a setting is wrong, or it names a block that a model does not have.
        DataError: Music was prepared for another front end than the teacher's, or holds validation or test songs.
        CheckpointError: `start` is of another architecture or other widths.
        TrainingError: Too few songs, a loss that is not finite, or a loss term that has no effect.
        OutputError: `out` exists, or cannot be written.
    """
    from sentio_mobile._internal.files import is_file, require_free
    from sentio_mobile.data.gan_samples import open_gan_samples
    from sentio_mobile.data.pseudo_labels import read_pseudo_labels
    from sentio_mobile.distill.config import DistillRecipe
    from sentio_mobile.recipes import load_recipe

    require_free(Path(out), overwrite)
    settings = load_recipe(DistillRecipe, recipe, "distill") if isinstance(recipe, str) else recipe
    _require_someone(
        settings,
        has_teacher=teacher is not None,
        has_pseudo_labels=pseudo_labels is not None,
        has_music=bool(unlabelled),
        has_embeddings=bool(embeddings),
    )
    songs = to_data(data)
    others = tuple(to_data(folder) for folder in unlabelled)
    samples = tuple(open_gan_samples(Path(folder)) for folder in gan_samples)
    weakly_labelled = tuple(to_weak_labels(weak_labels))
    predictions = None if pseudo_labels is None else read_pseudo_labels(Path(pseudo_labels))
    known = to_embeddings(embeddings)
    network = None
    # A teacher that the recipe learns nothing from is not even read.
    if teacher is not None and settings.follows_a_teacher:
        if isinstance(teacher, str | Path) and is_file(Path(teacher) / PROBE):
            places = tuple(Path(folder) for folder in music)
            predictions = _probe_predictions(Path(teacher), (songs, *others), known, predictions, places)
        else:
            network = to_checkpoint(teacher)
    if music and (network is not None or predictions is None or pseudo_labels is not None):
        raise InputError("music is for a probe that hears 164 audio features, and the teacher is none; leave it out")
    first_weights = _to_start(start)
    # Lightning takes seconds to import, so wrong arguments are reported before it is.
    from sentio_mobile.distill.distill import distill as distill_student
    from sentio_mobile.training.sources import ExtraData
    from sentio_mobile.training.trainer import Hardware

    return distill_student(
        network,
        songs,
        recipe=settings,
        out=Path(out),
        extra=ExtraData(
            unlabelled=others,
            gan_samples=samples,
            pseudo_labels=predictions,
            weak_labels=weakly_labelled,
            embeddings=known,
        ),
        start=first_weights,
        cache=None if cache is None else Path(cache),
        convert=convert,
        hardware=Hardware(accelerator=accelerator, logger=logger),
        overwrite=overwrite,
        progress=progress,
        announce=announce,
    )


def _require_someone(
    recipe: DistillRecipe, *, has_teacher: bool, has_pseudo_labels: bool, has_music: bool, has_embeddings: bool
) -> None:
    """Refuse arguments of which one would have no effect, before anything is read."""
    if recipe.follows_a_teacher and not (has_teacher or has_pseudo_labels or has_embeddings):
        raise InputError(
            "the recipe learns from a teacher, and there is none: give a teacher or pseudo-labels, or take a recipe "
            "whose response.soft, features.weight and attention.weight are 0"
        )
    if has_pseudo_labels and not has_music and (has_teacher or not recipe.follows_a_teacher):
        why = "a teacher is followed" if recipe.follows_a_teacher else "the recipe follows no teacher"
        raise InputError(
            f"pseudo-labels are for music without labels, because {why}: give its prepared folder as unlabelled, too"
        )


def _to_start(start: str | Path | Checkpoint) -> Start:
    if start == "default":
        return "default"
    if start == "random":
        return "random"
    from sentio_mobile.distill.start import read_start
    from sentio_mobile.models.first_weights import weights_of_checkpoint

    return read_start(str(start)) if isinstance(start, str | Path) else weights_of_checkpoint("a checkpoint", start)


def _require_test_songs_apart(probe: Probe, data: PreparedData) -> None:
    """Refuse a probe that has heard test songs: its predictions for other songs contain their labels."""
    test = data.split("test")
    heard = sum(int(clip) in probe.out_of_fold.by_clip for clip in data.store.checksums[test.rows])
    if heard:
        raise InputError(
            f"{probe.folder}: was trained on {heard} of the {len(test)} test songs of {data.folder}, so that the "
            "student would learn from their labels; make a probe of the training songs alone"
        )


def _probe_predictions(
    folder: Path,
    music: Sequence[PreparedData],
    embeddings: Sequence[ClipEmbeddings],
    pseudo_labels: PseudoLabels | None,
    places: Sequence[Path] = (),
) -> PseudoLabels:
    """A probe's predictions for all the music: out-of-fold ones for the songs that it was trained on.

    Args:
        folder: The probe's folder.
        music: Prepared folders.
        embeddings: Embeddings of their clips; each folder takes the first file that has all of them.
        pseudo_labels: Another teacher's predictions, which must not be there.
        places: The folder that each of the prepared ones was prepared from, for a probe that hears 164 features.

    Raises:
        InputError: There are no embeddings, there is another teacher, the probe was trained on test songs, or it hears
            features of the sound and `places` are not those of all the music.
    """
    from sentio_mobile.data.pseudo_labels import PseudoLabels
    from sentio_mobile.teacher.probe.label import probe_targets
    from sentio_mobile.teacher.probe.probe import Probe

    if pseudo_labels is not None:
        raise InputError(f"{folder}: is a probe, and pseudo-labels are another teacher; give one of them")
    if not embeddings:
        raise InputError(f"{folder}: is a probe, which predicts from embeddings; give the music's embeddings, too")
    probe = Probe.load(folder)
    _require_test_songs_apart(probe, music[0])
    if probe.needs_features and len(places) != len(music):
        raise InputError(
            f"{folder}: also hears 164 audio features; give as music the {len(music)} folders that data and unlabelled "
            f"were prepared from, in their order, not {len(places)}"
        )
    if places and not probe.needs_features:
        raise InputError(f"{folder}: hears embeddings alone, so that the music is not needed; leave it out")
    found = []
    for number, data in enumerate(music):
        covering = [one for one in embeddings if (one.find_rows(data.store.checksums) >= 0).all()]
        place = places[number] if places else None
        found.append(probe_targets(probe, data, (covering or list(embeddings))[0], music=place))
    digest = hashlib.sha256("".join(one.digest for one in found).encode()).hexdigest()
    return PseudoLabels(folder, {clip: label for one in found for clip, label in one.by_clip.items()}, digest)
