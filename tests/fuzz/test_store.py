"""The door of the log-mel store: its sheet, journal and records, changed in any way, are read, cut or one error."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from fuzz.cases import any_bytes, changed_json
from fuzz.harness import attempt
from hypothesis import given
from hypothesis import strategies as st

from sentio_mobile.data.journal import Clip, FileState
from sentio_mobile.data.store import JOURNAL, META, RECORDS, open_store
from sentio_mobile.data.store_writer import StoreWriter
from sentio_mobile.spec import AudioSpec

TINY = AudioSpec(seconds=0.1, n_mels=4)
MEL = np.full((TINY.n_mels, TINY.n_frames), 0.5, np.float32)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a store with six records."""
    folder = tmp_path_factory.mktemp("store")
    with StoreWriter(folder, TINY) as writer:
        for i in range(6):
            clip = Clip(sha256=f"{i:064x}", start=0, seconds=1.0, peak=0.5, clipped=0.0)
            writer.add(clip, FileState(f"/music/{i}\x1b.wav", 1, i, 1), MEL)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.stat().st_size}


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _read_and_write(folder: Path) -> None:
    """Open the store, add to it, and open it again: what was cut off must not be in the way."""
    store = attempt("store and journal", lambda: open_store(folder, TINY), folder)
    if store is not None:
        assert attempt("store and journal", lambda: list(store.verify_rows(range(len(store.mels)))), folder) is not None

    def add() -> int:
        with StoreWriter(folder, TINY) as writer:
            return writer.add(
                Clip(sha256="f" * 64, start=5, seconds=2.0, peak=1.0, clipped=0.0), FileState("/n", 1, 1, 1), MEL
            )

    row = attempt("store and journal", add, folder)
    if row is not None:
        again = attempt("store and journal", lambda: open_store(folder, TINY), folder)
        assert again is not None
        assert np.allclose(again.mels[row], MEL)


@pytest.mark.parametrize("name", [META, JOURNAL, RECORDS])
@given(data=st.data())
def test_any_bytes_in_a_file_are_read_or_one_error(
    name: str, data: st.DataObject, files: dict[str, bytes], place: Path
) -> None:
    _write(place, {**files, name: data.draw(any_bytes((files[name],)))})
    _read_and_write(place)


@given(data=st.data())
def test_changed_lines_with_right_checksums_are_read_or_cut(
    data: st.DataObject, files: dict[str, bytes], place: Path
) -> None:
    lines = [json.loads(line[9:]) for line in files[JOURNAL].splitlines()]
    changed = data.draw(changed_json(lines))
    texts = [json.dumps(line).encode() for line in (changed if isinstance(changed, list) else [changed])]
    _write(place, {**files, JOURNAL: b"".join(b"%08x %b\n" % (zlib.crc32(text), text) for text in texts)})
    _read_and_write(place)


@given(data=st.data())
def test_changed_sheet_is_read_or_one_error(data: st.DataObject, files: dict[str, bytes], place: Path) -> None:
    sheet = data.draw(changed_json(json.loads(files[META])))
    _write(place, {**files, META: json.dumps(sheet).encode()})
    _read_and_write(place)
