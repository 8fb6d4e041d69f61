"""The examples, executed as a reader would, on small data."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import TINY_STUDENT

from sentio_mobile.data.prepared import PreparedData

EXAMPLES = Path(__file__).parents[2] / "examples"

TEACHER = """
[model]
layers = 2
heads = 2
width = 32
mlp_width = 64
head_widths = [16]
head_dropout = [0.0, 0.0]
[training]
epochs = 8
batch_size = 8
learning_rate = 2e-3
ccc_share = 0.8
"""
STUDENT = (
    """
[model]
"""
    + TINY_STUDENT
    + """[training]
epochs = 24
patience = 24
batch_size = 8
learning_rate = 3e-3
ccc_share = 0.8
"""
)


def run(*arguments: object, cwd: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "JUPYTER_PLATFORM_DIRS": "1"}
    result = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, env=environment, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.slow
@pytest.mark.exhaustive
def test_scripts_train_ship_predict_and_compare(deam: Path, data: PreparedData, tmp_path: Path) -> None:
    (tmp_path / "teacher.toml").write_text(TEACHER)
    (tmp_path / "student.toml").write_text(STUDENT)
    recipes = ("--teacher", "teacher.toml", "--student", "student.toml")
    output = run(EXAMPLES / "train_and_ship.py", deam, "--platform", "web", *recipes, "--out", "moods", cwd=tmp_path)
    assert "Project: moods/app" in output
    assert (tmp_path / "moods" / "app" / "package.json").is_file()

    run(EXAMPLES / "make_playlist.py", "moods/bundle", deam, "--out", "all.m3u", cwd=tmp_path)
    playlist = (tmp_path / "all.m3u").read_text().splitlines()
    assert playlist[0] == "#EXTM3U"
    assert len(playlist) == 1 + len(list(deam.rglob("*.wav")))

    compare = (EXAMPLES / "compare_precisions.py", "moods/student", data.folder)
    output = run(*compare, "--precision", "fp32", "--precision", "int8-dynamic", "--out", "compared", cwd=tmp_path)
    assert [line.split()[0] for line in output.splitlines()] == ["precision", "fp32", "int8-dynamic"]


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("notebook", sorted(EXAMPLES.glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebook_runs_from_top_to_bottom(notebook: Path, tmp_path: Path) -> None:
    execute = Path(sys.executable).with_name("jupyter-execute")
    run(execute, notebook, "--timeout=300", f"--output={tmp_path / 'executed'}", cwd=tmp_path)
    cells = json.loads((tmp_path / "executed.ipynb").read_text())["cells"]
    assert all(cell["execution_count"] for cell in cells if cell["cell_type"] == "code")


def test_every_example_is_listed_and_tested() -> None:
    files = {path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb")}
    listed = (EXAMPLES / "README.md").read_text()
    tested = Path(__file__).read_text()
    assert all(f"({name})" in listed for name in files)
    assert all(name.endswith(".ipynb") or name in tested for name in files)
