"""A training that is under way can be watched: metrics.csv after each epoch, a line an epoch, Lightning's loggers."""

import csv
import sys
import types
from pathlib import Path

import pytest

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import InputError
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.train import train_teacher
from sentio_mobile.training import loggers
from sentio_mobile.training.trainer import Hardware


class Watcher(NoProgress):
    """Reads metrics.csv whenever an epoch is told of."""

    def __init__(self, metrics: Path) -> None:
        self.metrics, self.lines, self.tables = metrics, list[str](), list[list[dict[str, str]]]()

    def say(self, line: str) -> None:
        self.lines.append(line)
        with self.metrics.open(newline="") as file:
            self.tables.append(list(csv.DictReader(file)))


def test_metrics_csv_has_each_epoch_when_it_is_told_of(
    data: PreparedData, tiny_teacher: TeacherRecipe, tmp_path: Path
) -> None:
    watcher = Watcher(tmp_path / "ckpt.training" / "metrics.csv")
    checkpoint = train_teacher(data, tiny_teacher, out=tmp_path / "ckpt", progress=watcher)
    assert [len(table) for table in watcher.tables] == [1, 2, 3]
    for row, kept in zip(watcher.tables[-1], checkpoint.history, strict=True):
        assert float(row["val_ccc"]) == pytest.approx(kept["val_ccc"], abs=1e-6)
        assert float(row["train_loss"]) == pytest.approx(kept["train_loss"], abs=1e-6)
    assert [line.split(",")[0] for line in watcher.lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert all("loss " in line and "validation CCC" in line for line in watcher.lines)


def test_logger_is_told_of_every_epoch(
    data: PreparedData, tiny_teacher: TeacherRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, list[float]] = {}

    class Writer:
        """What Lightning's TensorBoardLogger takes for TensorBoard's writer."""

        def __init__(self, log_dir: str, **kwargs: object) -> None:
            assert Path(log_dir) == tmp_path / "ckpt.logs" / "tensorboard"

        def add_scalar(self, name: str, value: float, step: int) -> None:
            told.setdefault(name, []).append(float(value))

        def flush(self) -> None: ...

        def close(self) -> None: ...

    module = types.ModuleType("tensorboardX")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorboardX", module)
    monkeypatch.setattr("sentio_mobile.training.config.find_spec", lambda name: name == "tensorboardX")
    for name in ("_TENSORBOARD_AVAILABLE", "_TENSORBOARDX_AVAILABLE"):
        monkeypatch.setattr(f"lightning.fabric.loggers.tensorboard.{name}", name == "_TENSORBOARDX_AVAILABLE")
    hardware = Hardware(accelerator="cpu", logger="tensorboard")
    checkpoint = train_teacher(data, tiny_teacher, out=tmp_path / "ckpt", hardware=hardware)
    assert told["val_ccc"] == pytest.approx([row["val_ccc"] for row in checkpoint.history], abs=1e-5)


def test_unknown_logger_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no logger 'paper'; known: csv, tensorboard, wandb, mlflow"):
        loggers.open_logger("paper", tmp_path / "ckpt.training")


def test_a_logger_that_cannot_be_opened_is_one_line_before_the_training(
    data: PreparedData, tiny_teacher: TeacherRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Writer:
        def __init__(self, log_dir: str, **_: object) -> None:
            raise RuntimeError("no key\nand a long explanation")

    module = types.ModuleType("tensorboardX")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorboardX", module)
    monkeypatch.setattr("sentio_mobile.training.config.find_spec", lambda name: name == "tensorboardX")
    for name in ("_TENSORBOARD_AVAILABLE", "_TENSORBOARDX_AVAILABLE"):
        monkeypatch.setattr(f"lightning.fabric.loggers.tensorboard.{name}", name == "_TENSORBOARDX_AVAILABLE")
    with pytest.raises(InputError, match=r"the logger tensorboard cannot be opened \(no key\); choose an --out"):
        train_teacher(
            data, tiny_teacher, out=tmp_path / "ckpt", hardware=Hardware(accelerator="cpu", logger="tensorboard")
        )
    assert not (tmp_path / "ckpt").exists()
