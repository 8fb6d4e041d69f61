"""The front end as a torch module that every converter accepts, so that apps need none of their own.

It consists of constant matrix products, reshapes, slices, concatenations, elementwise operations and reductions, in an
order that was found by measuring. Time is always the last axis, in pieces that fit into a processor's cache. For frames
that the resize does not read, only the power is computed, because the clip's loudest cell may be there.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sentio_mobile.audio.dft import RADICES, band_groups, transform
from sentio_mobile.audio.image import resize_matrix
from sentio_mobile.audio.logmel import MIN_SD, POWER_FLOOR, hann, mel_bank
from sentio_mobile.errors import InputError
from sentio_mobile.spec import AudioSpec, ModelSpec

FRAMES_AT_ONCE = 93
"""Largest number of frames in a piece, the fastest between 60 and 216. With the three blocks that are shared with the
next piece they are 96, three times the width of the kernels of two runtimes."""

OVERLAP = 4
"""Number of hops in a frame."""

TIME_PARTS = 4
"""Parts in which the image is resized over time. A column depends on two frames: one matrix would be mostly zeros."""


class MelPower(nn.Module):
    """Mel power of a piece of a clip with `frames` frames.

    Power is relative to a full-scale sine in its loudest bin, which keeps squares in the range of 16-bit floats.
    """

    window: torch.Tensor
    spare: torch.Tensor
    first: torch.Tensor
    second: torch.Tensor
    third: torch.Tensor

    def __init__(self, audio: AudioSpec, frames: int) -> None:
        super().__init__()
        bank, bins = mel_bank(audio)
        parts = transform(audio.n_fft, bins)
        slots, self.segments = parts.bins.shape
        self.hop, self.frames, self.columns = audio.hop_length, frames, frames + OVERLAP - 1
        _constant(self, "window", hann(audio.n_fft)[:, None] * np.float32(OVERLAP / audio.n_fft))
        _constant(self, "spare", np.zeros(OVERLAP - 1))
        _constant(self, "first", parts.first)
        _constant(self, "second", parts.second)
        _constant(self, "third", parts.third)
        weights = np.zeros((len(bank), int(parts.bins.max()) + 1), dtype=np.float32)
        weights[:, :bins] = bank
        self.groups: list[slice] = []
        for bands, segments in band_groups(bank, slots):
            _constant(self, f"bank{len(self.groups)}", weights[bands][:, parts.bins[:, segments]])
            self.groups.append(segments)

    def forward(self, pcm: torch.Tensor) -> torch.Tensor:
        """[batch, (frames + 3) hop_length] -> [n_mels, batch, frames]."""
        # A constant offset reaches only bins 0 and 1 through the window, and no band uses them. It is removed so that
        # its rounding errors do not drown quiet bins.
        blocks = (pcm - pcm.mean(dim=1, keepdim=True)).reshape(-1, self.columns, self.hop).permute(2, 0, 1)
        spectrum = torch.matmul(self.first, self._framed(blocks).reshape(RADICES[0], -1))
        spectrum = torch.bmm(self.second, spectrum.reshape(RADICES[0] // 2, 2 * RADICES[1], -1))
        spectrum = torch.bmm(self.third, spectrum.reshape(len(self.third), self.third.shape[2], -1))
        squares = (spectrum * spectrum).reshape(len(self.third), 2, -1)
        power = squares.sum(dim=1).reshape(len(self.third), self.segments, -1)
        bands = [
            torch.matmul(bank.flatten(1), power[:, segments].reshape(bank.flatten(1).shape[1], -1))
            for bank, segments in zip(self.banks(), self.groups, strict=True)
        ]
        return torch.cat(bands, dim=0).reshape(-1, pcm.shape[0], self.columns)[:, :, : self.frames]

    def _framed(self, blocks: torch.Tensor) -> torch.Tensor:
        """Blocks [hop, batch, columns] to windowed frames [n_fft, batch columns]; the last three are not frames.

        A frame is a block and the three that follow. Blocks without their last number, repeated and read row by row,
        start one block later with every repetition. This copies long runs, where slices along time would be short.
        """
        flat = blocks.reshape(-1)
        run = flat[:-1]
        return torch.cat([run, run, run, flat, self.spare]).reshape(len(self.window), -1) * self.window

    def banks(self) -> list[torch.Tensor]:
        """The mel filters in groups of bands."""
        return [self.get_buffer(f"bank{i}") for i in range(len(self.groups))]


class FrontEnd(nn.Module):
    """The front end: PCM [batch, n_samples], full scale at -1 and 1, to model inputs [batch, 3, height, width].

    Equal to `clip_to_input`, the reference in numpy. A clip without sound is `floor_db` everywhere.

    Raises:
        InputError: The sizes in `spec` cannot be computed in this way.
    """

    mirror_rows: torch.Tensor
    mirror: torch.Tensor
    over_frequency: torch.Tensor
    channel_mean: torch.Tensor
    channel_sd: torch.Tensor

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.audio = audio = spec.audio
        _check(audio)
        pieces = -(-audio.n_frames // FRAMES_AT_ONCE)
        frames = -(-audio.n_frames // pieces)
        self.mel_power = MelPower(audio, frames)
        # All pieces have the same size and share their constants. The last one may repeat some frames.
        self.starts = [min(i * frames, audio.n_frames - frames) for i in range(pieces)]
        self.side = audio.n_fft // 2
        _constant(self, "mirror_rows", np.eye(self.side // 32)[::-1])
        _constant(self, "mirror", np.eye(32)[::-1])
        height, width = audio.image_size
        over_time = resize_matrix(audio.n_frames, width)
        read = np.flatnonzero(over_time.any(axis=0))
        self.reading: list[int] = []
        for i, start in enumerate(self.starts):
            here = read[(read >= i * frames) & (read < start + frames)]
            if len(here):
                _constant(self, f"columns{i}", np.eye(frames)[:, here - start])
                self.reading.append(i)
        self.parts: list[slice] = []
        for rows in np.array_split(over_time[:, read], min(TIME_PARTS, width)):
            used = np.flatnonzero(rows.any(axis=0))
            part = slice(int(used[0]), int(used[-1]) + 1)
            _constant(self, f"over_time{len(self.parts)}", rows[:, part].T)
            self.parts.append(part)
        _constant(self, "over_frequency", resize_matrix(audio.n_mels, height))
        _constant(self, "channel_mean", np.reshape(spec.image_mean, (1, -1, 1, 1)))
        _constant(self, "channel_sd", np.reshape(spec.image_sd, (1, -1, 1, 1)))

    def forward(self, pcm: torch.Tensor) -> torch.Tensor:
        """[batch, n_samples] -> [batch, 3, height, width]."""
        powers = self._powers(pcm)
        loudest = _loudest(powers)
        read = [torch.matmul(powers[i], self.get_buffer(f"columns{i}")) for i in self.reading]
        mel = self._normalized(torch.cat(read, dim=2), loudest)
        resized = [torch.matmul(mel[:, :, part], self.get_buffer(f"over_time{i}")) for i, part in enumerate(self.parts)]
        image = torch.matmul(self.over_frequency, torch.cat(resized, dim=2))
        if self.audio.normalization == "zscore":
            # A resize keeps constants, so that the statistics of all cells can be applied after it.
            mel = self._normalized(self._joined(powers), loudest)
            mean = mel.mean(dim=(1, 2), keepdim=True)
            variance = ((mel - mean) * (mel - mean)).mean(dim=(1, 2), keepdim=True)
            image = (image - mean) / torch.sqrt(variance).clamp_min(float(MIN_SD))
        image = image.reshape(-1, 1, *self.audio.image_size)
        # Core ML's converter fails if a subtraction broadcasts one channel to three.
        return (torch.cat([image, image, image], dim=1) - self.channel_mean) / self.channel_sd

    def log_mel(self, pcm: torch.Tensor) -> torch.Tensor:
        """[batch, n_samples] -> levels in dB [batch, n_mels, n_frames], from `floor_db` to 0."""
        powers = self._powers(pcm)
        return (self._normalized(self._joined(powers), _loudest(powers)) - 1) * -self.audio.floor_db

    def _powers(self, pcm: torch.Tensor) -> list[torch.Tensor]:
        """Mel power of each piece [n_mels, batch, frames]."""
        hop, samples = self.audio.hop_length, self.audio.n_samples
        before = self._mirrored(pcm[:, 1 : self.side + 1])
        after = self._mirrored(pcm[:, samples - self.side - 1 : samples - 1])
        powers = []
        for start in self.starts:
            low = start * hop - self.side
            high = low + self.mel_power.columns * hop
            piece = [before] if low < 0 else []
            piece.append(_between(pcm, max(low, 0), min(high, samples)))
            if high > samples:
                piece.append(_between(after, 0, high - samples))
            powers.append(self.mel_power(torch.cat(piece, dim=1) if len(piece) > 1 else piece[0]))
        return powers

    def _mirrored(self, pcm: torch.Tensor) -> torch.Tensor:
        """Reverse n_fft / 2 samples by permutation matrices, because some runtimes have no reversal."""
        rows = pcm.reshape(-1, self.side // 32, 32)
        return torch.matmul(torch.matmul(self.mirror_rows, rows), self.mirror).reshape(-1, self.side)

    def _joined(self, powers: list[torch.Tensor]) -> torch.Tensor:
        """Join the pieces to [n_mels, batch, n_frames]."""
        *others, last = powers
        repeated = len(powers) * self.mel_power.frames - self.audio.n_frames
        return torch.cat([*others, last[:, :, repeated:] if repeated else last], dim=2)

    def _normalized(self, power: torch.Tensor, loudest: torch.Tensor) -> torch.Tensor:
        """Power [n_mels, batch, frames] to normalized log-mels [batch, n_mels, frames]: 1 is `loudest`, 0 the floor."""
        decibels = 10 / math.log(10)
        # Relative to the same level as the power of `MelPower`.
        silence = POWER_FLOOR * (OVERLAP / self.audio.n_fft) ** 2
        least = (loudest * 10 ** (self.audio.floor_db / 10)).clamp_min(silence)
        levels = torch.log(torch.maximum(power.transpose(0, 1), least)) - torch.log(loudest.clamp_min(silence))
        # 1 above silence, and 0 at and below it, without a comparison.
        has_sound = ((loudest / silence - 1) * 1e8).clamp(0.0, 1.0)
        return (levels * (decibels / -self.audio.floor_db) + 1) * has_sound


def multiply_accumulates(spec: ModelSpec) -> dict[str, int]:
    """Count the multiply-accumulates of each stage for one clip. An elementwise operation counts as one.

    Raises:
        InputError: The sizes in `spec` cannot be computed by `FrontEnd`.
    """
    front_end = FrontEnd(spec)
    mel = front_end.mel_power
    columns = len(front_end.starts) * mel.columns
    height, width = spec.audio.image_size
    read = {i: front_end.get_buffer(f"columns{i}").numel() for i in front_end.reading}
    cells = spec.audio.n_mels * sum(numbers // mel.frames for numbers in read.values())
    over_time = sum(front_end.get_buffer(f"over_time{i}").numel() for i in range(len(front_end.parts)))
    samples = spec.audio.n_fft
    return {
        "framing and window": columns * samples,
        "DFT, first product": columns * samples * mel.first.shape[1],
        "DFT, second product": columns * samples * mel.second.shape[2],
        "DFT, third product": columns * mel.third.numel(),
        "power": columns * mel.third.shape[0] * mel.third.shape[1],
        "mel": columns * sum(bank.numel() for bank in mel.banks()),
        "log": cells,
        "resize": spec.audio.n_mels * (sum(read.values()) + over_time + height * width),
    }


def _loudest(powers: list[torch.Tensor]) -> torch.Tensor:
    """Power of each clip's loudest cell [batch, 1, 1]."""
    return torch.cat([power.amax(dim=2) for power in powers], dim=0).amax(dim=0).reshape(-1, 1, 1)


def _between(pcm: torch.Tensor, low: int, high: int) -> torch.Tensor:
    """Samples `low` to `high`. There is no slice if these are all samples: Core ML's converter fails on it."""
    return pcm if high - low == pcm.shape[1] else pcm[:, low:high]


def _check(audio: AudioSpec) -> None:
    whole = RADICES[0] * RADICES[1]
    if audio.n_fft % whole or audio.n_fft != OVERLAP * audio.hop_length:
        raise InputError(
            f"n_fft {audio.n_fft} with hop_length {audio.hop_length} cannot be part of a model: n_fft must be a "
            f"multiple of {whole} and {OVERLAP} times hop_length; export the form spectrogram"
        )
    if audio.n_samples <= audio.n_fft:
        raise InputError(
            f"a clip of {audio.n_samples} samples is too short for a front end in the model: it must be longer than "
            f"n_fft {audio.n_fft}; export the form spectrogram"
        )
    bank, bins = mel_bank(audio)
    if bins > audio.n_fft // 2 + 1 or bank[:, :2].any():
        raise InputError(
            f"mel bands from {audio.f_min:g} to {audio.f_max:g} Hz cannot be part of a model: they must lie between "
            f"{audio.sample_rate / audio.n_fft:g} Hz, one bin, and half the sample rate; export the form spectrogram"
        )


def _constant(module: nn.Module, name: str, values: NDArray[np.floating]) -> None:
    module.register_buffer(name, torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)), persistent=False)
