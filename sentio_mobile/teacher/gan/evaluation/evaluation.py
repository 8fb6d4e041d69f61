"""Everything that is measured of made-up clips, beside the same of real ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import to_plain
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError
from sentio_mobile.metrics.agreement import evaluate
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.spec import OUTPUTS
from sentio_mobile.teacher.gan.evaluation.clips import Clips, real_clips, real_windows
from sentio_mobile.teacher.gan.evaluation.embedding import Kernel, compare_kernels, fit_embedding
from sentio_mobile.teacher.gan.evaluation.emotion_model import Listener, fit_linear
from sentio_mobile.teacher.gan.evaluation.features import describe
from sentio_mobile.teacher.gan.evaluation.neighbours import Diversity, Memory, diversity, memory
from sentio_mobile.teacher.gan.evaluation.score import DRAWN, Score, score

NARROW = 0.5
"""Diversity under which a note is made."""
DEAF = 0.3
"""CCC on real songs under which a listener's word on samples is worth little."""
_NEIGHBOURLY = 3.0


@dataclass(frozen=True, kw_only=True)
class Consistency:
    """CCC between the asked-for and the heard valence and arousal.

    Attributes:
        listener: who heard.
        state_is: what the embedding is made of.
        samples: of the made-up clips, as `training.metrics.evaluate` writes it; its `truth` is what was asked for.
        real: the same of real songs that the listener had not learnt from: what the samples can be measured by.
        real_split: the split that those are.
    """

    listener: str
    state_is: str
    samples: dict[str, Any]
    real: dict[str, Any]
    real_split: str

    def interval(self, dimension: str, real: bool = False) -> Interval:
        """CCC of `valence`, `arousal` or their `mean` with its bootstrap 95% interval."""
        return Interval(**(self.real if real else self.samples)["metrics"][dimension]["ccc"])


@dataclass(frozen=True, kw_only=True)
class GanEvaluation:
    """What `evaluate_gan` found; `notes` has one line for each thing to know before the samples are used."""

    subject: str
    n: int
    seed: int
    data: dict[str, Any]
    score: Score
    consistency: Consistency
    diversity: Diversity
    memory: Memory
    kernel: Kernel
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        values = asdict(self)
        values["memory"] = {
            **{name: _plain(value) for name, value in values["memory"].items()},
            "ratio": self.memory.ratio,
            "memorised": self.memory.is_memorised,
        }
        return values


def evaluate_gan(
    made: Clips, data: PreparedData, *, listener: Listener | None, seed: int, progress: Progress
) -> GanEvaluation:
    """Judge made-up clips by the training songs that they should be like, and by the validation songs.

    The test songs are not read.

    Args:
        made: the clips, with the labels that they were asked for.
        data: the songs that the generator learnt from are its training songs.
        listener: who hears valence and arousal; a linear one learns it from the validation songs if it is None.
        seed: of every draw.
        progress: shown piece by piece.

    Raises:
        DataError: the clips are of another shape than the songs, too few, or hold what is no number; or the songs are
            too few or without labels.
    """
    train, val, windows = real_clips(data, "train"), real_clips(data, "val"), real_windows(data, "train")
    if made.mels.shape[1:] != data.mels.shape[1:]:
        shapes = [" by ".join(str(n) for n in x.mels.shape[1:]) for x in (made, train)]
        raise DataError(
            f"{made.what}: clips of {shapes[0]} (bands by frames), the songs of {data.folder} are {shapes[1]}"
        )
    scored = score(describe(made, data.audio, progress), describe(train, data.audio, progress), train.groups, seed)
    listener = listener or fit_linear(val, data.audio, progress)
    heard, learnt, unseen = (listener.listen(clips, progress) for clips in (made, windows, val))
    evaluated = np.searchsorted(windows.rows, train.rows)
    embedding = fit_embedding(learnt.state[evaluated])
    places, learnt_places, unseen_places = (embedding.place(x.state) for x in (heard, learnt, unseen))
    train_places = learnt_places[evaluated]
    unheard, answers = (train, learnt.emotion[evaluated]) if listener.unheard == "train" else (val, unseen.emotion)
    consistency = Consistency(
        listener=listener.what,
        state_is=listener.state_is,
        samples=evaluate(made.names, made.labels, heard.emotion, seed),
        real=evaluate(unheard.names, unheard.labels, answers, seed),
        real_split=listener.unheard,
    )
    spread = diversity(made, places, train, train_places)
    remembered = memory(
        (made, places), (val, unseen_places), learnt=(windows, learnt_places), audio=data.audio, progress=progress
    )
    kernel = compare_kernels(places, train_places, train.groups, seed)
    return GanEvaluation(
        subject=made.what,
        n=len(made),
        seed=seed,
        data=to_plain(data.origin),
        score=scored,
        consistency=consistency,
        diversity=spread,
        memory=remembered,
        kernel=kernel,
        notes=tuple(_notes(scored, consistency, spread=spread, remembered=remembered, kernel=kernel)),
    )


def _notes(
    scored: Score, consistency: Consistency, *, spread: Diversity, remembered: Memory, kernel: Kernel
) -> list[str]:
    notes = []
    for dimension in OUTPUTS:
        heard, real = (consistency.interval(dimension, real=x) for x in (False, True))
        if real.value is None or real.low is None or real.value < DEAF:
            notes.append(
                f"the listener hardly hears {dimension} in real songs (CCC {real}): its word on samples is weak"
            )
        elif heard.low is None or heard.low <= 0:
            notes.append(f"{dimension} that was asked for is not heard: CCC {heard}")
    if spread.overall < NARROW:
        notes.append(
            f"the samples differ {spread.overall:.2f} times as much as songs do: the generator may have collapsed"
        )
    elif spread.same_label < NARROW:
        notes.append(f"samples of one label differ {spread.same_label:.2f} times as much as songs of alike labels do")
    if remembered.is_memorised:
        notes.append(f"{remembered.copies:.0%} of the samples are copies of training songs: memorised")
    made, between = kernel.made, kernel.between_real
    if made.low is not None and between.high is not None and made.low > _NEIGHBOURLY * max(between.high, 0.0):
        notes.append("the samples lie far from real songs in the embedding (kernel distance)")
    if scored.drawn < DRAWN:
        notes.append(
            f"the score compares {scored.drawn} clips at a time, not {DRAWN}: there are too few, and it is lenient"
        )
    return notes


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        array: NDArray[Any] = value
        return array.tolist() if array.dtype.kind == "i" else np.round(array, 4).tolist()
    return value
