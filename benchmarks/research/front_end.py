"""Measure what the front end inside a model costs.

    python benchmarks/research/front_end.py OUT.json [--runs N]

The default student, with random weights, is exported with and without its front end to ONNX and TFLite, by the same
code as a bundle's artifacts. Both forms of a format are then timed in turns at one thread. The ratio of their medians
depends less on the machine than the times do. Its interval is a bootstrap over rounds, which keeps the pairs
together.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sentio_mobile._internal.records import to_plain
from sentio_mobile.audio.graph import multiply_accumulates
from sentio_mobile.audio.image import clip_to_input
from sentio_mobile.benchmarks.latency import ratio_of, time_in_turns
from sentio_mobile.benchmarks.machine import describe_machine
from sentio_mobile.data.generated import draw_songs, render
from sentio_mobile.formats.base import Runner, write_artifact
from sentio_mobile.formats.forms import in_form
from sentio_mobile.formats.registry import get_format
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.config import MobileViTSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import FORMS, AudioSpec, Form, ModelSpec

RUNTIMES = ("onnx", "tflite")
WARM_UP = 10


def student_spec() -> ModelSpec:
    """The default student behind the default front end."""
    return spec_of(MobileViTSettings(), AudioSpec())


def student(spec: ModelSpec) -> torch.nn.Module:
    """A student with random weights, none of which is zero as in a student before training."""
    torch.manual_seed(0)
    model = build(spec).eval()
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    fold_norms(model)
    return model


def export(folder: Path) -> dict[tuple[str, Form], Path]:
    """Both forms in every format, below `folder`."""
    spec = student_spec()
    model, paths = student(spec), {}
    for name in RUNTIMES:
        for form in FORMS:
            place = folder / name / form
            place.mkdir(parents=True)
            formed = spec.in_form(form)
            format_ = get_format(name)
            converted = format_.convert(in_form(model, formed), formed)
            paths[name, form] = write_artifact(format_, converted, spec=formed, folder=place).path
    return paths


def load(folder: Path) -> dict[tuple[str, Form], Runner]:
    """What `export` makes, loaded to run in one thread.

    The export runs in its own process, because models run slower in a process that has converted.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as worker:
        paths = worker.submit(export, folder).result()
    spec = student_spec()
    return {(name, form): get_format(name).open(path, spec.in_form(form), 1) for (name, form), path in paths.items()}


def compared(plain: NDArray[np.float64], whole: NDArray[np.float64]) -> dict[str, Any]:
    """Medians of both forms, and their ratio."""
    ratio = ratio_of(whole, plain)
    p50 = {"spectrogram": float(np.median(plain)), "waveform": float(np.median(whole))}
    return {"p50_ms": {form: round(value, 2) for form, value in p50.items()}, "ratio": to_plain(ratio)}


def measure(runs: int) -> dict[str, Any]:
    """Everything that the record holds."""
    spec = student_spec()
    clip = render(draw_songs(1, seed=0)[0], spec.audio.sample_rate)
    inputs: dict[Form, NDArray[np.float32]] = {"spectrogram": clip_to_input(clip, spec), "waveform": clip[None]}
    with tempfile.TemporaryDirectory() as folder:
        runners = {f"{name} {form}": run for (name, form), run in load(Path(folder)).items()}
        clips = {f"{name} {form}": [inputs[form]] for name in RUNTIMES for form in FORMS}
        times = time_in_turns(runners, clips, runs=runs, warm_up=WARM_UP)
    return {
        "machine": to_plain(describe_machine()),
        "threads": 1,
        "runs": runs,
        "latency": {name: compared(times[f"{name} spectrogram"], times[f"{name} waveform"]) for name in RUNTIMES},
        "multiply_accumulates": multiply_accumulates(spec),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write OUT.json, and print one line for each runtime."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT.json")
    parser.add_argument("--runs", type=int, default=100, help="Timed rounds (default: 100).")
    options = parser.parse_args(arguments)
    record = measure(options.runs)
    options.out.write_text(json.dumps(record, indent=2) + "\n")
    for name, result in record["latency"].items():
        ratio = result["ratio"]
        print(f"{name}: {result['p50_ms']} ms, ratio {ratio['value']} [{ratio['low']}, {ratio['high']}]")


if __name__ == "__main__":
    main()
