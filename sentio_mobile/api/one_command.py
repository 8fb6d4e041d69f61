"""From labelled songs to a judged bundle in one call: `train`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentio_mobile._internal.progress import Progress
    from sentio_mobile.data.config import Columns, TableSettings
    from sentio_mobile.pipeline.train import TrainResult


def train(
    songs: str | Path | Sequence[str | Path],
    *,
    out: str | Path,
    unlabelled: Sequence[str | Path] = (),
    weak_labels: Sequence[tuple[str | Path, str | Path]] = (),
    encoder: str | None = None,
    scale: tuple[float, float] | str | None = None,
    columns: Columns | None = None,
    tables: Sequence[TableSettings] = (),
    norms: str | Path | None = None,
    norms_scale: tuple[float, float] | str | None = None,
    recipe: str = "train",
    student_start: str | None = None,
    seed: int | None = None,
    anyway: bool = False,
    accelerator: str = "auto",
    logger: str = "csv",
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
) -> TrainResult:
    """Train a model from labelled songs with everything decided: teacher, student, export, verification and report.

    What `sentio-mobile train` does. A run that was stopped continues when it is called again with the same arguments. A
    script calls this below `if __name__ == "__main__":`, because worker processes read the script too.

    Example:
        ```python
        import sentio_mobile

        if __name__ == "__main__":
            result = sentio_mobile.train("songs.csv", unlabelled=["music/"], out="runs/mine")
            print(result.estimate.student.ccc["mean"])
            print(sentio_mobile.load("runs/mine/bundle").predict("song.mp3").valence)
        ```

    Args:
        songs: A CSV with the columns path, valence_mean, arousal_mean and, optionally, group and song_id; a data set's
            folder; or several of those.
        out: The folder of the run: bundle, report.html, estimate.json, student, teacher.
        unlabelled: Folders of music without labels, from which the student learns what its teacher hears; the folder
            of a data set with weak labels is learned with them.
        weak_labels: Pairs of a CSV (song_id, v_high, a_high) and the folder of its audio.
        encoder: The encoder that the teacher hears with; "none" trains without one. The default is the recipe's.
        scale: Lowest and highest label of a CSV. The default is the recipe's, which guesses it.
        columns: Names of a CSV's columns, by what they hold, as in `prepare`.
        tables: Scale and columns of each CSV of several, in their order, in place of `scale` and `columns`.
        norms: A CSV of word norms, by which songs get labels from their tags.
        norms_scale: Lowest and highest norm; guessed without it.
        recipe: A recipe's name, "train", or the path of a .toml file.
        student_start: The student's first weights: "default", "random" or a checkpoint folder. The default is the
            recipe's.
        seed: Random seed of splits, weights, probe and bootstrap. The default is the recipe's.
        anyway: Whether to go on where labels say no more than shuffled ones.
        accelerator: "auto", "cpu", "gpu" or "mps", for the student.
        logger: "csv", which is always written, or "tensorboard", "wandb" or "mlflow" too.
        progress: Receives the progress of every stage.
        announce: Receives a line of text when a stage begins or is skipped, or a song cannot be used.

    Returns:
        `estimate`: CCC of teacher, student and int8 on songs that they had not heard; `summary`: the outcome of every
        gate and of the verification.

    Raises:
        RecipeError: There is no such recipe, or a setting is wrong.
        LabelError: Labels, weak labels or a folder of music are wrong.
        DataError: There are too few songs, or labels say no more than shuffled ones.
        InputError: The encoder is not installed.
        OutputError: `out` holds something that no earlier run made.
    """
    from sentio_mobile._internal.progress import NoProgress
    from sentio_mobile.api.inputs import to_scale
    from sentio_mobile.data.config import TableSettings
    from sentio_mobile.pipeline.plan import read_inputs
    from sentio_mobile.pipeline.recipes import load_train_recipe

    first, *more = [Path(songs)] if isinstance(songs, str | Path) else map(Path, songs)
    one = TableSettings(scale=to_scale(scale), columns=columns or {})
    settings = load_train_recipe(
        recipe,
        source=first,
        more_sources=more,
        unlabelled=[Path(folder) for folder in unlabelled],
        weak_labels=[(Path(labels), Path(folder)) for labels, folder in weak_labels],
        encoder=encoder,
        student_start=student_start,
        tables=tuple(tables) or (one,),
        norms=None if norms is None else Path(norms),
        norms_scale=to_scale(norms_scale),
        seed=seed,
    )
    inputs = read_inputs(settings)
    # Torch takes seconds to import, so wrong arguments are reported before it is.
    from sentio_mobile.pipeline.costs import open_encoder
    from sentio_mobile.pipeline.train import Training
    from sentio_mobile.training.trainer import Hardware

    open_encoder(settings)
    say = announce or (lambda line: None)
    for note in inputs.source.notes:
        say(f"note: {note}")
    training = Training(
        folder=Path(out),
        recipe=settings,
        inputs=inputs,
        progress=progress or NoProgress(),
        announce=say,
        anyway=anyway,
        hardware=Hardware(accelerator=accelerator, logger=logger),
    )
    result = training.run()
    for line in training.skipped:
        say(line)
    return result
