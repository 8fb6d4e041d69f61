"""Embeddings in shards: those of the local run, read as one, in the work that a cluster's workers do."""

from pathlib import Path

import numpy as np
import pytest
from support import Refused, Sentio

from sentio_mobile._internal.shards import shard_files
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.engines.embed import EmbedWork, embedding_work
from sentio_mobile.engines.places import Place
from sentio_mobile.engines.work import make_shard
from sentio_mobile.errors import DataError
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings, read_clip_embeddings
from sentio_mobile.teacher.embed import embed_clips

pytestmark = pytest.mark.usefixtures("cache")


def embed_in_shards(
    data: PreparedData, music: str, out: Path, *, encoder: str = "loudness", clean: bool = False
) -> EmbedWork:
    """What workers do, in this process: three shards."""
    work, items = embedding_work([(data, music)], encoder, clean=clean)
    work.open()
    for start in range(0, len(items), 10):
        assert make_shard(work, items[start : start + 10], Place(str(out))).faults == ()
    return work


def assert_same(found: ClipEmbeddings, expected: ClipEmbeddings) -> None:
    rows = found.rows_of(expected.checksums, Path("here"))
    assert len(found.checksums) == len(expected.checksums)
    assert np.array_equal(found.embeddings[rows], expected.embeddings)
    assert (found.info, found.tag_names) == (expected.info, expected.tag_names)
    assert (found.tags is None) == (expected.tags is None)
    assert found.tags is None or np.array_equal(found.tags[rows], expected.tags)


@pytest.mark.parametrize(("encoder", "clean"), [("loudness", False), ("loudness-tags", True)])
def test_shards_are_the_local_embeddings(
    encoder: str, clean: bool, prepared: PreparedData, labelled: Path, tmp_path: Path
) -> None:
    embed_clips([(prepared, labelled.parent)], encoder, clean=clean, workers=1).write(tmp_path / "local.safetensors")
    embed_in_shards(prepared, str(labelled.parent), tmp_path / "out", encoder=encoder, clean=clean)
    assert len(shard_files(tmp_path / "out")) == 3
    assert_same(read_clip_embeddings(tmp_path / "out"), read_clip_embeddings(tmp_path / "local.safetensors"))


def test_songs_in_a_store_are_embedded(prepared: PreparedData, labelled: Path, tmp_path: Path) -> None:
    store = Place("memory://embed")
    for file in labelled.parent.glob("*.wav"):
        store.join(file.name).write(file.read_bytes())
    embed_in_shards(prepared, store.url, tmp_path / "store")
    embed_in_shards(prepared, str(labelled.parent), tmp_path / "disk")
    assert_same(read_clip_embeddings(tmp_path / "store"), read_clip_embeddings(tmp_path / "disk"))


def test_two_folders_with_the_same_songs_are_embedded_once(prepared: PreparedData, labelled: Path) -> None:
    music = str(labelled.parent)
    _, once = embedding_work([(prepared, music)], "loudness")
    _, twice = embedding_work([(prepared, music), (prepared, music)], "loudness")
    assert twice == once
    assert len({item.key for item in once}) == 24


def test_keys_follow_the_content_and_not_the_place(prepared: PreparedData, labelled: Path, tmp_path: Path) -> None:
    for file in labelled.parent.glob("*.wav"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    keys = [
        [item.key for item in embedding_work([(prepared, str(music))], "loudness")[1]]
        for music in (labelled.parent, tmp_path)
    ]
    assert keys[0] == keys[1]


def test_another_file_of_the_name_is_a_fault(prepared: PreparedData, labelled: Path, tmp_path: Path) -> None:
    for file in labelled.parent.glob("*.wav"):
        (tmp_path / file.name).write_bytes(b"other" if file.name == "03.wav" else file.read_bytes())
    work, items = embedding_work([(prepared, str(tmp_path))], "loudness")
    work.open()
    made = make_shard(work, items, Place(str(tmp_path / "out")))
    assert len(made.faults) == 1
    assert "03.wav is not the file that was prepared" in made.faults[0]


def test_missing_songs_are_refused_before_a_cluster_is_asked(
    refused: Refused, prepared: PreparedData, tmp_path: Path
) -> None:
    on = ("--engine", "ray", "--address", "192.0.2.1:1", "--out", tmp_path / "out")
    line = refused(
        "24 of 24 songs cannot be embedded",
        "teacher",
        "embed",
        "--data",
        prepared.folder,
        "--music",
        tmp_path,
        "--encoder",
        "loudness",
        *on,
    )
    assert "as --music" in line


@pytest.mark.parametrize("option", [("--workers", 2), ("--from-table", "table.csv")])
def test_options_of_the_local_pool_are_refused_with_ray(
    sentio: Sentio, prepared: PreparedData, tmp_path: Path, option: tuple[object, ...]
) -> None:
    result = sentio(
        "teacher",
        "embed",
        "--data",
        prepared.folder,
        "--music",
        tmp_path,
        "--engine",
        "ray",
        "--out",
        tmp_path,
        *option,
    )
    assert result.exit_code == 2
    assert "leave --from-table and --workers out" in result.stderr.replace("\n", " ")


def test_shards_of_two_encoders_are_refused(prepared: PreparedData, labelled: Path, tmp_path: Path) -> None:
    for encoder in ("loudness", "loudness-tags"):
        embed_in_shards(prepared, str(labelled.parent), tmp_path, encoder=encoder)
    with pytest.raises(DataError, match="another encoder"):
        read_clip_embeddings(tmp_path)
