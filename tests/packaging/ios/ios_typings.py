"""The declarations in `stubs` against Apple's own headers, as the npm package @nativescript/types-ios has them.

It has Objective-C's names: `prediction(from:)` is `predictionFromFeaturesError` there, so that a Swift name must be the
beginning of one. What exists in Swift alone stands in `IN_OBJECTIVE_C`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FRAMEWORKS: Mapping[str, tuple[str, ...]] = {"CoreML": ("CoreML",), "AVFoundation": ("AVFAudio", "AVFoundation")}
"""The typings that each file of declarations is held to."""

OLDEST = 15.0
"""Names that are older need no mark in declarations."""

IN_OBJECTIVE_C: Mapping[str, str] = {
    "MLComputeDevice": "MLComputeDeviceProtocol",
    "MLComputePlan.deviceUsage": "computeDeviceUsageFor",
    "AVAudioEngine.isRunning": "running",
    "AVAudioEngine.start": "startAndReturnError",
    "AVAudioFile.write": "writeFromBuffer",
    "AVCaptureDevice.requestAccess": "requestAccessForMediaType",
}

_NO_COUNTERPART = frozenset({"AudioStreamBasicDescription", "AVMediaType"})
"""Structures of C, which the typings have elsewhere."""

_SWIFT_TYPE = re.compile(r"(?:open|public)(?: final)? (?:class|enum|struct|protocol) (\w+)")
_SWIFT_MEMBER = re.compile(
    r" {4}(?:(?:open|public)(?: static| class)? (?:func|var) (\w+)|(?:func|var) (\w+)|case (\w+))"
)
_SWIFT_SINCE = re.compile(r"\s*@available\(iOS (\d+\.\d+)")
_TYPE = re.compile(r"(?:declare (?:class|const enum)|interface) (\w+)(?: extends (\w+))?")
_MEMBER = re.compile(r"\t(?:static |readonly )*(\w+)[?(:,]| *\t(\w+) = ")
_SINCE = re.compile(r"\s*\* @since (\d+\.\d+)")


@dataclass
class Declared:
    """A type, the system that brought it, and its members with theirs; 0 where that is not said."""

    since: float
    parent: str | None = None
    dated: bool = True
    members: dict[str, float] = field(default_factory=dict)


def swift_types(text: str) -> dict[str, Declared]:
    """The types of a file of declarations; types within types are left out."""
    found: dict[str, Declared] = {}
    since, here = 0.0, None
    for line in text.splitlines():
        if mark := _SWIFT_SINCE.match(line):
            since = float(mark[1])
            continue
        if line == "}":
            here = None
        if kind := _SWIFT_TYPE.match(line):
            here = found.setdefault(kind[1], Declared(since))
        elif (member := _SWIFT_MEMBER.match(line)) and here is not None:
            here.members[next(name for name in member.groups() if name)] = since
        since = 0.0
    return found


def typings(folder: Path, framework: str) -> dict[str, Declared]:
    """The types of a framework."""
    found: dict[str, Declared] = {}
    since, here = 0.0, None
    (path,) = folder.rglob(f"objc!{framework}.d.ts")
    for line in path.read_text(encoding="utf-8").splitlines():
        if mark := _SINCE.match(line):
            since = float(mark[1])
        elif kind := _TYPE.match(line):
            here, since = found.setdefault(kind[1], Declared(since, kind[2], dated="enum" not in line)), 0.0
        elif (member := _MEMBER.match(line)) and here is not None:
            here.members.setdefault(member[1] or member[2], since)
            since = 0.0
        elif not line.strip():
            since = 0.0
    return found


def faults(stubs: Path, folder: Path) -> list[str]:
    """What declarations say and Apple's headers do not, a line each."""
    return [fault for name in FRAMEWORKS for fault in _faults_of(name, stubs, folder)]


def _faults_of(name: str, stubs: Path, folder: Path) -> Iterator[str]:
    known = {key: one for framework in FRAMEWORKS[name] for key, one in typings(folder, framework).items()}
    for type_name, ours in swift_types((stubs / f"{name}.swift").read_text(encoding="utf-8")).items():
        if type_name in _NO_COUNTERPART:
            continue
        theirs = known.get(IN_OBJECTIVE_C.get(type_name, type_name))
        if theirs is None:
            yield f"{type_name}: is in no header"
            continue
        if max(ours.since, OLDEST) != max(theirs.since, OLDEST):
            yield f"{type_name}: came with iOS {theirs.since}, not {ours.since}"
        if type_name in IN_OBJECTIVE_C or "Structure" in type_name:
            continue
        for member, since in ours.members.items():
            yield from _member_faults(type_name, member, since, theirs, known)


def _member_faults(
    type_name: str, member: str, since: float, theirs: Declared, known: Mapping[str, Declared]
) -> Iterator[str]:
    start = IN_OBJECTIVE_C.get(f"{type_name}.{member}", member).lower()
    found: list[float] = []
    one: Declared | None = theirs
    while one is not None:
        found += [when for name, when in one.members.items() if name.lower().startswith(start)]
        one = known.get(one.parent or "")
    if not found:
        yield f"{type_name}.{member}: is in no header"
    # When a case of an enum came is not said there. Of several with one beginning, the oldest needs no mark.
    elif theirs.dated and max(since, theirs.since, OLDEST) not in {max(when, theirs.since, OLDEST) for when in found}:
        yield f"{type_name}.{member}: came with iOS {min(found)}, not {since}"
