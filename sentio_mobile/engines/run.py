"""A whole library as shards: what is done already is found by its keys, and only the rest is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.shards import MAX_SONGS, SUFFIX, ShardSheet, read_sheet
from sentio_mobile.engines.cluster import make_shards, session
from sentio_mobile.engines.places import Place
from sentio_mobile.engines.work import Item, Made, ShardWork, write_shard
from sentio_mobile.errors import InputError, OutputError

S = TypeVar("S")

SHARD_SONGS = 100
"""Songs of a shard by default: a few seconds of work, which a worker that dies loses."""


LOSSES = 2
"""Times that a shard is lost before it is made in parts: a machine may fail for reasons of its own."""


@dataclass(frozen=True)
class Engine:
    """Where and how shards are made.

    Attributes:
        address: The cluster, as `session` takes it.
        shard_songs: Songs of a shard.
    """

    address: str | None = None
    shard_songs: int = SHARD_SONGS

    def __post_init__(self) -> None:
        if (self.address or "").startswith("ray://"):
            raise InputError(
                f"{self.address}: is the address of Ray Client, which cannot do this; give the command on a machine of "
                "the cluster with --address auto, or send it there with `ray job submit`"
            )
        if not 1 <= self.shard_songs <= MAX_SONGS:
            raise InputError(f"a shard can have 1 to {MAX_SONGS:,} songs, not {self.shard_songs:,}")


@dataclass(frozen=True)
class Outcome:
    """The shards of a library.

    Attributes:
        shards: Names of all shards, those of earlier runs too.
        songs: Songs in them.
        known: Songs of earlier runs among them.
        faults: One line for each song without rows.
    """

    shards: tuple[str, ...]
    songs: int
    known: int
    faults: tuple[str, ...]


def run_on_ray(
    work: ShardWork[S],
    items: Sequence[Item[S]],
    out: Place,
    *,
    engine: Engine,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Make the shards of a library on a cluster, each song in exactly one of them.

    A run that was stopped goes on: songs whose keys stand in a shard are not worked on again.

    Args:
        work: The stage.
        items: The songs, each key once.
        out: Folder of the shards.
        engine: The cluster, and the size of shards.
        overwrite: Whether shards with other songs, or of other settings, give way.
        progress: Updated for each shard.

    Raises:
        MissingExtraError: Ray, pyarrow or fsspec is not installed.
        InputError: There is no such cluster, or `out` is private to this process.
        OutputError: `out` holds other shards, or cannot be written.
        WorkerError: Ray gave up.
    """
    out.require_shared()
    shown = progress or NoProgress()
    known = _known_shards(work, items, out, overwrite=overwrite)
    done = {key for sheet in known for key in sheet.keys}
    left = [item for item in items if item.key not in done]
    made = [Made(sheet.name, len(sheet.keys), sheet.faults) for sheet in known]
    shown.start("songs", len(items))
    shown.advance(len(done))
    try:
        if left:
            with session(engine.address) as cores:
                for one in _make_all(work, _parts(left, engine.shard_songs), out, workers=cores):
                    made.append(one)
                    shown.advance(one.songs, note=_note(made))
    finally:
        shown.finish()
    _require_alone({one.name for one in made}, out)
    return Outcome(
        shards=tuple(sorted(one.name for one in made)),
        songs=sum(one.songs for one in made),
        known=len(done),
        faults=tuple(fault for one in made for fault in one.faults),
    )


def _make_all(work: ShardWork[S], shards: list[Sequence[Item[S]]], out: Place, *, workers: int) -> Iterable[Made]:
    """Make shards. One that was lost with its worker is made again, and after some times in halves, until the song is
    found that ends workers."""
    losses: Counter[str] = Counter()
    while shards:
        made = set()
        for one in make_shards(work, shards, out, workers=workers):
            made.add(one.name)
            yield one
        lost = {name: shard for shard in shards if (name := _name(work, shard)) not in made}
        losses.update(lost.keys())
        shards = []
        for name, shard in lost.items():
            if losses[name] < LOSSES:
                shards.append(shard)
            elif len(shard) > 1:
                shards += [shard[: len(shard) // 2], shard[len(shard) // 2 :]]
            else:
                fault = f"{work.title(shard[0].song)}: every worker that read it died, perhaps for want of memory"
                yield write_shard(work, [shard[0].key], out, rows=[], faults=[fault])


def _known_shards(work: ShardWork[S], items: Sequence[Item[S]], out: Place, *, overwrite: bool) -> list[ShardSheet]:
    """The shards of earlier runs of the same work. Others are removed, if they may be."""
    wanted = {item.key for item in items}
    good: list[ShardSheet] = []
    other: list[str] = []
    twice: list[str] = []
    taken: set[str] = set()
    names = out.names(SUFFIX)

    def read(name: str) -> ShardSheet:
        place = out.join(name)
        with place.open() as file:
            return read_sheet(file, place.url)

    with ThreadPoolExecutor(16) as pool:
        for name, sheet in zip(names, pool.map(read, names), strict=True):
            keys = set(sheet.keys)
            if (sheet.stage, sheet.digest) != (work.stage, work.digest) or not keys <= wanted:
                other.append(name)
            elif keys & taken:
                twice.append(name)
            else:
                good.append(sheet)
                taken |= keys
    if other and not overwrite:
        raise OutputError(
            f"{out.url}: {len(other)} of {len(names)} shards there have songs that changed or are not asked for, or "
            "come from other settings; give --force to make those anew, or choose another place"
        )
    for name in other + twice:
        out.join(name).remove()
    return good


def _require_alone(made: set[str], out: Place) -> None:
    """Remove what a worker wrote that was given up too early, and check that nobody else did the same."""
    found = set(out.names(SUFFIX))
    for name in found - made:
        out.join(name).remove()
    if missing := made - found:
        raise OutputError(
            f"{out.url}: {len(missing)} shards vanished while others were made; let one command at a time write "
            "there, and give it again"
        )


def _parts(items: Sequence[Item[S]], size: int) -> list[Sequence[Item[S]]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _name(work: ShardWork[S], shard: Sequence[Item[S]]) -> str:
    keys = tuple(item.key for item in shard)
    return ShardSheet(stage=work.stage, digest=work.digest, keys=keys, faults=()).name


def _note(made: Sequence[Made]) -> str:
    failed = sum(len(one.faults) for one in made)
    return f"{failed} failed" if failed else ""
