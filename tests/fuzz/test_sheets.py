"""The door of JSON sheets: every record that a folder holds, with values changed, is read or one error."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz.cases import any_bytes, changed_json
from fuzz.harness import attempt
from hypothesis import given
from hypothesis import strategies as st

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.records import json_bytes, to_plain
from sentio_mobile.data.clip_table import SONGS, write_clip_rows
from sentio_mobile.data.journal import Clip, FileState
from sentio_mobile.data.prepared import DataSheet, fingerprint_of, open_data
from sentio_mobile.data.store_writer import StoreWriter
from sentio_mobile.metrics.evaluation import Evaluation, evaluate
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.registry import build
from sentio_mobile.spec import AudioSpec, ModelSpec
from sentio_mobile.teacher.import_weights.config_json import read_config
from sentio_mobile.teacher.probe.sheet import ProbeSheet

AUDIO = AudioSpec(seconds=0.1, n_mels=4, image_size=(16, 16))
SETTINGS: dict[str, Any] = {
    **{"stem_widths": [4, 4, 4], "layers": 1, "heads": 1, "head_width": 4, "width": 8, "mlp_width": 8},
    **{"output_width": 4},
}


def write_data(folder: Path) -> None:
    """A prepared folder of nine songs."""
    folder.mkdir()
    splits = [("train", "val", "test")[i % 3] for i in range(9)]
    with StoreWriter(folder / "store" / "k", AUDIO) as writer:
        for i in range(9):
            clip = Clip(sha256=f"{i:064x}", start=0, seconds=1.0, peak=0.5, clipped=0.0)
            writer.add(clip, FileState(f"/{i}", 1, 1, i), np.full((AUDIO.n_mels, AUDIO.n_frames), i / 10, np.float32))
        checksums = np.array(writer.index.checksums, np.uint64)
    facts = ("a" * 64, "1.000", "0.500000", "0.000000", "")
    rows = [
        (f"s{i}", 0, "0.000000", i, split, f"g{i}", "0.1", "-0.2", "x.wav", *facts) for i, split in enumerate(splits)
    ]
    write_clip_rows(folder / SONGS, rows)
    sheet = DataSheet(
        audio=AUDIO, store="store/k", labels="rated", source="x", layout="manifest", scale="1-9", dynamic=False,
        window="middle", windows=1, perturb=0, split_seed=0, split_fractions=(0.6, 0.2, 0.2), split_list=None,
        songs={"train": 3, "val": 3, "test": 3}, groups=9, notes=(), skipped=(), songs_sha256=sha256(folder / SONGS),
        fingerprint=fingerprint_of(sha256(folder / SONGS), checksums),
    )  # fmt: skip
    (folder / "data.json").write_bytes(json_bytes(sheet))


def write_checkpoint(folder: Path) -> None:
    """A checkpoint of a student of few weights, with an evaluation."""
    spec = ModelSpec(architecture="mobilevit", settings=SETTINGS, audio=AUDIO)
    truth = np.linspace(-0.5, 0.5, 12).reshape(6, 2).astype(np.float32)
    found = evaluate(tuple("abcdef"), truth, truth * 0.9, seed=0)
    checkpoint = Checkpoint(
        model=build(spec), spec=spec, evaluation=Evaluation(val=found, test=found), versions={"a": "1"}
    )
    checkpoint.save(folder)


Folder = tuple[str, Callable[[Path], object], Callable[[Path], object]]
FOLDERS: Mapping[str, Folder] = {
    "data": ("data.json", write_data, open_data),
    "checkpoint": ("checkpoint.json", write_checkpoint, Checkpoint.load),
}


@pytest.fixture(scope="module", params=FOLDERS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Folder, bytes]:
    facts = FOLDERS[request.param]
    place = tmp_path_factory.mktemp("sheets") / request.param
    facts[1](place)
    assert facts[2](place) is not None
    return place, facts, (place / facts[0]).read_bytes()


@given(data=st.data())
def test_changed_sheet_is_read_or_one_error(folder: tuple[Path, Folder, bytes], data: st.DataObject) -> None:
    place, (name, _, read), right = folder
    (place / name).write_text(json.dumps(data.draw(changed_json(json.loads(right)))))
    attempt("JSON sheets", lambda: read(place), place)


@given(data=st.data())
def test_any_bytes_as_a_sheet_are_read_or_one_error(folder: tuple[Path, Folder, bytes], data: st.DataObject) -> None:
    place, (name, _, read), right = folder
    (place / name).write_bytes(data.draw(any_bytes((right,))))
    attempt("JSON sheets", lambda: read(place), place)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "device", "nothing", "link to nothing", "no rights"])
def test_what_is_no_sheet_is_one_error(folder: tuple[Path, Folder, bytes], kind: str) -> None:
    place, (name, _, read), right = folder
    sheet = place / name
    sheet.unlink()
    try:
        if kind == "folder":
            sheet.mkdir()
        elif kind == "pipe":
            os.mkfifo(sheet)
        elif kind == "device":
            sheet.symlink_to("/dev/zero")
        elif kind in ("loop", "link to nothing"):
            sheet.symlink_to(name if kind == "loop" else "none")
        elif kind == "no rights":
            sheet.write_bytes(b"")
        assert attempt("JSON sheets", lambda: read(place), place) is None
    finally:
        if sheet.is_dir():
            sheet.rmdir()
        else:
            sheet.unlink(missing_ok=True)
        sheet.write_bytes(right)


CONFIG = {"model_type": "vit", "hidden_act": "gelu", "num_attention_heads": 12, "layer_norm_eps": 1e-12}


@given(data=st.data())
def test_changed_config_of_foreign_weights_is_read_or_one_error(data: st.DataObject, place: Path) -> None:
    (place / "config.json").write_text(json.dumps(data.draw(changed_json(CONFIG))))
    attempt("JSON sheets", lambda: read_config(place / "w.safetensors"), place)


def test_a_sheet_of_a_probe_cannot_be_anything(place: Path) -> None:
    """No probe is made here, which takes long; that its record refuses what it must is the affair of the field walk."""
    assert ProbeSheet.__struct_fields__
    assert to_plain(AUDIO)
