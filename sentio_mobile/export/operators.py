"""Derive `formats/operators/allowed.toml`: what artifacts may ask their runtimes for is what our own exports ask for.

`python -m sentio_mobile.export.operators` exports small networks of every architecture in every format, precision and
form, and adds the operators that it finds. `--network NAME` does so for some of them, `--check` only compares.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path

import numpy as np

from sentio_mobile._internal.files import write_text
from sentio_mobile.formats.base import missing_packages, write_artifact
from sentio_mobile.formats.forms import in_form
from sentio_mobile.formats.operators.allow_list import LIST, listed_operators
from sentio_mobile.formats.registry import builtin_names, get_format
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.config import (
    ASTSettings,
    CRNNSettings,
    MobileViTSettings,
    MusicnnSettings,
    TimmSettings,
    ViTSettings,
)
from sentio_mobile.models.registry import Settings, build, spec_of
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.quantization.layer_choice import head_weights
from sentio_mobile.quantization.options import QuantizationOptions
from sentio_mobile.spec import FORMS, AudioSpec, Form

TIMM = (
    *("mobilenetv4_conv_small", "repvit_m0_9", "efficientvit_b0", "levit_128s", "fastvit_t8", "mobileone_s0"),
    *("test_efficientnet", "mobilenetv3_small_100"),
)
"""Backbones of our recipes and of docs/extend/student.md."""

# Widths are those at which constants are stored and quantized as in networks of the usual size.
NETWORKS: Mapping[str, Settings] = {
    "mobilevit": MobileViTSettings(stem_widths=(16, 32), layers=1, heads=2, width=64, mlp_width=128, output_width=32),
    "mobilevit-frames": MobileViTSettings(
        stem_widths=(16, 32), time_stride=6, layers=1, heads=2, width=64, mlp_width=128, output_width=32
    ),
    "mobilevit-gelu": MobileViTSettings(
        stem_widths=(16, 32),
        layers=1,
        heads=2,
        width=64,
        mlp_width=128,
        output_width=32,
        norm="layer",
        activation="gelu",
    ),
    "musicnn": MusicnnSettings(patches=2, filters=(16, 16, 16, 16, 16), middle=16),
    "vit": ViTSettings(layers=1, heads=2, width=64, mlp_width=128, head_widths=(32,), head_dropout=(0.0, 0.0)),
    "ast": ASTSettings(layers=1, heads=2, width=64, mlp_width=128, head_widths=(32,), head_dropout=(0.0, 0.0)),
    "crnn": CRNNSettings(conv_widths=(16, 32), lstm_width=32),
    **{name: TimmSettings(name=name, output_width=32) for name in TIMM},
}
"""By the name that `--network` takes."""

FRONT_ENDS = {
    "mobilevit": AudioSpec(image_size=(64, 64)),
    "mobilevit-frames": AudioSpec(image_size=(64, 130), seconds=3.0),
    "mobilevit-gelu": AudioSpec(image_size=(64, 64), normalization="zscore", seconds=3.0),
}
"""The front ends that are exported, each before one network: what it asks for does not depend on the network."""

_CLIPS = 4


def derive_operators(network: str, format_name: str) -> set[str]:
    """The operators of a network's exports in one format; empty where its converters are not installed.

    Args:
        network: One of `NETWORKS`.
        format_name: The format.
    """
    if missing_packages(get_format(format_name).converters):
        return set()
    forms = FORMS if network in FRONT_ENDS else ("spectrogram",)
    return set().union(*(_operators(network, format_name, form) for form in forms))


def _operators(network: str, format_name: str, form: Form) -> set[str]:
    audio = FRONT_ENDS.get(network, AudioSpec(image_size=(64, 64)))
    spec, format_ = spec_of(NETWORKS[network], audio), get_format(format_name)
    model = build(spec).eval()
    fold_norms(model)
    images = np.random.default_rng(0).random((_CLIPS, *audio.image_size), np.float32)
    options = QuantizationOptions(Calibration(images), head=head_weights(model))
    converted = format_.convert(in_form(model, spec.in_form(form)), spec.in_form(form))
    found: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        for precision in format_.precisions_of(form):
            artifact = write_artifact(
                format_, converted, spec=spec.in_form(form), folder=Path(folder), precision=precision, options=options
            )
            found |= set(format_.operators(artifact.path))
    return found


def write_list(operators: Mapping[str, Iterable[str]], path: Path = LIST) -> None:
    """Write the list."""
    lines = [
        "# What artifacts of each format may ask their runtimes for, derived from exports of every architecture,",
        "# precision and form by `python -m sentio_mobile.export.operators`. Numbers are those of their schemas.",
    ]
    for name, words in operators.items():
        lines += ["", f"{name} = [", *(f'    "{word}",{_comment(name, word)}' for word in sorted(words, key=_key)), "]"]
    write_text(path, "\n".join(lines) + "\n")


def _key(word: str) -> tuple[int, str]:
    number = word.split()[-1]
    return (int(number) if number.isdecimal() else 0, word)


def _comment(format_name: str, word: str) -> str:
    """What a number means, where the package that says so is installed."""
    if format_name == "tflite" and word.isdecimal():
        from ai_edge_litert import schema_py_generated as schema

        names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
        return f"  # {names[int(word)]}"
    if format_name == "executorch" and word.startswith("xnnpack ") and not missing_packages(("executorch",)):
        schema = resources.files("executorch.backends.xnnpack.serialization") / "schema.fbs"
        nodes = schema.read_text().partition("union XNodeUnion {")[2].partition("}")[0].split(",")
        return f"  # {nodes[int(word.split()[1]) - 1].strip().partition(':')[0].removeprefix('XNN')}"
    if format_name == "mlmodel" and word.isdecimal():
        from coremltools.proto import NeuralNetwork_pb2

        return f"  # {NeuralNetwork_pb2.NeuralNetworkLayer.DESCRIPTOR.fields_by_number[int(word)].name}"
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Derive the list; the exit status is 1 if `--check` finds an operator that is not on it.

    Args:
        arguments: Those of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m sentio_mobile.export.operators", description=__doc__)
    parser.add_argument("--network", action="append", choices=NETWORKS, help="may be given more than once")
    parser.add_argument("--format", action="append", choices=builtin_names(), help="may be given more than once")
    parser.add_argument("--check", action="store_true", help="write nothing; name what is not on the list")
    chosen = parser.parse_args(arguments)
    warnings.simplefilter("ignore")  # converters warn a lot
    status = 0
    for network in chosen.network or NETWORKS:
        for name in chosen.format or builtin_names():
            try:
                found = derive_operators(network, name)
            except Exception as error:  # converters raise anything, and some cannot convert some networks
                print(f"{network} {name}: {type(error).__name__}: {error}"[:300], flush=True)
                continue
            listed = {one: set(words) for one, words in listed_operators().items()} if LIST.is_file() else {}
            new = found - listed.get(name, set())
            print(f"{network} {name}: {len(found)} operators, not on the list: {sorted(new)}", flush=True)
            if new and chosen.check:
                status = 1
            elif new:
                write_list({one: listed.get(one, set()) | (new if one == name else set()) for one in builtin_names()})
                listed_operators.cache_clear()
    return status


if __name__ == "__main__":
    sys.exit(main())
