"""The doors of foreign weights: safetensors and what `torch.save` writes are tensors or one error, and nothing runs."""

import io
import json
import os
import pickle
import pickletools
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fuzz.cases import NO_FILES, any_bytes, changed_json, no_file
from fuzz.harness import attempt
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.numpy import save

from sentio_mobile._internal.records import to_plain
from sentio_mobile.bundle.golden import Golden
from sentio_mobile.errors import CheckpointError
from sentio_mobile.models.encoders.base import EncoderInfo
from sentio_mobile.models.encoders.clip_embeddings import read_clip_embeddings
from sentio_mobile.models.encoders.embeddings import read_embeddings
from sentio_mobile.spec import AudioSpec, ModelSpec
from sentio_mobile.teacher.import_weights.read import Weights, read_weights

INFO = EncoderInfo(
    name="toy", sample_rate=8000, window_s=1, hop_s=1, size=3, parameters=1, licence="MIT", source="a test",
    digest="0" * 64,
)  # fmt: skip
SPEC = ModelSpec(architecture="mobilevit", audio=AudioSpec(image_size=(14, 14)))
SONGS = save({"a": np.ones((4, 3), np.float32)}, {"songs": json.dumps(to_plain(INFO))})
CLIPS = save(
    {"checksums": np.arange(4), "embeddings": np.ones((4, 2, 3), np.float16)},
    {"clips": json.dumps({"encoder": to_plain(INFO), "tag_names": []})},
)
GOLDEN = save(
    {
        "excerpt": np.ones((3, 50), np.int16),
        "length": np.full(3, 90, np.int32),
        "picture": np.ones((3, 14, 14), np.float32),
        "output": np.ones((3, 2), np.float32) / 2,
    }
)
FILES = (SONGS, CLIPS, GOLDEN)
READERS = {
    "songs": read_embeddings,
    "clips": read_clip_embeddings,
    "golden": lambda path: Golden.load(path, SPEC),
    "weights": read_weights,
}
TYPES = (
    *("F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "U64", "C64"),
    "X",
)


@pytest.mark.parametrize("reader", READERS)
@given(content=any_bytes(FILES, head=200))
def test_any_bytes_as_safetensors_are_read_or_one_error(reader: str, content: bytes, place: Path) -> None:
    (place / "a.safetensors").write_bytes(content)
    attempt("safetensors", lambda: READERS[reader](place / "a.safetensors"), place)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_one_error(kind: str, reader: str, place: Path) -> None:
    path = no_file(kind, place, ".safetensors")
    assert attempt("safetensors", lambda: READERS[reader](path), place) is None


@pytest.mark.parametrize("reader", READERS)
@given(data=st.data())
def test_changed_header_of_safetensors_is_read_or_one_error(reader: str, data: st.DataObject, place: Path) -> None:
    content = data.draw(st.sampled_from(FILES))
    size = struct.unpack("<Q", content[:8])[0]
    plain = json.loads(content[8 : 8 + size])
    for entry in plain.values():
        if "dtype" in entry and data.draw(st.integers(0, 3)) == 0:
            entry["dtype"] = data.draw(st.sampled_from(TYPES))
    if "__metadata__" in plain:
        (kind,) = plain["__metadata__"]
        if data.draw(st.booleans()):
            plain["__metadata__"] = {kind: json.dumps(data.draw(changed_json(json.loads(plain["__metadata__"][kind]))))}
        else:
            plain = data.draw(changed_json(plain))
    else:
        plain = data.draw(changed_json(plain))
    header = json.dumps(plain).encode()
    (place / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + content[8 + size :])
    attempt("safetensors", lambda: READERS[reader](place / "a.safetensors"), place)


def saved(value: object, *, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


STATE: dict[str, Any] = {"head.weight": torch.ones(2, 3), "head.bias": torch.zeros(2)}
PTHS = (saved(STATE), saved({"state_dict": STATE, "epoch": 3}), saved(STATE, zipped=False))


class Evil:
    """Runs a program when it is unpickled without care."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call[0], self.call[1:]


def read_pth(content: bytes, place: Path) -> Weights | None:
    (place / "a.pth").write_bytes(content)
    found = attempt(".pth", lambda: read_weights(place / "a.pth"), place)
    assert not (place / "touched").exists()
    return found


@given(content=any_bytes(PTHS, head=400))
@example(content=PTHS[0])
def test_any_bytes_as_pth_are_tensors_or_one_error(content: bytes, place: Path) -> None:
    read_pth(content, place)


@given(data=st.data())
def test_changed_pickle_in_a_right_archive_is_tensors_or_one_error(data: st.DataObject, place: Path) -> None:
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data.draw(st.sampled_from(PTHS[:2])))) as old, zipfile.ZipFile(changed, "w") as new:
        for item in old.infolist():
            content = old.read(item)
            new.writestr(item.filename, data.draw(any_bytes((content,))) if item.filename.endswith(".pkl") else content)
    read_pth(changed.getvalue(), place)


@pytest.mark.parametrize("where", ["alone", "value", "key", "old format", "bare pickle"])
@pytest.mark.parametrize("what", ["system", "open", "exec", "popen", "import"])
def test_pickle_that_would_run_a_program_is_refused(what: str, where: str, place: Path) -> None:
    touched = str(place / "touched")
    import subprocess

    evil = {
        "system": Evil(os.system, f"touch {touched}"),
        "open": Evil(open, touched, "w"),
        "exec": Evil(exec, f"open({touched!r}, 'w')"),
        "popen": Evil(subprocess.Popen, ["touch", touched]),
        "import": Evil(__import__, "antigravity"),
    }[what]
    value: object = {**STATE, "x": evil} if where in ("value", "old format") else {evil: 1} if where == "key" else evil
    content = pickle.dumps(value) if where == "bare pickle" else saved(value, zipped=where != "old format")
    assert read_pth(content, place) is None


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ""])
def test_three_gigabytes_of_zeros_are_refused_without_their_memory(suffix: str, place: Path) -> None:
    path = place / f"zeros{suffix}"
    with path.open("wb") as file:
        file.truncate(3 * 1024**3)
    assert attempt(".pth", lambda: read_weights(path), place) is None
    path.unlink()


def test_small_storage_that_is_repeated_is_refused(place: Path) -> None:
    assert read_pth(saved({"a": torch.zeros(1).expand(10**6, 10**6)}), place) is None


@pytest.mark.parametrize("megabytes", [8, pytest.param(3072, marks=pytest.mark.exhaustive)])
def test_tensors_of_deflated_zeros_are_refused_without_their_memory(megabytes: int, place: Path) -> None:
    """A thousandth of their length as a file; `attempt` counts the memory that is taken."""
    storage = saved({"a": torch.zeros(4)})
    path = place / "a.pth"
    with zipfile.ZipFile(io.BytesIO(storage)) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, True, 1) as new:
        for item in old.infolist():
            if "/data/" not in item.filename:
                new.writestr(item.filename, old.read(item))
                continue
            with new.open(item.filename, "w", force_zip64=True) as file:
                for _ in range(megabytes // 8):
                    file.write(bytes(8 * 1024**2))
    assert path.stat().st_size < megabytes * 6000
    assert attempt(".pth", lambda: read_weights(path), place) is None
    path.unlink()


def shared_dictionaries() -> object:
    """Each level names the next one forty times: a few kilobytes, and four thousand million ways through them."""
    inner: dict[str, object] = dict(STATE)
    for _ in range(6):
        inner = {f"k{i}": inner for i in range(40)}
    return inner


def circle() -> object:
    inner: dict[str, object] = dict(STATE)
    inner |= {f"k{i}": inner for i in range(40)}
    return inner


def doubled_tuple(n: int) -> tuple[object, ...]:
    inner: tuple[object, ...] = (1,)
    for _ in range(n):
        inner = (inner, inner)
    return inner


def quantized() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {"a": torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8), **STATE}


STRANGE: dict[str, Any] = {
    "shared dictionaries": shared_dictionaries,
    "circle": circle,
    "many states": lambda: {f"s{i}": {"a": torch.ones(1)} for i in range(2000)},
    "tuple as a value": lambda: {"a": doubled_tuple(40), **STATE},
    "names alike as text": lambda: {1: torch.ones(2), "1": torch.ones(3), **STATE},
    "no number": lambda: {None: torch.ones(2), 1.5: torch.ones(2), (): torch.ones(1), True: torch.ones(1)},
    "name of surrogates": lambda: {"\ud800\n\x1b[31m": torch.ones(2), **STATE},
    "long number": lambda: {10**5000: torch.ones(2), **STATE},
    "sparse": lambda: {"a": torch.eye(3).to_sparse(), **STATE},
    "huge sparse": lambda: {"a": torch.sparse_coo_tensor([[0]], [1.0], (10**15,), check_invariants=True), **STATE},
    "meta": lambda: {"a": torch.ones(3, device="meta"), **STATE},
    "huge meta": lambda: {"a": torch.ones(10**15, device="meta"), **STATE},
    "quantized": quantized,
    "complex": lambda: {"a": torch.ones(3, dtype=torch.complex64), **STATE},
    "eight bits": lambda: {"a": torch.ones(3).to(torch.float8_e4m3fn), **STATE},
    "no numbers": lambda: {"a": torch.tensor([float("nan"), float("inf")]), **STATE},
    "scalar and empty": lambda: {"a": torch.tensor(1.0), "b": torch.ones(0, 5), **STATE},
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", STRANGE)
def test_strange_content_is_tensors_or_one_error(kind: str, place: Path) -> None:
    found = read_pth(saved(STRANGE[kind]()), place)
    assert found is None or "huge" not in kind


@pytest.mark.timeout(60)
@pytest.mark.parametrize("way", ["memo", "copy", "text", "frame"])
@pytest.mark.parametrize("zipped", [True, False])
def test_name_that_is_a_tuple_of_tuples_without_end_is_refused(zipped: bool, way: str, place: Path) -> None:
    """To hash it takes hours, twice as many with each further step, and torch does so while it loads the file."""
    steps = {
        "memo": [b"q\x00h\x00\x86"] * 40,
        "copy": [b"2\x86"] * 40,
        "text": [b"p1\ng1\n\x86"] * 40,
        "frame": [b"\x94h%c\x86" % i for i in range(40)],
    }[way]
    bomb = b"\x80\x04}(K\x01\x85" + b"".join(steps) + b"K\x01u."
    content = saved(STATE, zipped=zipped)
    if zipped:
        changed = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(changed, "w") as new:
            for item in old.infolist():
                new.writestr(item.filename, bomb if item.filename.endswith(".pkl") else old.read(item))
        content = changed.getvalue()
    else:
        head = io.BytesIO(content)
        for _ in range(3):
            assert list(pickletools.genops(head))
        content = content[: head.tell()] + bomb
    assert read_pth(content, place) is None
    with pytest.raises(CheckpointError, match="tuples inside tuples"):
        read_weights(place / "a.pth")
