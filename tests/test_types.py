"""Types of what crosses a room: no untyped dictionary, and no pattern of a text that takes a line's end after it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import sentio_mobile

PACKAGE = Path(sentio_mobile.__file__).parent

BOUNDARIES: dict[str, str] = {
    "bundle/arm64/inside.py:from_tensor": "JSON of a script that is copied alone into the emulated machine",
    "bundle/arm64/inside.py:to_tensor": "JSON of a script that is copied alone into the emulated machine",
    "teacher/gan/task.py:GanTask.on_load_checkpoint": "a hook of Lightning",
    "teacher/gan/task.py:GanTask.on_save_checkpoint": "a hook of Lightning",
    "training/callbacks.py:DeadLossTermGuard.load_state_dict": "a hook of Lightning",
    "training/callbacks.py:DeadLossTermGuard.state_dict": "a hook of Lightning",
    "training/callbacks.py:EpochHistory.load_state_dict": "a hook of Lightning",
    "training/callbacks.py:EpochHistory.state_dict": "a hook of Lightning",
    "training/states.py:EpochStates.load_state_dict": "a hook of Lightning",
    "training/states.py:EpochStates.state_dict": "a hook of Lightning",
    "training/states.py:WholeFiles.save_checkpoint": "a hook of Lightning",
}
"""Where another library's untyped values come in or go out, and whose they are: the only exceptions."""


def is_untyped(annotation: ast.expr) -> bool:
    """Whether an annotation has `dict[..., Any]` or `Mapping[..., Any]` in it."""
    for node in ast.walk(annotation):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).rpartition(".")[2] in ("dict", "Mapping"):
            arguments = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            if ast.unparse(arguments[-1]).rpartition(".")[2] == "Any":
                return True
    return False


def untyped_names(tree: ast.Module) -> Iterator[str]:
    """Public functions and classes of a module whose signature or fields are untyped dictionaries."""

    def functions(body: list[ast.stmt], prefix: str) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name == "__init__"):
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                annotations = [one.annotation for one in arguments] + [node.returns]
                if any(one is not None and is_untyped(one) for one in annotations):
                    yield f"{prefix}{node.name}"
            elif isinstance(node, ast.AnnAssign) and prefix and is_untyped(node.annotation):
                yield f"{prefix}{ast.unparse(node.target)}"
            elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from functions(node.body, f"{prefix}{node.name}.")

    return functions(tree.body, "")


def test_no_untyped_dictionary_crosses_a_room() -> None:
    found = [
        f"{path.relative_to(PACKAGE).as_posix()}:{name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for name in untyped_names(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert sorted(set(found) - set(BOUNDARIES)) == []
    assert sorted(set(BOUNDARIES) - set(found)) == [], "these exceptions are needed no longer"


def test_is_untyped_finds_a_planted_dictionary() -> None:
    planted = "class A:\n    x: dict[str, Any] | None\ndef f(a: list[Mapping[str, typing.Any]]) -> None: ...\n"
    assert list(untyped_names(ast.parse(planted))) == ["A.x", "f"]
    typed = "class A:\n    x: dict[str, object]\ndef _f(a: dict[str, Any]) -> None: ...\n"
    assert list(untyped_names(ast.parse(typed))) == []


def patterns(tree: ast.Module) -> Iterator[str]:
    """Patterns of texts of a module's records, as they are written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Meta":
            yield from (ast.unparse(one.value).rstrip("'\"") for one in node.keywords if one.arg == "pattern")


def test_pattern_ends_where_the_text_does() -> None:
    found = [
        (path.name, one) for path in sorted(PACKAGE.rglob("*.py")) for one in patterns(ast.parse(path.read_text()))
    ]
    # $ takes a text with a line's end after it, too.
    assert [one for one in found if not one[1].endswith("Z")] == []
    assert [one for one in found if "\\d" in one[1]] == []
    assert len(found) > 8
