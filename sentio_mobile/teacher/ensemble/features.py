"""164 numbers that music emotion was told from before networks heard spectrograms, computed by librosa."""

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
from sentio_mobile.data.clips import in_order
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.song_audio import find_split_audio, read_clips
from sentio_mobile.errors import MissingExtraError

_STATISTICS = ("mean", "sd", "min", "max")
_COURSES = {
    "mfcc": [f"mfcc {i}" for i in range(13)],
    "spectral": ["centroid", "bandwidth", "rolloff", "flatness", *(f"contrast {i}" for i in range(6))],
    "temporal": ["zero crossings", "level", "change of level", "onset strength", "pulse", "tempo"],
    "chroma": [f"chroma {i}" for i in range(12)],
}
NAMES: tuple[str, ...] = tuple(
    f"{course}, {statistic}" for courses in _COURSES.values() for course in courses for statistic in _STATISTICS
)
"""52 of MFCC, 40 spectral, 24 temporal and 48 of chroma: four statistics over time of each of 41 courses."""

_HOP = 512


def features_of(pcm: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """The features of one clip [164], in the order of `NAMES`; silence gives numbers too.

    The clip is brought to a peak of 1 first, so that a volume knob changes nothing.

    Args:
        pcm: mono [samples].
        rate: samples a second.

    Raises:
        MissingExtraError: librosa is not installed.
    """
    try:
        import librosa
    except ImportError as error:
        raise MissingExtraError("librosa", "baselines", "the features of classic models") from error
    sound = pcm / max(float(np.abs(pcm).max()), 1e-9)
    with warnings.catch_warnings():
        # What librosa says of silence, whose features are zeros all the same.
        warnings.simplefilter("ignore")
        spectrum = np.abs(librosa.stft(sound, hop_length=_HOP))
        level = librosa.amplitude_to_db(librosa.feature.rms(S=spectrum)[0], amin=1e-5)
        mel = librosa.power_to_db(librosa.feature.melspectrogram(S=spectrum**2, sr=rate))
        onset = librosa.onset.onset_strength(S=mel, sr=rate)
        tempogram = librosa.feature.tempogram(onset_envelope=onset, sr=rate, hop_length=_HOP)
        # Lag 0 is always 1; what comes after the first quarter of a second is pulse.
        beat = tempogram[round(0.25 * rate / _HOP) :]
        courses = [
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
    found = [value for course in courses for value in (course.mean(), course.std(), course.min(), course.max())]
    return np.nan_to_num(np.array(found, dtype=np.float32))


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
    key = hashlib.sha256(json.dumps([data.sheet.fingerprint, NAMES]).encode()).hexdigest()[:16]
    cached = work / f"features-{key}.npy"
    if cached.is_file():
        return np.asarray(np.load(cached, allow_pickle=False))
    progress.start("164 features of the training songs", len(songs))
    rows = []
    for row in in_order(lambda song: features_of(read_clips(song, data.audio)[0], data.audio.sample_rate), songs):
        rows.append(row)
        progress.advance()
    progress.finish()
    features, file = np.stack(rows), io.BytesIO()
    np.save(file, features, allow_pickle=False)
    write_bytes(cached, file.getvalue())
    return features
