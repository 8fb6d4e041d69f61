"""From labelled songs to a judged bundle in one call: `train`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sentio_mobile._internal.progress import Progress
    from sentio_mobile.pipeline.train import TrainResult


def train(
    songs: str | Path,
    *,
    out: str | Path,
    unlabelled: Sequence[str | Path] = (),
    weak_labels: Sequence[tuple[str | Path, str | Path]] = (),
    encoder: str | None = None,
    scale: Literal["1-9", "-1-1"] | None = None,
    recipe: str = "train",
    student_start: str | None = None,
    seed: int | None = None,
    anyway: bool = False,
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
        songs: A CSV with the columns path, valence_mean, arousal_mean and, optionally, group and song_id; or a data
            set's folder.
        out: The folder of the run: bundle, report.html, estimate.json, student, teacher.
        unlabelled: Folders of music without labels, from which the student learns what its teacher hears.
        weak_labels: Pairs of a CSV (song_id, v_high, a_high) and the folder of its audio.
        encoder: The encoder that the teacher hears with; "none" trains without one. The default is the recipe's.
        scale: Scale of the labels in a CSV. The default is the recipe's.
        recipe: A recipe's name, "train", or the path of a .toml file.
        student_start: The student's first weights: "default", "random" or a checkpoint folder. The default is the
            recipe's.
        seed: Random seed of splits, weights, probe and bootstrap. The default is the recipe's.
        anyway: Whether to go on where labels say no more than shuffled ones.
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
    from sentio_mobile.pipeline.plan import read_inputs
    from sentio_mobile.recipes import load_train_recipe

    settings = load_train_recipe(
        recipe,
        source=Path(songs),
        unlabelled=[Path(folder) for folder in unlabelled],
        weak_labels=[(Path(labels), Path(folder)) for labels, folder in weak_labels],
        encoder=encoder,
        student_start=student_start,
        scale=scale,
        seed=seed,
    )
    inputs = read_inputs(settings)
    # Torch takes seconds to import, so wrong arguments are reported before it is.
    from sentio_mobile.pipeline.costs import open_encoder
    from sentio_mobile.pipeline.train import Training

    open_encoder(settings)
    say = announce or (lambda line: None)
    training = Training(
        folder=Path(out),
        recipe=settings,
        inputs=inputs,
        progress=progress or NoProgress(),
        announce=say,
        anyway=anyway,
    )
    result = training.run()
    for line in training.skipped:
        say(line)
    return result
