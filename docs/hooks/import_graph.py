"""The package's import graph, read from its source: which room imports which, and how large each is.

A room is a folder or a module directly under sentio_mobile. The architecture page draws the graph, and
tests/test_architecture.py checks its order.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

PACKAGE = "sentio_mobile"


def read_imports(root: Path) -> dict[str, Counter[str]]:
    """For each room, how many imports it has of each other room.

    Args:
        root: The folder of the package.
    """
    graph: dict[str, Counter[str]] = defaultdict(Counter)
    for path in sorted(root.rglob("*.py")):
        room = room_of(path, root)
        for target in _targets(ast.parse(path.read_text(encoding="utf-8"))):
            if target != room:
                graph[room][target] += 1
    return dict(graph)


def count_lines(root: Path) -> Counter[str]:
    """Lines of Python in each room."""
    lines: Counter[str] = Counter()
    for path in root.rglob("*.py"):
        lines[room_of(path, root)] += len(path.read_text(encoding="utf-8").splitlines())
    return lines


def room_of(path: Path, root: Path) -> str:
    """The room that a file belongs to; the package's own `__init__` is the room `sentio_mobile`."""
    first = path.relative_to(root).parts[0].removesuffix(".py")
    return PACKAGE if first == "__init__" else first


def draw(graph: Mapping[str, Mapping[str, int]], layers: Sequence[Sequence[str]]) -> str:
    """The graph as SVG: one row per layer, the top one first, and an arrow from each room to each room it imports.

    Args:
        graph: What `read_imports` returns.
        layers: The rooms, layer by layer from top to bottom. Rooms in no layer are left out.
    """
    width, row, box, height = 920, 78, 104, 34
    place = {}
    for y, rooms in enumerate(layers):
        gap = width / (len(rooms) + 1)
        for x, room in enumerate(rooms):
            place[room] = ((x + 1) * gap, 30 + y * row)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {60 + row * (len(layers) - 1)}" role="img" '
        'aria-label="Import graph of the package" font-family="sans-serif" font-size="13">',
        "<style>.edge{stroke:#7a869a;fill:none;stroke-opacity:.38}.box{fill:#e8eefc;stroke:#3f51b5}"
        "text{fill:#1a237e}.room:hover .box{fill:#c5cae9}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#7a869a"/></marker></defs>',
    ]
    for room, targets in sorted(graph.items()):
        for target, count in sorted(targets.items()):
            if room in place and target in place:
                (x1, y1), (x2, y2) = place[room], place[target]
                y1, y2 = y1 + height / 2, y2 - height / 2
                bend = (y1 + y2) / 2
                curve = f"M{x1:.0f} {y1:.0f}C{x1:.0f} {bend:.0f} {x2:.0f} {bend:.0f} {x2:.0f} {y2:.0f}"
                parts.append(
                    f'<path class="edge" d="{curve}" '
                    f'stroke-width="{0.8 + min(count, 30) / 15:.1f}" marker-end="url(#tip)">'
                    f"<title>{room} imports {target}: {count}</title></path>"
                )
    for room, (x, y) in place.items():
        parts.append(
            f'<g class="room"><rect class="box" x="{x - box / 2:.0f}" y="{y - height / 2:.0f}" width="{box}" '
            f'height="{height}" rx="6"/><text x="{x:.0f}" y="{y + 4.5:.1f}" text-anchor="middle">{room}</text></g>'
        )
    return "\n".join([*parts, "</svg>"])


def _targets(tree: ast.Module) -> Iterator[str]:
    """The room of each import within the package, at any depth of the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names] if node.module == PACKAGE else [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            first, *rest = name.split(".")
            if first == PACKAGE:
                yield _room_named(rest)


def _room_named(parts: list[str]) -> str:
    return parts[0] if parts and not parts[0].startswith("__") else PACKAGE
