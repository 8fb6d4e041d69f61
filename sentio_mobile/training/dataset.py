"""The songs of one split, one by one, read from the memory-mapped store."""

from __future__ import annotations

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from sentio_mobile.data.prepared import PreparedData, Split
from sentio_mobile.errors import TrainingError

Batch = tuple[torch.Tensor, torch.Tensor]


class SongDataset(Dataset[Batch]):
    """Normalized spectrograms [n_mels, n_frames] and labels [2]."""

    def __init__(self, data: PreparedData, split: Split) -> None:
        self.mels, self.split = data.mels, split

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, i: int) -> Batch:
        mel = np.asarray(self.mels[self.split.rows[i]], dtype=np.float32)
        return torch.from_numpy(mel), torch.from_numpy(self.split.labels[i])


def training_loader(data: PreparedData, batch_size: int) -> DataLoader[Batch]:
    """Training songs in random order, in full batches: batch normalization cannot take a batch of one.

    Raises:
        TrainingError: there are fewer training songs than a batch holds.
    """
    songs = SongDataset(data, data.splits["train"])
    if len(songs) < batch_size:
        raise TrainingError(f"{len(songs)} training songs do not fill a batch of {batch_size}; lower batch_size")
    return DataLoader(songs, batch_size, shuffle=True, drop_last=True)


def ordered_loader(data: PreparedData, split: str) -> DataLoader[Batch]:
    """The songs of one split in the order of the file."""
    return DataLoader(SongDataset(data, data.splits[split]), batch_size=16)
