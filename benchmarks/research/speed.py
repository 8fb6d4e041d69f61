"""Measure what changes for speed gained: each row is what was done before against what is done now.

    python benchmarks/research/speed.py export WORK
    taskset -c 1 chrt -r 1 python benchmarks/research/speed.py measure WORK benchmarks/baselines/speed.json

The default student, with random weights, and generated music. The sides of a row take turns in one process, at one
thread; it is pinned to one core where other work shares the machine. A ratio is that of the medians, now / before, with
a bootstrap 95% interval over rounds. Rows:

last block    ONNX and TFLite: the last block for all tokens, and for the class token alone
rounding      ONNX int8: convolutions rounded before and after their ReLU, and after it
open          a bundle of all precisions: every file hashed, and the opened artifact
batch         ONNX: four clips in one batch, and one after another
log-mel       numpy: every mel band from every Fourier bin, and from those that it uses
precision     ONNX and TFLite: fp32, and every other precision
form          ONNX: the spectrogram with numpy's front end, and the waveform with the front end in the graph
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from front_end import student, student_spec
from numpy.typing import NDArray
from torch import nn

from sentio_mobile._internal.files import sha256, write_json
from sentio_mobile._internal.records import to_plain
from sentio_mobile.audio.image import clip_to_image, clip_to_input
from sentio_mobile.audio.logmel import hann, mel_bank, mel_power
from sentio_mobile.benchmarks.latency import ratio_of, time_in_turns
from sentio_mobile.benchmarks.machine import describe_machine
from sentio_mobile.data.generated import draw_songs, render
from sentio_mobile.formats.base import Runner, write_artifact
from sentio_mobile.formats.forms import in_form
from sentio_mobile.formats.registry import get_format
from sentio_mobile.models.capture import capture
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.quantization.options import QuantizationOptions
from sentio_mobile.spec import AudioSpec, Form, ModelSpec, Precision

RUNS, WARM_UP, CALIBRATION_CLIPS = 60, 5, 8
PRECISIONS: dict[str, tuple[Precision, ...]] = {
    "onnx": ("fp32", "int8-dynamic", "int8"),
    "tflite": ("fp32", "int8", "int8-full"),
}
FORM_PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")

Call = Callable[[NDArray[np.float32]], object]


class AllTokens(nn.Module):
    """The student whose last block computes all tokens."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, height, width] -> valence and arousal [batch, 2]."""
        return capture(self.model, image).output


def clips(count: int, audio: AudioSpec) -> list[NDArray[np.float32]]:
    """Generated music."""
    return [render(song, audio.sample_rate)[: audio.n_samples].astype(np.float32) for song in draw_songs(count, seed=0)]


def export(folder: Path) -> None:
    """Both students in every format and precision, in the form `spectrogram`, and the new one in `waveform`."""
    spec = student_spec()
    images = np.stack([clip_to_image(clip, spec.audio) for clip in clips(CALIBRATION_CLIPS, spec.audio)])
    options = QuantizationOptions(calibration=Calibration(images))
    model = student(spec)
    sides: dict[str, tuple[nn.Module, Form]] = {
        "before": (AllTokens(model), "spectrogram"),
        "now": (model, "spectrogram"),
        "waveform": (model, "waveform"),
    }
    for side, (network, form) in sides.items():
        for name, precisions in PRECISIONS.items():
            if side == "waveform" and name != "onnx":
                continue
            formed, format_ = spec.in_form(form), get_format(name)
            converted = format_.convert(in_form(network, formed), formed)
            (folder / side).mkdir(exist_ok=True)
            if (side, name) == ("now", "onnx"):
                (folder / "rounded").mkdir(exist_ok=True)
                with rounded_twice():
                    write_artifact(
                        format_, converted, spec=formed, folder=folder / "rounded", precision="int8", options=options
                    )
            for precision in FORM_PRECISIONS if side == "waveform" else precisions:
                write_artifact(
                    format_, converted, spec=formed, folder=folder / side, precision=precision, options=options
                )


@contextmanager
def rounded_twice() -> Iterator[None]:
    """Within it, int8 is written as it was before: convolutions are rounded before their ReLU too."""
    import onnxruntime.quantization as tools

    quantize = tools.quantize_static

    def as_before(*given: Any, **options: Any) -> None:
        quantize(*given, **{**options, "op_types_to_quantize": ["MatMul", "Gemm", "Conv"]})

    tools.quantize_static = as_before
    try:
        yield
    finally:
        tools.quantize_static = quantize


def opened(folder: Path, side: str, name: str, precision: Precision, spec: ModelSpec) -> Runner:
    """One of the artifacts, loaded to run in one thread."""
    suffix = get_format(name).suffix
    return get_format(name).open(folder / side / f"mobilevit-{spec.form}-{precision}{suffix}", spec, 1)


def dense_mel_power(samples: NDArray[np.float32], audio: AudioSpec) -> NDArray[np.float32]:
    """The mel power with every band computed from every Fourier bin."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, audio.n_fft)[:: audio.hop_length]
    bank, bins = mel_bank(audio)
    power = np.empty((len(frames), bins), dtype=np.float32)
    for at in range(0, len(frames), 32):
        spectrum = np.fft.rfft(frames[at : at + 32] * hann(audio.n_fft), axis=1)[:, :bins]
        np.add(spectrum.real**2, spectrum.imag**2, out=power[at : at + 32])
    return bank @ power.T


def rows(folder: Path) -> Iterator[tuple[str, Mapping[str, Call], NDArray[np.float32]]]:
    """The name, the two sides and the input of each row."""
    spec = student_spec()
    waveform, audio = spec.in_form("waveform"), spec.audio
    clip = clips(1, audio)[0]
    image = clip_to_input(clip, spec)
    for name, precisions in PRECISIONS.items():
        for precision in precisions:
            sides = {side: opened(folder, side, name, precision, spec) for side in ("before", "now")}
            yield f"last block, {name} {precision}", sides, image
        for precision in precisions[1:]:
            other = opened(folder, "now", name, precision, spec)
            yield (
                f"precision, {name} {precision}",
                {"before": opened(folder, "now", name, "fp32", spec), "now": other},
                image,
            )
    twice, once = (opened(folder, side, "onnx", "int8", spec) for side in ("rounded", "now"))
    yield "rounding, onnx int8", {"before": twice, "now": once}, image
    files = sorted((folder / "now").iterdir())
    chosen = folder / "now" / "mobilevit-spectrogram-int8.onnx"
    yield "open", {"before": lambda _: [sha256(file) for file in files], "now": lambda _: sha256(chosen)}, image
    four = np.concatenate([image] * 4)
    for precision in PRECISIONS["onnx"]:
        run = opened(folder, "now", "onnx", precision, spec)
        yield f"batch, onnx {precision}", {"before": run, "now": partial(_one_by_one, run)}, four
    padded = np.pad(clip, audio.n_fft // 2, mode="reflect")
    powers = {"before": partial(dense_mel_power, audio=audio), "now": partial(mel_power, spec=audio)}
    yield "log-mel", powers, padded
    for precision in FORM_PRECISIONS:
        run, whole = (
            opened(folder, "now", "onnx", precision, spec),
            opened(folder, "waveform", "onnx", precision, waveform),
        )
        sides = {"before": partial(_with_front_end, run, spec), "now": partial(_whole, whole)}
        yield f"form, onnx {precision}", sides, clip


def _as_runners(sides: Mapping[str, Call]) -> Mapping[str, Runner]:
    # What a runner returns is not looked at while it is timed.
    return cast(Mapping[str, Runner], sides)


def _one_by_one(run: Runner, images: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [run(images[i : i + 1]) for i in range(len(images))]


def _with_front_end(run: Runner, spec: ModelSpec, clip: NDArray[np.float32]) -> NDArray[np.float32]:
    return run(clip_to_input(clip, spec))


def _whole(run: Runner, clip: NDArray[np.float32]) -> NDArray[np.float32]:
    return run(clip[None])


def measure(runs: int, folder: Path) -> dict[str, Any]:
    """The record."""
    table = {}
    for name, sides, given in rows(folder):
        times = time_in_turns(_as_runners(sides), {side: [given] for side in sides}, runs=runs, warm_up=WARM_UP)
        p50 = {side: round(float(np.median(values)), 3) for side, values in times.items()}
        table[name] = {"p50_ms": p50, "ratio": to_plain(ratio_of(times["now"], times["before"]))}
        ratio = table[name]["ratio"]
        print(f"{name}: {ratio['value']:.3f} [{ratio['low']:.3f}, {ratio['high']:.3f}] {p50}", flush=True)
    pinned = len(os.sched_getaffinity(0)) == 1
    return {"machine": to_plain(describe_machine()), "threads": 1, "pinned": pinned, "runs": runs, "rows": table}


def main(arguments: Sequence[str] | None = None) -> None:
    """Export, or measure, print one line for each row, and write OUT.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    # Two steps, because models run slower in a process that has converted.
    exporting, measuring = steps.add_parser("export"), steps.add_parser("measure")
    for step in (exporting, measuring):
        step.add_argument("work", type=Path, metavar="WORK", help="Folder of the artifacts.")
    measuring.add_argument("out", type=Path, metavar="OUT.json")
    measuring.add_argument("--runs", type=int, default=RUNS, help="Timed rounds of each row (default: 60).")
    options = parser.parse_args(arguments)
    if options.step == "export":
        options.work.mkdir(parents=True, exist_ok=True)
        export(options.work)
    else:
        write_json(options.out, measure(options.runs, options.work))


if __name__ == "__main__":
    main()
