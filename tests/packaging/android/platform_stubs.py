"""Android's classes as Java headers for a compiler, made from the signatures that `chaquopy-stubs-android` carries.

Nobody writes these by hand, so that code which compiles against them calls what Android has. Two things are not in the
package, and are told here: which classes are interfaces, and which whole numbers that come back are long.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

INTERFACES = frozenset(
    {
        *("android.content.ComponentCallbacks", "android.content.ComponentCallbacks2", "android.database.Cursor"),
        *("android.media.AudioRouting", "android.media.AudioRecordingMonitor", "android.media.MicrophoneDirection"),
        *("android.os.Parcelable", "android.provider.OpenableColumns", "android.provider.BaseColumns"),
    }
)
LONGS = frozenset(
    {
        *("MediaFormat.getLong", "MediaExtractor.getSampleTime"),
        *("AssetFileDescriptor.getStartOffset", "AssetFileDescriptor.getDeclaredLength"),
    }
)
NEVER_NULL = frozenset({"MediaCodec.getOutputFormat"})
"""What Android marks as @NonNull and the stubs as None-able."""
PRIMITIVES = {
    **{f"java.j{name}": name for name in ("int", "long", "short", "byte", "char", "float", "double", "boolean")},
    **{f"java.chaquopy.JavaArrayJ{name.title()}": f"{name}[]" for name in ("int", "long", "byte", "short", "float")},
    **{"int": "int", "bool": "boolean", "float": "float", "str": "String", "None": "void"},
}


class Platform:
    """The classes of a package of stubs."""

    def __init__(self, root: Path) -> None:
        """Args: root: the folder that has `android-stubs`."""
        self.root = root
        self.modules: dict[str, dict[str, ast.ClassDef]] = {}
        self.numbers = itertools.count(1)

    def find(self, name: str) -> ast.ClassDef | None:
        """The definition of a class, such as `android.media.MediaCodec`."""
        package, _, simple = name.rpartition(".")
        if package not in self.modules:
            first, *rest = package.split(".")
            path = self.root.joinpath(f"{first}-stubs", *rest, "__init__.pyi")
            body = ast.parse(path.read_text()).body if path.is_file() else []
            self.modules[package] = {node.name: node for node in body if isinstance(node, ast.ClassDef)}
        return self.modules[package].get(simple)

    def java(self, imported: set[str], words: set[str]) -> dict[str, str]:
        """Java files by path: the classes that code imports, with the members whose names are among its words.

        Raises:
            LookupError: Android has no such class.
        """
        files: dict[str, str] = {}
        todo = sorted(imported)
        while todo:
            name = todo.pop()
            path = f"{name.replace('.', '/')}.java"
            if path in files:
                continue
            node = self.find(name)
            if node is None:
                raise LookupError(f"Android has no class {name}")
            seen: set[str] = set()
            package = name.rpartition(".")[0]
            text = "\n".join(self._class(node, package, words, seen, "public"))
            files[path] = f"package {package};\n{text}\n"
            todo += sorted(other for other in seen if other.startswith("android.") and self.find(other))
        return files

    def _class(self, node: ast.ClassDef, package: str, words: set[str], seen: set[str], start: str) -> Iterator[str]:
        full = f"{package}.{node.name}"
        bases = [self._type(base, package, seen) for base in node.bases]
        if "java.lang.annotation.Annotation" in bases:
            yield f"{start} @interface {node.name} {{ String[] value(); }}"
            return
        above = [base for base in bases if base.startswith(("android.", "java.")) and base != "java.lang.Object"]
        parents = [base for base in above if base not in INTERFACES and not base.endswith(("Closeable", "Parcelable"))][
            :1
        ]
        faces = [base for base in above if base in INTERFACES or base.endswith("Closeable")]
        kind = "interface" if full in INTERFACES else "class"
        joined = " extends " if kind == "interface" else " implements "
        head = f"{start} {kind} {node.name}"
        head += f" extends {parents[0]}" if parents and kind == "class" else ""
        yield head + (joined + ", ".join(faces) if faces else "") + " {"
        for member in node.body:
            if isinstance(member, ast.ClassDef):
                yield from self._class(member, package, words, seen, "public static")
            elif isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
                if member.target.id in words:
                    yield self._field(member, package, seen)
            elif isinstance(member, ast.FunctionDef) and (_spellings(member.name) & words or member.name == "__init__"):
                yield self._method(member, node.name, package, seen, kind)
        yield "}"

    def _field(self, member: ast.AnnAssign, package: str, seen: set[str]) -> str:
        assert isinstance(member.target, ast.Name)
        text, number = ast.unparse(member.annotation), next(self.numbers)
        if not text.startswith("typing.ClassVar"):
            return f"public {self._type(member.annotation, package, seen)} {member.target.id};"
        assert isinstance(member.annotation, ast.Subscript)
        kind = self._type(member.annotation.slice, package, seen)
        value = {"int": str(number), "String": f'"{number}"', "boolean": "false", "float": "0"}.get(kind, "null")
        return f"public static final {kind} {member.target.id} = {value};"

    def _method(self, member: ast.FunctionDef, owner: str, package: str, seen: set[str], kind: str) -> str:
        static = any(ast.unparse(decorator) == "staticmethod" for decorator in member.decorator_list)
        arguments = member.args.posonlyargs + member.args.args
        parameters = [
            f"{self._type(argument.annotation, package, seen)} p{i}"
            for i, argument in enumerate(arguments if static else arguments[1:])
            if argument.annotation is not None
        ]
        inside = ", ".join(parameters)
        if member.name == "__init__":
            return f"public {owner}({inside}) {{}}"
        back = self._type(member.returns, package, seen) if member.returns else "void"
        if f"{owner}.{member.name}" in LONGS:
            back = "long"
        may_be_null = member.returns is not None and " | None" in ast.unparse(member.returns)
        if may_be_null and f"{owner}.{member.name}" not in NEVER_NULL:
            back = f"@org.jetbrains.annotations.Nullable {back}"
        how = "static native " if static else "" if kind == "interface" else "native "
        return f"public {how}{back} {member.name}({inside});"

    def _type(self, node: ast.expr, package: str, seen: set[str]) -> str:
        """A type as Java writes it; of what stands for an argument, the one that Java declares."""
        if isinstance(node, ast.BinOp):
            names = [name.strip() for name in ast.unparse(node).split(" | ")]
            declared = [PRIMITIVES[name] for name in names if name.startswith("java.j")]
            if declared:
                return declared[0]
            return self._type(ast.parse(next(n for n in names if n != "None"), mode="eval").body, package, seen)
        if isinstance(node, ast.Subscript):
            outer = ast.unparse(node.value)
            inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            types = [self._type(item, package, seen) for item in inner]
            if outer == "java.chaquopy.JavaArray":
                return f"{types[0]}[]"
            return (
                f"{outer}<{', '.join(types)}>" if outer.startswith("java.") else self._type(node.value, package, seen)
            )
        name = ast.unparse(node)
        if name in PRIMITIVES:
            return PRIMITIVES[name]
        if name.startswith("java."):
            return name
        return self._ours(name, package, seen)

    def _ours(self, name: str, package: str, seen: set[str]) -> str:
        """A class of Android's, which is then wanted too; or, of a type parameter, anything."""
        full = name if name.startswith("android.") else f"{package}.{name}"
        top = re.match(r"((?:[a-z0-9_]+\.)+[A-Z]\w*)", full)
        if top is None or self.find(top[1]) is None:
            return "java.lang.Object"
        seen.add(top[1])
        return full


def _spellings(name: str) -> set[str]:
    """How Kotlin code may write a method: by its name, or as the property that it gets or sets."""
    return {name} | {name[3].lower() + name[4:] for start in ("get", "set") if re.match(start + "[A-Z]", name)}


def imports_of(sources: list[Path]) -> set[str]:
    """The Android classes that Kotlin files import."""
    found = re.findall(r"^import (android\.[\w.]+)", "\n".join(path.read_text() for path in sources), re.MULTILINE)
    return {name for name in found if "." in name.removeprefix("android.") or name == "android.Manifest"}


def words_of(sources: list[Path]) -> set[str]:
    """All words of Kotlin files."""
    return set(re.findall(r"\w+", "\n".join(path.read_text() for path in sources)))
