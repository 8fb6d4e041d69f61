"""Measure the size and the speed of students, and draw accuracy against latency.

    python benchmarks/research/students.py OUT
    python benchmarks/research/students.py OUT --students mobilevit_xs,timm:repvit_m0_9@128x224,musicnn:3 --runs 200
    python benchmarks/research/students.py OUT --measured --accuracy mobilevit record.json --accuracy musicnn other.json

A student is the name of a recipe in distill/recipes, `timm:NAME` or `timm:NAME@HEIGHTxWIDTH` for a network of timm,
`musicnn:N` for the recipe `musicnn` with N parts of 3 s, or `teacher:NAME` for the network of a recipe in
teacher/recipes. All have random weights, whose norms were set by generated music: neither size nor speed depends on
training. Each is converted in a process of its own, by the code that makes a bundle's artifacts. All artifacts are then
timed in turns at one thread; the front end, which is the same for every student, is not in these times.
OUT/students.json has parameters, multiply-accumulates, megabytes, times, and the ratio of each median to that of the
default student in the same format and precision, with a bootstrap interval over rounds. What could not be converted is
there with why.

--accuracy gives the accuracy of a student by the names above: a record of `pretrained_students.py`. For each measure
OUT/students-MEASURE.png and .svg are drawn: latency ratio and accuracy with its interval over groups, an area for the
size of the file, and a line through the students that no other beats in both.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray
from pretrained_students_figures import STUDENT, CrossValidation, Figure, Figures

from sentio_mobile._internal.charts import LIGHT, write_chart
from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.records import read_record, replace, to_plain
from sentio_mobile.audio.image import clip_to_image
from sentio_mobile.benchmarks.latency import ratio_of, time_in_turns
from sentio_mobile.benchmarks.machine import describe_machine
from sentio_mobile.benchmarks.peers import make_peer
from sentio_mobile.data.generated import draw_songs, render
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.formats.registry import get_format
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.checkpoint import package_versions
from sentio_mobile.models.config import TimmSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.quantization.layer_choice import quantizable_layers
from sentio_mobile.recipes import load_recipe
from sentio_mobile.spec import AudioSpec, ModelSpec, Precision
from sentio_mobile.teacher.config import TeacherRecipe

DEFAULT = "mobilevit"
STUDENTS = (
    *(DEFAULT, "mobilevit_xs", "musicnn", "musicnn:2", "musicnn:8"),
    *(f"timm:{name}" for name in ("mobilenetv4_conv_small", "mobileone_s0", "repvit_m0_9", "fastvit_t8")),
    *(f"timm:{name}@128x224" for name in ("mobilenetv4_conv_small", "mobileone_s0", "repvit_m0_9", "fastvit_t8")),
)
PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")
MEASURES: dict[Figure, str] = {
    "auc valence": "AUC of valence",
    "auc valence, calm": "AUC of valence within calm music",
    "auc arousal": "AUC of arousal",
    "ccc": "mean CCC",
}
SONGS, WARM_UP = 8, 10
MIN_AREA, AREA_OF_MB = 12.0, 22.0
"""Area of a dot in square points: for an empty file, and added for each megabyte."""


@dataclass(frozen=True)
class Artifacts:
    """What one student became: facts for the record, and files by format and precision."""

    facts: dict[str, Any]
    paths: dict[tuple[str, Precision], Path]


def spec_for(student: str) -> ModelSpec:
    """The spec of a student by the name that the command takes."""
    kind, _, rest = student.partition(":")
    if kind == "teacher":
        teacher = load_recipe(TeacherRecipe, rest, "teacher")
        return spec_of(teacher.model, teacher.audio or AudioSpec())
    if kind == "timm":
        name, _, size = rest.partition("@")
        height, width = (int(side) for side in size.split("x")) if size else AudioSpec().image_size
        return spec_of(TimmSettings(name=name), AudioSpec(image_size=(height, width)))
    recipe = load_recipe(DistillRecipe, kind, "distill")
    model = replace(recipe.model, patches=int(rest)) if rest else recipe.model
    return spec_of(model, replace(AudioSpec(), image_size=recipe.image_size or AudioSpec().image_size))


def images_for(spec: ModelSpec, clips: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Images [clips, height, width] of generated music in the student's shape."""
    return np.stack([clip_to_image(clip, spec.audio) for clip in clips])


def make(student: str, images: NDArray[np.float32], formats: Sequence[str], folder: Path) -> Artifacts:
    """Convert a student to each format and precision. A conversion that fails is told with its reason."""
    torch.set_num_threads(1)
    spec = spec_for(student)
    made = make_peer(student, spec, images, wanted=dict.fromkeys(formats, PRECISIONS), folder=folder)
    model = build(spec)
    fold_norms(model.eval())
    weights = sum(layer.weight.numel() for layer in quantizable_layers(model).values())
    facts: dict[str, Any] = {
        "image_size": list(spec.audio.image_size),
        "parameters": made.parameters,
        "multiply_accumulates": made.multiply_accumulates,
        "artifacts": {},
        "failed": made.failed,
    }
    paths: dict[tuple[str, Precision], Path] = {}
    for artifact in made.artifacts:
        stored = get_format(artifact.format).stored_numbers(artifact.path)
        paths[artifact.format, artifact.precision] = artifact.path
        facts["artifacts"][f"{artifact.format} {artifact.precision}"] = {
            "megabytes": round(artifact.path.stat().st_size / 1e6, 3),
            "share_in_8_bits": round(min(1.0, (stored.get("int8", 0) + stored.get("uint8", 0)) / weights), 3),
        }
    return Artifacts(facts, paths)


def measure_all(students: Sequence[str], formats: Sequence[str], runs: int) -> dict[str, Any]:
    """Everything that the record holds."""
    names = list(dict.fromkeys([DEFAULT, *students]))
    rate = AudioSpec().sample_rate
    clips = [render(song, rate) for song in draw_songs(SONGS, seed=0)]
    made, runners, inputs = {}, {}, {}
    with tempfile.TemporaryDirectory() as place:
        for number, name in enumerate(names):
            spec, folder = spec_for(name), Path(place) / str(number)
            folder.mkdir()
            images = images_for(spec, clips)
            # In its own process, because models run slower in a process that has converted.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as worker:
                try:
                    made[name] = worker.submit(make, name, images, formats, folder).result()
                except BrokenProcessPool:
                    made[name] = Artifacts({"artifacts": {}, "failed": {"all": "the conversion's process died"}}, {})
            for (format_name, precision), path in made[name].paths.items():
                label = f"{name} {format_name} {precision}"
                runners[label] = get_format(format_name).open(path, spec, 1)
                inputs[label] = list(Calibration(images).inputs(spec))
            print(
                f"{name}: {len(made[name].paths)} artifacts; failed: {made[name].facts['failed'] or 'none'}", flush=True
            )
        times = time_in_turns(runners, inputs, runs=runs, warm_up=WARM_UP)
    for name, artifacts in made.items():
        for kind, row in artifacts.facts["artifacts"].items():
            row["p50_ms"] = round(float(np.median(times[f"{name} {kind}"])), 3)
            if (base := times.get(f"{DEFAULT} {kind}")) is not None:
                row["ratio"] = to_plain(ratio_of(times[f"{name} {kind}"], base))
    return {
        "machine": to_plain(describe_machine()),
        "versions": package_versions(),
        "threads": 1,
        "runs": runs,
        "ratios_to": DEFAULT,
        "students": {name: artifacts.facts for name, artifacts in made.items()},
    }


def front_of(points: dict[str, tuple[float, float]]) -> list[str]:
    """Those that no other beats in both latency and accuracy, from the fastest to the slowest."""
    front: list[str] = []
    for name in sorted(points, key=lambda one: (points[one][0], -points[one][1])):
        if not front or points[name][1] > points[front[-1]][1]:
            front.append(name)
    return front


def draw(
    record: dict[str, Any], accuracy: Mapping[str, Figures], *, measure: Figure, kind: str, out: Path
) -> list[str]:
    """Draw one measure against the latency of one kind of artifact; gives the names on the front."""
    rows = {name: facts["artifacts"].get(kind) for name, facts in record["students"].items()}
    shown = {
        name: (row, found.value, found.low, found.high)
        for name, row in rows.items()
        if row is not None and "ratio" in row and name in accuracy
        # A figure is stated with its interval, or not at all.
        if (found := accuracy[name][measure]).value is not None and found.low is not None and found.high is not None
    }
    front = front_of({name: (row["ratio"]["value"], value) for name, (row, value, _, _) in shown.items()})

    def plot(axes: Axes) -> None:
        line = [(shown[name][0]["ratio"]["value"], shown[name][1]) for name in front]
        axes.plot([x for x, _ in line], [y for _, y in line], color=LIGHT.second, linewidth=1, zorder=1)
        for name, (row, value, low, high) in shown.items():
            x, colour = row["ratio"]["value"], LIGHT.second if name in front else LIGHT.first
            axes.plot([x, x], [low, high], color=LIGHT.faint, linewidth=0.6, zorder=2)
            axes.scatter([x], [value], s=MIN_AREA + AREA_OF_MB * row["megabytes"], color=colour, alpha=0.8, zorder=3)
            label = f"{name.removeprefix('timm:')}, {row['megabytes']:.1f} MB"
            axes.annotate(label, (x, value), xytext=(7, -11), textcoords="offset points", fontsize=7)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(f"latency of {kind} / that of {record['ratios_to']}, one thread")
        axes.set_ylabel(f"{MEASURES[measure]}, 95% interval")
        axes.margins(x=0.15, y=0.1)

    if shown:
        for suffix in (".png", ".svg"):
            write_chart(out / f"students-{measure.replace(', ', '-').replace(' ', '-')}{suffix}", (7.5, 4.8), plot)
    return front


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, or read what was measured; draw where accuracy is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--students", default=",".join(STUDENTS), help="Names, with commas between them.")
    parser.add_argument("--formats", default="onnx,tflite", help="Formats (default: onnx,tflite).")
    parser.add_argument("--runs", type=int, default=100, help="Timed rounds, at least 50 (default: 100).")
    parser.add_argument("--measured", action="store_true", help="Read OUT/students.json instead of measuring.")
    parser.add_argument("--accuracy", nargs=2, action="append", default=[], metavar=("NAME", "RECORD"))
    parser.add_argument("--kind", default="onnx int8", help="Artifact whose latency is drawn (default: onnx int8).")
    options = parser.parse_args(arguments)
    place = options.out / "students.json"
    if options.measured:
        record = json.loads(place.read_text())
    else:
        options.out.mkdir(parents=True, exist_ok=True)
        record = measure_all(options.students.split(","), options.formats.split(","), options.runs)
        write_json(place, record)
        for name, facts in record["students"].items():
            row = facts["artifacts"].get(options.kind, {})
            print(f"{name}: {options.kind} {row or facts['failed'] or 'not made'}")
    accuracy = {
        name: read_record(CrossValidation, Path(path)).models[STUDENT].figures for name, path in options.accuracy
    }
    for measure in MEASURES if accuracy else ():
        front = draw(record, accuracy, measure=measure, kind=options.kind, out=options.out)
        print(f"{MEASURES[measure]}: front {', '.join(front) or 'none: no student has it'}")


if __name__ == "__main__":
    main()
