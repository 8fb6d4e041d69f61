"""From a log-mel back to sound, so that people can listen to generated spectrograms.

A log-mel lacks two things, which must be estimated: the distribution of a mel band's power over its Fourier bins, and
the phases. The distribution is chosen so that the mel bank gives the band's power again, and the phases so that
overlapping frames agree. Frequencies outside the mel bands, such as those above 8 kHz, stay silent.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import write_bytes
from sentio_mobile.audio.logmel import mel_bank
from sentio_mobile.errors import MissingExtraError
from sentio_mobile.spec import AudioSpec

PEAK_DB = -1.0
"""Level of the loudest sample relative to full scale. Players that resample need this headroom."""

BAND_ITERATIONS = 60
"""Iterations of `spread_bands`. On music they leave an error of 0.03 dB in the bands."""

PHASE_ITERATIONS = 32
"""Iterations of Griffin and Lim's method. Twice as many lower the error of the log-mel by 0.05 dB."""

_TINY = np.float32(1e-12)


def mel_to_power(mel: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """Convert a normalized log-mel in [0, 1] to mel power relative to the loudest cell. The floor becomes silence."""
    levels = (np.clip(mel, 0, 1) - 1) * -spec.floor_db
    return np.asarray(np.where(mel > 0, 10 ** (levels / 10), 0), dtype=np.float32)


def spread_bands(power: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """Find a non-negative power spectrum that the mel bank maps to `power`, as nearly as possible.

    Multiplicative updates lower the Kullback-Leibler divergence of the bands (Lee and Seung 2001, equation 5). It
    weighs errors relative to the level; least squares would leave errors of 2 to 4 dB in the quiet bands.

    Args:
        power: Mel power [spec.n_mels, frames], 0 or more.
        spec: Front end of the mel power.

    Returns:
        Power spectrum [1 + n_fft / 2, frames].
    """
    bank, bins = mel_bank(spec)
    column = np.maximum(bank.sum(axis=0), _TINY)[:, None]
    spectrum = bank.T @ (power / np.maximum((bank @ bank.T).sum(axis=1), _TINY)[:, None])
    for _ in range(BAND_ITERATIONS):
        spectrum *= bank.T @ (power / np.maximum(bank @ spectrum, _TINY)) / column
    whole = np.zeros((1 + spec.n_fft // 2, power.shape[1]), dtype=np.float32)
    whole[:bins] = spectrum
    return whole


def to_pcm(power: NDArray[np.float32], spec: AudioSpec, seed: int) -> NDArray[np.float32]:
    """Synthesize a sound with this mel power. Phases come from the fast Griffin-Lim method (Perraudin et al. 2013).

    Args:
        power: Mel power [spec.n_mels, frames], 0 or more.
        spec: Front end of the mel power.
        seed: Random seed of the initial phases.

    Returns:
        PCM [(frames - 1) * spec.hop_length] with its loudest sample at `PEAK_DB`; zeros if `power` is zero everywhere.

    Raises:
        MissingExtraError: librosa is not installed.
    """
    try:
        import librosa
    except ImportError as error:
        raise MissingExtraError("librosa", "render", "turning a spectrogram into sound") from error
    samples = (power.shape[1] - 1) * spec.hop_length
    loudest = power.max()
    if not loudest > 0:
        return np.zeros(samples, dtype=np.float32)
    pcm = librosa.griffinlim(
        np.sqrt(spread_bands(power / loudest, spec)),
        n_iter=PHASE_ITERATIONS,
        hop_length=spec.hop_length,
        n_fft=spec.n_fft,
        length=samples,
        pad_mode="reflect",
        random_state=seed,
    )
    peak = np.abs(pcm).max()
    return np.asarray(pcm * (10 ** (PEAK_DB / 20) / peak), dtype=np.float32) if peak > 0 else pcm


def write_wav(path: Path, pcm: NDArray[np.float32], sample_rate: int) -> None:
    """Write a 16-bit mono wav file, all of it or nothing.

    Raises:
        OutputError: The file cannot be written.
    """
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, pcm, sample_rate, format="WAV", subtype="PCM_16")
    write_bytes(path, file.getvalue())
