"""Preparation of labelled audio, and everything that can be wrong with a prepared folder."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.records import replace
from sentio_mobile.audio.decode import Sound, decode, fit_length, read_sound
from sentio_mobile.audio.image import clip_to_mel
from sentio_mobile.data import clips
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.data_set import Source
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.data.songs import Moments
from sentio_mobile.data.sources import read_sources
from sentio_mobile.data.store import key_of
from sentio_mobile.errors import DataError, LabelError, OutputError
from sentio_mobile.spec import AudioSpec
from sentio_mobile.training.config import TrainingSettings
from sentio_mobile.training.datamodule import SongDataModule

SHORT = AudioSpec(seconds=1.0)
FEW = (0.6, 0.2, 0.2)


class Steps:
    """Counts the steps of a piece of work."""

    def __init__(self) -> None:
        self.steps = 0

    def start(self, what: str, total: int) -> None:
        self.steps = 0

    def advance(self, n: int = 1, note: str = "") -> None:
        self.steps += n

    def say(self, line: str) -> None:
        pass

    def finish(self) -> None:
        pass


def count_decodes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are decoded from now on."""
    names: list[str] = []

    def counting(path: Path, *values: Any, **options: Any) -> Sound:
        names.append(path.name)
        return read_sound(path, *values, **options)

    monkeypatch.setattr(clips, "read_sound", counting)
    return names


def library(folder: Path, songs: int, seed: int = 0) -> Path:
    """A manifest of noises."""
    rng = np.random.default_rng(seed)
    lines = ["path,valence_mean,arousal_mean,group"]
    for i in range(songs):
        soundfile.write(folder / f"{i}.wav", 0.1 * rng.standard_normal(22050), 22050)
        lines.append(f"{i}.wav,{1 + i % 9},{9 - i % 7},game {i // 2}")
    manifest = folder / "songs.csv"
    manifest.write_text("\n".join(lines) + "\n")
    return manifest


def test_prepare_reads_all_of_deam_with_labels_from_minus_one_to_one(data: PreparedData, deam: Path) -> None:
    assert data.sheet.labels == "generated"
    assert sum(len(split) for split in data.splits.values()) == 40
    table = next(deam.rglob("*1_2000.csv")).read_text().splitlines()
    first = dict(zip(["id", "v", "vs", "a", "as"], map(float, table[1].split(",")), strict=True))
    for split in data.splits.values():
        if str(int(first["id"])) in split.song_ids:
            label = split.labels[split.song_ids.index(str(int(first["id"])))]
            np.testing.assert_allclose(label, [(first["v"] - 5) / 4, (first["a"] - 5) / 4], atol=1e-5)
            return
    raise AssertionError("the first song is in no split")


def test_prepare_stores_the_reference_log_mel(data: PreparedData, deam: Path) -> None:
    split = data.splits["test"]
    audio = next(deam.rglob(f"{split.song_ids[0]}.wav"))
    pcm = decode(audio, data.audio.sample_rate)
    wanted = clip_to_mel(fit_length(pcm, data.audio), data.audio)
    np.testing.assert_allclose(data.mels[split.rows[0]], wanted, atol=5e-4)


def test_prepare_keeps_groups_together_and_fills_every_split(tmp_path: Path) -> None:
    manifest = library(tmp_path, 60)
    assert prepare(manifest, tmp_path / "out", recipe=DataRecipe(), audio=SHORT) == []
    data = open_data(tmp_path / "out")
    groups = [set(split.groups) for split in data.splits.values()]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    sizes = [len(split) for split in data.splits.values()]
    assert abs(sizes[0] - 48) <= 2
    assert abs(sizes[1] - 6) <= 2
    assert sum(sizes) == 60


def test_prepare_splits_by_the_seed(tmp_path: Path) -> None:
    manifest = library(tmp_path, 40)
    texts = []
    for i, seed in enumerate((0, 0, 1)):
        prepare(manifest, tmp_path / f"out{i}", recipe=DataRecipe(seed=seed), audio=SHORT)
        texts.append((tmp_path / f"out{i}" / "songs.csv").read_text())
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_prepare_skips_and_names_a_few_corrupt_files(tmp_path: Path) -> None:
    manifest = library(tmp_path, 40)
    (tmp_path / "7.wav").write_bytes(b"not audio")
    (tmp_path / "9.wav").unlink()
    skipped = prepare(manifest, tmp_path / "out", recipe=DataRecipe(), audio=SHORT)
    assert len(skipped) == 2
    assert "7.wav" in skipped[0]
    assert "9.wav" in skipped[1]
    sheet = json.loads((tmp_path / "out" / "data.json").read_text())
    # The sheet is for whoever gets the folder: it names the songs, and not where they were.
    assert sheet["skipped"] == [line.replace(f"{tmp_path}/", "") for line in skipped]
    assert sum(sheet["songs"].values()) == 38


def test_prepare_stops_at_more_than_five_percent_corrupt_files(tmp_path: Path) -> None:
    manifest = library(tmp_path, 40)
    contents = {i: (tmp_path / f"{i}.wav").read_bytes() for i in (0, 2, 4)}
    for i in contents:
        (tmp_path / f"{i}.wav").write_bytes(b"not audio")
    progress = Steps()
    with pytest.raises(
        DataError,
        match=r"3 of the first 5 clips .* 5% of all 40: stopped; the first: .*0\.wav",
    ):
        prepare(manifest, tmp_path / "out", recipe=DataRecipe(), audio=SHORT, progress=progress)
    assert progress.steps == 4
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["store"]
    for i, content in contents.items():
        (tmp_path / f"{i}.wav").write_bytes(content)
    assert prepare(manifest, tmp_path / "out", recipe=DataRecipe(), audio=SHORT) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("path,valence_mean,arousal_mean\na.wav,5,11\n", "row 2, arousal_mean: 11 is off the scale 1 to 9"),
        ("path,valence_mean,arousal_mean\na.wav,5,5\na.wav,5,5\n", "row 3: a.wav is the audio of row 2 too"),
        ("path,valence_mean,arousal_mean\n", "no rows"),
        ("", "no column 'path'"),
    ],
)
def test_prepare_refuses_wrong_manifests_in_one_line(tmp_path: Path, text: str, fault: str) -> None:
    manifest = tmp_path / "songs.csv"
    manifest.write_text(text)
    with pytest.raises(LabelError, match=fault) as caught:
        prepare(manifest, tmp_path / "out", recipe=DataRecipe(scale="1-9"), audio=SHORT)
    assert str(manifest) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_prepare_refuses_a_wrong_source_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    for source in (tmp_path / "none.csv", tmp_path / "music"):
        with pytest.raises(LabelError):
            prepare(source, tmp_path / "out", recipe=DataRecipe(), audio=SHORT)
    assert not (tmp_path / "out").exists()


def test_prepare_takes_labels_from_minus_one_to_one_as_they_are(tmp_path: Path) -> None:
    manifest = library(tmp_path, 30)
    rows = manifest.read_text().splitlines()
    scaled = [rows[0]] + [f"{i}.wav,{i / 15 - 1:.3f},{1 - i / 15:.3f},g{i}" for i in range(30)]
    manifest.write_text("\n".join(scaled))
    prepare(manifest, tmp_path / "out", recipe=DataRecipe(scale="-1-1", fractions=FEW), audio=SHORT)
    labels = np.concatenate([split.labels for split in open_data(tmp_path / "out").splits.values()])
    assert labels[:, 0].min() == -1
    np.testing.assert_allclose(labels[:, 0], -labels[:, 1], atol=1e-6)


def test_prepare_window_middle_is_the_middle(tmp_path: Path) -> None:
    manifest = library(tmp_path, 30)
    pcm = np.concatenate([np.zeros(22050), 0.5 * np.sin(np.arange(22050)), np.zeros(22050)])
    soundfile.write(tmp_path / "0.wav", pcm, 22050)
    for window in ("start", "middle"):
        prepare(manifest, tmp_path / window, recipe=DataRecipe(window=window, fractions=FEW), audio=SHORT)
    start, middle = (open_data(tmp_path / window).mels[0] for window in ("start", "middle"))
    assert start[:, :40].max() == 0
    assert middle[:, :40].max() > 0.9


def test_prepare_leaves_an_existing_folder_alone(tmp_path: Path) -> None:
    manifest = library(tmp_path, 30)
    prepare(manifest, tmp_path / "out", recipe=DataRecipe(fractions=FEW), audio=SHORT)
    (tmp_path / "theirs" / "store").mkdir(parents=True)
    (tmp_path / "theirs" / "store" / "thesis.txt").write_text("x")
    (tmp_path / "file").write_text("x")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    for out in ("out", "theirs", "file"):
        with pytest.raises(OutputError, match=f"{out} exists already"):
            prepare(manifest, tmp_path / out, recipe=DataRecipe(seed=1, fractions=FEW), audio=SHORT)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_prepare_never_overwrites_the_songs_themselves(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    manifest = library(tmp_path / "music", 30)
    outside = tmp_path / "songs.csv"
    outside.write_text(manifest.read_text().replace("\n", f"\n{tmp_path}/music/").rsplit("\n", 1)[0])
    for source in (manifest, manifest.parent, outside):
        with pytest.raises(OutputError, match="holds the songs themselves"):
            prepare(source, tmp_path / "music", recipe=DataRecipe(fractions=FEW), audio=SHORT, overwrite=True)
    assert len(list((tmp_path / "music").iterdir())) == 31


def test_prepare_overwrites_an_existing_folder_only_at_the_end(tmp_path: Path) -> None:
    manifest, out = library(tmp_path, 30), tmp_path / "out"
    prepare(manifest, out, recipe=DataRecipe(fractions=FEW), audio=SHORT)
    (out / "mels.npy").write_text("of an earlier version")
    old = open_data(out)
    longer = replace(SHORT, seconds=1.5)
    for i in range(3):
        (tmp_path / f"{i}.wav").unlink()
    with pytest.raises(DataError, match="3 of 30 files do not exist"):
        prepare(manifest, out, recipe=DataRecipe(fractions=FEW), audio=longer, overwrite=True)
    assert open_data(out).sheet == old.sheet
    library(tmp_path, 30)
    prepare(manifest, out, recipe=DataRecipe(fractions=FEW), audio=longer, overwrite=True)
    assert open_data(out).audio == longer
    assert sorted(path.name for path in out.iterdir()) == ["data.json", "songs.csv", "store"]
    assert [path.name for path in (out / "store").iterdir()] == [key_of(longer)]


def damage_sheet(out: Path) -> None:
    (out / "data.json").write_text("{")


def drop_audio(out: Path) -> None:
    sheet = json.loads((out / "data.json").read_text())
    del sheet["audio"]
    (out / "data.json").write_text(json.dumps(sheet))


def older(out: Path) -> None:
    sheet = json.loads((out / "data.json").read_text())
    del sheet["schema"]
    (out / "data.json").write_text(json.dumps(sheet))


def other_songs(out: Path) -> None:
    songs = out / "songs.csv"
    songs.write_text(songs.read_text().replace("game 1", "game 2", 1))


def bad_songs(out: Path) -> None:
    songs, sheet = out / "songs.csv", json.loads((out / "data.json").read_text())
    songs.write_text(songs.read_text().replace(",0,", ",x,", 1))
    sheet["songs_sha256"] = sha256(songs)
    (out / "data.json").write_text(json.dumps(sheet))


def other_front_end(out: Path) -> None:
    meta = out / "store" / key_of(SHORT) / "meta.json"
    meta.write_text(meta.read_text().replace('"hop_length": 512', '"hop_length": 256'))


def shorten(name: str) -> Callable[[Path], None]:
    def cut(out: Path) -> None:
        file = out / "store" / key_of(SHORT) / name
        file.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])

    return cut


def exchange(out: Path) -> None:
    """Another store of the same front end, with as many clips."""
    shutil.rmtree(out / "store")
    noise = library(out.parent, 30, seed=1)
    prepare(noise, out.parent / "other", recipe=DataRecipe(fractions=FEW), audio=SHORT)
    shutil.copytree(out.parent / "other" / "store", out / "store")


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda out: (out / "data.json").unlink(), "is no prepared data"),
        (damage_sheet, "data.json is not JSON"),
        (drop_audio, "lacks the key 'audio'"),
        (older, r"was prepared by an older version; prepare it again with --force \(clips in its store are reused\)"),
        (other_songs, "songs.csv is not the one"),
        (bad_songs, "is damaged"),
        (lambda out: (out / "songs.csv").unlink(), "is damaged"),
        (lambda out: shutil.rmtree(out / "store"), "the store is missing"),
        (other_front_end, "another front end"),
        (shorten("mels.f16"), "the store has 20 records"),
        (shorten("journal.jsonl"), r"the store has \d\d records"),
        (lambda out: (out / "store" / key_of(SHORT) / "journal.jsonl").unlink(), "the store is damaged"),
        (exchange, "the store has other clips"),
    ],
)
def test_open_data_refuses_a_damaged_folder_in_one_line(
    tmp_path: Path, damage: Callable[[Path], None], fault: str
) -> None:
    out = tmp_path / "out"
    prepare(library(tmp_path, 30), out, recipe=DataRecipe(fractions=FEW), audio=SHORT)
    open_data(out)
    damage(out)
    with pytest.raises(DataError, match=fault) as caught:
        open_data(out)
    assert str(out) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_open_data_refuses_a_store_of_an_older_front_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, out = library(tmp_path, 30), tmp_path / "out"
    prepare(manifest, out, recipe=DataRecipe(fractions=FEW), audio=SHORT)
    monkeypatch.setattr("sentio_mobile.data.store.FRONT_END_VERSION", 1000)
    with pytest.raises(DataError, match="another front end"):
        open_data(out)
    counter = count_decodes(monkeypatch)
    prepare(manifest, out, recipe=DataRecipe(fractions=FEW), audio=SHORT, overwrite=True)
    assert len(counter) == 30
    open_data(out)


def test_prepare_for_another_normalization_reuses_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, store = library(tmp_path, 30), tmp_path / "store"
    prepare(manifest, tmp_path / "a", recipe=DataRecipe(fractions=FEW), audio=SHORT, store=store)
    counter = count_decodes(monkeypatch)
    zscore = replace(SHORT, normalization="zscore", image_size=(64, 64))
    prepare(manifest, tmp_path / "b", recipe=DataRecipe(fractions=FEW), audio=zscore, store=store)
    assert counter == []
    assert open_data(tmp_path / "b").audio == zscore


def test_prepare_with_another_seed_shares_the_store_and_decodes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, store = library(tmp_path, 30), tmp_path / "shared"
    prepare(manifest, tmp_path / "a", recipe=DataRecipe(fractions=FEW), audio=SHORT, store=store)
    journal = (store / key_of(SHORT) / "journal.jsonl").read_bytes()
    counter = count_decodes(monkeypatch)
    prepare(manifest, tmp_path / "b", recipe=DataRecipe(fractions=FEW, seed=1), audio=SHORT, store=store)
    assert counter == []
    assert (store / key_of(SHORT) / "journal.jsonl").read_bytes() == journal
    a, b = open_data(tmp_path / "a"), open_data(tmp_path / "b")
    assert a.splits["test"].song_ids != b.splits["test"].song_ids
    assert a.sheet.fingerprint != b.sheet.fingerprint
    assert not (tmp_path / "b" / "store").exists()


def test_prepare_again_stores_changed_files_and_reads_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, out = library(tmp_path, 30), tmp_path / "out"
    prepare(manifest, out, recipe=DataRecipe(fractions=FEW), audio=SHORT)
    song, times = tmp_path / "4.wav", (tmp_path / "4.wav").stat()
    other = song.read_bytes()[:44] + song.read_bytes()[44:][::-1]
    song.write_bytes(other)
    # The same name, length and time of change: only the time that nobody can set tells.
    os.utime(song, ns=(times.st_atime_ns, times.st_mtime_ns))
    os.utime(tmp_path / "5.wav")
    decoded, hashed = count_decodes(monkeypatch), []
    monkeypatch.setattr(clips, "sha256", lambda path: hashed.append(path.name) or sha256(path))
    prepare(manifest, out, recipe=DataRecipe(fractions=FEW), audio=SHORT, overwrite=True)
    assert sorted(hashed) == ["4.wav", "5.wav"]
    assert decoded == ["4.wav"]
    row = next(line for line in (out / "songs.csv").read_text().splitlines() if line.startswith("4,"))
    assert row.split(",")[3] == "30"
    assert sha256(song) in row


def test_prepare_stores_the_same_content_once(tmp_path: Path) -> None:
    manifest, out = library(tmp_path, 30), tmp_path / "out"
    shutil.copy(tmp_path / "3.wav", tmp_path / "20.wav")
    prepare(manifest, out, recipe=DataRecipe(fractions=FEW), audio=SHORT)
    data = open_data(out)
    assert len(data.mels) == 29
    rows = {song: row for split in data.splits.values() for song, row in zip(split.song_ids, split.rows, strict=True)}
    assert rows["3"] == rows["20"] != rows["19"]


def test_prepare_puts_songs_without_labels_into_one_split(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    library(tmp_path / "music", 5)
    (tmp_path / "music" / "songs.csv").unlink()
    prepare(tmp_path / "music", tmp_path / "out", recipe=DataRecipe(), audio=SHORT)
    data = open_data(tmp_path / "out")
    assert list(data.splits) == ["unlabelled"]
    split = data.split("unlabelled")
    assert split.song_ids == ("0", "1", "2", "3", "4")
    assert np.isnan(split.labels).all()
    with pytest.raises(DataError, match=r"out: has no train songs, only unlabelled"):
        data.split("train")
    with pytest.raises(DataError, match="has no train songs"):
        SongDataModule(data, TrainingSettings(epochs=1, batch_size=2, learning_rate=1e-3))


def test_prepare_escapes_file_names_that_are_not_utf8(tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    library(music, 40)
    (music / "songs.csv").unlink()
    (music / "1.wav").rename(music / os.fsdecode(b"\xff.wav"))
    (music / os.fsdecode(b"\xfe.wav")).write_bytes(b"not audio")
    skipped = prepare(music, tmp_path / "out", recipe=DataRecipe(), audio=SHORT)
    assert len(skipped) == 1
    data = open_data(tmp_path / "out")
    assert r"\xfe.wav: cannot be decoded" in data.sheet.skipped[0]
    assert r"\udcff" in data.split("unlabelled").song_ids


def test_prepare_notes_songs_that_are_silent_after_mixing_down(tmp_path: Path) -> None:
    music, sound = tmp_path / "music", 0.1 * np.random.default_rng(0).standard_normal(22_050)
    music.mkdir()
    soundfile.write(music / "anti.wav", np.stack([sound, -sound], axis=1), 22_050, subtype="FLOAT")
    soundfile.write(music / "same.wav", np.stack([sound, sound], axis=1), 22_050, subtype="FLOAT")
    soundfile.write(music / "silence.wav", np.zeros(22_050), 22_050)
    assert prepare(music, tmp_path / "out", recipe=DataRecipe(), audio=SHORT) == []
    notes = [note for note in open_data(tmp_path / "out").sheet.notes if "silent" in note]
    assert [note.split("/")[-1] for note in notes] == [
        f"{name}: is silent after mixing down" for name in ("anti.wav", "silence.wav")
    ]


@pytest.mark.parametrize(
    ("seconds", "windows", "window", "starts"),
    [
        (45, 1, "start", [0]),
        (45, 1, "middle", [7.5]),
        (45, 2, "start", [0, 15]),
        (45, 3, "start", [0, 7.5, 15]),
        (45, 3, "middle", [7.5, 0, 15]),
        (120, 4, "start", [0, 30, 60, 90]),
        (30, 4, "start", [0]),
        (12, 4, "middle", [0]),
        (37, 9, "start", [0, 3.5, 7]),
    ],
)
def test_starts_of_windows_are_spread_evenly(seconds: float, windows: int, window: str, starts: list[float]) -> None:
    audio = AudioSpec()
    recipe = DataRecipe(windows=windows, window=window)
    found = clips.starts_of(round(seconds * audio.sample_rate), audio, recipe)
    np.testing.assert_allclose(np.array(found) / audio.sample_rate, starts, atol=1e-4)


def test_prepare_stores_as_many_windows_as_fit_with_their_labels(tmp_path: Path) -> None:
    manifest, out = library(tmp_path, 30), tmp_path / "out"
    rng = np.random.default_rng(7)
    loud = np.concatenate([0.05 * rng.standard_normal(3 * 22050), np.clip(rng.standard_normal(22050), -1, 1)])
    soundfile.write(tmp_path / "0.wav", loud, 22050, subtype="FLOAT")
    prepare(manifest, out, recipe=DataRecipe(windows=3, fractions=FEW), audio=SHORT)
    data = open_data(out)
    assert len(data.mels) == 32
    table = [line.split(",") for line in (out / "songs.csv").read_text().splitlines()]
    lines = [dict(zip(table[0], line, strict=True)) for line in table[1:]]
    first = [line for line in lines if line["song_id"] == "0"]
    assert [(line["window"], line["start"], line["seconds"]) for line in first] == [
        ("0", "0.000000", "4.000"), ("1", "1.500000", "4.000"), ("2", "3.000000", "4.000"),
    ]  # fmt: skip
    assert len({line["split"] for line in first}) == 1
    assert float(first[0]["clipped"]) == 0.0 < 0.2 < float(first[2]["clipped"]) < 0.5
    assert float(first[0]["peak"]) < 0.5 < float(first[2]["peak"]) == 1.0
    pcm = decode(tmp_path / "0.wav", SHORT.sample_rate)
    for line in first:
        wanted = clip_to_mel(fit_length(pcm, SHORT, round(float(line["start"]) * SHORT.sample_rate)), SHORT)
        np.testing.assert_allclose(data.mels[int(line["row"])], wanted, atol=5e-4)
    split = data.split(first[0]["split"])
    place = split.song_ids.index("0")
    assert split.windows[place].tolist() == [int(line["row"]) for line in first]
    assert split.rows[place] == split.windows[place, 0]
    others = np.delete(np.arange(len(split)), place)
    assert (split.windows[others] == split.rows[others, None]).all()
    assert split.windows.shape == (len(split), 3)
    assert split.window_labels.shape == (len(split), 3, 2)
    np.testing.assert_array_equal(split.window_labels[:, 0], split.labels)


def test_prepare_labels_each_window_by_its_moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = library(tmp_path, 30)
    soundfile.write(tmp_path / "0.wav", 0.1 * np.random.default_rng(7).standard_normal(3 * 22050), 22050)

    def dynamic(sources: list[Path], recipe: DataRecipe) -> Source:
        found = read_sources(sources, recipe)
        moments = Moments(np.array([0.5, 1.5, 2.5], "f"), np.array([[-1, 0.5], [0, 0], [1, -0.5]], "f"))
        return replace(found, songs=[replace(found.songs[0], moments=moments), *found.songs[1:]])

    monkeypatch.setattr("sentio_mobile.data.prepare.read_sources", dynamic)
    prepare(manifest, tmp_path / "out", recipe=DataRecipe(windows=3, window="middle", fractions=FEW), audio=SHORT)
    for split in open_data(tmp_path / "out").splits.values():
        if "0" in split.song_ids:
            labels = split.window_labels[split.song_ids.index("0")]
            np.testing.assert_allclose(labels, [[0, 0], [-1, 0.5], [1, -0.5]])


def test_clips_of_file_decodes_no_more_than_its_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "long.wav", 0.1 * np.random.default_rng(0).standard_normal(90 * 22050), 22050)
    lengths = []

    def counting(*values: Any) -> Sound:
        sound = read_sound(*values)
        lengths.append(len(sound.pcm))
        return sound

    monkeypatch.setattr(clips, "read_sound", counting)
    found = clips.clips_of_file(tmp_path / "long.wav", SHORT, DataRecipe(windows=2))
    assert found.windows == ((0, "", 0), (89 * 22050, "", 0))
    assert lengths == [22050, 22050]
    assert next(iter(found.mels)).seconds == 90


def test_prepare_skips_a_file_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = library(tmp_path, 30)

    def slow(path: Path, *values: Any, **options: Any) -> Sound:
        sound = read_sound(path, *values, **options)
        if path.name == "6.wav":
            path.write_bytes(b"grows")
        return sound

    monkeypatch.setattr(clips, "read_sound", slow)
    skipped = prepare(manifest, tmp_path / "out", recipe=DataRecipe(fractions=FEW), audio=SHORT)
    assert len(skipped) == 1
    assert "6.wav: changed while it was read" in skipped[0]
