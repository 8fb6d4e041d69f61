"""The students' comparison: names become networks, and the picture joins latency with accuracy."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from sentio_mobile.models.registry import build


@pytest.fixture
def students(load_script: Callable[[str], ModuleType]) -> ModuleType:
    return load_script("students")


@pytest.mark.parametrize(
    ("name", "size"), [("mobilevit_xs", (128, 224)), ("timm:test_vit@64x96", (64, 96)), ("musicnn:2", (128, 1292))]
)
def test_student_name_gives_network_of_its_shape(students: ModuleType, name: str, size: tuple[int, int]) -> None:
    spec = students.spec_for(name)
    assert spec.audio.image_size == size
    assert build(spec).eval()(torch.randn(2, 3, *size)).shape == (2, 2)


def test_front_has_no_student_that_another_beats(students: ModuleType) -> None:
    points = {"slow": (2.0, 0.8), "best": (1.0, 0.8), "fast": (0.3, 0.6), "bad": (0.5, 0.5)}
    assert students.front_of(points) == ["fast", "best"]


def test_picture_is_drawn_for_measures_that_are_known(
    students: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def facts(ratio: float) -> dict[str, object]:
        return {"artifacts": {"onnx int8": {"megabytes": 2.0, "ratio": {"value": ratio, "low": 0.9, "high": 1.1}}}}

    names = {"mobilevit": facts(1.0), "timm:repvit_m0_9": facts(0.7), "broken": {"artifacts": {}, "failed": {}}}
    (tmp_path / "students.json").write_text(json.dumps({"ratios_to": "mobilevit", "students": names}))
    baselines = Path(__file__).parents[3] / "benchmarks" / "baselines" / "pretrained"
    records = {"mobilevit": "4q-mobilevit", "timm:repvit_m0_9": "4q-80-labels", "broken": "4q-musicnn"}
    accuracy = [
        text for name, file in records.items() for text in ("--accuracy", name, str(baselines / f"{file}.json"))
    ]
    students.main([str(tmp_path), "--measured", *accuracy])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "AUC of valence: front timm:repvit_m0_9, mobilevit"
    assert len(printed) == len(list(tmp_path.glob("students-*.png"))) == len(list(tmp_path.glob("students-*.svg"))) == 4
    assert (tmp_path / "students-auc-valence-calm.png").is_file()
