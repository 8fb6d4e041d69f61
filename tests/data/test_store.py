"""The log-mel store: it survives a killed writer, has one writer at a time, and notices every changed byte."""

import os
import pickle
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from sentio_mobile._internal.records import replace
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.journal import Clip, FileState, Line, read_journal
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import open_data
from sentio_mobile.data.store import JOURNAL, META, RECORDS, key_of, open_store
from sentio_mobile.data.store_writer import StoreWriter
from sentio_mobile.errors import DataError, OutputError
from sentio_mobile.spec import AudioSpec
from sentio_mobile.training.clips import EvaluatedClips, TrainingClips
from sentio_mobile.training.config import AugmentSettings, TrainingSettings

SHORT = AudioSpec(seconds=1.0)
TINY = AudioSpec(seconds=0.1, n_mels=4)
"""Records of 40 bytes, far less than a line of the journal."""
RECIPE = DataRecipe(fractions=(0.6, 0.2, 0.2))
SONGS = 60

PREPARE = """
import resource, signal, sys
from pathlib import Path
from sentio_mobile.data.prepare import prepare
from sentio_mobile.errors import SentioError
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.training.config import AugmentSettings, TrainingSettings
from sentio_mobile.spec import AudioSpec

class Bars:
    def start(self, what, total): pass
    def advance(self, n=1, note=""):
        print("step", flush=True)
        sys.stdin.readline()
    def say(self, line: str) -> None:
        pass

    def finish(self): pass

if sys.argv[3] != "-":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
recipe = DataRecipe(fractions=(0.6, 0.2, 0.2))
try:
    prepare(
        Path(sys.argv[1]), Path(sys.argv[2]), recipe=recipe, audio=AudioSpec(seconds=1.0), progress=Bars()
    )
except SentioError as error:
    sys.exit(f"refused: {error}")
"""

HOLD = """
import sys
from pathlib import Path
from sentio_mobile.data.store_writer import StoreWriter
from sentio_mobile.spec import AudioSpec
with StoreWriter(Path(sys.argv[1]), AudioSpec(seconds=1.0)):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of noises, the last two of them longer than a clip."""
    folder = tmp_path_factory.mktemp("library")
    rng = np.random.default_rng(0)
    lines = ["path,valence_mean,arousal_mean"]
    for i in range(SONGS):
        seconds = 1 if i < SONGS - 2 else 3
        soundfile.write(folder / f"{i}.wav", 0.1 * rng.standard_normal(22050 * seconds), 22050)
        lines.append(f"{i}.wav,{1 + i % 9},{9 - i % 7}")
    (folder / "songs.csv").write_text("\n".join(lines) + "\n")
    return folder / "songs.csv"


@pytest.fixture(scope="module")
def whole(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library, prepared by a run without a fault."""
    out = tmp_path_factory.mktemp("whole") / "out"
    prepare(manifest, out, recipe=RECIPE, audio=SHORT)
    return out


def start_prepare(manifest: Path, out: Path, limit: int | None = None) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PREPARE, str(manifest), str(out), "-" if limit is None else str(limit)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def mel(i: int, audio: AudioSpec = TINY) -> NDArray[np.float32]:
    return np.random.default_rng(i).random((audio.n_mels, audio.n_frames), dtype=np.float32)


def clip(i: int) -> Clip:
    return Clip(sha256=f"{i:064x}", start=0, seconds=1.0, peak=0.5, clipped=0.0)


def state(i: int) -> FileState:
    return FileState(f"/music/{i}.wav", 1000, i, i)


def fill(folder: Path, count: int, audio: AudioSpec = TINY) -> None:
    with StoreWriter(folder, audio) as writer:
        for i in range(count):
            assert writer.add(clip(i), state(i), mel(i, audio)) == i


def same(out: Path, whole: Path) -> bool:
    """Whether two prepared folders are alike to the byte in everything that counts."""
    if (out / "songs.csv").read_bytes() != (whole / "songs.csv").read_bytes():
        return False
    records = [folder / "store" / key_of(SHORT) / RECORDS for folder in (out, whole)]
    return records[0].read_bytes() == records[1].read_bytes() and open_data(out).sheet == open_data(whole).sheet


def test_killed_run_continues_where_it_was(manifest: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    journal, stored = out / "store" / key_of(SHORT) / JOURNAL, [0]
    for steps in (7, 20, 45):
        child = start_prepare(manifest, out)
        assert child.stdin is not None
        assert child.stdout is not None
        for step in range(steps):
            if step:
                child.stdin.write("go on\n")
                child.stdin.flush()
            assert child.stdout.readline() == "step\n"
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        child.communicate()
        stored.append(len(list(read_journal(journal))))
        assert stored[-1] == steps
        with pytest.raises(DataError, match="is no prepared data"):
            open_data(out)
    child = start_prepare(manifest, out)
    child.communicate()
    assert child.returncode == 0
    assert same(out, whole)


@pytest.mark.parametrize("again", range(3))
def test_store_of_a_writer_killed_at_any_moment_has_no_half_record(again: int, tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
import numpy as np
from sentio_mobile.data.store_writer import StoreWriter
from sentio_mobile.data.journal import Clip, FileState
from sentio_mobile.spec import AudioSpec
audio = AudioSpec()
mel = np.random.default_rng(0).random((audio.n_mels, audio.n_frames), dtype=np.float32)
with StoreWriter(Path(sys.argv[1]), audio) as writer:
    begin = len(writer.index)
    for i in range(begin, 100000):
        clip = Clip(sha256=f"{i:064x}", start=0, seconds=1.0, peak=0.5, clipped=0.0)
        writer.add(clip, FileState(f"/{i}", 1, i, i), np.roll(mel, i))
        if i == begin:
            print("go", flush=True)
"""
    before = 0
    for _ in range(2):
        child = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "store")], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.05 + 0.013 * again)
        child.kill()
        child.communicate()
        store = open_store(tmp_path / "store", AudioSpec())
        assert list(store.verify_rows(range(len(store.mels)))) == []
        assert len(store.mels) > before
        before = len(store.mels)


@pytest.mark.parametrize("lost", [1, 30, 300])
def test_store_writer_cuts_off_records_without_a_line(tmp_path: Path, lost: int) -> None:
    fill(tmp_path / "store", 20)
    journal, records = tmp_path / "store" / JOURNAL, tmp_path / "store" / RECORDS
    content = records.read_bytes()
    os.truncate(journal, journal.stat().st_size - lost)
    records.write_bytes(content + b"half a rec")
    left = len(open_store(tmp_path / "store", TINY).mels)
    assert 18 <= left < 20
    fill(tmp_path / "store", 20)
    assert records.read_bytes() == content
    assert list(open_store(tmp_path / "store", TINY).verify_rows(range(20))) == []


def test_store_writer_cuts_off_records_lost_in_a_power_failure(tmp_path: Path) -> None:
    fill(tmp_path / "store", 20)
    records = tmp_path / "store" / RECORDS
    content = records.read_bytes()
    size = len(content) // 20
    records.write_bytes(content[: 17 * size] + bytes(3 * size))
    with StoreWriter(tmp_path / "store", TINY) as writer:
        assert len(writer.index) == 17
        assert writer.index.row_of_file(state(16)) == 16
        assert writer.index.row_of_file(state(17)) is None
    fill(tmp_path / "store", 20)
    assert records.read_bytes() == content


def test_journal_ends_at_a_changed_line(tmp_path: Path) -> None:
    fill(tmp_path / "store", 20)
    journal = tmp_path / "store" / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[12] = lines[12].replace(b'"peak":0.5', b'"peak":0.6')
    journal.write_bytes(b"".join(lines))
    assert len(list(read_journal(journal))) == 12
    with StoreWriter(tmp_path / "store", TINY) as writer:
        assert len(writer.index) == 12


def test_full_disk_is_one_line_and_the_next_run_continues(manifest: Path, whole: Path, tmp_path: Path) -> None:
    record = SHORT.n_mels * SHORT.n_frames * 2
    out = tmp_path / "out"
    store = out / "store" / key_of(SHORT)
    child = start_prepare(manifest, out, limit=record * 40 + record // 2)
    _, errors = child.communicate()
    assert child.returncode == 1
    assert errors.startswith(f"refused: cannot write {store}: File too large; make room")
    assert errors.count("\n") == 1
    assert (store / RECORDS).stat().st_size == 40 * record
    assert list(open_store(store, SHORT).verify_rows(range(40))) == []
    child = start_prepare(manifest, out)
    child.communicate()
    assert child.returncode == 0
    assert same(out, whole)


def test_store_writer_takes_a_record_back_if_its_line_cannot_be_written(tmp_path: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
import numpy as np
from sentio_mobile.data.store_writer import StoreWriter
from sentio_mobile.data.journal import Clip, FileState
from sentio_mobile.errors import OutputError
from sentio_mobile.spec import AudioSpec
audio = AudioSpec(seconds=0.1, n_mels=4)
with StoreWriter(Path(sys.argv[1]), audio) as writer:
    def add(i):
        mel = np.random.default_rng(i).random((audio.n_mels, audio.n_frames), dtype=np.float32)
        clip = Clip(sha256=f"{i:064x}", start=0, seconds=1.0, peak=0.5, clipped=0.0)
        return writer.add(clip, FileState(f"/music/{i}.wav", 1000, i, i), mel)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
    stored = 0
    try:
        while True:
            add(stored)
            stored += 1
    except OutputError:
        pass
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    for i in range(stored, 20):
        assert add(i) == i
    print(stored)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "store")], capture_output=True, text=True, check=True
    )
    assert 3 <= int(done.stdout) <= 15
    store = open_store(tmp_path / "store", TINY)
    assert len(store.mels) == 20
    for i in range(20):
        np.testing.assert_array_equal(store.mels[i], mel(i).astype(np.float16))


def test_second_writer_is_refused_in_one_line(manifest: Path, tmp_path: Path) -> None:
    store = tmp_path / "store" / key_of(SHORT)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        with pytest.raises(OutputError, match="another process is writing to this store") as caught:
            prepare(manifest, tmp_path / "out", recipe=RECIPE, audio=SHORT, store=tmp_path / "store")
        assert "\n" not in str(caught.value)
    finally:
        holder.communicate("")
    assert prepare(manifest, tmp_path / "out", recipe=RECIPE, audio=SHORT, store=tmp_path / "store") == []


def test_verify_rows_finds_a_flipped_byte_and_nothing_else(whole: Path) -> None:
    data = open_data(whole)
    everything = range(len(data.mels))
    assert list(data.store.verify_rows(everything)) == []
    place = 17 * data.mels[0].nbytes + 1234
    with (data.store.folder / RECORDS).open("r+b") as file:
        file.seek(place)
        old = file.read(1)
        file.seek(place)
        file.write(bytes([old[0] ^ 4]))
        file.flush()
        assert list(data.store.verify_rows(everything)) == [17]
        file.seek(place)
        file.write(old)
    assert list(data.store.verify_rows(everything)) == []


def test_store_map_is_read_only(whole: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        open_data(whole).mels[0] = 0


@pytest.mark.parametrize(
    ("field", "value"), [("hop_length", 256), ("n_mels", 64), ("floor_db", -60.0), ("short_clip", "loop")]
)
def test_key_of_depends_on_every_field_of_the_log_mel(field: str, value: object) -> None:
    assert key_of(replace(SHORT, **{field: value})) != key_of(SHORT)
    assert key_of(replace(SHORT, normalization="zscore", image_size=(96, 96))) == key_of(SHORT)


def test_key_of_the_default_front_end_stays() -> None:
    # Another key would leave every existing store behind, and everything would be decoded again.
    assert key_of(AudioSpec()) == "f9eb7e8b295481b7"


def test_store_of_another_front_end_is_neither_read_nor_written(tmp_path: Path) -> None:
    fill(tmp_path / "store", 3)
    before = {path.name: path.read_bytes() for path in (tmp_path / "store").iterdir()}
    other = replace(TINY, f_min=30.0)
    with pytest.raises(DataError, match="another front end"):
        open_store(tmp_path / "store", other)
    with pytest.raises(DataError, match="another front end"):
        StoreWriter(tmp_path / "store", other)
    (tmp_path / "store" / META).unlink()
    with pytest.raises(DataError, match="cannot read"):
        StoreWriter(tmp_path / "store", TINY)
    (tmp_path / "store" / META).write_bytes(before[META])
    assert {path.name: path.read_bytes() for path in (tmp_path / "store").iterdir()} == before


def test_journal_lines_hold_any_name_and_show_a_cut() -> None:
    strange = FileState(os.fsdecode(b"/music/\xff \n\xe2\x82\xac.mp3"), 5, 6, 7)
    line = Line(3, 2**64 - 1, clip(1), strange)
    text = line.encode()
    assert text.count(b"\n") == 1
    assert Line.decode(text) == line
    for end in range(len(text)):
        with pytest.raises((ValueError, KeyError, TypeError)):
            Line.decode(text[:end])


def test_store_travels_to_workers_as_a_path(whole: Path) -> None:
    data = open_data(whole)
    songs = EvaluatedClips(data, data.split("train"))
    sent = pickle.dumps(songs)
    assert len(sent) < 30_000 < data.mels[0].nbytes * 3
    again = pickle.loads(sent)
    assert isinstance(again._store.mels, np.memmap)
    plain = [mels for mels, _ in DataLoader(songs, 4)]
    # Spawned, as on Macs: nothing is inherited, all comes through the pickle.
    worked = [mels for mels, _ in DataLoader(songs, 4, num_workers=2, multiprocessing_context="spawn")]
    assert all(torch.equal(a, b) for a, b in zip(worked, plain, strict=True))


def test_training_clips_draw_windows_and_evaluated_clips_do_not(manifest: Path, tmp_path: Path) -> None:
    prepare(manifest, tmp_path / "out", recipe=replace(RECIPE, windows=3), audio=SHORT)
    data = open_data(tmp_path / "out")
    name, place = next(
        (split.name, split.song_ids.index(song))
        for song in (str(SONGS - 1), str(SONGS - 2))
        for split in data.splits.values()
        if song in split.song_ids
    )
    split = data.split(name)
    rows = split.windows[place]
    assert len(set(rows.tolist())) == 3
    plain = AugmentSettings(frequency_masks=0, time_masks=0, roll=False)
    settings = TrainingSettings(epochs=40, batch_size=2, learning_rate=1e-3, seed=1, augment=plain)
    learnt = replace(data, splits={**data.splits, "train": split})
    drawing, fixed = TrainingClips(learnt, settings), EvaluatedClips(data, split)
    drawn = [drawing[epoch, place][0] for epoch in range(40)]
    counts = [
        sum(torch.equal(mel, torch.from_numpy(data.mels[row].astype(np.float32))) for mel in drawn) for row in rows
    ]
    assert sum(counts) == 40
    assert min(counts) >= 5
    assert all(torch.equal(drawing[epoch, place][0], mel) for epoch, mel in enumerate(drawn))
    assert all(torch.equal(fixed[place][0], fixed[place][0]) for _ in range(5))
    assert torch.equal(fixed[place][0][0], torch.from_numpy(data.mels[split.rows[place]].astype(np.float32)))


def test_journal_that_is_a_link_is_refused_and_its_target_kept(tmp_path: Path) -> None:
    target = tmp_path / "target"
    for name in (JOURNAL, RECORDS, "lock"):
        target.write_text("theirs")
        folder = tmp_path / name
        StoreWriter(folder, TINY).close()
        (folder / name).unlink()
        (folder / name).symlink_to(target)
        with pytest.raises(OutputError, match="cannot write"):
            StoreWriter(folder, TINY)
        assert target.read_text() == "theirs"


def test_journal_line_of_another_writer_is_cut_where_it_ends(tmp_path: Path) -> None:
    clip = Clip(sha256="a" * 64, start=0, seconds=1.0, peak=0.5, clipped=0.0)
    mel = np.zeros((TINY.n_mels, TINY.n_frames), np.float32)
    with StoreWriter(tmp_path, TINY) as writer:
        writer.add(clip, FileState("/a", 1, 1, 1), mel)
    text = b" " + (tmp_path / JOURNAL).read_bytes()[9:-1]
    (tmp_path / JOURNAL).write_bytes(b"%08x %b\n" % (zlib.crc32(text), text))
    with StoreWriter(tmp_path, TINY) as writer:
        writer.add(clip, FileState("/b", 1, 1, 1), mel)
    assert len(list(read_journal(tmp_path / JOURNAL))) == 2


@pytest.mark.parametrize("text", ["null", "[" * 60_000, "9" * 5000, '{"row": 1e309}', '"\\ud800"', "x" * 100_000])
def test_journal_line_with_a_right_checksum_and_a_wrong_content_ends_it(text: str, tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_bytes(b"%08x %b\n" % (zlib.crc32(text.encode()), text.encode()))
    assert list(read_journal(tmp_path / JOURNAL)) == []
