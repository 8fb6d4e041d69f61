"""A stopped training goes on after its last completed epoch, or after an earlier one if that state is damaged."""

import os
import signal
from pathlib import Path

import lightning
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from sentio_mobile.errors import OutputError
from sentio_mobile.training.callbacks import ShowProgress, StopEarly
from sentio_mobile.training.states import EpochStates, is_whole, newest_state, state_after
from sentio_mobile.training.trainer import run_training, training_folder

SCORES = (0.1, 0.5, 0.3, 0.2, 0.4, 0.6)
"""Validation CCC after each epoch: that of the second is the best until the last."""


class Killed(BaseException):
    """Ends a run as a kill does: nothing is saved or removed after it."""


class Words:
    """Keeps what progress was called."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def start(self, what: str, total: int) -> None:
        self.said.append(what)

    def advance(self, n: int = 1, note: str = "") -> None:
        pass

    def say(self, line: str) -> None:
        pass

    def finish(self) -> None:
        pass


class Scripted(lightning.LightningModule):
    """One weight, with the scores above, and a kill in the middle of an epoch."""

    def __init__(self, kill_in: int | None = None, fault: BaseException | None = None) -> None:
        super().__init__()
        self.weight, self.epochs = torch.nn.Parameter(torch.zeros(1)), list[int]()
        self.kill_in, self.fault = kill_in, fault or Killed()

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        if index == 0:
            self.epochs.append(self.current_epoch)
        if index == 1 and self.current_epoch == self.kill_in:
            raise self.fault
        return ((self.weight - 1) * batch[0]).square().sum()

    def validation_step(self, batch: list[torch.Tensor], index: int) -> None:
        self.log("val_ccc", SCORES[self.current_epoch])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)


class Loaders(lightning.LightningDataModule):
    def train_dataloader(self) -> DataLoader[tuple[torch.Tensor, ...]]:
        return DataLoader(TensorDataset(torch.ones(2, 1)))

    val_dataloader = train_dataloader


def run(work: Path, task: Scripted, patience: int | None = None) -> tuple[EpochStates, Words]:
    states, words = EpochStates(work, "val_ccc"), Words()
    stop = [] if patience is None else [StopEarly("val_ccc", mode="max", patience=patience)]
    callbacks = [*stop, states, ShowProgress(words, "training")]
    run_training(task, Loaders(), work=work, key="key", epochs=6, precision="32-true", callbacks=callbacks)
    return states, words


def names(work: Path) -> list[int]:
    """Epochs whose states are kept."""
    return sorted(int(path.stem.removeprefix("epoch-")) for path in work.glob("*.ckpt"))


def killed(work: Path, epoch: int) -> None:
    with pytest.raises(Killed):
        run(work, Scripted(kill_in=epoch))


def test_run_killed_after_an_epoch_that_was_not_the_best_goes_on_after_that_one(tmp_path: Path) -> None:
    undisturbed = Scripted()
    states, _ = run(tmp_path / "whole", undisturbed)
    assert states.kept == state_after(tmp_path / "whole", 5)
    killed(tmp_path / "work", 4)
    assert names(tmp_path / "work") == [1, 2, 3]  # the best one, and the last two
    task = Scripted()
    _, words = run(tmp_path / "work", task)
    assert task.epochs == [4, 5]
    assert words.said == ["training, goes on after epoch 4"]
    assert torch.equal(task.weight, undisturbed.weight)


@pytest.mark.parametrize("damage", ["truncated", "changed", "empty"])
def test_run_whose_newest_state_is_damaged_goes_on_after_the_one_before(damage: str, tmp_path: Path) -> None:
    killed(tmp_path, 4)
    newest = state_after(tmp_path, 3)
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes({"truncated": content[:-100], "changed": content, "empty": b""}[damage])
    task = Scripted()
    states, words = run(tmp_path, task)
    assert task.epochs == [3, 4, 5]
    assert words.said == ["training, goes on after epoch 3, because a newer state is damaged"]
    assert states.kept == state_after(tmp_path, 5)


def test_run_whose_best_state_is_damaged_begins_again(tmp_path: Path) -> None:
    killed(tmp_path, 4)
    state_after(tmp_path, 1).unlink()
    task = Scripted()
    _, words = run(tmp_path, task)
    assert task.epochs == [0, 1, 2, 3, 4, 5]
    assert words.said == ["training, from the beginning, because 2 newer states are damaged"]


def test_run_that_was_over_is_not_trained_on(tmp_path: Path) -> None:
    # Killed after the last epoch, before its result was written: patience ended two epochs after the best one.
    states, _ = run(tmp_path, first := Scripted(), patience=2)
    assert first.epochs == [0, 1, 2, 3]
    again, _ = run(tmp_path, second := Scripted(), patience=2)
    assert second.epochs == []
    assert again.kept == states.kept == state_after(tmp_path, 1)


def test_state_is_read_by_torch_alone(tmp_path: Path) -> None:
    states, _ = run(tmp_path, task := Scripted())
    assert states.kept is not None
    assert is_whole(states.kept)
    assert torch.equal(torch.load(states.kept, weights_only=True)["state_dict"]["weight"], task.weight)


def test_work_folder_deleted_in_the_middle_is_noticed(tmp_path: Path) -> None:
    class Deleting(Scripted):
        def on_train_epoch_start(self) -> None:
            if self.current_epoch == 2:
                for path in [*tmp_path.glob("work/*"), tmp_path / "work"]:
                    path.rmdir() if path.is_dir() else path.unlink()

    with pytest.raises(OutputError, match="was deleted during training; give the command again"):
        run(tmp_path / "work", Deleting())


def test_interrupt_of_a_call_from_python_is_a_keyboard_interrupt(tmp_path: Path) -> None:
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, Scripted(kill_in=1, fault=KeyboardInterrupt()))
    finally:
        signal.signal(signal.SIGINT, handler)


def test_sigterm_to_a_call_from_python_ends_with_143(tmp_path: Path) -> None:
    class Terminated(Scripted):
        def on_train_epoch_start(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit) as ended:
        run(tmp_path, Terminated())
    assert ended.value.code == 143


def test_training_folder_that_a_killed_run_left_behind_its_result_is_removed(tmp_path: Path) -> None:
    out, work = tmp_path / "out", tmp_path / "out.training"
    for folder in (work, out):
        folder.mkdir()
        (folder / "file").touch()
    os.utime(work / "file", (1, 1))
    with pytest.raises(OutputError, match="exists already"), training_folder(out, overwrite=False):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    work.mkdir()
    (work / "newer").touch()
    os.utime(out, (1, 1))
    with pytest.raises(OutputError, match="exists already"), training_folder(out, overwrite=False):
        pass
    assert work.exists()  # of a run that was given --force


def test_newest_state_of_a_new_folder_is_none_and_says_nothing(tmp_path: Path) -> None:
    assert newest_state(tmp_path, pytest.fail) is None
