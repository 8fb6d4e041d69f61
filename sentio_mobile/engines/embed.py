"""`teacher embed` on a cluster: the windows of prepared songs, and shards of embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sentio_mobile
from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import Record, replace
from sentio_mobile._internal.shards import Schema, Stage, digest_of
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.engines.places import Place, require_shared
from sentio_mobile.engines.run import Engine, Outcome, run_on_ray
from sentio_mobile.engines.work import Item, Row
from sentio_mobile.errors import DataError
from sentio_mobile.models.encoders.base import EncoderInfo
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddingsSheet
from sentio_mobile.models.encoders.embedding_shards import FOOTER, embedding_row, embedding_schema
from sentio_mobile.teacher.embed import STEP_S, missing_windows, require_few, setup_of, songs_of
from sentio_mobile.teacher.embed_worker import Embedder, Setup, SongWindows


@dataclass(frozen=True)
class PreparedSong:
    """A song of a prepared folder.

    Attributes:
        place: Where all machines find its file.
        windows: Its windows.
        same: Checksums of further windows, each with that of the window whose embeddings it gets too.
    """

    place: str
    windows: SongWindows
    same: tuple[tuple[int, int], ...] = ()

    @property
    def key(self) -> str:
        """Content key: the file's hash, and which windows of it."""
        windows = sorted((clip, *window) for clip, window in self.windows.windows.items())
        return digest_of(self.windows.sha256, windows, self.same)


@dataclass(frozen=True, kw_only=True)
class EmbedWork:
    """Embeddings of songs' windows.

    Attributes:
        setup: The encoder and the clips.
        info: The encoder, with the steps that are kept.
        tag_names: Names of its tags.
    """

    setup: Setup
    info: EncoderInfo
    tag_names: tuple[str, ...]
    stage: Stage = field(default="embed", init=False)

    @property
    def digest(self) -> str:
        """Encoder, clips and version."""
        audio = self.setup.audio
        return digest_of(sentio_mobile.__version__, self.info, list(self.tag_names), audio.seconds, audio.short_clip)

    def title(self, song: PreparedSong) -> str:
        """The song's place."""
        return song.place

    def schema(self) -> Schema:
        """The columns of embeddings."""
        return embedding_schema()

    def footer(self) -> Mapping[str, Record]:
        """What the encoder is."""
        return {FOOTER: ClipEmbeddingsSheet(encoder=self.info, tag_names=self.tag_names)}

    def open(self) -> None:
        """Load the encoder."""
        global _embedder
        _embedder = Embedder(self.setup)

    def rows(self, song: PreparedSong) -> Sequence[Row]:
        """Embeddings of a song's windows, as `teacher embed` gives them."""
        assert _embedder is not None
        with Place(song.place).local_copy() as path:
            found = dict(_embedder.embed(replace(song.windows, path=path)))
        found |= {copy: found[clip] for copy, clip in song.same}
        return [embedding_row(clip, one.embeddings, one.tags) for clip, one in found.items()]


_embedder: Embedder | None = None
"""The encoder of this process."""


def embed_library(
    sources: Sequence[tuple[PreparedData, str]],
    out: str,
    *,
    encoder: str,
    step: float = STEP_S,
    clean: bool = False,
    engine: Engine,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Embed every window of prepared songs on a cluster, into shards that `read_clip_embeddings` reads as one.

    Args:
        sources: Prepared folders, and the folder or URL that each was prepared from, which all machines see.
        out: Folder of the shards. A run that was stopped goes on there.
        encoder: Name of the encoder, installed on all machines.
        step: Seconds that a step must last.
        clean: Give perturbed windows the embeddings of the sound before it was perturbed.
        engine: The cluster.
        overwrite: Whether other shards in `out` give way.
        progress: Updated for each shard.

    Raises:
        DataError: More than 5% of the songs cannot be embedded; the shards stay.
        SentioError: As `setup_of` and `run_on_ray`.
    """
    require_shared([*(music for _, music in sources), out])
    work, items = embedding_work(sources, encoder, step=step, clean=clean)
    outcome = run_on_ray(work, items, Place(out), engine=engine, overwrite=overwrite, progress=progress)
    require_few(outcome.faults, len(items), sources[0][0])
    return outcome


def embedding_work(
    sources: Sequence[tuple[PreparedData, str]], encoder: str, *, step: float = STEP_S, clean: bool = False
) -> tuple[EmbedWork, list[Item[PreparedSong]]]:
    """What workers do for `embed_library`, and the songs; arguments and faults are the same."""
    setup, info, tag_names = setup_of(encoder, [data for data, _ in sources], step)
    songs = prepared_songs(sources, clean=clean)
    return EmbedWork(setup=setup, info=info, tag_names=tag_names), [Item(song.key, song) for song in songs]


def prepared_songs(sources: Sequence[tuple[PreparedData, str]], *, clean: bool = False) -> list[PreparedSong]:
    """The songs of prepared folders with their windows, each window once.

    Raises:
        DataError: More than 5% of the files of a folder of this machine are missing.
    """
    seen: set[int] = set()
    found: list[PreparedSong] = []
    for data, music in sources:
        root = Place(music)
        root.require_known()
        songs, same = songs_of(data, Path(), clean)
        copies: dict[int, list[tuple[int, int]]] = {}
        for copy, clip in same.items():
            copies.setdefault(clip, []).append((copy, clip))
        own = []
        for song in missing_windows(songs, seen):
            further = [pair for clip in song.windows for pair in copies.get(clip, ()) if pair[0] not in seen]
            own.append(PreparedSong(root.join(str(song.path)).absolute().url, song, tuple(further)))
        seen |= {clip for song in songs for clip in song.windows} | set(same)
        if root.is_local:
            missing = [f"{song.place} is missing" for song in own if not Place(song.place).is_file()]
            require_few(missing, len(songs), data, "give the folder that it was prepared from as --music")
        found += own
    if not found:
        raise DataError(f"{sources[0][0].folder}: has no songs")
    return found
