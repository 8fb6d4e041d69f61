"""What one worker does with the songs of one shard, whichever stage it is, and what it tells about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.records import Record
from sentio_mobile._internal.shards import Schema, ShardSheet, Stage, arrow, digest_of, encode_shard, read_sheet
from sentio_mobile.engines.places import Place
from sentio_mobile.errors import AudioError

S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)

Row = Mapping[str, object]
"""Values by column."""


@dataclass(frozen=True)
class Item(Generic[S]):
    """A song.

    Attributes:
        key: Its content key: 64 hex digits that another content, and nothing else, changes.
        song: What the stage needs to know of it.
    """

    key: str
    song: S


class ShardWork(Protocol[S_contra]):
    """A stage of the program as work on single songs. It travels to the workers, and opens its models there."""

    @property
    def stage(self) -> Stage:
        """The stage."""

    @property
    def digest(self) -> str:
        """Hash of all that rows depend on but the songs: model, settings, version."""

    def title(self, song: S_contra) -> str:
        """What messages call a song."""

    def schema(self) -> Schema:
        """Columns of the rows."""

    def footer(self) -> Mapping[str, Record]:
        """Further records of the shards' footers, by name."""

    def open(self) -> None:
        """Load models, once in each worker.

        Raises:
            SentioError: They cannot be loaded here.
        """

    def rows(self, song: S_contra) -> Sequence[Row]:
        """Rows of a song.

        Raises:
            AudioError: The song has no usable audio; others go on.
        """


@dataclass(frozen=True)
class Made:
    """A shard that was written.

    Attributes:
        name: Name of its file.
        songs: Songs in it, those with faults too.
        faults: One line for each song without rows.
    """

    name: str
    songs: int
    faults: tuple[str, ...]


def make_shard(work: ShardWork[S], items: Sequence[Item[S]], out: Place) -> Made:
    """Work on songs and write their shard, unless a worker that died afterwards has written it already.

    Args:
        work: The stage, open.
        items: The songs.
        out: Folder of the shards.

    Raises:
        OutputError: The shard cannot be written.
    """
    keys = tuple(item.key for item in items)
    name = ShardSheet(stage=work.stage, digest=work.digest, keys=keys, faults=()).name
    place = out.join(name)
    if place.is_file():
        with place.open() as file:
            return Made(name, len(items), read_sheet(file, place.url).faults)
    rows: list[Row] = []
    faults = []
    for item in items:
        try:
            rows += work.rows(item.song)
        except AudioError as error:
            faults.append(str(error))
    return write_shard(work, keys, out, rows=rows, faults=faults)


def write_shard(
    work: ShardWork[S], keys: Sequence[str], out: Place, *, rows: Sequence[Row], faults: Sequence[str]
) -> Made:
    """Write rows and faults as a shard.

    Raises:
        OutputError: The shard cannot be written.
    """
    sheet = ShardSheet(stage=work.stage, digest=work.digest, keys=tuple(keys), faults=tuple(faults))
    table = arrow("writing shards").Table.from_pylist(list(rows), schema=work.schema())
    out.join(sheet.name).write(encode_shard(table, sheet, work.footer()))
    return Made(sheet.name, len(keys), sheet.faults)


def folder_sha256(folder: Path) -> str:
    """Hash of the names and contents of all files in a folder; another one where there is no such folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return digest_of([[path.relative_to(folder).as_posix(), sha256(path)] for path in files])
