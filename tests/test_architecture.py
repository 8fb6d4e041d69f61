"""Imports between the package's rooms point one way, and the documents say which."""

import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

import sentio_mobile

ROOT = Path(sentio_mobile.__file__).parent
PROJECT = Path(__file__).parents[1]

LAYERS = (
    ("cli",),
    ("api",),
    ("engines",),
    ("pipeline", "packaging", "evaluation", "inference", "monitoring"),
    ("benchmarks", "recipes"),
    ("export",),
    ("bundle",),
    ("distill", "teacher", "formats"),
    ("quantization", "training"),
    ("data", "models"),
    ("audio", "metrics"),
    ("spec",),
    ("_internal",),
    ("errors",),
)
"""From top to bottom: a room imports rooms of lower layers only, and none of its own layer."""

OUTSIDE = {"__main__", "sentio_mobile"}
"""The entrances. `sentio_mobile/__init__.py` holds the version, which any room may read, and names of `api`, lazily."""

MAX_SHARE = 0.10
"""Largest share of the package's lines that the modules of one folder may have."""


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("import_graph", PROJECT / "docs" / "hooks" / "import_graph.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def graph(hook: ModuleType) -> dict[str, Counter[str]]:
    return {room: targets for room, targets in hook.read_imports(ROOT).items() if room not in OUTSIDE}


def test_every_room_has_a_layer(hook: ModuleType) -> None:
    rooms = {hook.room_of(path, ROOT) for path in ROOT.rglob("*.py")} - OUTSIDE
    assert rooms == {room for layer in LAYERS for room in layer}


def test_imports_point_down(graph: dict[str, Counter[str]]) -> None:
    depth = {room: number for number, layer in enumerate(LAYERS) for room in layer}
    upward = {
        f"{room} -> {target}"
        for room, targets in graph.items()
        for target in targets
        if target not in OUTSIDE and depth[target] <= depth[room]
    }
    assert upward == set()


def test_internal_modules_import_no_stage(graph: dict[str, Counter[str]]) -> None:
    assert set(graph["_internal"]) <= {"errors", "sentio_mobile"}


def test_no_folder_holds_a_tenth_of_the_package() -> None:
    lines: Counter[str] = Counter()
    for path in ROOT.rglob("*.py"):
        lines[str(path.parent.relative_to(ROOT))] += len(path.read_text(encoding="utf-8").splitlines())
    total = sum(lines.values())
    assert {folder: count for folder, count in lines.items() if count > MAX_SHARE * total} == {}


@pytest.mark.parametrize("document", ["README.md", "docs/architecture.md"])
def test_documents_state_the_order(document: str) -> None:
    sentence = " -> ".join(", ".join(f"`{room}`" for room in layer) for layer in LAYERS)
    assert sentence in " ".join((PROJECT / document).read_text(encoding="utf-8").split())


def test_an_upward_import_is_found(hook: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "a.py").write_text("def f():\n    from sentio_mobile.cli.options import console\n")
    assert hook.read_imports(tmp_path) == {"audio": Counter({"cli": 1})}


def test_the_picture_has_every_room_and_arrow(hook: ModuleType, graph: dict[str, Counter[str]]) -> None:
    picture = hook.draw(graph, LAYERS)
    arrows = sum(target not in OUTSIDE for targets in graph.values() for target in targets)
    assert picture.count('class="edge"') == arrows
    assert picture.count('class="room"') == sum(map(len, LAYERS))
