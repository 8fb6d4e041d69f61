"""What can be said of Swift without a compiler: it parses, what it imports, what is newer than its systems."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import tree_sitter_swift
from tree_sitter import Language, Node, Parser

IMPORTS: dict[str, set[str]] = {
    "Sources/SentioCore": {"Foundation", "Accelerate", "CryptoKit"},
    "Sources/SentioKit": {"Foundation", "SentioCore", "CoreML", "AVFoundation"},
    "Sources/sentio-cli": {"Foundation", "SentioKit"},
    "Tests/SentioCoreTests": {"Foundation", "XCTest", "SentioCore"},
    "Tests/SentioKitTests": {"Foundation", "XCTest", "SentioCore", "SentioKit", "AVFoundation", "CoreML"},
    "Demo": {"Foundation", "SentioKit", "SwiftUI", "UIKit", "UniformTypeIdentifiers"},
}
"""What each folder may import. The core must build where Apple's frameworks are not."""

MINIMUM: dict[str, int] = {"Sources": 15, "Tests": 15, "Demo": 15}
"""The iOS that each folder must run on."""

SINCE: dict[str, float] = {
    **{"AVAudioApplication": 17, "cpuAndNeuralEngine": 16, "ContinuousClock": 16, "SuspendingClock": 16, "Regex": 16},
    **{"MLComputePlan": 17.4, "MLComputeDevice": 17, "MLModelStructure": 17.4},
    **{"NavigationStack": 16, "ShareLink": 16, "Observable": 17, "Bindable": 17, "ContentUnavailableView": 17},
    **{"Mutex": 18, "MLTensor": 18, "OSAllocatedUnfairLock": 16},
}
"""The iOS that brought a name; what our code could be tempted to use, not all there is."""

REASONS: tuple[str, ...] = (
    *("UserDefaults", "AppStorage", "SceneStorage", "systemUptime", "mach_absolute_time", "creationDate"),
    *("modificationDate", "creationDateKey", "contentModificationDateKey", "attributesOfItem", "fileModificationDate"),
    *("volumeAvailableCapacityKey", "volumeTotalCapacityKey", "attributesOfFileSystem", "systemFreeSize", "systemSize"),
    *("activeInputModes", "getattrlist", "fgetattrlist", "fstat", "lstat", "statfs", "statvfs", "UIPasteboard"),
)
"""Names whose use Apple wants a reason for in a privacy manifest, and the pasteboard."""

_PARSER = Parser(Language(tree_sitter_swift.language()))


def swift_files(root: Path) -> list[Path]:
    """All Swift files of a package, what a build left aside."""
    return sorted(path for path in root.rglob("*.swift") if ".build" not in path.relative_to(root).parts)


def faults(root: Path) -> list[str]:
    """What is wrong with the Swift files under `root`, a line each."""
    return [fault for path in swift_files(root) for fault in _faults_of(path, path.relative_to(root).as_posix())]


def names_used(root: Path) -> set[str]:
    """Every name in the package's sources, tests aside."""
    files = [path for path in swift_files(root) if path.relative_to(root).parts[0] != "Tests"]
    return {_text(node) for path in files for node in _walk(_tree(path)) if node.type in _NAMES}


_NAMES = ("simple_identifier", "type_identifier")


def _tree(path: Path) -> Node:
    return _PARSER.parse(path.read_bytes()).root_node


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _faults_of(path: Path, name: str) -> Iterator[str]:
    allowed = next((imports for folder, imports in IMPORTS.items() if name.startswith(folder + "/")), None)
    minimum = MINIMUM.get(name.split("/")[0])
    for node in _walk(_tree(path)):
        place = f"{name}:{node.start_point[0] + 1}"
        if node.is_error or node.is_missing:
            yield f"{place}: does not parse"
        elif node.type == "import_declaration" and allowed is not None:
            module = _text(node.named_children[-1])
            if module not in allowed:
                yield f"{place}: imports {module}, which its target must not"
        elif node.type in _NAMES and minimum is not None:
            since = SINCE.get(_text(node), 0)
            if since > minimum and not _is_guarded(node, since):
                yield f"{place}: {_text(node)} came with iOS {since} and is used on {minimum}"


def _is_guarded(node: Node, since: float) -> bool:
    """Whether a name stands where the system is known to be new enough."""
    below, here = node, node.parent
    while here is not None:
        if here.type == "if_statement" and any(_is_condition(child, since) for child in here.children):
            return not _behind_else(here, below)
        for sibling in here.children:
            if sibling.start_byte >= below.start_byte:
                break
            if sibling.type == "guard_statement" and _names(sibling, since):
                return True
            if sibling.type == "modifiers" and "@available" in _text(sibling) and _names(sibling, since):
                return True
        below, here = here, here.parent
    return False


def _is_condition(node: Node, since: float) -> bool:
    return node.type == "availability_condition" and _names(node, since)


def _behind_else(statement: Node, part: Node) -> bool:
    return any(child.type == "else" and child.start_byte < part.start_byte for child in statement.children)


def _names(node: Node, since: float) -> bool:
    return any(float(found) >= since for found in re.findall(r"iOS\s+(\d+(?:\.\d+)?)", _text(node)))
