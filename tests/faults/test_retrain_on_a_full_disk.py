"""A retraining whose disk fills up: one line, production stays as it is, and the same command goes on with room."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from quick_export import quick_golden
from support import Sentio, tree

from sentio_mobile._internal.records import replace
from sentio_mobile.data.generated import write_deam
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.distill import distill
from sentio_mobile.export import build as build_module
from sentio_mobile.export.build import build_bundle
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.monitoring.runs import mark, read_run

from .conftest import remount


@pytest.mark.exhaustive
def test_retrain_on_a_full_disk_goes_on_when_there_is_room(
    data: PreparedData,
    deam: Path,
    tiny_student: DistillRecipe,
    small_disk: Path,
    sentio: Sentio,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(build_module, "make_golden", quick_golden)
    production = tmp_path / "production"
    shutil.copytree(data.folder, production / "data")
    recipe = replace(tiny_student, training=replace(tiny_student.training, epochs=1))
    distill(None, open_data(production / "data"), recipe=recipe, out=production / "student", start="random")
    export = ExportRecipe(formats=("torchscript",), forms=("spectrogram",), release="1.0")
    build_bundle(production / "student", export, out=production / "bundle")
    (production / "run.json").write_text("{}")
    mark(production, "production")
    write_deam(tmp_path / "new", 12, seed=9, audio_format="wav")
    before, out = tree(production), small_disk / "out"
    given = ["retrain", production, deam, tmp_path / "new", "--release", "2.0", "--runs", 50, "--out", out]
    for size, left in (("1m", {"run.json"}), ("5m", {"run.json", "data"})):
        remount(small_disk, f"size={size}")
        result = sentio(*given)
        assert result.exit_code == 2, result.output
        assert "Traceback" not in result.output
        assert result.stderr.count("Error: ") == 1, result.stderr
        assert "No space left on device; make room or choose another place" in result.stderr.splitlines()[-1]
        assert {path.name for path in out.iterdir()} <= left | {"data"}
        assert tree(production) == before
    remount(small_disk, "size=400m")
    result = sentio(*given)
    # Whether it is better is chance.
    assert result.exit_code in (0, 1, 3), result.output
    assert {"data", "student", "bundle", "production.json", "release.html"} <= {path.name for path in out.iterdir()}
    assert read_run(out).finished
    assert [path.name for path in small_disk.iterdir()] == ["out"]
