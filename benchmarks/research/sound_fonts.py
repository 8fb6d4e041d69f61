"""Measure whether teachers depend on the sound font: the same pieces in several fonts, one of them not in training.

    python benchmarks/research/sound_fonts.py OUT.json --heard FLUID MUSESCORE OPL3 --unheard TIMGM --start CKPT
        --seeds 0,1,2

Each folder has a `manifest.csv` of the same songs, rendered with another sound font. For each seed, songs are split by
group. One teacher is trained on the first font, one on all fonts of `--heard` (a random one for each song in each
epoch), and one on these with a random equalizer and gain drift. All have the same songs, steps and initial weights.
They are tested on the first font and on the font of `--unheard`. OUT.json is rewritten after each training.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.records import replace, to_plain
from sentio_mobile.audio.image import to_input_batch
from sentio_mobile.benchmarks.machine import describe_machine
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, Split, open_data
from sentio_mobile.metrics.agreement import paired_difference
from sentio_mobile.metrics.evaluation import SplitEvaluation, evaluate
from sentio_mobile.models.checkpoint import Checkpoint, package_versions
from sentio_mobile.recipes import load_recipe
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.train import train_teacher

FRACTIONS = (0.6, 0.15, 0.25)
EQUALIZER_AND_GAIN = {"equalizer_db": 12.0, "gain_db": 6.0}
"""Augmentation of the third teacher."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, test, and write OUT.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--heard", type=Path, nargs="+", required=True)
    parser.add_argument("--unheard", type=Path, required=True)
    parser.add_argument("--recipe", default="vit_small")
    parser.add_argument("--start", type=Path)
    parser.add_argument("--seeds", type=lambda text: [int(n) for n in text.split(",")], default=[0, 1, 2])
    options = parser.parse_args(arguments)
    recipe = load_recipe(TeacherRecipe, options.recipe, "teacher")
    start = Checkpoint.load(options.start) if options.start else None
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in options.seeds:
            fonts = [prepared(place, Path(folder), seed) for place in (*options.heard, options.unheard)]
            heard, unheard = fonts[:-1], fonts[-1]
            ways = {
                "one font": (heard[:1], recipe),
                "all heard fonts": (heard, recipe),
                "all heard fonts, equalizer and gain": (heard, with_equalizer(recipe)),
            }
            for way, (sounds, how) in ways.items():
                how = replace(how, training=replace(how.training, seed=seed))
                out = Path(folder) / f"{seed}-{len(runs)}"
                teacher = train_teacher(learning(fonts[-1], sounds), how, out=out, start=start)
                runs.append({"seed": seed, "way": way, **tested(teacher, heard[0], unheard, seed)})
                print(seed, way, *(runs[-1][name]["metrics"] for name in ("heard", "unheard")), flush=True)
                record = {
                    "recipe": to_plain(recipe),
                    "equalizer_and_gain": EQUALIZER_AND_GAIN,
                    "first_weights": to_plain(start.data) if start else "random",
                    "songs": {name: len(split) for name, split in heard[0].splits.items()},
                    "runs": [{name: run[name] for name in run if name != "songs"} for run in runs],
                    "over_seeds": over_seeds(runs),
                    "machine": to_plain(describe_machine()),
                    "versions": package_versions(),
                }
                write_json(options.out, record)


def prepared(place: Path, folder: Path, seed: int) -> PreparedData:
    """Prepare the clips of one sound font, in a store that all fonts share."""
    out = folder / f"{place.name}-{seed}"
    skipped = prepare(
        place / "manifest.csv",
        out,
        recipe=DataRecipe(fractions=FRACTIONS, seed=seed),
        audio=AudioSpec(),
        store=folder / "store",
    )
    if skipped:
        raise SystemExit(f"every font must have every song: {skipped[0]}")
    return open_data(out)


def with_equalizer(recipe: TeacherRecipe) -> TeacherRecipe:
    """The recipe with equalizer and gain drift."""
    augment = replace(recipe.training.augment, **EQUALIZER_AND_GAIN)
    return replace(recipe, training=replace(recipe.training, augment=augment))


def learning(newest: PreparedData, fonts: list[PreparedData]) -> PreparedData:
    """The songs of the first font, each with the clips of all fonts as windows.

    Args:
        newest: The data that was prepared last, whose memory map of the store includes all clips.
        fonts: The fonts.
    """

    def together(name: str) -> Split:
        rows = [split.split(name).rows for split in fonts]
        first = fonts[0].split(name)
        assert all(font.split(name).song_ids == first.song_ids for font in fonts)
        windows = np.stack(rows, axis=1)
        return replace(first, windows=windows, window_labels=np.repeat(first.labels[:, None], windows.shape[1], axis=1))

    return replace(fonts[0], store=newest.store, splits={name: together(name) for name in fonts[0].splits})


def tested(teacher: Checkpoint, heard: PreparedData, unheard: PreparedData, seed: int) -> dict[str, Any]:
    """Metrics of the test songs in two fonts, and their paired difference."""
    test = heard.split("test")
    assert unheard.split("test").song_ids == test.song_ids
    predictions = {name: predict(teacher, font) for name, font in (("heard", heard), ("unheard", unheard))}
    metrics = {name: figures(evaluate(test.song_ids, test.labels, predictions[name], seed)) for name in predictions}
    change = paired_difference(test.labels, predictions["heard"], predictions["unheard"], seed)
    return {
        **metrics,
        "unheard_minus_heard": {name: to_plain(value) for name, value in change.items()},
        "epochs": len(teacher.history),
        "songs": {"ids": test.song_ids, "truth": test.labels, **predictions},
    }


def figures(evaluation: SplitEvaluation) -> dict[str, Any]:
    """An evaluation without songs, labels and predictions."""
    values = to_plain(evaluation)
    return {name: values[name] for name in ("n", "metrics", "bootstrap")}


def predict(teacher: Checkpoint, font: PreparedData) -> NDArray[np.float32]:
    """A teacher's predictions for the test songs of one font [songs, 2]."""
    log_mels = torch.from_numpy(np.asarray(font.mels[font.split("test").rows], dtype=np.float32))
    with torch.inference_mode():
        return torch.cat([teacher.model(to_input_batch(part, teacher.spec)) for part in log_mels.split(16)]).numpy()


def over_seeds(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Metrics over the test songs of all seeds, and the paired difference of each way from the first.

    A song that is tested with several seeds counts several times, so the intervals are somewhat too narrow.
    """
    table: dict[str, Any] = {}
    ways = list(dict.fromkeys(run["way"] for run in runs))
    seeds = set.intersection(*({run["seed"] for run in runs if run["way"] == way} for way in ways))
    pooled = (
        {
            way: {
                name: np.concatenate([run["songs"][name] for run in runs if run["way"] == way and run["seed"] in seeds])
                for name in ("truth", "heard", "unheard")
            }
            for way in ways
        }
        if seeds
        else {}
    )
    for way, sets in pooled.items():
        ids = tuple(str(i) for i in range(len(sets["truth"])))
        table[way] = {font: figures(evaluate(ids, sets["truth"], sets[font], 0)) for font in ("heard", "unheard")}
        first = pooled[ways[0]]["unheard"]
        gain = paired_difference(sets["truth"], first, sets["unheard"], 0)
        table[way]["gain_on_the_unheard_font"] = {name: to_plain(value) for name, value in gain.items()}
    return table


if __name__ == "__main__":
    main()
