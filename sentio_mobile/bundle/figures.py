"""How right a model is on some songs, read strictly: a stranger may have written it, and any part may be absent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.errors import BundleError
from sentio_mobile.metrics.bootstrap import DIMENSIONS, UNDEFINED, Interval
from sentio_mobile.spec import OUTPUTS


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One model on one set of songs.

    Attributes:
        n: how many songs.
        ccc: for valence, arousal and the mean of the two.
        mae: mean absolute error of valence and arousal; None where it is undefined.
        over: what the bootstrap drew, songs or groups of them; None where nobody says.
        seed: of the bootstrap; None where nobody says.
        songs: their names; empty where they were left out.
        truth: labels [songs, 2].
        predicted: answers [songs, 2].
    """

    n: int
    ccc: Mapping[str, Interval]
    mae: Mapping[str, float | None]
    over: str | None
    seed: int | None
    songs: tuple[str, ...]
    truth: NDArray[np.float32]
    predicted: NDArray[np.float32]


def read_figures(evaluation: Mapping[str, Any], split: str) -> Figures | None:
    """What an evaluation says of one split; None when it says nothing.

    Raises:
        BundleError: it is not what an evaluation must be.
    """
    entry = evaluation.get(split)
    if not entry:
        return None
    with _read_strictly(split):
        return _figures(table(entry))


def read_retention(evaluation: Mapping[str, Any]) -> Interval | None:
    """What a student keeps of its teacher; None where the evaluation says nothing of it.

    Raises:
        BundleError: it is no figure with an interval.
    """
    if not evaluation.get("retention"):
        return None
    with _read_strictly("retention"):
        return interval(evaluation["retention"])


def read_coverage(evaluation: Mapping[str, Any]) -> dict[str, Interval]:
    """Of how many test songs the spec's intervals held valence and arousal, as shares; empty where nobody counted.

    Raises:
        BundleError: these are no figures with intervals.
    """
    with _read_strictly("coverage"):
        found = table(evaluation.get("test") or {}).get("coverage")
        if not found:
            return {}
        shares = {name: table(table(found)[name]) for name in OUTPUTS}
        return {name: interval({**share, "value": share["share"]}) for name, share in shares.items()}


@contextmanager
def _read_strictly(part: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BundleError(f"evaluation.json: what it says of {part} is damaged ({error!r}); export again") from error


def interval(value: object) -> Interval:
    """A figure with its interval; undefined where it lacks one.

    Raises:
        KeyError, TypeError, ValueError: it is no such figure.
    """
    low, figure, high = (finite(table(value)[name]) for name in ("low", "value", "high"))
    # A figure without its interval is not one that this project states.
    return UNDEFINED if figure is None or low is None or high is None else Interval(figure, low, high)


def finite(value: Any) -> float | None:
    """A number; None for what is none, and for what is NaN or infinite.

    Raises:
        TypeError: it is of another type.
    """
    return None if value is None or not math.isfinite(value) else float(value)


def table(value: object) -> Mapping[str, Any]:
    """What must be a table.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"a table is wanted, not {value!r:.40}")
    return value


def _figures(entry: Mapping[str, Any]) -> Figures:
    metrics, bootstrap = table(entry["metrics"]), table(entry.get("bootstrap") or {})
    songs = tuple(str(song) for song in entry.get("songs") or ())
    shape = (len(songs), len(OUTPUTS))
    truth, predicted = (
        np.asarray(entry[name] if songs else [], dtype=np.float32).reshape(shape) for name in ("truth", "predicted")
    )
    n = int(entry["n"])
    if songs and n != len(songs):
        raise ValueError(f"n is {n} for {len(songs)} songs")
    if not (np.isfinite(truth).all() and np.isfinite(predicted).all()):
        raise ValueError("labels and answers must be finite")
    return Figures(
        n=n,
        ccc={name: interval(table(metrics[name])["ccc"]) for name in DIMENSIONS},
        mae={name: finite(metrics[name].get("mae")) for name in OUTPUTS},
        over=None if "over" not in bootstrap else str(bootstrap["over"]),
        seed=None if "seed" not in bootstrap else int(bootstrap["seed"]),
        songs=songs,
        truth=truth,
        predicted=predicted,
    )
