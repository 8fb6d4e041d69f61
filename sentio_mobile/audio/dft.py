"""A Fourier transform of real frames as three constant matrix products, for runtimes without an FFT.

The products are the stages of a mixed-radix transform (Cooley and Tukey 1965) of radix 16, radix 8 and the rest. The
outputs of each stage lie where the next one expects its inputs, so that nothing is permuted in between. The matrices
contain the twiddle factors. Of every pair of conjugate bins only one is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RADICES = (16, 8)
"""Radices of the first and the second product: the fastest of eight choices that were measured in two runtimes."""


class Part(NamedTuple):
    """One real number of a spectrum: the real or the imaginary part of a bin."""

    bin: int
    imaginary: bool = False


Slot = tuple[Part, ...]
"""Two numbers that one product passes to the next together: both parts of a bin, or two real bins."""


@dataclass(frozen=True)
class Transform:
    """The matrices of a transform of `n_fft` points, and the order of its bins.

    With radices P and Q, R = n_fft / (P Q), and samples in their natural order [P, Q, R, time]:

        first @ [P, Q R time] -> [P / 2, 2 Q, R time]; second @ that -> [P Q / 2, 2 R, time]; third @ that -> rows

    The rows of `third` are first the real and then the imaginary parts of `bins`. `bins` [P Q / 2, segments] holds the
    bins of each slot: column s has the bins from s P Q / 2 to the first of the next column.
    """

    first: NDArray[np.float32]
    second: NDArray[np.float32]
    third: NDArray[np.float32]
    bins: NDArray[np.int64]


def transform(n_fft: int, bins: int) -> Transform:
    """Build the matrices for bins 0 to `bins` - 1 of frames of `n_fft` samples, a multiple of the radices' product."""
    order, whole = RADICES[0], RADICES[0] * RADICES[1]
    early, late = _slots(order), _slots(whole)
    # A bin of the longer transform depends on the bins of the shorter one that it is congruent to, up to the sign.
    branches = [[slot for slot in late if _folded(slot[0].bin, order) in {part.bin for part in s}] for s in early]
    late = [slot for branch in branches for slot in branch]
    segments = -(-2 * bins // whole)
    found = np.array([_bins_of(slot, whole, segments) for slot in late])
    rows = [[(Part(int(k)), Part(int(k), True)) for k in row] for row in found]
    first = [_matrix((Part(0),), early, 1, order)]
    second = [_matrix(slot, branch, order, RADICES[1]) for slot, branch in zip(early, branches, strict=True)]
    third = [_matrix(slot, row, whole, n_fft // whole) for slot, row in zip(late, rows, strict=True)]
    # Rows come as (bin, part). With all real parts first, one sum over an axis adds the squares of both parts.
    parted = np.stack(third).reshape(len(late), segments, 2, -1).swapaxes(1, 2).reshape(len(late), 2 * segments, -1)
    return Transform(first[0], np.stack(second), np.ascontiguousarray(parted), found)


def band_groups(bank: NDArray[np.float32], segment: int) -> list[tuple[slice, slice]]:
    """Group the bands by the octave of their highest bin, and find the segments of bins that each group reads.

    A triangular filter reads a few neighbouring bins, so that a product with the whole bank would be mostly zeros.

    Args:
        bank: Filters [bands, bins], ordered by frequency.
        segment: Number of bins in a segment.

    Returns:
        Bands and segments of each group.
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
    """Slots of the spectrum of `order` real samples, without conjugates. Bins 0 and order / 2, both real, share one."""
    return [(Part(0), Part(order // 2)), *((Part(k), Part(k, True)) for k in range(1, order // 2))]


def _folded(k: int, order: int) -> int:
    """The bin of [0, order / 2] that `k` is congruent to, up to the sign."""
    return min(k % order, -k % order)


def _bins_of(slot: Slot, order: int, segments: int) -> list[int]:
    """The lowest bins that depend on a slot of a transform of `order` points, one per segment of order / 2 bins."""
    wanted = {part.bin for part in slot}
    return [k for k in range((segments + 1) * order // 2) if _folded(k, order) in wanted][:segments]


def _matrix(source: Slot, targets: Sequence[Slot], order: int, points: int) -> NDArray[np.float32]:
    """Weights of the source's parts in the targets' parts: rows [2 targets], columns (part of the source, point)."""
    rows = [[_weights(part, origin, order, points) for origin in source] for slot in targets for part in slot]
    return np.array(rows, dtype=np.float32).reshape(len(rows), -1)


def _weights(target: Part, source: Part, order: int, points: int) -> NDArray[np.float64]:
    """One step of decimation in time: X[k] = sum over j of B_j[k mod order] exp(-2 pi i k j / (order points)).

    B_j is the spectrum of `order` real samples, so that the conjugate of a bin is the opposite bin.
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
