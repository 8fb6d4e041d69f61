"""From a spectrogram back to sound, so that what a network made up can be listened to.

Two things are lost on the way to a log-mel and must be guessed: how the power of a mel band was spread over its Fourier
bins, and every phase. The spread is found so that the mel bank gives the band's power again; the phases so that
neighbouring frames, which overlap, agree. What lay outside the bank's bands, above 8 kHz say, stays silent.
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
"""Level of the loudest sample of what is written, re full scale: a little room, for players that resample."""

SPREADS = 60
"""Steps of `spread_bands`: on music they leave 0.03 dB between its bands and the ones that were asked for."""

PHASES = 32
"""Steps of Griffin and Lim; twice as many bring the log-mel 0.05 dB nearer."""

_TINY = np.float32(1e-12)


def mel_to_power(unit: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """Unit levels of a log-mel in [0, 1] to mel power relative to the loudest cell; the floor means silence."""
    levels = (np.clip(unit, 0, 1) - 1) * -spec.floor_db
    return np.asarray(np.where(unit > 0, 10 ** (levels / 10), 0), dtype=np.float32)


def spread_bands(power: NDArray[np.float32], spec: AudioSpec) -> NDArray[np.float32]:
    """A power spectrum that the mel bank turns into `power`, as nearly as one without negative power can.

    Multiplicative steps that lower the Kullback-Leibler divergence of the bands (Lee and Seung 2001, equation 5). It
    weighs an error against the level that it is made at; least squares leave the quiet bands 2 to 4 dB off.

    Args:
        power: mel power [spec.n_mels, frames], 0 or more.
        spec: the front end that it follows.

    Returns:
        Power [1 + n_fft / 2, frames].
    """
    bank, bins = mel_bank(spec)
    column = np.maximum(bank.sum(axis=0), _TINY)[:, None]
    spectrum = bank.T @ (power / np.maximum((bank @ bank.T).sum(axis=1), _TINY)[:, None])
    for _ in range(SPREADS):
        spectrum *= bank.T @ (power / np.maximum(bank @ spectrum, _TINY)) / column
    whole = np.zeros((1 + spec.n_fft // 2, power.shape[1]), dtype=np.float32)
    whole[:bins] = spectrum
    return whole


def to_pcm(power: NDArray[np.float32], spec: AudioSpec, seed: int) -> NDArray[np.float32]:
    """A sound whose mel power is near `power`: phases by Griffin and Lim's fast method (Perraudin et al. 2013).

    Args:
        power: mel power [spec.n_mels, frames], 0 or more.
        spec: the front end that it follows.
        seed: of the phases that it starts from.

    Returns:
        PCM [(frames - 1) * spec.hop_length], its loudest sample at `PEAK_DB`; zeros where `power` is zero everywhere.

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
        n_iter=PHASES,
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
        OutputError: it cannot be written there.
    """
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, pcm, sample_rate, format="WAV", subtype="PCM_16")
    write_bytes(path, file.getvalue())
