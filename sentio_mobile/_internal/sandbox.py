"""A process that may read little, write nothing, reach no network, and take limited memory and time.

`python -m sentio_mobile._internal.sandbox READABLE MODULE ARGUMENTS` takes this process's rights away, and then runs a
module in it. That happens before anything else is imported: Linux's limits hold for threads that begin later only.

On Linux files are guarded by Landlock, which Python has no kept library for, and network, programs and other processes
by a filter of system calls (seccomp, whose library for Python needs one of the system's). Both are a few system calls,
made here. Elsewhere only the limits of `resource` hold.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import logging
import os
import platform
import resource
import runpy
import struct
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""Number of rights over files by Landlock's version; from the fifth on there are 16."""
_NETWORK_RIGHTS, _SCOPES = 0b11, 0b11
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _MODE_FILTER = 22, 38, 2

_DENIED = {
    "x86_64": (
        0xC000003E,
        # socket, connect; execve, execveat; ptrace, process_vm_readv, process_vm_writev, pidfd_getfd
        *(41, 42, 59, 322, 101, 310, 311, 438),
        # shmget, shmat, semget, msgget, mq_open; add_key, request_key, keyctl; mount, unshare, setns
        *(29, 30, 64, 68, 240, 248, 249, 250, 165, 272, 308),
        # bpf, perf_event_open, io_uring_setup, userfaultfd, open_by_handle_at
        *(321, 298, 425, 323, 304),
    ),
    "aarch64": (
        0xC00000B7,
        *(198, 203, 221, 281, 117, 270, 271, 438),
        *(194, 196, 190, 186, 180, 217, 218, 219, 40, 97, 268),
        *(280, 241, 425, 282, 265),
    ),
}
"""By processor: its number in the kernel, and system calls that are refused there."""

_SYSTEM_FILES = (
    *("/usr", "/lib", "/lib32", "/lib64", "/nix/store", "/etc/ld.so.cache", "/etc/localtime"),
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys"),
    *("/sys/devices/system", "/dev/zero", "/dev/random", "/dev/urandom"),
)
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "PYTHONPATH", "VIRTUAL_ENV")
"""Variables of the environment that the process gets: others may be secrets."""


def sandboxed(module: str, *arguments: str, readable: Sequence[Path]) -> list[str]:
    """The command that runs a module in a process without rights.

    Args:
        module: The module; its `__main__` part runs.
        arguments: Its arguments.
        readable: Files and folders that it may read beside Python, its packages, and the system's libraries.
    """
    places = json.dumps([str(place.resolve()) for place in readable])
    return [sys.executable, "-P", "-m", "sentio_mobile._internal.sandbox", places, module, *arguments]


def sandbox_environment(environment: dict[str, str]) -> dict[str, str]:
    """The environment for that command: without secrets, and without a GPU."""
    kept = {name: value for name, value in environment.items() if name in _PASSED_ON}
    # torch's compiler asks for a folder where it is imported, as a format of another package may do. Nothing is kept.
    return {
        **kept,
        "HOME": "/",
        "TORCHINDUCTOR_CACHE_DIR": "/",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def address_space() -> int:
    """Bytes of this process's address space; 1 TiB where the system does not say."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[0]) * resource.getpagesize() if status.is_file() else 1 << 40


def limit_memory(total: int | None) -> None:
    """Limit the address space of this process to so many bytes; None takes the limit away. macOS ignores it."""
    _lower(resource.RLIMIT_AS, resource.RLIM_INFINITY if total is None else total)


def limit_cpu(seconds: int) -> None:
    """Let this process be killed (SIGXCPU) after so many more seconds of processor time."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _lower(resource.RLIMIT_CPU, int(usage.ru_utime + usage.ru_stime) + 1 + seconds)


def protections() -> tuple[str, ...]:
    """What this system can take away from a process: `landlock`, `seccomp`; the limits hold everywhere."""
    return tuple(
        name
        for name, here in (("landlock", _landlock_version() > 0), ("seccomp", platform.machine() in _DENIED))
        if here and sys.platform == "linux"
    )


@cache
def tell_of_missing_limits() -> None:
    """Say, once, in one line and as a warning in the log, which limits this system cannot set."""
    what, here = {"landlock": "files", "seccomp": "network and other programs"}, protections()
    if missing := [text for name, text in what.items() if name not in here]:
        logging.getLogger(__name__).warning(
            "this system does not limit what artifacts do with %s: run bundles that you do not trust in a container",
            ", ".join(missing),
        )


def restrict(readable: Iterable[Path]) -> None:
    """Take this process's rights away, as far as the system can.

    Args:
        readable: What it may still read beside Python, its packages, and the system's libraries.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return
    # Files do not grow even where there is no Landlock. Core ML, on other systems, writes what it compiles.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    # The search for a library starts compilers, and writes files for them.
    ctypes.util.find_library = lambda name: None
    # Without it an unprivileged process may use neither Landlock nor seccomp.
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if version := _landlock_version():
        _landlock(version, [*map(Path, _SYSTEM_FILES), *_python_files(), *readable])
    if platform.machine() in _DENIED:
        _seccomp(*_DENIED[platform.machine()])


def _python_files() -> list[Path]:
    """Where Python imports from. Of a source tree, this package alone."""
    packages = [Path(place) for place in sys.path if place and not (Path(place) / "sentio_mobile").is_dir()]
    libraries = [Path(place) for place in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if place]
    prefixes = [Path(prefix) for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix)]
    return [*packages, *libraries, *prefixes, Path(__file__).parents[1], Path(sys.executable).resolve().parent]


def _landlock_version() -> int:
    """The version of Landlock; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return max(0, ctypes.CDLL(None).syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1))


def _landlock(version: int, readable: Iterable[Path]) -> None:
    rights = (1 << _FILE_RIGHTS.get(version, 16)) - 1
    handled = (rights, *((_NETWORK_RIGHTS,) if version >= 4 else ()), *((_SCOPES,) if version >= 6 else ()))
    attributes = struct.pack(f"={len(handled)}Q", *handled)
    rules = _call("syscall", _CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    for place in readable:
        _allow(rules, place, _READ_FILE | _READ_DIR)
    _allow(rules, Path("/dev/null"), _READ_FILE | _WRITE_FILE)
    _call("syscall", _RESTRICT_SELF, rules, 0)
    os.close(rules)


def _allow(rules: int, place: Path, rights: int) -> None:
    try:
        descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what does not exist needs no rule
    try:
        beneath = struct.pack("=Qi", rights if place.is_dir() else rights & ~_READ_DIR, descriptor)
        _call("syscall", _ADD_RULE, rules, 1, beneath, 0)
    finally:
        os.close(descriptor)


def _seccomp(processor: int, *denied: int) -> None:
    """Refuse system calls, with `EPERM`; those of another processor's numbering end the process."""
    load, equal, above, give = 0x20, 0x15, 0x35, 0x06
    number, architecture = 0, 4  # where a filter finds them
    refuse, kill, allow = 0x00050000 | 1, 0x80000000, 0x7FFF0000
    count = len(denied)
    program = [
        (load, 0, 0, architecture),
        (equal, 1, 0, processor),
        (give, 0, 0, kill),
        (load, 0, 0, number),
        # x86-64 has a second numbering, from this one on.
        (above, count + 1, 0, 0x40000000),
        *((equal, count - i, 0, call) for i, call in enumerate(denied)),
        (give, 0, 0, allow),
        (give, 0, 0, refuse),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    header = struct.pack("@HP", len(program), ctypes.addressof(code))
    _call("prctl", _PR_SET_SECCOMP, _MODE_FILTER, header, 0, 0)


def _call(function: str, *arguments: object) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    result: int = getattr(library, function)(*arguments)
    if result < 0:
        fault = ctypes.get_errno()
        raise OSError(fault, f"{function} {arguments[0]}: {os.strerror(fault)}")
    return result


def _lower(kind: int, soft: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        soft = hard if soft == resource.RLIM_INFINITY else min(soft, hard)
    resource.setrlimit(kind, (soft, hard))


if __name__ == "__main__":
    # Children of the same command would import this module under its own name: nothing here keeps any state.
    places, module = sys.argv[1:3]
    restrict([Path(place) for place in json.loads(places)])
    sys.argv = sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
