"""How accurate models are, which is better, and where they fail: `evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile.api.inputs import to_data, to_weak_labels
from sentio_mobile.errors import InputError

if TYPE_CHECKING:
    from sentio_mobile._internal.progress import Progress
    from sentio_mobile.data.prepared import PreparedData
    from sentio_mobile.evaluation.results import EvaluationRun


def evaluate(
    models: Mapping[str, str | Path] | Sequence[str | Path | tuple[str | None, str | Path]],
    *,
    data: str | Path | PreparedData,
    out: str | Path | None = None,
    music: str | Path | None = None,
    baselines: bool = False,
    others: Mapping[str, str | Path | tuple[str | Path, str | Path]] | None = None,
    format: str | None = None,
    split: Literal["test", "val"] = "test",
    over: Literal["songs", "groups"] = "songs",
    tolerance: float = 0.2,
    seed: int = 0,
    skip: Sequence[Literal["robustness", "latency"]] = (),
    gan_samples: str | Path | None = None,
    weak_labels: Sequence[tuple[str | Path, str | Path] | tuple[str | Path, str | Path, str | Path]] = (),
    require_signature: str | Path | None = None,
    progress: Progress | None = None,
) -> EvaluationRun:
    """Evaluate checkpoints and bundles on the same songs, and compare any two of them.

    Example:
        ```python
        import sentio_mobile

        models = {"student": "student-ckpt", "teacher": "teacher-ckpt"}
        run = sentio_mobile.evaluate(models, data="prepared")
        for model in run.models:
            print(model.name, model.metrics["mean"]["ccc"])
        ```

    Args:
        models: Checkpoint folders, bundle folders or single artifacts of a bundle: a mapping from the names that the
            report uses, a list of paths, or a list of pairs of a name and a path.
        data: A prepared folder, or what `prepare` returned.
        out: Folder for evaluation.html and evaluation.json. Nothing is written by default.
        music: The folder that `data` was prepared from. Perturbations, latency and baselines need it.
        baselines: Whether the mean, Ridge, SVR, XGBoost and a CRNN are trained on the same songs, for comparison. They
            are kept in `out`.
        others: Prepared folders with the same songs played otherwise, by name; each alone, or with the folder of its
            audio.
        format: Which format of a bundle is evaluated. The default is "onnx", or the first that the bundle has.
        split: The songs to evaluate on.
        over: What the bootstrap resamples: songs, or whole groups of them.
        tolerance: Largest distance between prediction and label, 0 to 2, that counts as a hit in McNemar's test.
        seed: Random seed for the bootstrap and the baselines.
        skip: Slow parts to leave out: "robustness" perturbs the audio, and does not concern `others`.
        gan_samples: GAN samples to show beside real songs in the report.
        weak_labels: Pairs of a prepared folder without labels and a CSV (song_id, v_high, a_high): the area under the
            ROC curve is measured on them. The folder of its audio may be added, for models that need PCM.
        require_signature: A public key, as PEM: only bundles that its owner signed are opened. Checkpoints and probes
            hold data alone, and have no signature.
        progress: Receives the progress, model by model.

    Returns:
        Every figure with its bootstrap 95% interval.

    Raises:
        InputError: There is no model, two have one name, or a prediction is not a number.
        CheckFailedError: The signature of a bundle does not hold.
        DataError: Too few songs, or audio is missing.
        OutputError: `out` cannot be written.
    """
    from sentio_mobile.data.gan_samples import open_gan_samples

    if not models and not baselines:
        raise InputError("nothing to evaluate: name checkpoints or bundles, or ask for baselines")
    if baselines and (music is None or out is None):
        raise InputError(
            "baselines compute features from the audio itself and are kept: give its folder as music, and out"
        )
    songs = to_data(data)
    samples = None if gan_samples is None else open_gan_samples(Path(gan_samples))
    renderings = {name: _with_music(place) for name, place in (others or {}).items()}
    listed = to_weak_labels([(folder, csv) for folder, csv, *_ in weak_labels])
    weakly_labelled = [
        (*pair, Path(given[2]) if len(given) > 2 else None) for pair, given in zip(listed, weak_labels, strict=True)
    ]
    named = models.items() if isinstance(models, Mapping) else map(_with_name, models)
    # Torch takes seconds to import, so wrong arguments are reported before it is.
    from sentio_mobile.evaluation.evaluate import EvaluationOptions, evaluate_models
    from sentio_mobile.evaluation.evaluated_model import open_model
    from sentio_mobile.evaluation.page import write_evaluation

    key = None if require_signature is None else Path(require_signature)
    evaluated = [open_model(Path(path), name, format, key=key) for name, path in named]
    if baselines and music is not None and out is not None:
        from sentio_mobile.evaluation.baselines import train_baselines

        evaluated += train_baselines(
            songs, Path(music), work=Path(out) / "baselines", seed=seed, progress=progress or NoProgress()
        )
    _require_different([model.name for model in evaluated])
    options = EvaluationOptions(
        split=split,
        over=over,
        tolerance=tolerance,
        seed=seed,
        skip=skip,
        music=None if music is None else Path(music),
        renderings=renderings,
        weak_labels=weakly_labelled,
    )
    run = evaluate_models(evaluated, songs, options, progress)
    if out is not None:
        write_evaluation(Path(out), run, data=songs, models=evaluated, gan_samples=samples)
    return run


def _with_name(model: str | Path | tuple[str | None, str | Path]) -> tuple[str | None, str | Path]:
    return model if isinstance(model, tuple) else (None, model)


def _with_music(place: str | Path | tuple[str | Path, str | Path]) -> tuple[PreparedData, Path | None]:
    if isinstance(place, tuple):
        prepared, music = place
        return to_data(prepared), Path(music)
    return to_data(place), None


def _require_different(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"two models are called {name!r}; give each a name of its own, NAME=FOLDER on the command line"
            )
