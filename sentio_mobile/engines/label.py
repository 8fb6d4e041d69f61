"""`teacher label` on a cluster: teachers hear the windows of prepared songs, and shards of pseudo-labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import sentio_mobile
from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import Record, replace
from sentio_mobile._internal.shards import Schema, Stage, digest_of, schema_of
from sentio_mobile.audio.decode import decode, fit_length
from sentio_mobile.audio.image import clip_to_mel
from sentio_mobile.data.perturbed import CHANGES
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.pseudo_labels import PseudoLabel
from sentio_mobile.data.store import DTYPE
from sentio_mobile.engines.embed import PreparedSong, prepared_songs
from sentio_mobile.engines.places import Place, require_shared
from sentio_mobile.engines.run import Engine, Outcome, run_on_ray
from sentio_mobile.engines.work import Item, Row, folder_sha256
from sentio_mobile.errors import DataError
from sentio_mobile.models.encoders.base import EncoderInfo
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.embed import require_few, setup_of
from sentio_mobile.teacher.embed_worker import Embedder, Setup, SongWindows
from sentio_mobile.teacher.ensemble.features import extract_features
from sentio_mobile.teacher.probe.label import TAGS, TAGS_ENCODER
from sentio_mobile.teacher.probe.probe import Probe, is_probe
from sentio_mobile.teacher.tags import TagReference, shipped_reference, tag_predictions


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A teacher, before it is loaded.

    Attributes:
        folder: A probe, a checkpoint, or `TAGS`; the same on all machines.
        sha256: Hash of the folder.
        setup: The encoder that it hears through; None for a network.
        info: That encoder, with the steps that are kept.
        tag_names: Names of its tags.
    """

    folder: Path
    sha256: str
    setup: Setup | None = None
    info: EncoderInfo | None = None
    tag_names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LabelWork:
    """The mean of teachers' predictions for songs' windows.

    Attributes:
        teachers: The teachers.
        audio: Front end of the clips.
    """

    teachers: tuple[Teacher, ...]
    audio: AudioSpec
    stage: Stage = field(default="label", init=False)

    @property
    def digest(self) -> str:
        """Teachers, clips and version."""
        teachers = [part for one in self.teachers for part in (one.sha256, one.info)]
        return digest_of(sentio_mobile.__version__, *teachers, self.audio)

    def title(self, song: PreparedSong) -> str:
        """The song's place."""
        return song.place

    def schema(self) -> Schema:
        """The columns of `PseudoLabel`."""
        return schema_of(PseudoLabel)

    def footer(self) -> Mapping[str, Record]:
        """Nothing more."""
        return {}

    def open(self) -> None:
        """Load the teachers.

        Raises:
            DataError: A teacher is not on this machine, or is another one.
        """
        _loaded[:] = [_load(teacher, self.audio) for teacher in self.teachers]

    def rows(self, song: PreparedSong) -> Sequence[Row]:
        """Pseudo-labels of a song's windows, as `teacher label` gives them."""
        with Place(song.place).local_copy() as path:
            here = replace(song.windows, path=path)
            found = np.stack([teacher.predict(here) for teacher in _loaded])
        labels = found.mean(axis=0).astype(np.float32) if len(found) > 1 else found[0]
        return [
            {"clip": f"{clip:016x}", "valence": round(float(valence), 6), "arousal": round(float(arousal), 6)}
            for clip, (valence, arousal) in zip(song.windows.windows, labels, strict=True)
        ]


class _Probe:
    """A probe behind its encoder. Of its training clips it tells what it said out of fold."""

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self._probe, self._embedder = Probe.load(folder), embedder

    def predict(self, song: SongWindows) -> NDArray[np.float32]:
        steps = np.stack([one.embeddings for _, one in self._embedder.embed(song)])
        features = None
        if self._probe.needs_features:
            audio = self._probe.sheet.audio
            features = np.stack(
                [
                    extract_features(
                        fit_length(decode(song.path, audio.sample_rate, start, seconds), audio),
                        audio.sample_rate,
                    )
                    for start, _, seconds in song.windows.values()
                ]
            )
        predicted = self._probe.predict(steps, features)
        known = self._probe.out_of_fold.by_clip
        return np.array([known.get(clip, one) for clip, one in zip(song.windows, predicted, strict=True)], np.float32)


class _Tags:
    """Where an encoder's tags lie on the plane."""

    def __init__(self, embedder: Embedder, info: EncoderInfo, tag_names: tuple[str, ...]) -> None:
        self._embedder, self._info, self._tag_names = embedder, info, tag_names
        self._reference: TagReference = shipped_reference(info.name)

    def predict(self, song: SongWindows) -> NDArray[np.float32]:
        found = dict(self._embedder.embed(song))
        clips = ClipEmbeddings(
            path=song.path,
            info=self._info,
            checksums=np.array(list(found), dtype=np.uint64),
            embeddings=np.stack([one.embeddings for one in found.values()]),
            tags=np.stack([one.tags for one in found.values() if one.tags is not None]),
            tag_names=self._tag_names,
            digest="",
        )
        return tag_predictions(clips, self._reference)


class _Network:
    """A network behind the front end of the store."""

    def __init__(self, folder: Path, audio: AudioSpec) -> None:
        from sentio_mobile.models.checkpoint import Checkpoint

        self._checkpoint, self._audio = Checkpoint.load(folder), audio

    def predict(self, song: SongWindows) -> NDArray[np.float32]:
        import torch

        from sentio_mobile.audio.image import to_input_batch

        audio, mels = self._audio, []
        for start, change, seconds in song.windows.values():
            pcm = decode(song.path, audio.sample_rate, start, seconds)
            if change:
                pcm = CHANGES[change](pcm, audio.sample_rate)
            # In half precision, as a store holds them.
            mels.append(clip_to_mel(fit_length(pcm, audio), audio).astype(DTYPE).astype(np.float32))
        with torch.inference_mode():
            images = to_input_batch(torch.from_numpy(np.stack(mels)), self._checkpoint.spec)
            return np.clip(self._checkpoint.model(images).numpy(), -1, 1)


_loaded: list[_Probe | _Tags | _Network] = []
"""The teachers of this process."""


def _load(teacher: Teacher, audio: AudioSpec) -> _Probe | _Tags | _Network:
    if teacher.folder != TAGS and folder_sha256(teacher.folder) != teacher.sha256:
        raise DataError(
            f"{teacher.folder}: a machine of the cluster has no such teacher, or another one; put it where all "
            "machines see it"
        )
    if teacher.setup is None:
        return _Network(teacher.folder, audio)
    embedder = Embedder(teacher.setup)
    if teacher.folder == TAGS:
        assert teacher.info is not None
        return _Tags(embedder, teacher.info, teacher.tag_names)
    return _Probe(teacher.folder, embedder)


def label_library(
    teachers: Sequence[Path],
    sources: Sequence[tuple[PreparedData, str]],
    out: str,
    *,
    engine: Engine,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Label every window of prepared songs on a cluster, into shards that `read_pseudo_labels` reads as one.

    The songs are heard, embedded and labelled at one go; embeddings are not kept.

    Args:
        teachers: Probes, checkpoints and `TAGS`. Of several, the mean is taken.
        sources: Prepared folders, and the folder or URL that each was prepared from, which all machines see.
        out: Folder of the shards. A run that was stopped goes on there.
        engine: The cluster.
        overwrite: Whether other shards in `out` give way.
        progress: Updated for each shard.

    Raises:
        DataError: A teacher was made for another front end, or more than 5% of the songs cannot be labelled.
        SentioError: As `setup_of` and `run_on_ray`.
    """
    require_shared([*(music for _, music in sources), out])
    work, items = labelling_work(teachers, sources)
    outcome = run_on_ray(work, items, Place(out), engine=engine, overwrite=overwrite, progress=progress)
    require_few(outcome.faults, len(items), sources[0][0])
    return outcome


def labelling_work(
    teachers: Sequence[Path], sources: Sequence[tuple[PreparedData, str]]
) -> tuple[LabelWork, list[Item[PreparedSong]]]:
    """What workers do for `label_library`, and the songs; arguments and faults are the same."""
    folders = [data for data, _ in sources]
    work = LabelWork(teachers=tuple(_describe(one, folders) for one in teachers), audio=folders[0].audio)
    return work, [Item(song.key, song) for song in prepared_songs(sources)]


def _describe(folder: Path, folders: Sequence[PreparedData]) -> Teacher:
    """A teacher with its encoder, after a check that it fits the prepared songs."""
    if folder == TAGS and not folder.exists():
        setup, info, tag_names = setup_of(TAGS_ENCODER, folders, 1.0)
        return Teacher(
            folder=TAGS, sha256=digest_of(shipped_reference(TAGS_ENCODER)), setup=setup, info=info, tag_names=tag_names
        )
    place, sha256 = folder.absolute(), folder_sha256(folder)
    if not is_probe(folder):
        from sentio_mobile.models.checkpoint import Checkpoint

        spec = Checkpoint.load(folder).spec
        for data in folders:
            if spec.audio.log_mel != data.audio.log_mel:
                raise DataError(
                    f"{data.folder} has another front end than the teacher; prepare both with the same settings"
                )
        return Teacher(folder=place, sha256=sha256)
    probe = Probe.load(folder)
    sheet = probe.sheet
    setup, info, tag_names = setup_of(sheet.encoder.name, folders, sheet.encoder.hop_s)
    probe.require_encoder(info, f"the encoder {info.name} here")
    for data in folders:
        if data.audio.seconds != sheet.audio.seconds:
            raise DataError(
                f"{data.folder}: has clips of {data.audio.seconds:g} s, and the probe {folder} was made on clips of "
                f"{sheet.audio.seconds:g} s; prepare the songs with the same length"
            )
    return Teacher(folder=place, sha256=sha256, setup=setup, info=info, tag_names=tag_names)
