"""How long each model takes for one clip, from PCM to the answer, on one thread of this machine."""

from __future__ import annotations

from collections.abc import Sequence

from sentio_mobile._internal.progress import Progress
from sentio_mobile.benchmarks.latency import FEWEST_RUNS, Latency, measure_latency
from sentio_mobile.evaluation.evaluated_model import EvaluatedModel
from sentio_mobile.evaluation.predictions import Sound, clips_of

_CLIPS = 3
_WARM_UP = 2


def speed(subjects: Sequence[EvaluatedModel], sounds: Sequence[Sound], progress: Progress) -> dict[str, Latency]:
    """Time all models in turns, each on the same songs: front end or features, and the model itself.

    A clip is what a model hears at once; with pooling a song takes as many times as long as it has clips.

    Args:
        subjects: the models, of different names.
        sounds: songs to time them with.
        progress: shown round by round.
    """
    import torch
    from threadpoolctl import threadpool_limits

    clips = {subject.name: [clips_of(sound, subject)[:1] for sound in sounds[:_CLIPS]] for subject in subjects}
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            runners = {subject.name: subject.of_clips for subject in subjects}
            return measure_latency(runners, clips, runs=FEWEST_RUNS, warm_up=_WARM_UP, progress=progress)
    finally:
        torch.set_num_threads(before)
