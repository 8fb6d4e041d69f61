"""From music without labels to a student's first weights: `pretrain`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sentio_mobile.api.inputs import to_data, to_embeddings
from sentio_mobile.errors import InputError

if TYPE_CHECKING:
    from sentio_mobile._internal.progress import Progress
    from sentio_mobile.data.prepared import PreparedData
    from sentio_mobile.distill.config import PretrainRecipe
    from sentio_mobile.models.checkpoint import Checkpoint


def pretrain(
    *,
    data: Sequence[str | Path | PreparedData],
    out: str | Path,
    recipe: str | PretrainRecipe = "mobilevit",
    embeddings: Sequence[str | Path] = (),
    steps: int | None = None,
    pseudo_labels: str | Path | None = None,
    devices: int = 1,
    nodes: int = 1,
    strategy: str = "auto",
    accelerator: str = "auto",
    logger: str = "csv",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Checkpoint:
    """Let a student hear music without labels before it is distilled.

    It learns what an audio encoder makes of every few seconds of the music, and the encoder's tags: those that are
    stored or, with a recipe that has a table `[online]`, those that musicnn gives to each clip as the student hears it.
    A run that was stopped continues when it is called again with the same arguments.

    Example:
        ```python
        import sentio_mobile

        student = sentio_mobile.pretrain(data=["prepared"], embeddings=["embeddings.safetensors"], out="first-ckpt")
        print(student.history[-1]["val_r2"])
        ```

    Args:
        data: Prepared folders, or what `prepare` returned. Of a folder with labels the training songs are used, without
            their labels.
        out: The checkpoint folder to write.
        recipe: A recipe's name: "mobilevit" (7.3 M parameters), "mobilevit_xs" (2.0 M), or the same with "_frames" for
            all frames of the log-mel and an online teacher; the path of a .toml file; or a recipe object.
        embeddings: For a recipe without an online teacher: files that `sentio-mobile teacher embed` wrote for all of
            this music.
        steps: Training steps, in place of the recipe's.
        pseudo_labels: A CSV of a teacher's predictions for all of this music, learned beside the embeddings.
        devices: Processes or GPUs on each machine.
        nodes: Number of machines.
        strategy: Lightning's strategy, such as "ddp" or "fsdp".
        accelerator: "auto", "cpu", "gpu" or "mps".
        logger: "csv", which is always written, or "tensorboard", "wandb" or "mlflow" too.
        overwrite: Whether an existing `out` is overwritten.
        progress: Receives the progress, step by step.

    Returns:
        The student's checkpoint. The last row of its history says how well music that was held out is predicted.

    Raises:
        RecipeError: There is no such recipe, or a setting is wrong.
        InputError: There is no music; no embeddings, or some beside an online teacher; or musicnn is not installed.
        DataError: Folders have different front ends, or clips have no embeddings or pseudo-labels.
        TrainingError: Too little music, a loss that is not finite, or a loss term that has no effect.
        OutputError: `out` exists, or cannot be written.
    """
    from sentio_mobile._internal.files import require_free
    from sentio_mobile._internal.records import replace
    from sentio_mobile.data.pseudo_labels import read_pseudo_labels
    from sentio_mobile.distill.config import PretrainRecipe
    from sentio_mobile.recipes import load_recipe

    require_free(Path(out), overwrite)
    if not data:
        raise InputError("pretraining needs music: name at least one prepared folder")
    settings = load_recipe(PretrainRecipe, recipe, "distill/pretrain") if isinstance(recipe, str) else recipe
    if settings.online is None and not embeddings:
        raise InputError("the recipe has no online teacher: give embeddings of the music, or add a table [online]")
    if settings.online is not None and embeddings:
        raise InputError("the recipe has an online teacher: leave the embeddings out, or take its table [online] out")
    if steps is not None:
        settings = replace(settings, steps=steps)
    music = [to_data(folder) for folder in data]
    found = to_embeddings(embeddings)
    predictions = None if pseudo_labels is None else read_pseudo_labels(Path(pseudo_labels))
    # Torch takes seconds to import, so wrong arguments are reported before it is.
    from sentio_mobile.distill.pretrain import pretrain as pretrain_student
    from sentio_mobile.training.trainer import Hardware

    return pretrain_student(
        music,
        found,
        recipe=settings,
        out=Path(out),
        pseudo_labels=predictions,
        hardware=Hardware(devices, nodes, strategy, accelerator, logger),
        overwrite=overwrite,
        progress=progress,
    )
