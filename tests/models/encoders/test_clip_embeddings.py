"""Embeddings of clips: what is written is read, rows are found by checksum, and nothing wrong is taken."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.records import to_plain
from sentio_mobile.errors import DataError
from sentio_mobile.models.encoders.base import EncoderInfo
from sentio_mobile.models.encoders.clip_embeddings import read_clip_embeddings, write_clip_embeddings
from sentio_mobile.models.encoders.embeddings import read_embeddings, write_embeddings

INFO = EncoderInfo(
    name="toy", sample_rate=8000, window_s=1, hop_s=1, size=3, parameters=1, licence="MIT", source="a test",
    digest="0" * 64,
)  # fmt: skip
CLIPS = np.array([2**64 - 1, 5, 2**63], dtype=np.uint64)
EMBEDDINGS = np.arange(3 * 2 * 3, dtype=np.float32).reshape(3, 2, 3)
TAGS = np.linspace(0, 1, 3 * 2 * 2, dtype=np.float32).reshape(3, 2, 2)

Tensors = dict[str, NDArray[Any]]


def tensors() -> Tensors:
    return {
        "checksums": CLIPS.view(np.int64).copy(),
        "embeddings": EMBEDDINGS.astype(np.float16),
        "tags": TAGS.astype(np.float16),
    }


def sheet() -> dict[str, Any]:
    return {"encoder": to_plain(INFO), "tag_names": ["calm", "loud"]}


def test_embeddings_and_tags_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "e.safetensors"
    write_clip_embeddings(
        path, info=INFO, checksums=CLIPS, embeddings=EMBEDDINGS, tags=TAGS, tag_names=["calm", "loud"]
    )
    found = read_clip_embeddings(path)
    assert (found.path, found.info, found.tag_names, found.digest) == (path, INFO, ("calm", "loud"), sha256(path))
    np.testing.assert_array_equal(found.checksums, CLIPS)
    np.testing.assert_array_equal(found.embeddings, EMBEDDINGS)
    assert found.tags is not None
    np.testing.assert_allclose(found.tags, TAGS, atol=5e-4)


def test_an_encoder_without_tags_gives_none(tmp_path: Path) -> None:
    write_clip_embeddings(tmp_path / "e", info=INFO, checksums=CLIPS, embeddings=EMBEDDINGS)
    found = read_clip_embeddings(tmp_path / "e")
    assert (found.tags, found.tag_names) == (None, ())


def test_rows_are_found_by_checksum_in_any_shape(tmp_path: Path) -> None:
    write_clip_embeddings(tmp_path / "e", info=INFO, checksums=CLIPS, embeddings=EMBEDDINGS)
    found = read_clip_embeddings(tmp_path / "e")
    wanted = CLIPS[[[2, 1], [0, 0]]]
    assert found.rows_of(wanted, Path("data")).tolist() == [[2, 1], [0, 0]]
    strange = np.array([0, 5, 6, 2**64 - 2], dtype=np.uint64)
    assert found.find_rows(strange).tolist() == [-1, 1, -1, -1]
    with pytest.raises(DataError, match=r"no embeddings of 3 of 4 clips of data; .*teacher embed --data data"):
        found.rows_of(strange, Path("data"))


Change = Callable[[Tensors, dict[str, Any]], object]
WRONG: dict[str, tuple[Change, str]] = {
    "checksums missing": (lambda t, s: t.pop("checksums"), "tensors embeddings, tags, not checksums"),
    "tensor too many": (lambda t, s: t.update(more=np.zeros(1)), "tensors checksums, embeddings, more, tags, not"),
    "tags without names": (lambda t, s: s.update(tag_names=[]), "not checksums, embeddings;"),
    "another type": (lambda t, s: t.update(embeddings=EMBEDDINGS), "type float32, not float16"),
    "signs": (lambda t, s: t.update(checksums=CLIPS), "type uint64, not int64"),
    "no clip": (lambda t, s: t.update(checksums=np.zeros(0, np.int64)), r"shape \(0,\), not \(clips,\)"),
    "fewer clips": (lambda t, s: t.update(checksums=t["checksums"][:2]), r"\(3, 2, 3\), not \(2, time, 3\)"),
    "no time": (lambda t, s: t.update(embeddings=t["embeddings"][:, :0]), r"\(3, 0, 3\), not \(3, time, 3\)"),
    "no time axis": (lambda t, s: t.update(embeddings=t["embeddings"][:, 0]), r"\(3, 3\), not \(3, time, 3\)"),
    "another size": (lambda t, s: t.update(embeddings=t["embeddings"][..., :2]), r"\(3, 2, 2\), not \(3, time, 3\)"),
    "clip twice": (lambda t, s: t["checksums"].__setitem__(0, 5), "a clip is in it twice"),
    "not a number": (lambda t, s: t["embeddings"].__setitem__((0, 0, 0), np.nan), "not finite"),
    "infinity": (lambda t, s: t["embeddings"].__setitem__((2, 1, 2), np.inf), "not finite"),
    "tags of other steps": (lambda t, s: t.update(tags=t["tags"][:, :1]), r"\(3, 1, 2\), not \(3, 2, 2\)"),
    "tags of other names": (lambda t, s: s.update(tag_names=["calm"]), r"\(3, 2, 2\), not \(3, 2, 1\)"),
    "tag above 1": (lambda t, s: t["tags"].__setitem__((0, 0, 0), 1.01), "probability is not from 0 to 1"),
    "tag not a number": (lambda t, s: t["tags"].__setitem__((0, 0, 0), np.nan), "probability is not from 0 to 1"),
    "unknown key": (lambda t, s: s.update(more=1), "no key 'more'"),
    "key missing": (lambda t, s: s["encoder"].pop("digest"), "digest"),
    "digest": (lambda t, s: s["encoder"].update(digest="abc"), "digest"),
}


@pytest.mark.parametrize(("change", "words"), WRONG.values(), ids=WRONG)
def test_wrong_embeddings_are_refused_in_one_line(change: Change, words: str, tmp_path: Path) -> None:
    path, content, facts = tmp_path / "e.safetensors", tensors(), sheet()
    change(content, facts)
    path.write_bytes(save(content, {"clips": json.dumps(facts)}))
    with pytest.raises(DataError, match=words) as caught:
        read_clip_embeddings(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"no safetensors at all", save(tensors())])
def test_other_files_are_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "e").write_bytes(content)
    with pytest.raises(DataError, match=r"teacher embed") as caught:
        read_clip_embeddings(tmp_path / "e")
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=r"none cannot be read"):
        read_clip_embeddings(tmp_path / "none")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.99])
def test_cut_embeddings_are_refused(share: float, tmp_path: Path) -> None:
    write_clip_embeddings(tmp_path / "e", info=INFO, checksums=CLIPS, embeddings=EMBEDDINGS)
    whole = (tmp_path / "e").read_bytes()
    (tmp_path / "e").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match="cannot be read as embeddings"):
        read_clip_embeddings(tmp_path / "e")


def test_embeddings_of_songs_and_of_clips_are_told_apart(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "songs", INFO, {"a.mp3": EMBEDDINGS[0]})
    write_clip_embeddings(tmp_path / "clips", info=INFO, checksums=CLIPS, embeddings=EMBEDDINGS)
    with pytest.raises(DataError, match=r"holds embeddings of songs, not embeddings of clips; .*teacher embed"):
        read_clip_embeddings(tmp_path / "songs")
    with pytest.raises(DataError, match=r"holds embeddings of clips, not embeddings of songs; .*encoder embed"):
        read_embeddings(tmp_path / "clips")


@pytest.mark.parametrize(("value", "words"), [(1e5, "half precision"), (np.nan, "not finite")])
def test_values_that_half_precision_cannot_hold_are_not_written(value: float, words: str, tmp_path: Path) -> None:
    embeddings = EMBEDDINGS.copy()
    embeddings[1, 1, 1] = value
    with pytest.raises(DataError, match=words):
        write_clip_embeddings(tmp_path / "e", info=INFO, checksums=CLIPS, embeddings=embeddings)
    assert not (tmp_path / "e").exists()
