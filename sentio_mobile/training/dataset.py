"""The songs of one split, one by one, read from the memory-mapped store."""

from __future__ import annotations

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from sentio_mobile.data.prepared import PreparedData, Split
from sentio_mobile.errors import TrainingError

Batch = tuple[torch.Tensor, torch.Tensor]


class SongDataset(Dataset[Batch]):
    """Log-mels in unit levels [n_mels, n_frames] and labels [2]; what worker processes get is a path, not the clips.

    With `draw`, each look at a song takes one of its windows at random, by torch's own random numbers; otherwise it is
    the evaluated one.
    """

    def __init__(self, data: PreparedData, split: Split, draw: bool = False) -> None:
        self.split, self.draw = split, draw
        self._store = data.store

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, i: int) -> Batch:
        choices = self.split.windows.shape[1]
        window = int(torch.randint(choices, ())) if self.draw and choices > 1 else 0
        mel = np.asarray(self._store.mels[self.split.windows[i, window]], dtype=np.float32)
        return torch.from_numpy(mel), torch.from_numpy(self.split.window_labels[i, window])


def training_loader(data: PreparedData, batch_size: int) -> DataLoader[Batch]:
    """Training songs in random order, in full batches: batch normalization cannot take a batch of one.

    Raises:
        DataError: the songs have no labels.
        TrainingError: there are fewer training songs than a batch holds.
    """
    songs = SongDataset(data, data.split("train"), draw=True)
    if len(songs) < batch_size:
        raise TrainingError(f"{len(songs)} training songs do not fill a batch of {batch_size}; lower batch_size")
    return DataLoader(songs, batch_size, shuffle=True, drop_last=True)


def ordered_loader(data: PreparedData, split: str) -> DataLoader[Batch]:
    """The songs of one split in the order of the file, each by the window that is evaluated.

    Raises:
        DataError: there is no such split.
    """
    return DataLoader(SongDataset(data, data.split(split)), batch_size=16)
