"""The registry names all formats without importing any, and nothing outside of formats/ lists their names."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sentio_mobile
from sentio_mobile.errors import InputError
from sentio_mobile.formats.registry import DEFAULT_FORMAT, MAIN_FORMATS, format_names, get_format
from sentio_mobile.packaging.platforms import PLATFORMS

PACKAGE = Path(sentio_mobile.__file__).parent

NAMED_ELSEWHERE = {
    # What the projects of apps have a back end for is a fact about those projects, not about the registry.
    "packaging/platforms.py",
    # Runs by itself in the emulated userland, where this package is not installed.
    "bundle/arm64/inside.py",
    # Names of Python packages and of pip extras.
    "bundle/arm64/setup.py",
    "models/checkpoint.py",
    # Says what the numbers of two formats' schemas mean, in comments of the list of operators.
    "export/operators.py",
    # What `train` exports unless it is told otherwise.
    "pipeline/config.py",
    # What TFLite's own tool runs on a phone, what PyTorch's exporter writes alone, and what peers are made in.
    "benchmarks/on_phone.py",
    "benchmarks/peers.py",
    "benchmarks/peer_run.py",
}
"""Files that have names of formats in code, and why."""


def test_format_names_are_ours_in_order_with_one_main_format_for_each_runtime() -> None:
    assert format_names() == ("torchscript", "ptl", "executorch", "onnx", "ort", "tflite", "coreml", "mlmodel")
    assert MAIN_FORMATS == ("torchscript", "onnx", "tflite", "coreml")
    assert DEFAULT_FORMAT in MAIN_FORMATS
    assert [get_format(name).name for name in format_names()] == list(format_names())
    assert len({get_format(name).suffix for name in format_names()}) == len(format_names())


def test_get_format_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"unknown format 'gguf'; known: torchscript, ptl, executorch, .*, or all"):
        get_format("gguf")


def test_importing_the_registry_takes_less_than_10_ms() -> None:
    code = (
        "import time, sentio_mobile; start = time.process_time(); import sentio_mobile.formats.registry, sys;"
        "print(time.process_time() - start, [m for m in ('numpy', 'torch', 'importlib.metadata') if m in sys.modules])"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split(" ", 1)
        for _ in range(5)
    ]
    assert min(float(seconds) for seconds, _ in runs) < 0.01
    assert {modules.strip() for _, modules in runs} == {"[]"}


def test_no_code_outside_of_formats_names_a_format() -> None:
    names = set(format_names())
    found = set()
    for file in PACKAGE.rglob("*.py"):
        place = file.relative_to(PACKAGE).as_posix()
        if place.startswith("formats/"):
            continue
        constants = (node.value for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant))
        if names.intersection(value for value in constants if isinstance(value, str)):
            found.add(place)
    assert found == NAMED_ELSEWHERE


def test_platforms_name_formats_that_exist() -> None:
    for platform in PLATFORMS:
        assert set(platform.formats) <= set(format_names()), platform.name
