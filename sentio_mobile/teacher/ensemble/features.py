"""164 librosa features, from which music emotion was predicted before networks used spectrograms."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import write_bytes
from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.workers import in_threads
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.song_audio import find_split_audio, read_clips
from sentio_mobile.errors import MissingExtraError

_STATISTICS = ("mean", "sd", "min", "max")
_SERIES = {
    "mfcc": [f"mfcc {i}" for i in range(13)],
    "spectral": ["centroid", "bandwidth", "rolloff", "flatness", *(f"contrast {i}" for i in range(6))],
    "temporal": ["zero crossings", "level", "change of level", "onset strength", "pulse", "tempo"],
    "chroma": [f"chroma {i}" for i in range(12)],
}
FEATURE_NAMES: tuple[str, ...] = tuple(
    f"{series}, {statistic}" for group in _SERIES.values() for series in group for statistic in _STATISTICS
)
"""Four statistics of each of 41 time series: 52 MFCC, 40 spectral, 24 temporal and 48 chroma features."""

_HOP = 512


def extract_features(pcm: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Extract the features of one clip [164], in the order of `FEATURE_NAMES`. Silence gives finite features too.

    The clip is scaled to a peak of 1 first, so that loudness does not matter.

    Args:
        pcm: Mono PCM [samples].
        rate: Sample rate in Hz.

    Raises:
        MissingExtraError: librosa is not installed.
    """
    try:
        import librosa
    except ImportError as error:
        raise MissingExtraError("librosa", "baselines", "the features of classical regressors") from error
    sound = pcm / max(float(np.abs(pcm).max()), 1e-9)
    with warnings.catch_warnings():
        # librosa warns about silence, whose features are zeros.
        warnings.simplefilter("ignore")
        spectrum = np.abs(librosa.stft(sound, hop_length=_HOP))
        level = librosa.amplitude_to_db(librosa.feature.rms(S=spectrum)[0], amin=1e-5)
        mel = librosa.power_to_db(librosa.feature.melspectrogram(S=spectrum**2, sr=rate))
        onset = librosa.onset.onset_strength(S=mel, sr=rate)
        tempogram = librosa.feature.tempogram(onset_envelope=onset, sr=rate, hop_length=_HOP)
        # Lag 0 is always 1; lags from a quarter of a second on are the pulse.
        beat = tempogram[round(0.25 * rate / _HOP) :]
        series = [
            *librosa.feature.mfcc(S=mel, n_mfcc=13),
            librosa.feature.spectral_centroid(S=spectrum, sr=rate)[0],
            librosa.feature.spectral_bandwidth(S=spectrum, sr=rate)[0],
            librosa.feature.spectral_rolloff(S=spectrum, sr=rate)[0],
            np.log10(librosa.feature.spectral_flatness(S=spectrum)[0]),
            *librosa.feature.spectral_contrast(S=spectrum, sr=rate, n_bands=5),
            librosa.feature.zero_crossing_rate(sound, hop_length=_HOP)[0],
            level,
            np.abs(np.diff(level)),
            onset,
            beat.max(axis=0),
            np.log2(beat.argmax(axis=0) + 1.0),
            *librosa.feature.chroma_stft(S=spectrum**2, sr=rate, tuning=0.0),
        ]
    values = [value for curve in series for value in (curve.mean(), curve.std(), curve.min(), curve.max())]
    return np.nan_to_num(np.array(values, dtype=np.float32))


def training_features(data: PreparedData, music: Path, *, work: Path, progress: Progress) -> NDArray[np.float32]:
    """The features of the training songs [songs, 164], cached in a folder.

    Args:
        data: The prepared songs.
        music: Folder that the paths in songs.csv start from.
        work: Folder of the cache.
        progress: Updated for each song.

    Raises:
        DataError: An audio file is missing, or is not the file that was prepared.
        MissingExtraError: librosa is not installed.
    """
    songs = find_split_audio(data, "train", music)
    key = hashlib.sha256(json.dumps([data.sheet.fingerprint, FEATURE_NAMES]).encode()).hexdigest()[:16]
    cached = work / f"features-{key}.npy"
    if cached.is_file():
        return np.asarray(np.load(cached, allow_pickle=False))
    progress.start("164 features of the training songs", len(songs))
    rows = []
    for row in in_threads(
        lambda song: extract_features(read_clips(song, data.audio)[0], data.audio.sample_rate), songs
    ):
        rows.append(row)
        progress.advance()
    progress.finish()
    features, file = np.stack(rows), io.BytesIO()
    np.save(file, features, allow_pickle=False)
    write_bytes(cached, file.getvalue())
    return features
