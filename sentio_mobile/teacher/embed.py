"""Embeddings of every window of prepared songs by a pretrained encoder, on all cores, and only of what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import replace
from sentio_mobile._internal.workers import in_processes, usable_cores
from sentio_mobile.audio.decode import decode, fit_samples
from sentio_mobile.data.clip_table import SONGS, read_clip_rows
from sentio_mobile.data.prepare import MAX_UNUSABLE
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import AudioError, DataError, InputError
from sentio_mobile.models.encoders.base import AudioEncoder, EncoderInfo, TaggingEncoder, load_encoder
from sentio_mobile.models.encoders.clip_embeddings import write_clip_embeddings
from sentio_mobile.spec import MAX_SAMPLES, AudioSpec
from sentio_mobile.teacher.embedding_cache import ClipSteps, EmbeddingCache

STEP_S = 1.0
"""Shortest time from one step to the next that is kept by default. Encoders of speech give 50 embeddings a second."""


@dataclass(frozen=True, kw_only=True)
class EmbeddedClips:
    """Embeddings of the windows of prepared songs.

    Attributes:
        info: The encoder; `hop_s` and `window_s` are those of the steps that were kept.
        steps: Embeddings by the clip's checksum, in the order of the songs.
        tag_names: Names of the encoder's tags; empty if it knows none.
        faults: One line for each song without embeddings.
    """

    info: EncoderInfo
    steps: Mapping[int, ClipSteps]
    tag_names: tuple[str, ...]
    faults: tuple[str, ...]

    def write(self, path: Path) -> None:
        """Write them as `read_clip_embeddings` reads them.

        Raises:
            DataError: The encoder gives clips of the same length different numbers of steps.
            OutputError: The file cannot be written.
        """
        clips = list(self.steps.values())
        if len(lengths := {len(clip.embeddings) for clip in clips}) != 1:
            raise DataError(
                f"the encoder {self.info.name} gives clips of the same length {min(lengths)} to {max(lengths)} "
                "embeddings; mend the encoder"
            )
        tags = [clip.tags for clip in clips if clip.tags is not None]
        write_clip_embeddings(
            path,
            info=self.info,
            checksums=np.array(list(self.steps), dtype=np.uint64),
            embeddings=np.stack([clip.embeddings for clip in clips]),
            tags=np.stack(tags) if tags else None,
            tag_names=self.tag_names,
        )


def embed_clips(
    sources: Sequence[tuple[PreparedData, Path]],
    encoder: str,
    *,
    step: float = STEP_S,
    workers: int | None = None,
    progress: Progress | None = None,
) -> EmbeddedClips:
    """Embed every window of prepared songs.

    Sound is decoded from the songs' files at the encoder's rate, and short clips are filled up as in the store. What is
    embedded stays in the user's cache, clip by clip, so that a run that was stopped continues.

    Args:
        sources: Prepared folders, and the folder that each was prepared from.
        encoder: Name of the encoder, as `load_encoder` takes it.
        step: Seconds that a step must last: embeddings that follow each other faster are averaged.
        workers: Processes, each on one core; by default one for each usable core.
        progress: Updated for each song.

    Returns:
        The embeddings, each clip once, and the songs that have none.

    Raises:
        InputError: There is no such encoder, it is not installed, or it gives something else than embeddings.
        DataError: Clips are shorter than the encoder's window or too long at its rate, the folders' clips differ in
            length, or more than 5% of a folder's songs cannot be embedded.
        OutputError: The cache cannot be written.
        WorkerError: A worker process was killed.
    """
    loaded = load_encoder(encoder)
    info, tag_names = loaded.info, tags_of(loaded)
    audio = _require_fit(info, [data for data, _ in sources])
    averaged = max(1, int(step / info.hop_s + 1e-6))
    kept = replace(info, hop_s=averaged * info.hop_s, window_s=info.window_s + (averaged - 1) * info.hop_s)
    cache = EmbeddingCache(kept, len(tag_names))
    setup = _Setup(encoder, audio, averaged, cache)
    del loaded
    steps: dict[int, ClipSteps] = {}
    faults: list[str] = []
    for data, music in sources:
        songs = _songs_of(data, music)
        clips = [checksum for song in songs for checksum in song.starts]
        known = {checksum for checksum in clips if checksum in steps or cache.read(checksum)}
        faults += _embed_missing(
            songs, known, data=data, setup=setup, workers=workers or usable_cores(), progress=progress or NoProgress()
        )
        steps |= {checksum: found for checksum in clips if checksum not in steps and (found := cache.read(checksum))}
    return EmbeddedClips(info=kept, steps=steps, tag_names=tag_names, faults=tuple(faults))


def tags_of(encoder: AudioEncoder) -> tuple[str, ...]:
    """Names of the tags that an encoder knows; empty if it knows none."""
    return tuple(encoder.tags) if isinstance(encoder, TaggingEncoder) else ()


@dataclass(frozen=True)
class _Song:
    """A song's file, its SHA-256, and the start of each window in seconds by the window's checksum."""

    path: Path
    sha256: str
    starts: Mapping[int, float]


@dataclass(frozen=True)
class _Setup:
    """What a worker needs to know: the encoder, the clips, and how many embeddings are averaged to a step."""

    encoder: str
    audio: AudioSpec
    averaged: int
    cache: EmbeddingCache


def _require_fit(info: EncoderInfo, folders: Sequence[PreparedData]) -> AudioSpec:
    """The front end of the clips, whose length all folders share and the encoder takes."""
    first = folders[0]
    seconds = first.audio.seconds
    for data in folders[1:]:
        if data.audio.seconds != seconds or data.audio.short_clip != first.audio.short_clip:
            raise DataError(
                f"{data.folder} has clips of {data.audio.seconds:g} s ({data.audio.short_clip} after short ones), "
                f"{first.folder} of {seconds:g} s ({first.audio.short_clip}); prepare both with the same settings"
            )
    if info.window_s > seconds + 1e-6:
        raise DataError(
            f"the encoder {info.name} needs {info.window_s:g} s of sound, and clips of {first.folder} have "
            f"{seconds:g} s; take another encoder, or prepare the songs with longer clips"
        )
    if (samples := round(seconds * info.sample_rate)) > MAX_SAMPLES:
        raise DataError(
            f"the encoder {info.name} takes {info.sample_rate:,} samples a second, and clips of {seconds:g} s would "
            f"have {samples:,}, more than {MAX_SAMPLES:,}; take another encoder, or prepare songs with shorter clips"
        )
    return first.audio


def _songs_of(data: PreparedData, music: Path) -> list[_Song]:
    """The songs of a prepared folder in the order of songs.csv."""
    songs: dict[str, tuple[Path, str, dict[int, float]]] = {}
    for row in read_clip_rows(data.folder / SONGS):
        _, _, starts = songs.setdefault(row.song_id, (music / row.path, row.sha256, {}))
        starts.setdefault(int(data.store.checksums[row.row]), row.start)
    return [_Song(*facts) for facts in songs.values()]


def _embed_missing(
    songs: Sequence[_Song],
    known: set[int],
    *,
    data: PreparedData,
    setup: _Setup,
    workers: int,
    progress: Progress,
) -> list[str]:
    """Embed all but the known clips into the cache, and return one line for each song that cannot be embedded."""
    missing = list(_missing(songs, known))
    # What a wrong folder would show song by song is known before any is decoded.
    faults = [f"{song.path} is missing" for song in missing if not song.path.is_file()]
    require_few(faults, len(songs), data, "give the folder that it was prepared from as --music")
    present = [song for song in missing if song.path.is_file()]
    workers = min(workers, len(present))
    progress.start(f"embeddings: {data.folder.name}", len(songs))
    progress.advance(len(songs) - len(present))
    try:
        if present:
            results = in_processes(_embed_song, present, workers=workers, start=_start, arguments=(setup,))
            with closing(results):
                for song, fault in results:
                    if fault is not None:
                        faults.append(fault)
                        require_few(faults, len(songs), data)
                    progress.advance(note=f"{len(faults)} failed" if faults else song.path.name)
    finally:
        progress.finish()
        _forget()
    return faults


def _missing(songs: Iterable[_Song], known: set[int]) -> Iterator[_Song]:
    """Songs with the windows that have no embeddings, each window once."""
    seen = set(known)
    for song in songs:
        starts = {checksum: start for checksum, start in song.starts.items() if checksum not in seen}
        seen.update(starts)
        if starts:
            yield replace(song, starts=starts)


def require_few(faults: Sequence[str], songs: int, data: PreparedData, advice: str = "") -> None:
    """Refuse to go on where more than 5% of a folder's songs have a fault.

    Raises:
        DataError: They do. The message has the first fault, and the advice where the fault itself has none.
    """
    if len(faults) > MAX_UNUSABLE * songs:
        first = "; ".join(filter(None, (faults[0], advice)))
        raise DataError(
            f"{data.folder}: {len(faults)} of {songs} songs cannot be embedded, more than 5%; the first: {first}"
        )


class _Embedder:
    """An encoder with what it needs to embed songs; one in each process."""

    def __init__(self, setup: _Setup) -> None:
        self._setup, self._encoder = setup, load_encoder(setup.encoder)
        self._info, self._tags = self._encoder.info, len(tags_of(self._encoder))

    def embed(self, song: _Song) -> None:
        """Embed a song's windows into the cache.

        Raises:
            AudioError: The song cannot be read or embedded, or is not the one that was prepared.
            InputError: The encoder gives something else than embeddings.
        """
        if sha256(song.path) != song.sha256:
            raise AudioError(f"{song.path} is not the file that was prepared; prepare the songs again")
        audio, rate = self._setup.audio, self._info.sample_rate
        for checksum, start in song.starts.items():
            pcm = decode(song.path, rate, start, audio.seconds)
            found = self._run(fit_samples(pcm, round(audio.seconds * rate), audio.short_clip))
            kept = [self._averaged(one) for one in found]
            if not all(np.isfinite(one).all() for one in kept):
                raise AudioError(f"{song.path}: its embeddings are not finite, or too large for half precision")
            self._setup.cache.write(checksum, ClipSteps(kept[0], kept[1] if self._tags else None))

    def _run(self, pcm: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Embeddings, and probabilities of the tags if there are any, of one clip, [time, ...] each."""
        if isinstance(self._encoder, TaggingEncoder) and self._tags:
            found = list(self._encoder.embed_and_tag(pcm))
        else:
            found = [self._encoder.embed(pcm)]
        for values, width in zip(found, (self._info.size, self._tags), strict=False):
            if values.ndim != 2 or values.shape != (max(1, len(found[0])), width):
                raise InputError(
                    f"the encoder {self._info.name} gives an array of the shape {values.shape}, not (time, {width}); "
                    "mend the encoder"
                )
        return found

    def _averaged(self, values: NDArray[np.float32]) -> NDArray[np.float16]:
        """Means of so many embeddings each; the last may be of fewer [time, ...]."""
        firsts = np.arange(0, len(values), self._setup.averaged)
        counts = np.diff(firsts, append=len(values))[:, None]
        with np.errstate(over="ignore"):
            return np.asarray(np.add.reduceat(values, firsts) / counts, dtype=np.float16)


_embedder: _Embedder | None = None
"""The embedder of this process."""


def _start(setup: _Setup) -> None:
    global _embedder
    _embedder = _Embedder(setup)


def _forget() -> None:
    """Drop the embedder of this process, whose encoder may be large."""
    global _embedder
    _embedder = None


def _embed_song(song: _Song) -> tuple[_Song, str | None]:
    """Embed a song in a worker process, and return it, and a line if it cannot be embedded."""
    assert _embedder is not None
    try:
        _embedder.embed(song)
    except AudioError as error:
        return song, str(error)
    except OSError as error:
        return song, f"{song.path}: cannot be read ({error.strerror}); check its permissions"
    return song, None
