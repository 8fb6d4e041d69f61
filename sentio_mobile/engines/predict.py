"""`predict` on a cluster: songs of any place, and shards of predictions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sentio_mobile
from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import Record, replace, to_plain
from sentio_mobile._internal.shards import Schema, Stage, digest_of, schema_of
from sentio_mobile.audio.find import AUDIO_SUFFIXES, endings
from sentio_mobile.engines.places import Place, is_url, require_shared
from sentio_mobile.engines.run import Engine, Outcome, run_on_ray
from sentio_mobile.engines.work import Item, Row, folder_sha256
from sentio_mobile.errors import AudioError, BundleError
from sentio_mobile.inference.emotion import Prediction
from sentio_mobile.inference.predictor import Predictor
from sentio_mobile.inference.songs import find_songs
from sentio_mobile.inference.teacher_model import is_teacher, open_teacher
from sentio_mobile.spec import Form


@dataclass(frozen=True)
class LibrarySong:
    """A song of a library.

    Attributes:
        name: The file, as it was given.
        place: Where all machines find it.
    """

    name: str
    place: str


@dataclass(frozen=True, kw_only=True)
class PredictWork:
    """Predictions of songs by one artifact of a bundle, or by a teacher.

    Attributes:
        model: Folder of a bundle or a teacher, the same on all machines.
        model_sha256: Hash of the folder.
        format_name: The format of a bundle's artifact.
        form: Its form; None for the faster of those that the bundle has.
        threads: Threads of the model.
        every: Seconds from one window of a song to the next; None for the first clip alone.
    """

    model: Path
    model_sha256: str
    format_name: str
    form: Form | None
    threads: int
    every: float | None
    stage: Stage = field(default="predict", init=False)

    @property
    def digest(self) -> str:
        """Model, settings and version."""
        return digest_of(sentio_mobile.__version__, self.model_sha256, self.format_name, self.form, self.every)

    def title(self, song: LibrarySong) -> str:
        """The file, as it was given."""
        return song.name

    def schema(self) -> Schema:
        """The columns of `Prediction`."""
        return schema_of(Prediction)

    def footer(self) -> Mapping[str, Record]:
        """Nothing more."""
        return {}

    def open(self) -> None:
        """Load the model.

        Raises:
            BundleError: It is not on this machine, or is another one.
        """
        if folder_sha256(self.model) != self.model_sha256:
            raise BundleError(
                f"{self.model}: a machine of the cluster has no such model, or another one; put it where all machines "
                "see it"
            )
        global _predictor
        if is_teacher(self.model):
            _predictor = open_teacher(self.model, self.threads)
        else:
            _predictor = Predictor.open(
                self.model, format_name=self.format_name, threads=self.threads, form=self.form, every=self.every
            )

    def rows(self, song: LibrarySong) -> Sequence[Row]:
        """Predictions of a song, as `predict` writes them."""
        assert _predictor is not None
        with Place(song.place).local_copy() as path:
            emotions = [_predictor.predict(path)] if self.every is None else _predictor.trajectory(path, self.every)
            return [to_plain(replace(emotion, song=song.name).to_prediction()) for emotion in emotions]


_predictor: Predictor | None = None
"""The model of this process."""


def predict_library(
    places: Sequence[str],
    out: str,
    *,
    model: Path,
    format_name: str,
    form: Form | None = None,
    threads: int = 1,
    every: float | None = None,
    engine: Engine,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Predict the emotion of songs on a cluster, into shards with the columns of `Prediction`.

    Args:
        places: Songs, and folders of songs: paths that all machines see, or URLs.
        out: Folder of the shards. A run that was stopped goes on there.
        model: Folder of a bundle or a teacher, the same on all machines.
        format_name: One of a bundle's formats.
        form: The form of the artifact; None for the faster of those that the bundle has.
        threads: Threads of the model in each worker.
        every: Seconds from one window of a song to the next; None for the first clip alone.
        engine: The cluster.
        overwrite: Whether other shards in `out` give way.
        progress: Updated for each shard.

    Raises:
        SentioError: As `run_on_ray`.
    """
    require_shared([*filter(is_url, places), out])
    songs, faults = find_library(places)
    items: dict[str, Item[LibrarySong]] = {}
    for song in songs:
        try:
            key = digest_of(song.name, Place(song.place).state())
        except AudioError as error:
            faults.append(str(error))
            continue
        items[key] = Item(key, song)
    work = PredictWork(
        model=model.absolute(),
        model_sha256=folder_sha256(model),
        format_name=format_name,
        form=form,
        threads=threads,
        every=every,
    )
    outcome = run_on_ray(work, list(items.values()), Place(out), engine=engine, overwrite=overwrite, progress=progress)
    return replace(outcome, songs=outcome.songs + len(faults), faults=(*faults, *outcome.faults))


def find_library(places: Sequence[str]) -> tuple[list[LibrarySong], list[str]]:
    """Songs, and songs of folders, at paths and URLs.

    Returns:
        The songs, each once, and one line for each folder that has none or cannot be read.
    """
    songs: dict[str, LibrarySong] = {}
    faults: list[str] = []
    for text in places:
        if not is_url(text):
            found = find_songs([Path(text)])
            faults += found.faults
            for path in found.songs:
                # A name of bytes that are not UTF-8 cannot stand in a table.
                name = os.fsencode(path).decode("utf-8", "replace")
                songs.setdefault(str(path.absolute()), LibrarySong(name, str(path.absolute())))
            continue
        place = Place(text)
        place.require_known()
        if place.is_file():
            songs.setdefault(text, LibrarySong(text, text))
            continue
        urls = [place.join(name).url for name in place.files_below(AUDIO_SUFFIXES)]
        songs |= {url: LibrarySong(url, url) for url in urls if url not in songs}
        if not urls:
            faults.append(f"{text}: has no song in it; songs end in {endings()}")
    return list(songs.values()), faults
