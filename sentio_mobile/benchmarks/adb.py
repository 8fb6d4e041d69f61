"""One phone by adb, the tool of Android's developers: which phone it is, and commands on it.

Every fault is one line: no adb, no phone, several, one that is offline or asks for leave, one that was lost in the
middle, one that is full. What a phone prints is data of a stranger: it is cut, and read by strict patterns alone.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sentio_mobile.benchmarks.phones import Device
from sentio_mobile.errors import InputError, OutputError, printable, shortened

ASK_S = 30.0
"""Seconds for a question that a phone answers at once. adb may have to start its server first."""
COPY_S = 600.0
_MAX_SHOWN = 300

_READY, _OFFLINE, _UNAUTHORIZED = "device", "offline", "unauthorized"


@dataclass(frozen=True)
class _Listed:
    serial: str
    state: str
    model: str

    def __str__(self) -> str:
        words = self.model if self.state == _READY else ", ".join(filter(None, (self.model, self.state)))
        return f"{self.serial} ({words})" if words else self.serial


@dataclass(frozen=True)
class Phone:
    """A phone that adb can talk to.

    Attributes:
        adb: The program.
        serial: What adb calls the phone.
        device: What it is.
        processor: Its processor's interface, such as arm64-v8a.
    """

    adb: str
    serial: str
    device: Device
    processor: str

    def shell(self, command: str, *, doing: str, limit_s: float = ASK_S) -> subprocess.CompletedProcess[str]:
        """Run a command on the phone, whatever its exit status is. Its output and its errors come together.

        Args:
            command: For the phone's shell.
            doing: What is done, for messages.
            limit_s: Seconds that it may take.

        Raises:
            InputError: The phone was lost, or did not answer.
        """
        return _shell(self.adb, self.serial, command, doing=doing, limit_s=limit_s)

    def push(self, path: Path, place: str) -> None:
        """Copy a file to the phone.

        Raises:
            InputError: The phone was lost, is full, or may not be written there.
        """
        self._copy(["push", str(path), place], f"{path.name} was copied to it", f"{path.stat().st_size / 1e6:.1f} MB")

    def pull(self, place: str, path: Path) -> None:
        """Copy a file from the phone.

        Raises:
            InputError: The phone was lost, or has no such file.
        """
        self._copy(["pull", place, str(path)], f"{place} was copied from it", "")

    def _copy(self, command: list[str], doing: str, size: str) -> None:
        done = _run(self.adb, ["-s", self.serial, *command], doing=doing, limit_s=COPY_S)
        if done.returncode == 0:
            return
        _check_there(self.adb, self.serial, doing)
        self.check_room(done.stdout, f"{command[1]} ({size})" if size else command[1])
        raise InputError(f"{self.name}: {command[0]} of {command[1]} failed: {last_line(done.stdout)}")

    def check_room(self, output: str, what: str) -> None:
        """Check that a command did not fail because the phone is full.

        Args:
            output: What the command printed.
            what: What there is no room for.

        Raises:
            OutputError: It did.
        """
        if "No space left" in output:
            raise OutputError(f"{self.name} is full: it has no room for {what}; free some, and try again")

    @property
    def name(self) -> str:
        """What messages call it."""
        return _name(self.serial)


def find_phone(serial: str | None = None) -> Phone:
    """Find a phone that adb can talk to.

    Args:
        serial: Its serial number; None where it is the only one.

    Raises:
        InputError: adb is not there, sees no phone or several, or the phone is not ready, or it is an emulator.
    """
    adb = shutil.which("adb")
    if adb is None:
        raise InputError(
            "adb is not on the PATH; install Android's platform-tools (Debian and Ubuntu: apt install adb; "
            "macOS: brew install android-platform-tools)"
        )
    one = _chosen(_listed(adb), serial)
    told = _shell(
        adb,
        one.serial,
        "for k in ro.product.manufacturer ro.product.model ro.build.version.release ro.kernel.qemu ro.boot.qemu "
        'ro.product.cpu.abi; do echo "$k=$(getprop $k)"; done',
        doing="it was asked what it is",
    )
    facts = dict(line.strip().split("=", 1) for line in told.stdout.splitlines() if line.startswith("ro."))
    if told.returncode or not facts.get("ro.product.model"):
        raise InputError(f"{_name(one.serial)} does not say what it is: {last_line(told.stdout)}")
    emulated = "1" in (facts.get("ro.kernel.qemu"), facts.get("ro.boot.qemu"))
    device = Device(
        kind="emulator" if emulated else "phone",
        maker=_fact(facts, "ro.product.manufacturer"),
        model=_fact(facts, "ro.product.model"),
        system=f"Android {_fact(facts, 'ro.build.version.release')}",
    )
    if emulated:
        raise InputError(
            f"{_name(one.serial)} is an emulator ({device.words}); its speed is this computer's: connect a phone"
        )
    return Phone(adb, one.serial, device, _fact(facts, "ro.product.cpu.abi"))


def last_line(output: str) -> str:
    """The last line that a command printed, cut, for a message."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return shortened(printable(lines[-1]), _MAX_SHOWN) if lines else "it printed nothing"


def _fact(facts: dict[str, str], key: str) -> str:
    return printable(facts.get(key, ""))[:80].strip() or "unknown"


def _listed(adb: str) -> list[_Listed]:
    done = _run(adb, ["devices", "-l"], doing="it was looked for", limit_s=ASK_S)
    if done.returncode:
        raise InputError(f"adb cannot list phones: {last_line(done.stdout)}")
    found = []
    for line in done.stdout.splitlines():
        # After the serial number comes the state, which may be a sentence: "no permissions (user in ...); see [...]".
        parts = re.match(r"^(\S+)\s+(device|offline|unauthorized|no permissions|[a-z]+)\b(.*)$", line)
        if parts and not line.startswith(("*", "List of", "adb")):
            model = re.search(r"\bmodel:(\S+)", parts[3])
            found.append(_Listed(parts[1], parts[2], model[1].replace("_", " ") if model else ""))
    return found


def _chosen(listed: list[_Listed], serial: str | None) -> _Listed:
    seen = ", ".join(map(str, listed))
    if not listed:
        raise InputError(
            "adb sees no phone; connect one by USB, switch on USB debugging in its developer options, and unlock it"
        )
    if serial is None and len(listed) > 1:
        raise InputError(f"adb sees {len(listed)} devices: {seen}; say which: --adb SERIAL")
    one = listed[0] if serial is None else next((one for one in listed if one.serial == serial), None)
    if one is None:
        raise InputError(f"adb sees no phone {serial!r}; it sees {seen}")
    if one.state == _UNAUTHORIZED:
        raise InputError(
            f"{_name(one.serial)} has not authorized this computer; unlock it, allow USB debugging there, and try again"
        )
    if one.state == _OFFLINE:
        raise InputError(f"{_name(one.serial)} is offline; unplug it, plug it in again, unlock it, and try again")
    if one.state == "no permissions":
        raise InputError(
            f"{_name(one.serial)}: this user may not use it by USB; install udev rules for it (Debian and Ubuntu: "
            "apt install android-sdk-platform-tools-common)"
        )
    if one.state != _READY:
        raise InputError(f"{_name(one.serial)} is not ready (state {one.state}); start Android on it, and try again")
    return one


def _shell(
    adb: str, serial: str, command: str, *, doing: str, limit_s: float = ASK_S
) -> subprocess.CompletedProcess[str]:
    done = _run(adb, ["-s", serial, "shell", command], doing=doing, limit_s=limit_s)
    if done.returncode:
        _check_there(adb, serial, doing)
    return done


def _check_there(adb: str, serial: str, doing: str) -> None:
    """After a fault: whether the phone is still there.

    Raises:
        InputError: It is not.
    """
    state = _run(adb, ["-s", serial, "get-state"], doing=doing, limit_s=ASK_S)
    if state.returncode or state.stdout.strip() != _READY:
        raise InputError(
            f"{_name(serial)} was lost while {doing} ({last_line(state.stdout)}); look at its cable, and try again"
        )


def _run(adb: str, command: list[str], *, doing: str, limit_s: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [adb, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InputError(
            f"adb gave no answer for {limit_s:.0f} s while {doing}; look at the phone, and try again"
        ) from None
    except OSError as error:
        raise InputError(f"{adb} cannot be run: {error.strerror}") from error


def _name(serial: str) -> str:
    return f"the phone {serial}"
