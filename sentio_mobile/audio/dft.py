"""A windowed Fourier transform of real frames as three constant matrix products, for runtimes that have no FFT.

The first product contracts a frame's sixteenths, the second eighths of those, the third what is left (Cooley and Tukey
1965): each one's outputs lie where the next one's inputs are, so that nothing is permuted between them. The twiddle
factors stand in the matrices, and of every pair of conjugates only one is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RADICES = (16, 8)
"""Points of the first and the second product. Measured: the fastest of eight choices in two runtimes."""


class Part(NamedTuple):
    """One real number of a spectrum: the real or the imaginary part of a bin."""

    bin: int
    imaginary: bool = False


Slot = tuple[Part, ...]
"""What one product hands to the next together: the two parts of a bin, or two bins that are real."""


@dataclass(frozen=True)
class Transform:
    """Matrices of a transform of `n_fft` points, and where its bins come out.

    With radices P and Q, R = n_fft / (P Q), and samples in their natural order [P, Q, R, time]:

        first @ [P, Q R time] -> [P / 2, 2 Q, R time]; second @ that -> [P Q / 2, 2 R, time]; third @ that -> rows

    The rows of `third` are first the real, then the imaginary parts of `bins`: the bins [P Q / 2, segments] that each
    slot gives, such that column s has all bins from s P Q / 2 up to the next column's.
    """

    first: NDArray[np.float32]
    second: NDArray[np.float32]
    third: NDArray[np.float32]
    bins: NDArray[np.int64]


def transform(n_fft: int, bins: int) -> Transform:
    """The matrices for bins 0 to `bins` - 1 of frames of `n_fft` real samples, a multiple of the radices' product."""
    order, whole = RADICES[0], RADICES[0] * RADICES[1]
    early, late = _slots(order), _slots(whole)
    # A bin of the longer transform needs those of the shorter one that it is congruent to, up to the sign.
    branches = [[slot for slot in late if _folded(slot[0].bin, order) in {part.bin for part in s}] for s in early]
    late = [slot for branch in branches for slot in branch]
    segments = -(-2 * bins // whole)
    found = np.array([_bins_of(slot, whole, segments) for slot in late])
    rows = [[(Part(int(k)), Part(int(k), True)) for k in row] for row in found]
    first = [_matrix((Part(0),), early, 1, order)]
    second = [_matrix(slot, branch, order, RADICES[1]) for slot, branch in zip(early, branches, strict=True)]
    third = [_matrix(slot, row, whole, n_fft // whole) for slot, row in zip(late, rows, strict=True)]
    # Rows come as (bin, part); all real parts before all imaginary ones let one sum over an axis add their squares.
    parted = np.stack(third).reshape(len(late), segments, 2, -1).swapaxes(1, 2).reshape(len(late), 2 * segments, -1)
    return Transform(first[0], np.stack(second), np.ascontiguousarray(parted), found)


def band_groups(bank: NDArray[np.float32], segment: int) -> list[tuple[slice, slice]]:
    """Bands whose highest bins lie in the same octave, and the segments of bins that such a group reads.

    A triangular filter reads a few neighbouring bins: a product with the whole bank would be zeros for the most part.

    Args:
        bank: filters [bands, bins], ordered by frequency.
        segment: bins in a segment.

    Returns:
        For each group its bands and its segments.
    """
    touched = [np.flatnonzero(band) for band in bank]
    last = np.maximum.accumulate([bins[-1] // segment if len(bins) else 0 for bins in touched])
    octave = [max(int(s).bit_length(), 1) for s in last]
    cuts = [0, *(i for i in range(1, len(bank)) if octave[i] != octave[i - 1]), len(bank)]
    groups = []
    for low, high in pairwise(cuts):
        bins = np.flatnonzero(bank[low:high].any(axis=0))
        edges = (int(bins[0]) // segment, int(bins[-1]) // segment + 1) if len(bins) else (0, 1)
        groups.append((slice(low, high), slice(*edges)))
    return groups


def _slots(order: int) -> list[Slot]:
    """The spectrum of `order` real samples: 0 and order / 2, both real, share a slot; conjugates are left out."""
    return [(Part(0), Part(order // 2)), *((Part(k), Part(k, True)) for k in range(1, order // 2))]


def _folded(k: int, order: int) -> int:
    """The bin of [0, order / 2] that `k` is congruent to, up to the sign."""
    return min(k % order, -k % order)


def _bins_of(slot: Slot, order: int, segments: int) -> list[int]:
    """The lowest bins that a slot of a transform of `order` points leads to, one for each segment of order / 2 bins."""
    wanted = {part.bin for part in slot}
    return [k for k in range((segments + 1) * order // 2) if _folded(k, order) in wanted][:segments]


def _matrix(source: Slot, targets: Sequence[Slot], order: int, points: int) -> NDArray[np.float32]:
    """What each part of the targets takes from `source`: rows [2 targets], columns (part of the source, point)."""
    rows = [[_weights(part, given, order, points) for given in source] for slot in targets for part in slot]
    return np.array(rows, dtype=np.float32).reshape(len(rows), -1)


def _weights(target: Part, source: Part, order: int, points: int) -> NDArray[np.float64]:
    """One step of decimation in time: X[k] = sum over j of B_j[k mod order] exp(-2 pi i k j / (order points)).

    B_j is the spectrum of `order` real samples, so that a bin's conjugate stands for the bin opposite.
    """
    turn = np.exp(-2j * np.pi * target.bin * np.arange(points) / (order * points))
    unit = 1j if source.imaginary else 1.0
    if (target.bin - source.bin) % order == 0:
        turn *= unit
    elif (target.bin + source.bin) % order == 0:
        turn *= np.conj(unit)
    else:
        turn *= 0
    return turn.imag if target.imaginary else turn.real
