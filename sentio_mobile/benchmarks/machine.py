"""The machine that figures were measured on: a time without it means nothing."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

RUNTIMES = ("torch", "onnxruntime", "ai-edge-litert", "coremltools", "numpy")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What was measured on. `memory_gb` is in 10^9 bytes; `load` is the mean number of busy tasks in the last minute.

    `usable_cores` counts the logical cores that this process may use, which in a container can be fewer than `cores`.
    """

    cpu: str
    architecture: str
    cores: int
    usable_cores: int
    memory_gb: float
    system: str
    python: str
    load: float | None
    runtimes: Mapping[str, str]


def describe_machine() -> Machine:
    """Describe the machine that this process runs on. What cannot be found out is `unknown` or None."""
    cores = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    return Machine(
        cpu=_cpu(),
        architecture=platform.machine() or "unknown",
        cores=cores,
        usable_cores=usable,
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        system=_system(),
        python=platform.python_version(),
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        runtimes=_versions(),
    )


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model"):
                return value.strip()
    if platform.system() == "Darwin":
        asked = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False
        )
        if asked.returncode == 0:
            return asked.stdout.strip()
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
    found = {}
    for name in RUNTIMES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
