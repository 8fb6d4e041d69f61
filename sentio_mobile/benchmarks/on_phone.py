"""A bundle's artifacts on a phone that adb sees: by TFLite's own tool, or by the demo app that carries the bundle.

TFLite's tool, `benchmark_model`, prints statistics and no single times. It is started many times for two runs each:
their least and largest time are both of them, so that every run is known, and percentiles are those of runs.
"""

from __future__ import annotations

import re
import secrets
import statistics
import struct
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sentio_mobile._internal.files import scratch_folder
from sentio_mobile._internal.progress import Progress
from sentio_mobile.benchmarks.adb import Phone, find_phone, last_line
from sentio_mobile.benchmarks.formatting import milliseconds
from sentio_mobile.benchmarks.phones import (
    PHONE,
    PhoneBenchmark,
    PhoneRuns,
    check_number_of_runs,
    check_phone_benchmark,
    read_phone_benchmark,
)
from sentio_mobile.errors import CheckFailedError, InputError

if TYPE_CHECKING:
    from sentio_mobile.bundle.bundle import Bundle
    from sentio_mobile.spec import Artifact

DEMO_ID = "org.sentiomobile.demo"
"""Identifier of the demo app, where `package android` was given no other."""

_ACTIVITY = "org.sentiomobile.demo.MainActivity"
_TEMPORARY = "/data/local/tmp"
_RUNS_A_START, _WARM_UP = 2, 3
"""Timed runs, and runs before them, of each start of the tool."""
_STARTS_A_COMMAND = 5
_RUN_LIMIT_S = 20.0
"""Seconds that a run may take on a phone, a start of the tool included."""
_APP_LIMIT_S, _POLL_S = 900.0, 2.0

_MACHINES = {183: "arm64-v8a", 40: "armeabi-v7a", 62: "x86_64", 3: "x86"}
"""Processors by their number in an ELF file."""
_ALSO = {("armeabi-v7a", "arm64-v8a"), ("x86", "x86_64")}
"""Programs that run on another processor, too: built for, and run on."""
_IDENTIFIER = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)+", re.ASCII)
_NUMBER = r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)"


@dataclass(frozen=True, kw_only=True)
class PhoneJob:
    """What is measured on a phone.

    Attributes:
        serial: What adb calls the phone; None where it is the only one.
        tool: TFLite's `benchmark_model`, built for the phone; None for the demo app.
        app: Identifier of the demo app on the phone, without a tool.
    """

    serial: str | None = None
    tool: Path | None = None
    app: str = DEMO_ID


def measure_on_phone(bundle: Bundle, job: PhoneJob, *, threads: int, runs: int, progress: Progress) -> PhoneBenchmark:
    """Measure a bundle on a phone.

    Args:
        bundle: The bundle. What its artifacts ask for is checked first.
        job: Which phone, and what times it.
        threads: Threads that TFLite may use. The demo app has its own setting.
        runs: Timed runs of each artifact, at least 50. The demo app has its own number.
        progress: Updated as runs are done.

    Raises:
        InputError: The tool is no program for the phone, the bundle has nothing for it, the phone is not ready or was
            lost, has no such app, or measured another bundle.
        BundleError: An artifact asks its runtime for an operator that no export uses.
        OutputError: The phone is full.
        CheckFailedError: An artifact failed on the phone, or the app ended.
    """
    if job.tool is None:
        if not _IDENTIFIER.fullmatch(job.app):
            raise InputError(f"{job.app!r} is no identifier of an app, such as {DEMO_ID}")
        return _by_app(bundle, find_phone(job.serial), job.app, progress)
    built, artifacts = machine_of(job.tool), _tflite(bundle)
    if not artifacts:
        raise InputError(f"{bundle.folder} has no tflite artifact, which is what benchmark_model runs")
    # Of one artifact half of all runs are read again.
    check_number_of_runs("--runs", runs * max(2, len(artifacts)))
    bundle.check_operators(artifacts)
    phone = find_phone(job.serial)
    if built != phone.processor and (built, phone.processor) not in _ALSO:
        raise InputError(f"{job.tool} is built for {built}, and {phone.name} is {phone.processor}; build it for that")
    return _by_tool(bundle, phone, job.tool, threads=threads, runs=runs, progress=progress)


def machine_of(tool: Path) -> str:
    """The processor that a program was built for, in Android's words.

    Raises:
        InputError: It cannot be read, or is no program for Android.
    """
    try:
        with tool.open("rb") as file:
            head = file.read(20)
    except OSError as error:
        raise InputError(f"{tool}: {error.strerror}; give the path of TFLite's benchmark_model") from error
    machine = (
        _MACHINES.get(struct.unpack_from("<H", head, 18)[0]) if len(head) == 20 and head[:4] == b"\x7fELF" else None
    )
    if machine is None:
        raise InputError(f"{tool} is no program for Android; give TFLite's benchmark_model, built for the phone")
    return machine


def _tflite(bundle: Bundle) -> list[Artifact]:
    return [artifact for artifact in bundle.artifacts if artifact.format == "tflite"]


def _by_tool(
    bundle: Bundle, phone: Phone, tool: Path, *, threads: int, runs: int, progress: Progress
) -> PhoneBenchmark:
    starts = -(-runs // _RUNS_A_START)
    folder = f"{_TEMPORARY}/sentio-mobile-{secrets.token_hex(6)}"
    _must(phone, f"mkdir {folder}", "a folder was made")
    try:
        phone.push(tool, f"{folder}/benchmark_model")
        _must(phone, f"chmod 755 {folder}/benchmark_model", "the tool was made ready")
        measured = []
        artifacts = _tflite(bundle)
        progress.start(f"runs on {phone.device.model}", starts * _RUNS_A_START * len(artifacts))
        for artifact in artifacts:
            progress.advance(0, note=artifact.label)
            phone.push(artifact.path, f"{folder}/model.tflite")
            times, load = _times(phone, folder, artifact, threads=threads, starts=starts, progress=progress)
            entry = bundle.entry(artifact)
            measured.append(
                PhoneRuns(
                    artifact=artifact.label,
                    files={name: file.sha256 for name, file in bundle.manifest.files_of(entry).items()},
                    runs_on=f"TFLite, CPU, {threads} {'thread' if threads == 1 else 'threads'}",
                    warm_up=_WARM_UP,
                    milliseconds=tuple(times),
                    load_ms=load,
                )
            )
        progress.finish()
    finally:
        _remove(phone, folder)
    return PhoneBenchmark(
        schema=1,
        tool="benchmark_model",
        model=f"{bundle.manifest.name} {bundle.manifest.release}",
        device=phone.device,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        measured=tuple(measured),
        passed_over=(),
    )


def _times(
    phone: Phone, folder: str, artifact: Artifact, *, threads: int, starts: int, progress: Progress
) -> tuple[list[float], float]:
    """Milliseconds of each run, and the median of loading."""
    command = (
        f"./benchmark_model --graph=model.tflite --num_threads={threads} --num_runs={_RUNS_A_START} --min_secs=-1 "
        f"--warmup_runs={_WARM_UP} --warmup_min_secs=-1"
    )
    times: list[float] = []
    loads: list[float] = []
    while len(times) < starts * _RUNS_A_START:
        now = min(_STARTS_A_COMMAND, starts - len(times) // _RUNS_A_START)
        # One command for several starts: between commands the phone would rest, and cool down.
        done = phone.shell(
            f"cd {folder} && i=0 && while [ $i -lt {now} ]; do {command} 2>&1 || exit 1; i=$((i+1)); done",
            doing=f"{artifact.label} ran on it",
            limit_s=now * (_WARM_UP + _RUNS_A_START + 1) * _RUN_LIMIT_S,
        )
        found, loaded = parse_tool(done.stdout)
        if done.returncode:
            phone.check_room(done.stdout, "what benchmark_model writes")
            raise CheckFailedError(f"{artifact.label} failed on {phone.name}: {last_line(done.stdout)}")
        if len(found) != now * _RUNS_A_START or len(loaded) != now:
            raise InputError(f"benchmark_model printed no times that are known here, but: {last_line(done.stdout)}")
        times += found
        loads += loaded
        progress.advance(len(found), note=f"{artifact.label} {milliseconds(statistics.median(found))}")
    return times, statistics.median(loads)


def parse_tool(output: str) -> tuple[list[float], list[float]]:
    """What `benchmark_model` printed, over any number of starts.

    Returns:
        Milliseconds of the timed runs, in their order, and of loading the model in each start.
    """
    times: list[float] = []
    loads: list[float] = []
    last: list[float] = []
    for line in output.splitlines():
        facts = dict(re.findall(rf"(\w+)={_NUMBER}", line))
        if "count" in facts:
            # Warm-up runs are counted in a line of their own, before that of the timed runs.
            last = _two(facts) if facts["count"] == str(_RUNS_A_START) else []
        elif found := re.search(rf"Inference timings in us: Init: {_NUMBER}", line):
            times += [microseconds / 1000 for microseconds in last]
            loads.append(float(found[1]) / 1000)
            last = []
    return times, loads


def _two(facts: dict[str, str]) -> list[float]:
    """Both runs: the last is named `curr`, and the other is the one of the two ends that it is not."""
    if "curr" not in facts:
        return []
    current = float(facts["curr"])
    low, high = float(facts.get("min", current)), float(facts.get("max", current))
    return [high if current == low else low, current]


def _by_app(bundle: Bundle, phone: Phone, app: str, progress: Progress) -> PhoneBenchmark:
    place = f"/sdcard/Android/data/{app}/files/{PHONE}"
    if "package:" not in phone.shell(f"pm path {app}", doing="the app was looked for").stdout:
        raise InputError(
            f"{phone.name} has no app {app}; make it with `sentio-mobile package android`, install it, or name another "
            "one with --adb-app"
        )
    _must(phone, f"rm -f {place}", "the last figures were removed")
    _must(phone, f"am force-stop {app}", "the app was ended")
    started = _must(
        phone,
        f"input keyevent KEYCODE_WAKEUP; am start -W -n {app}/{_ACTIVITY} --ez benchmark true",
        "the app was started",
    )
    if "Error" in started:
        raise CheckFailedError(f"{phone.name}: {app} cannot be started: {last_line(started)}; package it again")
    progress.start(f"the app on {phone.device.model}", 1)
    _wait(phone, app, place)
    with scratch_folder() as scratch:
        phone.pull(place, scratch / PHONE)
        found = read_phone_benchmark(scratch / PHONE)
    check_phone_benchmark(found, f"{app} on {phone.name}", bundle)
    progress.advance()
    progress.finish()
    return found


def _wait(phone: Phone, app: str, place: str) -> None:
    """Wait until the app has written its figures.

    Raises:
        CheckFailedError: It ended before that, or takes too long.
    """
    end = time.monotonic() + _APP_LIMIT_S
    while time.monotonic() < end:
        state = phone.shell(
            f"[ -f {place} ] && echo written && exit 0; pidof {app} >/dev/null && echo running || echo ended",
            doing=f"{app} measured on it",
        ).stdout.split()
        if state[-1:] == ["written"]:
            return
        if state[-1:] != ["running"]:
            raise CheckFailedError(
                f"{app} ended on {phone.name} before it had measured; open it there, and see what its benchmark says"
            )
        time.sleep(_POLL_S)
    raise CheckFailedError(f"{app} has not measured on {phone.name} within {_APP_LIMIT_S / 60:.0f} minutes; look at it")


def _must(phone: Phone, command: str, doing: str) -> str:
    done = phone.shell(command, doing=doing)
    if done.returncode:
        phone.check_room(done.stdout, "anything")
        raise InputError(f"{phone.name} refuses `{command}`: {last_line(done.stdout)}")
    return done.stdout


def _remove(phone: Phone, folder: str) -> None:
    """Remove what was put on the phone. Where the phone is gone, the fault that is on its way says so."""
    try:
        phone.shell(f"rm -rf {folder}", doing="it was cleaned up")
    except InputError:
        return
