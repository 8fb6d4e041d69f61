"""Helpers for tests of several rooms."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import rich_click as click
from click.testing import Result

from sentio_mobile._internal.records import to_plain
from sentio_mobile.bundle.manifest import MANIFEST, SCHEMA, hash_files
from sentio_mobile.spec import ModelSpec

MakeBundle = Callable[..., Path]
Sentio = Callable[..., Result]
Refused = Callable[..., str]

TINY_STUDENT = """\
stem_widths = [8, 16, 32]
layers = 2
heads = 2
head_width = 16
width = 64
mlp_width = 128
output_width = 32
"""
"""The keys of a MobileViT that trains in seconds, for recipes of tests."""


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below a group, with its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


def gone(pid: int, within_s: float = 20) -> bool:
    """Whether the process has ended; one that nobody has reaped yet has ended too."""
    limit = time.monotonic() + within_s
    while time.monotonic() < limit:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file of a folder: its mode and content."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): (path.stat().st_mode, path.read_bytes()) for path in files}


def artifact_entry(format_name: str, form: str, precision: str, path: str) -> dict[str, Any]:
    """A manifest's entry of an artifact that was not run."""
    names = {"format": format_name, "form": form, "precision": precision}
    parity = {**names, "processor": "this machine", "verdict": "not run", "tolerance": 1e-4, "reason": "no runtime"}
    return {**names, "path": path, "varies": None, "parity": parity, "accuracy": None}


def manifest_facts(spec: ModelSpec, artifacts: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """A manifest without its files, as plain values; keywords replace its fields."""
    provenance = {"checkpoint_sha256": "1b" * 32, "recipe": {}, "data": None, "calibration": None, "keep_float": []}
    return {
        **{"schema": SCHEMA, "name": "emotion", "release": "1", "licence": "CC-BY-4.0", "spec": spec.to_dict()},
        **{"parameters": 69_138, "artifacts": artifacts, "failed": {}, "refused": {}, "files": {}},
        **{"provenance": provenance, "versions": {"python": "3.11.7"}},
        **changes,
    }


def write_manifest(folder: Path, facts: dict[str, Any]) -> None:
    """Write a bundle's manifest with the hashes of the files that are there."""
    (folder / MANIFEST).unlink(missing_ok=True)
    (folder / MANIFEST).write_text(json.dumps({**facts, "files": to_plain(hash_files(folder))}, indent=2))
