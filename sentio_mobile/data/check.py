"""What is in a prepared data folder, and whether anything in it would spoil a result."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sentio_mobile.data.prepared import PreparedData

_CHUNK = 64


@dataclass(frozen=True)
class SplitFacts:
    """Counts of one split, and mean and standard deviation of its labels in [-1, 1]."""

    name: str
    songs: int
    groups: int
    valence: tuple[float, float]
    arousal: tuple[float, float]


@dataclass(frozen=True)
class DataFacts:
    """What `check_data` found. `faults` has one line for each thing that is wrong."""

    labels: str
    splits: tuple[SplitFacts, ...]
    skipped: int
    faults: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def check_data(data: PreparedData) -> DataFacts:
    """Count, and look for leaks between splits, labels off their range, and clips without numbers or without sound."""
    facts, faults = [], []
    owner: dict[str, str] = {}
    for name, split in data.splits.items():
        valence, arousal = ((float(x.mean()), float(x.std())) for x in split.labels.T)
        facts.append(SplitFacts(name, len(split), len(set(split.groups)), valence, arousal))
        for group in sorted(set(split.groups)):
            if (other := owner.setdefault(group, name)) != name:
                faults.append(f"group {group!r} is in the {other} and the {name} split: a leak")
        for dimension, column in zip(("valence", "arousal"), split.labels.T, strict=True):
            if not (np.abs(column) <= 1).all():
                faults.append(f"{name}: {dimension} outside [-1, 1] in {int((~(np.abs(column) <= 1)).sum())} songs")
            elif column.std() == 0:
                faults.append(f"{name}: every {dimension} label is {column[0]:+.2f}; a concordance is undefined")
        for start in range(0, len(split), _CHUNK):
            mels = np.asarray(data.mels[split.rows[start : start + _CHUNK]], dtype=np.float32)
            for song, mel in zip(split.song_ids[start : start + _CHUNK], mels, strict=True):
                if not np.isfinite(mel).all():
                    faults.append(f"{name}: song {song!r} has spectrogram values that are not numbers")
                elif mel.std() == 0:
                    faults.append(f"{name}: song {song!r} is silent")
    return DataFacts(data.sheet["labels"], tuple(facts), len(data.sheet["skipped"]), tuple(faults))
