"""Embeddings of every window of prepared songs by a pretrained encoder, on all cores, and only of what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentio_mobile._internal.files import is_file
from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import replace
from sentio_mobile._internal.workers import in_processes, usable_cores
from sentio_mobile.data.clip_table import SONGS, read_clip_rows
from sentio_mobile.data.missing import MAX_UNUSABLE
from sentio_mobile.data.perturbed import CHANGES
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError, InputError
from sentio_mobile.models.encoders.base import EncoderInfo, load_encoder
from sentio_mobile.models.encoders.clip_embeddings import write_clip_embeddings
from sentio_mobile.spec import MAX_SAMPLES, AudioSpec
from sentio_mobile.teacher.embed_worker import Setup, SongWindows, embed_song, forget, start, tags_of
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
    clean: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> EmbeddedClips:
    """Embed every window of prepared songs.

    Sound is decoded from the songs' files at the encoder's rate, and short clips are filled up as in the store. What is
    embedded stays in the user's cache, clip by clip, so that a run that was stopped continues. A script calls this
    below `if __name__ == "__main__":`, because worker processes read the script too.

    Args:
        sources: Prepared folders, and the folder that each was prepared from.
        encoder: Name of the encoder, as `load_encoder` takes it.
        step: Seconds that a step must last: embeddings that follow each other faster are averaged.
        clean: Give perturbed windows the embeddings of the sound before it was perturbed, so that a student learns not
            to mind. By default they get their own.
        workers: Processes, each on one core; by default one for each usable core.
        progress: Updated for each song.

    Returns:
        The embeddings, each clip once, and the songs that have none.

    Raises:
        InputError: `step` or `workers` is out of its range, there is no such encoder, it is not installed, or it gives
            something else than embeddings.
        DataError: Clips are shorter than the encoder's window or too long at its rate, the folders' clips differ in
            length, or more than 5% of a folder's songs cannot be embedded.
        OutputError: The cache cannot be written.
        WorkerError: A worker process was killed.
    """
    require_step(step)
    if workers is not None and workers < 1:
        raise InputError(f"workers must be at least 1, not {workers}")
    setup, kept, tag_names = setup_of(encoder, [data for data, _ in sources], step)
    cache = setup.cache
    steps: dict[int, ClipSteps] = {}
    faults: list[str] = []
    for data, music in sources:
        songs, same = songs_of(data, music, clean)
        clips = [checksum for song in songs for checksum in song.windows]
        known = {checksum for checksum in clips if checksum in steps or cache.read(checksum)}
        faults += _embed_missing(
            songs, known, data=data, setup=setup, workers=workers or usable_cores(), progress=progress or NoProgress()
        )
        steps |= {checksum: found for checksum in clips if checksum not in steps and (found := cache.read(checksum))}
        steps |= {copy: steps[checksum] for copy, checksum in same.items() if checksum in steps}
    return EmbeddedClips(info=kept, steps=steps, tag_names=tag_names, faults=tuple(faults))


def setup_of(encoder: str, folders: Sequence[PreparedData], step: float) -> tuple[Setup, EncoderInfo, tuple[str, ...]]:
    """What workers must know to embed the windows of prepared folders.

    Args:
        encoder: Name of the encoder, as `load_encoder` takes it.
        folders: The folders.
        step: Seconds that a step must last.

    Returns:
        The setup; the encoder, with `hop_s` and `window_s` of the steps that are kept; and the names of its tags.

    Raises:
        InputError: There is no such encoder, or it is not installed.
        DataError: The folders' clips differ in length, or do not fit the encoder.
    """
    require_step(step)
    loaded = load_encoder(encoder)
    info, tag_names = loaded.info, tags_of(loaded)
    audio = _require_fit(info, folders)
    averaged = max(1, int(step / info.hop_s + 1e-6))
    kept = replace(info, hop_s=averaged * info.hop_s, window_s=info.window_s + (averaged - 1) * info.hop_s)
    return Setup(encoder, audio, averaged, EmbeddingCache(kept, len(tag_names))), kept, tag_names


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


def songs_of(data: PreparedData, music: Path, clean: bool) -> tuple[list[SongWindows], dict[int, int]]:
    """The songs of a prepared folder in the order of songs.csv.

    With `clean`, perturbed windows are left out, and their checksums come beside, each with that of the clean sound.
    """
    rows = read_clip_rows(data.folder / SONGS)
    checksums = [int(checksum) for checksum in data.store.checksums[[row.row for row in rows]]]
    originals = {
        (row.song_id, row.start): checksum for row, checksum in zip(rows, checksums, strict=True) if not row.change
    }
    songs: dict[str, SongWindows] = {}
    windows: dict[str, dict[int, tuple[float, str, float]]] = {}
    same: dict[int, int] = {}
    for row, checksum in zip(rows, checksums, strict=True):
        if row.change and row.change not in CHANGES:
            raise DataError(
                f"{data.folder}: has windows that went through {row.change!r}, which is not known here; "
                "prepare the songs again"
            )
        own = windows.setdefault(row.song_id, {})
        songs.setdefault(row.song_id, SongWindows(music / row.path, row.sha256, own))
        original = originals.get((row.song_id, row.start))
        if clean and row.change and original is not None:
            same[checksum] = original
        else:
            own.setdefault(checksum, (row.start, row.change, row.read_seconds(data.audio.seconds)))
    return list(songs.values()), same


def _embed_missing(
    songs: Sequence[SongWindows],
    known: set[int],
    *,
    data: PreparedData,
    setup: Setup,
    workers: int,
    progress: Progress,
) -> list[str]:
    """Embed all but the known clips into the cache, and return one line for each song that cannot be embedded."""
    missing = list(missing_windows(songs, known))
    # What a wrong folder would show song by song is known before any is decoded.
    faults = [f"{song.path} is missing" for song in missing if not is_file(song.path)]
    require_few(faults, len(songs), data, "give the folder that it was prepared from as --music")
    present = [song for song in missing if is_file(song.path)]
    workers = min(workers, len(present))
    progress.start(f"embeddings: {data.folder.name}", len(songs))
    progress.advance(len(songs) - len(present))
    try:
        if present:
            results = in_processes(embed_song, present, workers=workers, start=start, arguments=(setup,))
            with closing(results):
                for song, fault in results:
                    if fault is not None:
                        faults.append(fault)
                        require_few(faults, len(songs), data)
                    progress.advance(note=f"{len(faults)} failed" if faults else song.path.name)
    finally:
        progress.finish()
        forget()
    return faults


def missing_windows(songs: Iterable[SongWindows], known: set[int]) -> Iterator[SongWindows]:
    """Songs with the windows that have no embeddings, each window once."""
    seen = set(known)
    for song in songs:
        windows = {checksum: window for checksum, window in song.windows.items() if checksum not in seen}
        seen.update(windows)
        if windows:
            yield replace(song, windows=windows)


def require_step(step: float) -> None:
    """Refuse a length of steps that cannot be.

    Raises:
        InputError: It is not from 0 to 600 s.
    """
    if not 0 <= step <= 600:
        raise InputError(f"a step must last from 0 to 600 s, not {step}")


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
