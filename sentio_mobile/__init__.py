"""Train, distill, export and prove music-emotion models for phones.

import sentio_mobile

model = sentio_mobile.load("bundle")
model.predict("song.mp3").valence
for moment in model.trajectory("song.mp3", every=1.0):
    print(moment.time, moment.valence, moment.arousal)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from sentio_mobile.inference.predictor import Predictor
    from sentio_mobile.spec import Form

__version__ = "0.1.0"

__all__ = ["__version__", "load"]


def load(bundle: str | Path, format: str = "onnx", threads: int = 1, form: Form | None = None) -> Predictor:
    """Load a model, to ask it how music feels.

    Args:
        bundle: a folder that `sentio-mobile export` wrote; its hashes are checked.
        format: which of its formats: torchscript, onnx, tflite or coreml.
        threads: how many the model may use.
        form: what the model is fed, `spectrogram` or `waveform`; by default the first that the bundle has.

    Returns:
        A predictor: `predict(path)` and `predict_pcm(pcm, sample_rate)` for the first 30 s of a song (or as many as the
        model was made for), `trajectory(path, every)` for window after window of it, `stream(blocks, sample_rate)` for
        live sound, and `check_device()` to compare this machine with the reference outputs.

    Raises:
        SentioError: no format has this name, the bundle is damaged or lacks it, or its packages are not installed.
    """
    from pathlib import Path

    from sentio_mobile.inference.predictor import Predictor

    return Predictor.open(Path(bundle), format_name=format, threads=threads, form=form)
