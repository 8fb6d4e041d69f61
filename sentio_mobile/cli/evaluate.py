"""`sentio-mobile evaluate`: how accurate models are, which is better, where they fail, and how robust they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import rich_click as click

import sentio_mobile
from sentio_mobile.cli.options import (
    PATH,
    Command,
    FiniteRange,
    data_option,
    known_format,
    signature_option,
    weak_labels_option,
)
from sentio_mobile.cli.output import console, json_option, print_json
from sentio_mobile.errors import InputError

if TYPE_CHECKING:
    from sentio_mobile.evaluation.results import EvaluationRun


@click.command(
    cls=Command,
    epilog="Example: sentio-mobile evaluate student=student-ckpt teacher=teacher-ckpt --data prepared --music DEAM "
    "--baselines --out evaluated\n\n"
    "With another sound font: sentio-mobile evaluate bundle --data prepared --other tim=prepared-tim --out evaluated",
)
@click.argument("models", nargs=-1)
@data_option
@click.option(
    "--music",
    type=PATH,
    help="The folder that --data was prepared from, or that of the manifest. Perturbations and latency need it.",
)
@click.option("--baselines", is_flag=True, help="Train the mean, Ridge, SVR, XGBoost and a CRNN on the same songs.")
@click.option(
    "--other",
    "others",
    multiple=True,
    metavar="NAME=PREPARED",
    help="The same songs played otherwise, with another sound font for example. May be given more than once.",
)
@click.option(
    "--other-music",
    "other_music",
    multiple=True,
    metavar="NAME=FOLDER",
    help="The audio that an --other was prepared from, for models that take PCM.",
)
@click.option(
    "--format",
    "format_name",
    callback=known_format,
    help="Format of a bundle to evaluate (default: onnx, or the first that it has).",
)
@click.option(
    "--split", type=click.Choice(["test", "val"]), default="test", show_default=True, help="Songs to evaluate on."
)
@click.option(
    "--over",
    type=click.Choice(["songs", "groups"]),
    default="songs",
    show_default=True,
    help="What the bootstrap resamples. Intervals over groups hold for artists that are not in the data.",
)
@click.option(
    "--tolerance",
    type=FiniteRange(0, 2, min_open=True),
    default=0.2,
    show_default=True,
    help="Largest distance between prediction and label that counts as a hit.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed for the bootstrap and the baselines.")
@click.option(
    "--skip",
    type=click.Choice(["robustness", "latency", "stability"]),
    multiple=True,
    help="Leave out a slow part: perturbations, or timing. An --other is compared all the same. stability is the old "
    "name of robustness.",
)
@click.option("--gan-samples", type=PATH, help="GAN samples, from `teacher gan sample`, to show beside real songs.")
@weak_labels_option
@signature_option
@click.option(
    "--weak-labels-music",
    "weak_music",
    multiple=True,
    metavar="NAME=FOLDER",
    help="The audio that the folder NAME of --weak-labels was prepared from, for models that take PCM.",
)
@click.option(
    "--out",
    type=PATH,
    default=Path("evaluation"),
    show_default=True,
    help="Folder for evaluation.html, evaluation.json and the baselines.",
)
@json_option
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
    gan_samples: Path | None,
    weak_labels: tuple[tuple[Path, Path], ...],
    weak_music: tuple[str, ...],
    signature_key: Path | None,
    out: Path,
) -> None:
    """Evaluate checkpoints and bundles on songs that they were not trained on.

    Each of MODELS is a checkpoint, a bundle, an artifact in a bundle, or NAME=PATH. Figures come with bootstrap 95%
    intervals, any two models are compared on the same songs, and the worst songs are listed. With --music, clips are
    perturbed (gain, equalizer, noise, mp3, a later start) and models are timed. With --weak-labels, models tell high
    from low on music without numbers, which they must not have been trained on.
    """
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.cli.results import show_models
    from sentio_mobile.evaluation.page import PAGE

    if baselines and music is None:
        raise InputError("--baselines compute features from the audio itself: give its folder as --music")
    with ProgressBars() as progress:
        run = sentio_mobile.evaluate(
            [_parse_model(argument) for argument in models],
            data=data_folder,
            out=out,
            music=music,
            baselines=baselines,
            others=_parse_others(others, other_music),
            format=format_name,
            split=cast(Any, split),
            over=cast(Any, over),
            tolerance=tolerance,
            seed=seed,
            skip=cast(Any, ["robustness" if part == "stability" else part for part in skip]),
            gan_samples=gan_samples,
            weak_labels=_with_music(weak_labels, weak_music),
            require_signature=signature_key,
            progress=progress,
        )
    show_models(run)
    _show_weak_labels(run, expected=len(weak_labels))
    console.print(f"Report: {out / PAGE}", markup=False)
    print_json(run)


def _show_weak_labels(run: EvaluationRun, expected: int) -> None:
    for model in run.models:
        if len(model.weak_labels) < expected:
            console.print(
                f"{model.name} needs PCM, and prepared music keeps only log-mels: no AUC on weak labels; give their "
                "audio (--weak-labels-music NAME=FOLDER)",
                markup=False,
                soft_wrap=True,
            )
        for result in model.weak_labels:
            auc = ", ".join(f"{name} {interval}" for name, interval in result.auc.items())
            console.print(f"{model.name}: AUC on {result.clips} clips of {result.name}: {auc}", markup=False)


def _with_music(
    weak_labels: tuple[tuple[Path, Path], ...], music: tuple[str, ...]
) -> list[tuple[Path, Path] | tuple[Path, Path, Path]]:
    """Add to each folder of weakly labelled music the folder of its audio, if that is given."""
    audio = _parse_named("--weak-labels-music", music)
    names = {folder.resolve().name for folder, _ in weak_labels}
    if unknown := sorted(audio.keys() - names):
        raise InputError(
            f"--weak-labels-music {unknown[0]}: there is no folder of this name in --weak-labels, only "
            f"{', '.join(sorted(names)) or 'none'}"
        )
    return [
        (folder, csv, audio[name]) if (name := folder.resolve().name) in audio else (folder, csv)
        for folder, csv in weak_labels
    ]


def _parse_model(argument: str) -> tuple[str | None, Path]:
    """Split NAME=PATH; an existing path may have = in its name."""
    name, equals, path = argument.partition("=")
    return (None, Path(argument)) if not equals or Path(argument).exists() else (name, Path(path))


def _parse_others(prepared: tuple[str, ...], music: tuple[str, ...]) -> dict[str, Path | tuple[Path, Path]]:
    folders, audio = _parse_named("--other", prepared), _parse_named("--other-music", music)
    for name in audio:
        if name not in folders:
            raise InputError(f"--other-music {name}: there is no --other of this name")
    return {name: (folder, audio[name]) if name in audio else folder for name, folder in folders.items()}


def _parse_named(option: str, arguments: tuple[str, ...]) -> dict[str, Path]:
    named = {}
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if not equals or not name:
            raise InputError(f"{option} {argument}: give it a name, NAME=FOLDER")
        named[name] = Path(path)
    return named
