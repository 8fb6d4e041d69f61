"""`sentio-mobile evaluate`: how right models are, where they fail, which is better, and what disturbs them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from sentio_mobile.cli.options import console, data_option, sides_option
from sentio_mobile.errors import InputError

if TYPE_CHECKING:
    from sentio_mobile.data.prepared import PreparedData
    from sentio_mobile.evaluation.results import EvaluationRun


@click.command(
    epilog="Example: sentio-mobile evaluate student=student-ckpt teacher=teacher-ckpt --data prepared --music DEAM "
    "--baselines --out evaluated\n\n"
    "Another sound font: sentio-mobile evaluate bundle --data prepared --other tim=prepared-tim --out evaluated"
)
@click.argument("models", nargs=-1)
@data_option
@click.option(
    "--music",
    type=click.Path(path_type=Path),
    help="The folder that was prepared, or that of the manifest: needed to disturb and to time.",
)
@click.option("--baselines", is_flag=True, help="Train the mean, Ridge, SVR, XGBoost and a CRNN on the same songs.")
@click.option(
    "--other",
    "others",
    multiple=True,
    metavar="NAME=PREPARED",
    help="The same songs played otherwise, with another sound font for example.",
)
@click.option(
    "--other-music",
    "other_music",
    multiple=True,
    metavar="NAME=FOLDER",
    help="The audio that an --other was prepared from, for models that want the sound itself.",
)
@click.option(
    "--format", "format_name", help="Which format of a bundle is evaluated (default: onnx, or the first it has)."
)
@click.option(
    "--split", type=click.Choice(["test", "val"]), default="test", show_default=True, help="Whose songs are heard."
)
@click.option(
    "--over",
    type=click.Choice(["songs", "groups"]),
    default="songs",
    show_default=True,
    help="What the bootstrap draws: groups say how figures move with artists that were never heard.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 2, min_open=True),
    default=0.2,
    show_default=True,
    help="How far an answer may lie from its label to be a hit.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the bootstrap and of the baselines.")
@click.option(
    "--skip",
    type=click.Choice(["robustness", "latency", "stability"]),
    multiple=True,
    help="Leave out what takes long; `stability` is the former name of `robustness`.",
)
@click.option(
    "--synthetic",
    type=click.Path(path_type=Path),
    help="Made-up songs to show beside real ones, as `teacher gan sample` wrote them.",
)
@sides_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("evaluation"),
    show_default=True,
    help="Folder for evaluation.html, evaluation.json, and what the baselines keep.",
)
def evaluate(
    models: tuple[str, ...],
    data_folder: Path,
    music: Path | None,
    baselines: bool,
    others: tuple[str, ...],
    other_music: tuple[str, ...],
    format_name: str | None,
    split: str,
    over: str,
    tolerance: float,
    seed: int,
    skip: tuple[str, ...],
    synthetic: Path | None,
    sides: tuple[tuple[Path, Path], ...],
    out: Path,
) -> None:
    """Evaluate checkpoints and bundles on songs that they have not learnt from.

    Each of MODELS is a folder that training or `export` wrote, an artifact in a bundle, or NAME=PATH. Figures come with
    bootstrap intervals, any two models are compared on the same songs, and the songs that are missed most are named.
    With --music, clips are disturbed (gain, equalizer, noise, mp3, a later start), and models are timed. With --sides,
    models tell high from low on music that has no numbers, and that they have not learnt from.
    """
    from typing import cast

    from sentio_mobile.cli.bars import Bars
    from sentio_mobile.cli.results import show_models
    from sentio_mobile.data.gan_samples import open_gan_samples
    from sentio_mobile.data.prepared import open_data
    from sentio_mobile.evaluation.evaluate import EvaluationOptions, Part, evaluate_models
    from sentio_mobile.evaluation.page import PAGE, write_evaluation
    from sentio_mobile.evaluation.results import Over, SplitName

    if not models and not baselines:
        raise InputError("nothing to evaluate: name checkpoints or bundles, or ask for --baselines")
    if baselines and music is None:
        raise InputError("--baselines compute features from the audio itself: give its folder as --music")
    data = open_data(data_folder)
    # Opened before any work: what is wrong with the arguments is said at once.
    gan_samples = None if synthetic is None else open_gan_samples(synthetic)
    renderings = _others(others, other_music)
    from sentio_mobile.data.weak_labels import read_weak_labels

    weak_labels = [(open_data(folder), read_weak_labels(path)) for folder, path in sides]
    from sentio_mobile.evaluation.evaluated_model import open_model

    evaluated = [open_model(path, name, format_name) for name, path in map(_named, models)]
    options = EvaluationOptions(
        split=cast(SplitName, split),
        over=cast(Over, over),
        tolerance=tolerance,
        seed=seed,
        skip=cast(tuple[Part, ...], tuple("robustness" if part == "stability" else part for part in skip)),
        music=music,
        renderings=renderings,
        weak_labels=weak_labels,
    )
    with Bars() as bars:
        if baselines and music is not None:
            from sentio_mobile.evaluation.baselines import train_baselines

            evaluated += train_baselines(data, music, work=out / "baselines", seed=seed, progress=bars)
        _require_different([model.name for model in evaluated])
        run = evaluate_models(evaluated, data, options, bars)
    write_evaluation(out, run, data=data, models=evaluated, gan_samples=gan_samples)
    show_models(run)
    _show_weak_labels(run, expected=len(sides))
    console.print(f"Report: {out / PAGE}")


def _show_weak_labels(run: EvaluationRun, expected: int) -> None:
    for model in run.models:
        if len(model.weak_labels) < expected:
            console.print(
                f"{model.name} needs PCM, and prepared music keeps only log-mels: no AUC on weak labels", markup=False
            )
        for result in model.weak_labels:
            auc = ", ".join(f"{name} {interval}" for name, interval in result.auc.items())
            console.print(f"{model.name}: AUC on {result.clips} clips of {result.name}: {auc}", markup=False)


def _named(argument: str) -> tuple[str | None, Path]:
    """NAME=FOLDER, or a folder alone; one that exists may have = in its name."""
    name, sign, place = argument.partition("=")
    return (None, Path(argument)) if not sign or Path(argument).exists() else (name, Path(place))


def _others(prepared: tuple[str, ...], music: tuple[str, ...]) -> dict[str, tuple[PreparedData, Path | None]]:
    from sentio_mobile.data.prepared import open_data

    places, sounds = _places("--other", prepared), _places("--other-music", music)
    for name in sounds:
        if name not in places:
            raise InputError(f"--other-music {name}: there is no --other of this name")
    return {name: (open_data(place), sounds.get(name)) for name, place in places.items()}


def _places(option: str, arguments: tuple[str, ...]) -> dict[str, Path]:
    places = {}
    for argument in arguments:
        name, sign, place = argument.partition("=")
        if not sign or not name:
            raise InputError(f"{option} {argument}: say what it is called, NAME=FOLDER")
        places[name] = Path(place)
    return places


def _require_different(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two models are called {name!r}; tell them apart by NAME=FOLDER")
