"""A description of the machine that figures were measured on: a time without it means nothing."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import psutil
from msgspec import Meta

from sentio_mobile._internal.records import Count, Name, NonNegative, Record, Text
from sentio_mobile._internal.workers import usable_cores

RUNTIMES = ("torch", "onnxruntime", "ai-edge-litert", "coremltools", "numpy")


class Machine(Record, frozen=True, kw_only=True):
    """The machine that measured."""

    cpu: Text  # name of the processor
    architecture: Name  # instruction set, such as x86_64
    cores: Count  # logical cores
    usable_cores: Count  # logical cores that this process may use; in a container they can be fewer than `cores`
    memory_gb: NonNegative  # memory in 10^9 bytes
    system: Text  # operating system and its version
    python: Name  # version of Python
    load: NonNegative | None  # mean number of busy tasks in the last minute; None where the system does not tell
    runtimes: Annotated[dict[Name, Name], Meta(max_length=100)]  # versions of the runtimes that are installed


def describe_machine() -> Machine:
    """Describe the machine that this process runs on. What cannot be determined is `unknown` or None."""
    cores = os.cpu_count() or 1
    return Machine(
        cpu=_cpu(),
        architecture=platform.machine() or "unknown",
        cores=cores,
        usable_cores=usable_cores(),
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        system=_system(),
        python=platform.python_version(),
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        runtimes=_versions(),
    )


_SHORTEST_S = 0.25
"""Seconds under which the load is not told: the system counts processor time in hundredths of a second."""


class LoadMeter:
    """How busy others keep the cores that this process may use, from its making to `share`."""

    def __init__(self) -> None:
        self._start = _core_times()

    def share(self) -> float | None:
        """Share of the usable cores' time that other processes took, 0 to 1; None where it cannot be told."""
        if self._start is None or (now := _core_times()) is None or now[0] - self._start[0] < _SHORTEST_S:
            return None
        _, total, busy, own = (end - start for start, end in zip(self._start, now, strict=True))
        return None if total <= 0 else round(min(1.0, max(0.0, (busy - own) / total)), 4)


def _core_times() -> tuple[float, float, float, float] | None:
    """Seconds on the clock; of all usable cores; of those in use; and of those in use by this process and its own."""
    try:
        cores = psutil.cpu_times(percpu=True)
        usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(len(cores))
        total = sum(sum(cores[core]) - getattr(cores[core], "guest", 0.0) for core in usable)
        idle = sum(cores[core].idle + getattr(cores[core], "iowait", 0.0) for core in usable)
        process = psutil.Process()
        own = sum(process.cpu_times()[:4])
        own += sum(sum(child.cpu_times()[:2]) for child in process.children(recursive=True))
    except (psutil.Error, OSError, IndexError):
        return None
    return time.monotonic(), total, total - idle, own


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model"):
                return value.strip()
    if platform.system() == "Darwin":
        result = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False
        )
        if result.returncode == 0:
            return result.stdout.strip()
    return platform.processor() or "unknown"


def _system() -> str:
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]}"
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = platform.system()
    return f"{name}, {platform.system()} {platform.release()}"


def _versions() -> dict[str, str]:
    versions = {}
    for name in RUNTIMES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
