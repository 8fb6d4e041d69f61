"""Clips in shards: a store and a prepared folder like those of the local run, in the work that workers do."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import soundfile

from sentio_mobile.data.clip_table import SONGS
from sentio_mobile.data.clips import FileClips, Reading
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.engines.places import Place
from sentio_mobile.engines.prepare import PrepareWork, ReadOnRay
from sentio_mobile.engines.run import Engine
from sentio_mobile.engines.work import Item, make_shard
from sentio_mobile.errors import AudioError, DataError, OutputError
from sentio_mobile.spec import AudioSpec

from .conftest import TOY, TOY_RATE

RECIPE = DataRecipe(windows=2, perturb=1, scale="-1-1", fractions=(0.5, 0.25, 0.25))


class ReadHere(ReadOnRay):
    """The same, whose shards were made in this process before: no cluster is asked."""

    def __call__(
        self, files: Mapping[int, Reading], *, audio: AudioSpec, recipe: DataRecipe
    ) -> Iterator[tuple[int, FileClips | AudioError]]:
        work, items = self.work(files, audio=audio, recipe=recipe)
        for start in range(0, len(items), 7):
            make_shard(work, items[start : start + 7], self.shards)
        return super().__call__(files, audio=audio, recipe=recipe)


@pytest.fixture
def read(tmp_path: Path) -> ReadHere:
    return ReadHere(engine=Engine("192.0.2.1:1"), shards=Place(str(tmp_path / "shards")))


def test_prepared_folder_is_that_of_the_local_run(
    labelled: Path, prepared: PreparedData, read: ReadHere, tmp_path: Path
) -> None:
    assert prepare(labelled, tmp_path / "out", recipe=RECIPE, audio=TOY, read=read) == []
    found = open_data(tmp_path / "out")
    assert found.sheet.fingerprint == prepared.sheet.fingerprint
    assert (tmp_path / "out" / SONGS).read_bytes() == (prepared.folder / SONGS).read_bytes()
    assert len(list((tmp_path / "shards").iterdir())) == 4
    read.remove_shards()
    assert not (tmp_path / "shards").exists()


def test_file_without_sound_is_skipped_as_in_the_local_run(read: ReadHere, tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for number in range(24):
        soundfile.write(music / f"{number:02}.wav", [0.01 * number] * TOY_RATE, TOY_RATE)
    (music / "07.wav").write_bytes(b"no sound")
    here = prepare(music, tmp_path / "here", recipe=DataRecipe(), audio=TOY)
    there = prepare(music, tmp_path / "there", recipe=DataRecipe(), audio=TOY, read=read)
    assert len(there) == 1
    assert there == here
    assert open_data(tmp_path / "there").sheet.fingerprint == open_data(tmp_path / "here").sheet.fingerprint


def test_what_is_in_the_store_is_not_asked_for(labelled: Path, read: ReadHere, tmp_path: Path) -> None:
    prepare(labelled, tmp_path / "out", recipe=RECIPE, audio=TOY)
    prepare(labelled, tmp_path / "out", recipe=RECIPE, audio=TOY, read=read, overwrite=True)
    assert not (tmp_path / "shards").exists()


def test_shards_of_another_front_end_are_refused(labelled: Path, read: ReadHere, tmp_path: Path) -> None:
    work = PrepareWork(audio=TOY, recipe=DataRecipe(windows=5))
    make_shard(work, [Item("a" * 64, Reading(labelled.with_name("00.wav")))], read.shards)
    with pytest.raises(OutputError, match="come from other settings"):
        prepare(labelled, tmp_path / "out", recipe=RECIPE, audio=TOY, read=read)


def test_damaged_shard_is_refused(labelled: Path, read: ReadHere, tmp_path: Path) -> None:
    prepare(labelled, tmp_path / "out", recipe=RECIPE, audio=TOY, read=read)
    shard = next((tmp_path / "shards").iterdir())
    shard.write_bytes(shard.read_bytes()[:-9])
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        prepare(labelled, tmp_path / "again", recipe=RECIPE, audio=TOY, read=read)
