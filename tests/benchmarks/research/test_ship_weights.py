"""The script that writes first weights to ship: what it wrote is found again, and predicts alike."""

import importlib.util
from pathlib import Path

import pytest

from sentio_mobile._internal.records import read_record
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import MobileViTSettings
from sentio_mobile.models.first_weights import FirstWeightsSheet
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec


def test_ship_weights_writes_half_precision_and_a_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = MobileViTSettings(stem_widths=(4, 8), layers=1, heads=1, head_width=4, width=8, mlp_width=8)
    spec = spec_of(settings, AudioSpec(image_size=(32, 32)))
    student = Checkpoint(model=build(spec), spec=spec)
    student.save(tmp_path / "student")
    place = ROOT / "benchmarks" / "research" / "ship_weights.py"
    found = importlib.util.spec_from_file_location("research_ship_weights", place)
    assert found is not None
    assert found.loader is not None
    script = importlib.util.module_from_spec(found)
    found.loader.exec_module(script)
    said = ["--trained-on", "noise, by nobody", "--licence", "CC0-1.0", "--out", str(tmp_path / "weights")]
    script.main([str(tmp_path / "student"), "tiny", *said])
    sheet = read_record(FirstWeightsSheet, tmp_path / "weights" / "tiny.json")
    assert (sheet.name, sheet.spec, sheet.trained_on) == ("tiny", spec, "noise, by nobody")
    printed = capsys.readouterr().out
    assert f"{sheet.parameters:,} weights" in printed
    assert float(printed.rsplit("off by ", 1)[1]) < 1e-2
