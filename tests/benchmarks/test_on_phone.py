"""`benchmark --adb` and `--ios-results`, against an adb that behaves as a scenario says."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from artifacts import write_harmless
from click.testing import CliRunner
from scripted_adb import prepare

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace, to_plain, write_record
from sentio_mobile.benchmarks.decision import decide
from sentio_mobile.benchmarks.exchange import write_markdown
from sentio_mobile.benchmarks.gates import check_phone, load_budgets
from sentio_mobile.benchmarks.on_phone import PhoneJob, machine_of, measure_on_phone, parse_tool
from sentio_mobile.benchmarks.phones import Device, PhoneBenchmark, PhoneRuns, read_phone_benchmark
from sentio_mobile.benchmarks.report import write_report
from sentio_mobile.benchmarks.results import Benchmark
from sentio_mobile.benchmarks.summary import summarize
from sentio_mobile.bundle.bundle import Bundle, open_bundle
from sentio_mobile.bundle.manifest import FileEntry
from sentio_mobile.bundle.verify import Verification
from sentio_mobile.cli import main
from sentio_mobile.cli.output import console
from sentio_mobile.errors import CheckFailedError, InputError, OutputError

SERIAL, DEMO = "R58M123ABC", "org.example.moods"
PROPS = {
    "ro.product.manufacturer": "Google",
    "ro.product.model": "Pixel 8",
    "ro.build.version.release": "16",
    "ro.product.cpu.abi": "arm64-v8a",
}
READY = f"{SERIAL}             device usb:1-4 product:shiba model:Pixel_8 device:shiba transport_id:3"

Phone = Callable[..., Path]


@pytest.fixture(scope="module")
def phone_bundle(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The bundle with one artifact, a TFLite file that asks for nothing: the double of the tool does not read it."""
    folder = tmp_path_factory.mktemp("phone") / "bundle"
    shutil.copytree(bundle.folder, folder)
    name = "model-spectrogram-fp32.tflite"
    write_harmless(folder / name, 2000)
    entry = replace(bundle.entry(bundle.artifact("onnx")), format="tflite", path=name)
    gone = {file for one in bundle.manifest.artifacts for file in bundle.manifest.files_of(one)}
    files = {key: value for key, value in bundle.manifest.files.items() if key not in gone}
    for file in gone:
        (folder / file).unlink()
    files[name] = FileEntry(sha256=sha256(folder / name), bytes=2000)
    write_record(folder / "manifest.json", replace(bundle.manifest, artifacts=(entry,), files=files))
    return open_bundle(folder)


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Phone:
    """Puts a scripted adb on the PATH; gives its folder."""

    def script(**scenario: Any) -> Path:
        folder = tmp_path / "adb"
        folder.mkdir()
        prepare(folder, {"devices": [READY], "props": PROPS, **scenario})
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        return folder

    return script


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    """The head of a program for ARM64."""
    path = tmp_path / "benchmark_model"
    path.write_bytes(b"\x7fELF" + bytes(14) + struct.pack("<H", 183) + bytes(64))
    return path


def measure(bundle: Bundle, **job: Any) -> PhoneBenchmark:
    return measure_on_phone(bundle, PhoneJob(**job), threads=1, runs=50, progress=NoProgress())


def answer(bundle: Bundle, slope: float = 0.0, **changes: Any) -> PhoneBenchmark:
    """What a demo app writes of a bundle's first artifact: 60 runs of about 20 ms, each slower by a slope."""
    entry = bundle.manifest.artifacts[0]
    times = 20 + slope * np.arange(60) + np.random.default_rng(0).uniform(0, 1, 60)
    runs = PhoneRuns(
        artifact=entry.label,
        files={name: file.sha256 for name, file in bundle.manifest.files_of(entry).items()},
        runs_on="Core ML, all units",
        warm_up=5,
        milliseconds=tuple(times.tolist()),
        golden_max_diff=2e-6,
    )
    return PhoneBenchmark(
        schema=1,
        tool="the iOS demo",
        model="emotion 1",
        device=Device(kind="phone", maker="Apple", model="iPhone14,2", system="iOS 17.5"),
        measured_at="2026-11-30T12:00:00Z",
        measured=(replace(runs, **changes.pop("runs", {})),),
        **{"passed_over": (), **changes},
    )


def test_the_tool_times_every_run_on_the_phone(phone: Phone, phone_bundle: Bundle, tool: Path) -> None:
    folder = phone()
    found = measure(phone_bundle, tool=tool)
    assert found.device == Device(kind="phone", maker="Google", model="Pixel 8", system="Android 16")
    (runs,) = found.measured
    assert runs.artifact == "tflite spectrogram fp32"
    assert runs.files == {"model-spectrogram-fp32.tflite": sha256(phone_bundle.artifacts[0].path)}
    assert len(runs.milliseconds) == 50
    # The times of the double, in its order: the warm-up is not among them.
    for i in range(25):
        first = 20_000 + i * 7919 % 300
        assert runs.milliseconds[2 * i : 2 * i + 2] == (first / 1000, (first + 200 - i * 31 % 400) / 1000)
    assert runs.load_ms == 12.345
    assert not runs.slowed
    assert list((folder / "phone/data/local/tmp").iterdir()) == [], "nothing is left on the phone"


def test_output_of_old_and_new_tools_is_read() -> None:
    new = "INFO: count=2 first=11 curr=12 min=11 max=12 avg=11.5 std=0 p5=11 median=12 p95=12\n"
    old = "curr=1.5e+03 count=2 min=1.2e+03 max=1.5e+03 avg=1350 std=150\n"
    same = "count=2 curr=7(all same)\n"
    end = "Inference timings in us: Init: 4000, First inference: 9, Warmup (avg): 9, Inference (avg): 9\n"
    times, loads = parse_tool(f"count=3 curr=5 min=1 max=9\n{new}{end}{old}{end}{same}{end}")
    assert times == [0.011, 0.012, 1.2, 1.5, 0.007, 0.007]
    assert loads == [4.0, 4.0, 4.0]
    assert parse_tool("count=2 min=1 max=2\nInference timings in us: Init: 1\nnonsense") == ([], [0.001])
    assert parse_tool("") == ([], [])


SEEN = "R58M123ABC (Pixel 8)"
FAULTS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "none": ({"devices": []}, InputError, "adb sees no phone; connect one by USB"),
    "several": (
        {"devices": [READY, "emulator-5554          device product:sdk model:sdk_gphone64 transport_id:1"]},
        InputError,
        f"adb sees 2 devices: {SEEN}, emulator-5554 (sdk gphone64); say which: --adb SERIAL",
    ),
    "offline": (
        {"devices": [f"{SERIAL}             offline usb:1-4 transport_id:3"]},
        InputError,
        f"the phone {SERIAL} is offline; unplug it",
    ),
    "unauthorized": (
        {"devices": [f"{SERIAL}             unauthorized usb:1-4 transport_id:3"]},
        InputError,
        f"the phone {SERIAL} has not authorized this computer; unlock it",
    ),
    "no permissions": (
        {"devices": [f"{SERIAL}  no permissions (user in plugdev group; are your udev rules wrong?); see [http://x]"]},
        InputError,
        "this user may not use it by USB; install udev rules",
    ),
    "recovery": (
        {"devices": [f"{SERIAL}             recovery usb:1-4 transport_id:3"]},
        InputError,
        "is not ready (state recovery)",
    ),
    "emulator": (
        {"props": {**PROPS, "ro.kernel.qemu": "1"}},
        InputError,
        "is an emulator (Google Pixel 8, Android 16); its speed is this computer's",
    ),
    "another processor": (
        {"props": {**PROPS, "ro.product.cpu.abi": "x86_64"}},
        InputError,
        "is built for arm64-v8a, and the phone R58M123ABC is x86_64",
    ),
    "full for the tool": ({"no_room_for": ["benchmark_model"]}, OutputError, "is full: it has no room for"),
    "full for the model": (
        {"no_room_for": ["model.tflite"]},
        OutputError,
        "model-spectrogram-fp32.tflite (0.0 MB); free some",
    ),
    "lost at once": ({"lost_after": 0}, InputError, "was lost while it was asked what it is"),
    "lost in the middle": (
        {"lost_after": 7},
        InputError,
        f"the phone {SERIAL} was lost while tflite spectrogram fp32 ran on it (error: device '{SERIAL}' not found)",
    ),
    "an operator fails": (
        {"tool": {"fails_at": "11"}},
        CheckFailedError,
        "tflite spectrogram fp32 failed on the phone R58M123ABC: ERROR: Node number 3 (CONV_2D) failed to invoke.",
    ),
    "zero times": ({"tool": {"base_us": -10_000_000}}, InputError, "no times that are known"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_a_phone_is_one_line(phone: Phone, phone_bundle: Bundle, tool: Path, name: str) -> None:
    scenario, kind, words = FAULTS[name]
    folder = phone(**scenario)
    with pytest.raises(kind) as caught:
        measure(phone_bundle, tool=tool)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    if "lost" not in name:
        assert list((folder / "phone/data/local/tmp").iterdir()) == []


def test_one_of_several_phones_is_chosen(phone: Phone, phone_bundle: Bundle, tool: Path) -> None:
    phone(devices=["emulator-5554 offline", READY])
    assert measure(phone_bundle, tool=tool, serial=SERIAL).device.model == "Pixel 8"
    with pytest.raises(InputError, match=r"adb sees no phone 'ABC'; it sees emulator-5554 \(offline\), R58M123ABC"):
        measure(phone_bundle, tool=tool, serial="ABC")


def test_without_adb_it_says_where_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, phone_bundle: Bundle
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="adb is not on the PATH; install Android's platform-tools"):
        measure(phone_bundle)


def test_what_is_no_tool_is_refused_before_a_phone_is_looked_for(bundle: Bundle, tool: Path, tmp_path: Path) -> None:
    assert machine_of(tool) == "arm64-v8a"
    (tmp_path / "notes").write_text("benchmark_model")
    with pytest.raises(InputError, match="is no program for Android"):
        measure(bundle, tool=tmp_path / "notes")
    with pytest.raises(InputError, match="No such file"):
        measure(bundle, tool=tmp_path / "absent")
    with pytest.raises(InputError, match="has no tflite artifact"):
        measure(bundle, tool=tool)
    with pytest.raises(InputError, match="is no identifier of an app"):
        measure(bundle, app="x; reboot")


def test_more_runs_than_are_read_again_are_refused_before_they_are_measured(phone_bundle: Bundle, tool: Path) -> None:
    with pytest.raises(InputError, match=r"--runs: 20,002 timed runs are more than 20,000; measure fewer"):
        measure_on_phone(phone_bundle, PhoneJob(tool=tool), threads=1, runs=10_001, progress=NoProgress())


def test_a_phone_that_slows_down_is_told(phone: Phone, phone_bundle: Bundle, tool: Path) -> None:
    phone(tool={"base_us": 40_000, "slope_us": 2000})
    found = measure(phone_bundle, tool=tool)
    (runs,) = found.measured
    assert runs.slowed
    assert runs.drift.value == pytest.approx(1.68, abs=0.05)
    (gate,) = check_phone(found, load_budgets())
    assert gate.verdict == "inconclusive", "90 ms of a hot phone say nothing of a limit of 50 ms"
    assert "the phone slowed down while it measured" in gate.note
    assert "Google Pixel 8, Android 16" in gate.target
    assert "desktop" not in gate.note


def test_gates_hold_on_phones(bundle: Bundle, measured: Benchmark, verification: Verification) -> None:
    budgets = load_budgets()
    fast, slow = answer(bundle), answer(bundle, runs={"milliseconds": (200.0,) * 60})
    hot = answer(bundle, slope=1.0, runs={"milliseconds": tuple(100 + 2.0 * i for i in range(60))})
    verdicts = [check_phone(one, budgets)[0].verdict for one in (fast, slow, hot)]
    assert verdicts == ["pass", "fail", "inconclusive"]
    passed = tuple(replace(gate, verdict="pass") for gate in measured.gates)
    open_ = replace(measured, gates=(*passed, *check_phone(hot, budgets)), phones=(hot,), load=0.0, max_load=0.1)
    decision, reason = decide([], verification, open_, generated=False)
    assert decision == "measure again"
    assert reason.endswith("because the phone slowed down while it measured")


def test_the_app_measures_where_there_is_no_tool(phone: Phone, bundle: Bundle) -> None:
    folder = phone(apps=[DEMO])
    write_record(folder / "answer.json", answer(bundle))
    assert measure(bundle, app=DEMO) == answer(bundle)


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ({"apps": []}, f"has no app {DEMO}; make it with `sentio-mobile package android`"),
        ({"apps": [DEMO], "app_does": "absent"}, f"{DEMO} cannot be started: Error: Activity class does not exist."),
        ({"apps": [DEMO], "app_does": "crashes"}, f"{DEMO} ended on the phone {SERIAL} before it had measured"),
        ({"apps": [DEMO], "app_does": "hangs", "lost_after": 9}, "was lost while org.example.moods measured on it"),
        ({"apps": [DEMO], "app_does": "hangs"}, "has not measured on the phone R58M123ABC within"),
    ],
)
def test_a_fault_of_the_app_is_one_line(
    phone: Phone, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, scenario: dict[str, Any], words: str
) -> None:
    monkeypatch.setattr("sentio_mobile.benchmarks.on_phone._POLL_S", 0.05)
    monkeypatch.setattr("sentio_mobile.benchmarks.on_phone._APP_LIMIT_S", 3.0)
    phone(**scenario)
    with pytest.raises((InputError, CheckFailedError)) as caught:
        measure(bundle, app=DEMO)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"device": Device(kind="emulator", maker="A", model="B", system="iOS 17")}, "was measured on an emulator"),
        ({"device": Device(kind="computer", maker="A", model="Mac", system="macOS 15")}, "was measured on a computer"),
        (
            {"measured": (), "passed_over": ("GPU: none",)},
            "nothing was measured on Apple iPhone14,2, iOS 17.5: GPU: no",
        ),
        ({"runs": {"files": {"a.tflite": "0" * 64}}}, "is another file than that of"),
        ({"runs": {"artifact": "coreml waveform fp16"}}, "coreml waveform fp16 was measured, and"),
    ],
)
def test_figures_of_no_phone_or_of_other_files_are_refused(
    bundle: Bundle, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    change = dict(change)
    found = replace(answer(bundle, runs=change.pop("runs", {})), **change)
    write_record(tmp_path / "phone.json", found)
    with pytest.raises(InputError) as caught:
        read_phone_benchmark(tmp_path / "phone.json", bundle)
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "phone.json"))


def test_a_file_that_is_none_is_one_line(bundle: Bundle, tmp_path: Path) -> None:
    whole = to_plain(answer(bundle))
    for change, words in (
        ({"schema": 2}, "schema"),
        ({"measured": [{**whole["measured"][0], "milliseconds": [20.0] * 49}]}, r"milliseconds"),
        ({"measured": [{**whole["measured"][0], "milliseconds": [0.0] * 50}]}, r"milliseconds"),
        ({"measured": [{**whole["measured"][0], "p50_ms": 1}]}, "p50_ms"),
    ):
        (tmp_path / "phone.json").write_text(json.dumps({**whole, **change}))
        with pytest.raises(InputError, match=words):
            read_phone_benchmark(tmp_path / "phone.json", bundle)


def test_report_names_phones_and_calls_no_desktop_one(
    bundle: Bundle, measured: Benchmark, verification: Verification, tmp_path: Path
) -> None:
    found = answer(bundle, slope=0.5)
    with_phone = replace(measured, phones=(found,))
    write_report(tmp_path / "report.html", bundle, verification, with_phone)
    page = (tmp_path / "report.html").read_text()
    assert "Speed on the phone Apple iPhone14,2, iOS 17.5, measured by the iOS demo" in page
    assert "slowed down" in page
    assert "Nothing about the speed of other phones" in page
    assert "Nothing about a phone's speed" not in page
    summary = summarize(bundle, verification, with_phone)
    assert summary.phones is not None
    assert summary.phones[0].phone == "Apple iPhone14,2, iOS 17.5"
    write_markdown(tmp_path / "report.md", summary)
    assert "Apple iPhone14,2, iOS 17.5: torchscript spectrogram fp32" in (tmp_path / "report.md").read_text()
    write_report(tmp_path / "report.html", bundle, verification, measured)
    assert "On phones" not in (tmp_path / "report.html").read_text()


def test_the_command_measures_both_phones_and_this_machine(
    phone: Phone, phone_bundle: Bundle, tool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone()
    write_record(tmp_path / "ios.json", answer(phone_bundle))
    monkeypatch.setattr(console, "width", 80)
    arguments = ["benchmark", str(phone_bundle.folder), "--adb", "--adb-tool", str(tool)]
    android = replace(answer(phone_bundle), device=Device(kind="phone", maker="A", model="B", system="Android 14"))
    write_record(tmp_path / "android.json", android)
    arguments += ["--ios-results", str(tmp_path / "ios.json"), "--android-results", str(tmp_path / "android.json")]
    arguments += ["--out", str(tmp_path / "out"), "--runs", "50"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1, "no runtime loads the empty model here"
    assert "On the phone Google Pixel 8, Android 16:" in result.output
    assert "On the phone Apple iPhone14,2, iOS 17.5:" in result.output
    shown = result.output[result.output.index("On the phone") :].splitlines()
    assert max(len(line) for line in shown if "of 4 gates" not in line and "Report" not in line) <= 80
    own = tmp_path / "out" / "phone.json"
    assert read_phone_benchmark(own, phone_bundle).tool == "benchmark_model"
    written = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert [one["device"]["model"] for one in written["phones"]] == ["iPhone14,2", "B", "Pixel 8"]
    assert written["phones"][2] == json.loads(own.read_text())


def test_a_phone_that_is_lost_leaves_nothing(phone: Phone, phone_bundle: Bundle, tool: Path, tmp_path: Path) -> None:
    phone(lost_after=7)
    arguments = ["benchmark", str(phone_bundle.folder), "--adb", SERIAL, "--adb-tool", str(tool)]
    result = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "was lost while" in result.output
    assert not (tmp_path / "out").exists()
    result = CliRunner().invoke(main, ["benchmark", str(phone_bundle.folder), "--adb-tool", str(tool)])
    assert result.exit_code == 2
    assert "give --adb, too" in result.output
