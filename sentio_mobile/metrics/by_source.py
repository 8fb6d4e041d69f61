"""Agreement on each data set, where several were prepared together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.records import Count, Record
from sentio_mobile.metrics.bootstrap import UNDEFINED, Intervals, Resampling, by_dimension, measure
from sentio_mobile.spec import OUTPUTS

SourceName = Annotated[str, Meta(max_length=4096)]
"""Name of a data set; empty for a song without one."""

MIN_SONGS_OF_SOURCE = 10
"""Songs of a data set below which its CCC says nothing."""


class SourceEvaluation(Record, frozen=True, kw_only=True):
    """One model on the songs of one data set, where several were prepared together."""

    name: SourceName  # name of the data set
    n: Count  # number of its songs
    # CCC of valence, arousal and their mean; undefined for fewer than 10 songs. Labels vary less within a set than over
    # all, and CCC is lower for it
    ccc: Intervals


def by_source(
    truth: NDArray[np.floating], predicted: NDArray[np.floating], *, sources: Sequence[str], draws: Resampling
) -> tuple[SourceEvaluation, ...] | None:
    """The CCC on each data set.

    Args:
        truth: Labels [songs, 2].
        predicted: Predictions [songs, 2].
        sources: Data set of each song; may be empty.
        draws: Bootstrap weights of these songs.

    Returns:
        None where the songs come from one set.
    """
    names, found = np.asarray(sources), []
    for name in sorted(set(sources)):
        chosen = names == name
        ccc = dict.fromkeys((*OUTPUTS, "mean"), UNDEFINED)
        if chosen.sum() >= MIN_SONGS_OF_SOURCE:
            ccc = by_dimension(measure(truth[chosen], predicted[chosen], draws.of(chosen))["ccc"])
        found.append(SourceEvaluation(name=name, n=int(chosen.sum()), ccc=ccc))
    return tuple(found) if len(found) > 1 else None
