"""Word norms: how pleasant and how energetic people find words; with them, songs with tags get labels.

Warriner et al. 2013 is such a table (1 to 9), and the NRC VAD lexicon another (0 to 1). The toolkit ships neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentio_mobile.data.scales import guess_scale, off_scale, scale_of
from sentio_mobile.data.songs import numbered_rows, read_number
from sentio_mobile.errors import LabelError

COLUMNS = ("word", "valence", "arousal")
_SEPARATORS = re.compile(r"[;|,\n]")
_CATEGORY = re.compile(r"^.*---")
"""What MTG-Jamendo puts before a tag: `mood/theme---happy`."""


@dataclass(frozen=True)
class Norms:
    """Norms of words.

    Attributes:
        path: File that they were read from.
        by_word: Valence and arousal in [-1, 1] of each word, which is in small letters.
        note: The scale that they were read on, in words.
    """

    path: Path
    by_word: Mapping[str, tuple[float, float]]
    note: str

    def label(self, tags: Iterable[str]) -> tuple[float, float] | None:
        """The mean norm of the tags that are words of the table; None if none is."""
        found = [norm for tag in tags if (norm := self.by_word.get(tag))]
        if not found:
            return None
        valence, arousal = np.mean(found, axis=0)
        return float(valence), float(arousal)


def read_norms(path: Path, scale: str = "") -> Norms:
    """Read a CSV with the columns word, valence and arousal.

    Args:
        path: The CSV.
        scale: Scale of the norms, such as `1-9`; empty guesses it from all of them.

    Raises:
        LabelError: The file is missing or wrong, or its scale cannot be guessed.
    """
    words: dict[str, int] = {}
    values = []
    for number, row in numbered_rows(path, COLUMNS):
        where = f"{path}, row {number}"
        word = row["word"].lower()
        if not word:
            raise LabelError(f"{where}: has no word; remove the row")
        if (first := words.setdefault(word, number)) != number:
            raise LabelError(f"{where}: the word {word!r} stands in the file twice (row {first} too); remove one")
        pair = (read_number(row["valence"], f"{where}, valence"), read_number(row["arousal"], f"{where}, arousal"))
        values.append((where, "valence\narousal", pair))
    labels = np.array([pair for _, _, pair in values])
    known = scale_of(scale) if scale else guess_scale(labels, str(path), "--norms-scale")
    if fault := off_scale(values, known, path.name, "--norms-scale"):
        raise fault
    how = "as given" if scale else f"from the values {labels.min():.4g} to {labels.max():.4g}"
    return Norms(
        path=path,
        by_word={
            word: (known.to_unit(valence), known.to_unit(arousal))
            for word, (valence, arousal) in zip(words, labels.tolist(), strict=True)
        },
        note=f"{path.name}: {len(words):,} words on the scale {known.name}, {how}",
    )


def split_tags(text: str) -> list[str]:
    """The tags of one song, in small letters and without a category before them.

    Args:
        text: Tags with semicolons, bars or commas between them.
    """
    if not text:
        return []
    tags = (_CATEGORY.sub("", tag.strip()).strip().lower() for tag in _SEPARATORS.split(text))
    return [tag for tag in tags if tag]
