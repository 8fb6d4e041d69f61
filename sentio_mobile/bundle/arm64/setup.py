"""Make the ARM64 userland: Debian's Python and the runtimes' wheels, unpacked into a folder and never installed.

It needs no root and does not change the system: apt keeps its state in a folder of its own, and nothing unpacked is run
before the trial at the end. Downloads are kept beside the place until the userland is complete, so that an interrupted
setup goes on where it stopped.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from sentio_mobile._internal.files import require_free, write_text
from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import write_record
from sentio_mobile._internal.subprocesses import run_logged
from sentio_mobile.bundle.arm64.place import EMULATORS, PACKAGES, STAMP, Userland, find_tools, installed, require_ready
from sentio_mobile.bundle.arm64.run import EmulatedTask, emulate
from sentio_mobile.errors import InputError, MissingExtraError, OutputError
from sentio_mobile.formats.base import missing_packages

DEBIAN = ("python3", "libgomp1", "libstdc++6")
"""The packages of the distribution that the wheels need; apt resolves their dependencies."""

STEP_S = 900.0
"""Seconds that one step may take; the largest one downloads about 60 MB."""

CPUINFO = """\
processor\t: 0
BogoMIPS\t: 100.00
Features\t: fp asimd aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0b
CPU revision\t: 1
"""
"""/proc/cpuinfo of the emulated processor: both runtimes read it, and crash on that of an x86."""

_APT = """\
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Log "{folder}/log";
#clear APT::Architectures;
APT::Architecture "arm64";
APT::Architectures {{ "arm64"; }};
APT::Sandbox::User "root";
APT::Install-Recommends "false";
Acquire::Languages "none";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
"""
"""apt's settings: a state of its own, in which nothing is installed, and none of the system's hooks."""

_PLANNED = re.compile(r"^Inst (?P<name>\S+) \((?P<version>\S+) .*\[(?P<architecture>\w+)\]\)", re.MULTILINE)


def setup(place: Path, progress: Progress | None = None) -> None:
    """Make the userland at `place`, unless there is one of the right versions already.

    Args:
        place: The folder to write.
        progress: Advances step by step.

    Raises:
        InputError: A tool is missing, packages cannot be downloaded, another setup runs, or the userland fails its
            trial.
        MissingExtraError: No runtime is installed here, so that there is no version to download.
        ConversionError: The trial died.
        OutputError: `place` cannot be written.
    """
    emulator, apt, dpkg = find_tools(EMULATORS[0], "apt-get", "dpkg-deb")
    packages = installed()
    if len(packages) == 1:
        raise MissingExtraError("onnxruntime", "onnx", "ARM64")
    if missing_packages(("pip",)):
        raise InputError("ARM64 needs pip to fetch wheels; python -m ensurepip brings it")
    place = place.absolute()
    if is_ready(place):
        return
    if not (place / STAMP).is_file():
        require_free(place, overwrite=False)
    progress = progress or NoProgress()
    with _working_folder(place) as part:
        for left in part.glob("attempt-*"):
            shutil.rmtree(left, ignore_errors=True)
        # A new name each time: processes of a killed setup may still be writing to the last one.
        attempt = Path(tempfile.mkdtemp(dir=part, prefix="attempt-"))
        root = attempt / "root"
        root.mkdir()
        progress.start("ARM64 userland", 4)
        progress.advance(0, note="Debian packages")
        debian, files = _fetch(apt, part)
        progress.advance(note="unpacking")
        for number, file in enumerate(files):
            _step([dpkg, "-x", str(file), str(root)], part, f"unpack-{number}")
        write_text(root / "proc" / "cpuinfo", CPUINFO)
        # Debian merges /lib into /usr/lib by a link, which is in a package that is not unpacked.
        if not (root / "lib").exists():
            (root / "lib").symlink_to("usr/lib")
        progress.advance(note="wheels")
        _fetch_wheels(root, debian["libc6"], packages, part)
        progress.advance(note="trial")
        python = _trial(emulator, root, packages=packages, part=part, scratch=attempt)
        write_record(root / STAMP, Userland(python=python, packages=packages, debian=debian))
        _move(root, place, part)
        progress.advance()
        progress.finish()
        shutil.rmtree(part, ignore_errors=True)


def is_ready(place: Path) -> bool:
    """Whether there is a complete userland of the right versions at `place`."""
    try:
        require_ready(place)
    except InputError:
        return False
    return True


@contextmanager
def _working_folder(place: Path) -> Iterator[Path]:
    """The working folder beside `place`, which an interrupted setup leaves; only one setup uses it at a time."""
    part = place.with_name(f".{place.name}.part")
    try:
        part.mkdir(parents=True, exist_ok=True)
        lock = FileLock(part / "lock", blocking=False)
        lock.acquire()
    except Timeout as error:
        raise InputError(f"{part}: another setup is running there; wait until it ends") from error
    except OSError as error:
        raise OutputError(f"cannot write {error.filename}: {error.strerror}; choose another place") from error
    with lock:
        yield part


def _fetch(apt: str, part: Path) -> tuple[dict[str, str], list[Path]]:
    """Download the distribution's packages: their versions, by name, and their files."""
    folder = part / "apt"
    archives = folder / "cache" / "archives"
    for needed in (folder / "state" / "lists" / "partial", archives / "partial", folder / "log"):
        needed.mkdir(parents=True, exist_ok=True)
    write_text(folder / "status", "")
    write_text(folder / "apt.conf", _APT.format(folder=folder))
    command = [apt, "-c", str(folder / "apt.conf"), "-y", "-q"]
    _step([*command, "update"], part, "apt-update")
    # An earlier setup may have left files of older versions: only those that are planned now are unpacked.
    planned = _step([*command, "--simulate", "install", *DEBIAN], part, "apt-plan")
    _step([*command, "--download-only", "install", *DEBIAN], part, "apt-download")
    packages = list(_PLANNED.finditer(planned))
    names = ["{}_{}_{}.deb".format(*found.groups()).replace(":", "%3a") for found in packages]
    return {found["name"]: found["version"] for found in packages}, [archives / name for name in names]


def _fetch_wheels(root: Path, glibc: str, packages: dict[str, str], part: Path) -> None:
    """Unpack wheels to where the userland's Python looks for modules, the newest that its C library allows."""
    python = (root / "usr" / "bin" / "python3").readlink().name.removeprefix("python")
    newest = int(glibc.split(".")[1].split("-")[0])
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in range(newest, 16, -1)]
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-compile", "--only-binary=:all:"]
    command += [f"--python-version={python}", "--implementation=cp", *platforms, "--platform=manylinux2014_aarch64"]
    command += ["--target", str(root / "usr" / "lib" / "python3" / "dist-packages")]
    _step([*command, *(f"{name}=={version}" for name, version in packages.items())], part, "wheels")


def _trial(emulator: str, root: Path, *, packages: dict[str, str], part: Path, scratch: Path) -> str:
    """Import everything once, which also compiles it, and return the userland's version of Python."""
    task = EmulatedTask(modules=tuple(PACKAGES[name] for name in packages), packages=tuple(packages))
    result = emulate(
        emulator,
        root,
        task=task,
        log=part / "trial.log",
        timeout_s=STEP_S,
        scratch=scratch,
        name="the trial of the userland",
    )
    if result.machine != "aarch64" or result.versions != packages or result.python is None:
        fault = result.error or f"it has {result.versions} for {result.machine}"
        raise InputError(f"the ARM64 userland fails its trial: {fault}; the log is {part / 'trial.log'}")
    return result.python


def _move(root: Path, place: Path, part: Path) -> None:
    try:
        if place.exists():
            # One folder cannot replace another in one step: the old one is removed with the working folder.
            shutil.rmtree(part / "replaced", ignore_errors=True)
            place.rename(part / "replaced")
        root.rename(place)
    except OSError as error:
        raise OutputError(f"cannot write {place}: {error.strerror}; choose another place") from error


def _step(command: list[str], part: Path, name: str) -> str:
    """Run a command and return its output.

    Raises:
        InputError: It failed or did not end; the message has its last line that names an error.
    """
    log = part / f"{name}.log"
    status = run_logged(command, log, STEP_S, part)
    output = log.read_text(errors="replace")
    if status != 0:
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        faults = [line for line in lines if line.startswith(("E:", "ERROR:", "dpkg-deb: error"))] or lines
        cause = f"no end after {STEP_S:g} s" if status is None else faults[-1] if faults else f"exit status {status}"
        raise InputError(f"the ARM64 userland cannot be made: {Path(command[0]).name}: {cause}; the log is {log}")
    return output
