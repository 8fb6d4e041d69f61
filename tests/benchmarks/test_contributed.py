"""Every file of benchmarks/contributed is the benchmark of a phone, and its name says which, and when."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sentio_mobile._internal.records import replace, write_record
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.benchmarks.phones import Device, PhoneBenchmark, PhoneRuns, read_phone_benchmark
from sentio_mobile.errors import InputError

CONTRIBUTED = ROOT / "benchmarks" / "contributed"
MAX_BYTES = 1_000_000
PIXEL = PhoneBenchmark(
    schema=1,
    tool="the Android demo",
    model="default 1",
    device=Device(kind="phone", maker="Google", model="Pixel 8", system="Android 16"),
    measured_at="2026-11-30T12:00:00Z",
    measured=(
        PhoneRuns(
            artifact="onnx spectrogram int8",
            files={"a.onnx": "a" * 64},
            runs_on="ONNX Runtime, CPU, 4 threads",
            warm_up=5,
            milliseconds=(20.0,) * 50,
            golden_max_diff=0.001,
        ),
    ),
    passed_over=(),
)


def name_of(found: PhoneBenchmark) -> str:
    """The name that a file must have."""
    words = re.sub(r"[^a-z0-9]+", "-", f"{found.device.maker} {found.device.model}".lower()).strip("-")
    return f"{words}-{found.measured_at[:10]}.json"


def faults_in(folder: Path) -> list[str]:
    """One line for each file that is none of a phone's, or has another name."""
    faults = []
    for path in sorted(folder.rglob("*")):
        if path.name == "README.md" and path.parent == folder:
            continue
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_BYTES:
            faults.append(f"{path.name}: is no file of at most {MAX_BYTES:,} bytes")
            continue
        try:
            found = read_phone_benchmark(path)
        except InputError as error:
            faults.append(str(error))
            continue
        if path != folder / name_of(found):
            faults.append(f"{path.name}: must be called {name_of(found)}, in this folder")
        if any(runs.golden_max_diff is None for runs in found.measured):
            faults.append(f"{path.name}: does not say how far the golden predictions were missed")
    return faults


def test_contributed_files_are_benchmarks_of_phones() -> None:
    assert faults_in(CONTRIBUTED) == []


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("google-pixel-8-2026-11-30.json", {}, None),
        ("pixel.json", {}, "must be called google-pixel-8-2026-11-30.json"),
        ("google-pixel-8-2026-12-01.json", {}, "must be called google-pixel-8-2026-11-30.json"),
        (
            "google-sdk-gphone64-2026-11-30.json",
            {"device": replace(PIXEL.device, kind="emulator", model="sdk_gphone64")},
            "was measured on an emulator",
        ),
        ("google-pixel-8-2026-11-30.json", {"measured": ()}, "nothing was measured"),
        (
            "google-pixel-8-2026-11-30.json",
            {"measured": (replace(PIXEL.measured[0], golden_max_diff=None),)},
            "does not say how far",
        ),
    ],
)
def test_what_does_not_belong_there_is_found(
    tmp_path: Path, name: str, change: dict[str, object], said: str | None
) -> None:
    (tmp_path / "README.md").write_text("Contributed results")
    write_record(tmp_path / name, replace(PIXEL, **change))
    found = faults_in(tmp_path)
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


def test_other_files_are_found(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("17 ms")
    (tmp_path / "more").mkdir()
    assert len(faults_in(tmp_path)) == 2
