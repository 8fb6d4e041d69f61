"""The ONNX files that the repository ships are such as the exporter writes them now."""

from pathlib import Path

import pytest

from sentio_mobile._internal.resources import ROOT

onnx = pytest.importorskip("onnx")

FILES = [*ROOT.glob("models/*/*.onnx"), *ROOT.glob("web/public/sentio/*.onnx"), *ROOT.glob("android/demo/**/*.onnx")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parts[-3])
def test_shipped_file_names_each_set_of_operators_once(path: Path) -> None:
    domains = [opset.domain for opset in onnx.load(path).opset_import]
    assert len(domains) == len(set(domains)), "some readers refuse two versions of one domain"


def test_files_are_found() -> None:
    assert len(FILES) == 3
