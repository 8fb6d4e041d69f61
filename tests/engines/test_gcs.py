"""Songs and results in Google Cloud Storage, by the package that users install for it, over HTTP."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import serving

from sentio_mobile._internal.shards import digest_of
from sentio_mobile.engines.places import Place
from sentio_mobile.engines.predict import PredictWork, find_library, predict_library
from sentio_mobile.engines.run import Engine
from sentio_mobile.engines.work import Item, folder_sha256, make_shard
from sentio_mobile.errors import AudioError, InputError, OutputError
from sentio_mobile.inference.default_model import default_bundle

from .gcs_stand_in import Store

pytest.importorskip("gcsfs", reason="songs in Google Cloud Storage need the package gcsfs")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store that gcsfs finds by its environment, as a user's settings are found."""
    with serving(Store()) as store:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", store.url)
        # It would ask Google which kind of bucket it is.
        monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        import gcsfs

        gcsfs.GCSFileSystem.clear_instance_cache()
        yield store
        gcsfs.GCSFileSystem.clear_instance_cache()


@pytest.fixture
def bucket(store: Store) -> str:
    """A name that no other test has listed."""
    return f"b{uuid.uuid4().hex[:12]}"


def test_place_in_gcs_gives_back_what_was_written(store: Store, bucket: str) -> None:
    folder = Place(f"gs://{bucket}/out")
    assert folder.names(".parquet") == []
    for number in range(7):  # more than a page of the list
        folder.join(f"part-{number}.parquet").write(b"old")
    folder.join("part-0.parquet").write(b"new")
    assert store.objects[f"{bucket}/out/part-0.parquet"] == b"new"
    assert folder.names(".parquet") == [f"part-{number}.parquet" for number in range(7)]
    with folder.join("part-0.parquet").open() as file:
        assert file.read() == b"new"
    folder.join("part-0.parquet").remove()
    # What another machine writes meanwhile is seen.
    store.objects[f"{bucket}/out/part-9.parquet"] = b"theirs"
    assert folder.names(".parquet") == [f"part-{number}.parquet" for number in (1, 2, 3, 4, 5, 6, 9)]


def test_state_of_a_song_in_gcs_is_the_stores_hash(store: Store, bucket: str) -> None:
    song = Place(f"gs://{bucket}/a.wav")
    store.objects[f"{bucket}/a.wav"] = b"sound"
    before = song.state()
    assert before.startswith("5 ")
    store.objects[f"{bucket}/a.wav"] = b"other"
    assert Place(song.url).state() != before, "another process must see what another wrote"


def test_what_gcs_lacks_or_forbids_is_one_line(store: Store, bucket: str) -> None:
    store.objects[f"{bucket}/a.wav"] = b"sound"
    with pytest.raises(AudioError, match="there is no such file"):
        Place(f"gs://{bucket}/missing.wav").state()
    store.denied |= {f"{bucket}/a.wav", f"{bucket}/b.wav"}
    for name, words in (("missing.wav", "there is no such file"), ("a.wav", "Forbidden|does not have")):
        with pytest.raises(AudioError, match=words) as fault, Place(f"gs://{bucket}/{name}").local_copy():
            pass
        assert "\n" not in str(fault.value)
        assert name in str(fault.value)
    with pytest.raises(OutputError, match="cannot write gs://") as refused:
        Place(f"gs://{bucket}/b.wav").write(b"x")
    assert "\n" not in str(refused.value)


@pytest.mark.timeout(300)
def test_store_that_does_not_answer_is_one_line(store: Store, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    with pytest.raises(InputError, match="cannot be read") as fault:
        Place(f"gs://{bucket}/music").files_below((".wav",))
    assert "\n" not in str(fault.value)


def test_library_in_gcs_is_predicted_into_gcs(store: Store, bucket: str, library: Path) -> None:
    for path in sorted(library.rglob("*.wav"))[:4]:
        store.objects[f"{bucket}/music/{path.relative_to(library).as_posix()}"] = path.read_bytes()
    store.objects[f"{bucket}/music/broken.wav"] = b"no sound"
    music, out, model = f"gs://{bucket}/music", Place(f"gs://{bucket}/predictions"), default_bundle()
    songs, faults = find_library([music])
    assert ([song.name for song in songs][-1], len(songs), faults) == (f"{music}/broken.wav", 5, [])
    items = [Item(digest_of(song.name, Place(song.place).state()), song) for song in songs]
    work = PredictWork(
        model=model, model_sha256=folder_sha256(model), format_name="onnx", form=None, threads=1, every=None
    )
    work.open()
    made = make_shard(work, items, out)
    assert (made.songs, len(made.faults)) == (5, 1)
    assert f"{music}/broken.wav" in made.faults[0]
    assert out.names(".parquet") == [made.name]
    # The next command finds all of them done, by the hashes of the store, and needs no cluster.
    outcome = predict_library([music], out.url, model=model, format_name="onnx", engine=Engine("127.0.0.1:1"))
    assert (outcome.songs, outcome.known, len(outcome.faults)) == (5, 5, 1)
