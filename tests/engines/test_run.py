"""Libraries as shards: what is known, what is refused, and the work of one shard, without a cluster."""

import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from support import Refused, Sentio

from sentio_mobile._internal.records import Record
from sentio_mobile._internal.shards import Schema, arrow, digest_of
from sentio_mobile.engines.places import Place
from sentio_mobile.engines.run import Engine, run_on_ray
from sentio_mobile.engines.work import Item, Row, make_shard
from sentio_mobile.errors import AudioError, InputError, MissingExtraError, OutputError, WorkerError


class Lengths:
    """The length of each song's name; a song called `bad` has none."""

    stage = "predict"

    def __init__(self, digest: str = "0" * 64) -> None:
        self.digest = digest

    def title(self, song: str) -> str:
        return song

    def schema(self) -> Schema:
        pa = arrow("a test")
        return pa.schema([("song", pa.string()), ("length", pa.int64())])

    def footer(self) -> Mapping[str, Record]:
        return {}

    def open(self) -> None: ...

    def rows(self, song: str) -> Sequence[Row]:
        if song == "bad":
            raise AudioError("bad: no sound")
        return [{"song": song, "length": len(song)}]


def items(*songs: str) -> list[Item[str]]:
    return [Item(digest_of(song), song) for song in songs]


def test_shard_has_rows_and_faults(tmp_path: Path) -> None:
    out = Place(str(tmp_path))
    made = make_shard(Lengths(), items("a", "bad", "ccc"), out)
    assert (made.songs, made.faults) == (3, ("bad: no sound",))
    rows = arrow("a test").parquet.read_table(tmp_path / made.name).to_pylist()
    assert rows == [{"song": "a", "length": 1}, {"song": "ccc", "length": 3}]
    assert make_shard(Lengths(), items("a", "bad", "ccc"), out) == made


def test_known_songs_are_not_made_again(tmp_path: Path) -> None:
    out, songs = Place(str(tmp_path)), items("a", "bad", "ccc")
    make_shard(Lengths(), songs[:2], out)
    make_shard(Lengths(), songs[2:], out)
    # All of them are known: no cluster is needed.
    outcome = run_on_ray(Lengths(), songs, out, engine=Engine("192.0.2.1:1"))
    assert (outcome.songs, outcome.known, outcome.faults) == (3, 3, ("bad: no sound",))
    assert sorted(path.name for path in tmp_path.iterdir()) == list(outcome.shards)


def test_shard_made_twice_is_dropped(tmp_path: Path) -> None:
    out, songs = Place(str(tmp_path)), items("a", "b")
    make_shard(Lengths(), songs, out)
    make_shard(Lengths(), songs[:1], out)
    make_shard(Lengths(), songs[1:], out)
    outcome = run_on_ray(Lengths(), songs, out, engine=Engine())
    assert outcome.songs == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == list(outcome.shards)


@pytest.mark.parametrize("work", [Lengths("1" * 64), Lengths()])
def test_shards_of_other_songs_or_settings_are_refused(work: Lengths, tmp_path: Path) -> None:
    out = Place(str(tmp_path))
    make_shard(Lengths(), items("a", "gone"), out)
    with pytest.raises(OutputError, match=r"1 of 1 shards there have songs that changed .* --force"):
        run_on_ray(work, items("a"), out, engine=Engine())
    make_shard(work, items("a"), out)
    outcome = run_on_ray(work, items("a"), out, engine=Engine(), overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == list(outcome.shards)


def test_place_in_this_process_is_refused() -> None:
    with pytest.raises(InputError, match="memory of this process"):
        run_on_ray(Lengths(), items("a"), Place("memory://out"), engine=Engine())


def test_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"--engine ray needs the package ray: .*\[ray\]"):
        run_on_ray(Lengths(), items("a"), Place(str(tmp_path)), engine=Engine())


def test_ray_that_cannot_start_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "file"))
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(WorkerError, match=r"^Ray does not start on this machine \(.*\); .*--engine local$"):
        run_on_ray(Lengths(), items("a"), Place(str(tmp_path / "out")), engine=Engine(address="local"))
    # Ray sets a handler that ends the process with another status than 143.
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1:1", "Connection refused"),
        ("[::1]:1", ""),
        ("host.invalid:6379", ""),
        ("127.0.0.1:99999", ""),
        ("elsewhere", "Invalid address format: elsewhere"),
    ],
)
def test_cluster_that_does_not_answer_is_one_line(
    address: str, reason: str, library: Path, sentio: Sentio, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = sentio("predict", library, "--engine", "ray", "--address", address, "--out", out)
    assert result.exit_code == 2
    line = result.stderr.splitlines()[-1]
    assert line.startswith(f"Error: no Ray cluster answers at {address} ({reason}")
    assert line.endswith("start one with `ray start --head`, or leave --address out")
    assert "Traceback" not in result.output
    assert not out.exists()


@pytest.mark.parametrize("size", [0, 100_001])
def test_engine_refuses_sizes_of_shards(size: int) -> None:
    with pytest.raises(InputError, match=r"1 to 100,000 songs"):
        Engine(shard_songs=size)


def test_predict_refuses_urls_without_ray(refused: Refused) -> None:
    refused("s3://bucket/music: is a URL; those need --engine ray", "predict", "s3://bucket/music")


def test_predict_on_ray_needs_a_folder(sentio: Sentio, library: Path) -> None:
    result = sentio("predict", library, "--engine", "ray")
    assert result.exit_code == 2
    assert "--engine ray writes to --out alone" in result.stderr


def test_predict_on_ray_refuses_the_address_of_a_client(refused: Refused, library: Path, tmp_path: Path) -> None:
    options = ("--engine", "ray", "--address", "ray://192.0.2.1:10001", "--out", tmp_path / "out")
    assert "ray job submit" in refused("Ray Client", "predict", library, *options)
