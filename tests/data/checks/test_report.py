"""The check of prepared data: leaks, copies, damage and odd sound are found, and nothing else."""

import csv
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.records import json_bytes
from sentio_mobile.audio.decode import decode
from sentio_mobile.data.checks.duplicates import MAX_NEIGHBOURS, near_pairs
from sentio_mobile.data.checks.fingerprint import MAX_DISTANCE_DB, MIN_SIMILARITY, fingerprints_of, similarity
from sentio_mobile.data.checks.label_distribution import compare_splits, coverage_of, grid_of
from sentio_mobile.data.checks.page import write_check
from sentio_mobile.data.checks.report import check_data
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, fingerprint_of, open_data
from sentio_mobile.data.sources import read_source
from sentio_mobile.data.splits import split_songs
from sentio_mobile.spec import AudioSpec

FEW = (0.6, 0.2, 0.2)
SHORT = AudioSpec(seconds=1.0)
PLANTED = {"same bytes": ("3", "copy"), "mp3": ("5", "mp3"), "softer": ("8", "softer")}


def apart(manifest: Path, pairs: list[tuple[str, str]]) -> DataRecipe:
    """A recipe whose split parts every one of these pairs."""
    songs = read_source(manifest, DataRecipe()).songs
    for seed in range(200):
        split_of = dict(zip([song.song_id for song in songs], split_songs(songs, FEW, seed), strict=True))
        if all(split_of[one] != split_of[other] for one, other in pairs):
            return DataRecipe(fractions=FEW, seed=seed)
    raise AssertionError("no seed parts the pairs")


@pytest.fixture(scope="module")
def planted(deam: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """Twenty different songs, and copies of three of them in other splits."""
    folder = tmp_path_factory.mktemp("planted")
    audio = sorted(deam.rglob("*.wav"), key=lambda path: int(path.stem))[:20]
    pcm = {path.stem: decode(path, 22050) for path in audio}
    shutil.copy(next(path for path in audio if path.stem == "3"), folder / "copy.wav")
    soundfile.write(folder / "mp3.mp3", pcm["5"], 22050, bitrate_mode="CONSTANT", compression_level=0.7)
    soundfile.write(folder / "softer.wav", pcm["8"][2000:] * 0.2, 22050)
    paths = [*audio, folder / "copy.wav", folder / "mp3.mp3", folder / "softer.wav"]
    lines = ["path,song_id,valence_mean,arousal_mean"]
    lines += [f"{path},{path.stem},{1 + (3 * i) % 9},{1 + (5 * i) % 8}" for i, path in enumerate(paths)]
    (folder / "songs.csv").write_text("\n".join(lines) + "\n")
    recipe = apart(folder / "songs.csv", list(PLANTED.values()))
    assert prepare(folder / "songs.csv", folder / "out", recipe=recipe, audio=AudioSpec()) == []
    return open_data(folder / "out")


def test_check_reports_copies_across_splits_as_leaks_and_no_other_songs(
    planted: PreparedData, data: PreparedData
) -> None:
    facts = check_data(planted)
    assert {copies.songs: copies.how for copies in facts.duplicates} == {
        ("3", "copy"): "bytes",
        ("5", "mp3"): "sound",
        ("8", "softer"): "sound",
    }
    assert all(copies.is_leak and copies.similarity >= MIN_SIMILARITY for copies in facts.duplicates)
    assert len(facts.faults) == 3
    assert any(re.search(r"the same recording .* '5' \(\w+\), 'mp3' \(\w+\): a leak", line) for line in facts.faults)
    clean = check_data(data)
    assert (clean.duplicates, clean.faults) == ((), ())


def test_check_notes_copies_in_one_split(deam: Path, tmp_path: Path) -> None:
    audio = sorted(deam.rglob("*.wav"))[:15]
    shutil.copy(audio[0], tmp_path / "copy.wav")
    lines = ["path,song_id,group,valence_mean,arousal_mean"]
    lines += [f"{p},{p.stem},{max(1, i)},{1 + i % 9},{9 - i % 8}" for i, p in enumerate([audio[0], *audio[1:]])]
    lines.append("copy.wav,copy,1,5,5")
    (tmp_path / "songs.csv").write_text("\n".join(lines) + "\n")
    prepare(tmp_path / "songs.csv", tmp_path / "out", recipe=DataRecipe(fractions=FEW), audio=SHORT)
    facts = check_data(open_data(tmp_path / "out"))
    assert facts.faults == ()
    assert [copies.songs for copies in facts.duplicates] == [(audio[0].stem, "copy")]
    assert any("it counts more than once" in line for line in facts.notes)


def spoil(data: PreparedData, folder: Path, change: Callable[[list[dict[str, str]]], None]) -> PreparedData:
    """A copy of a prepared folder whose lines were changed as if preparation had written them so."""
    shutil.copytree(data.folder, folder)
    table = folder / "songs.csv"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    change(rows)
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    sheet = json.loads((folder / "data.json").read_text())
    numbers = np.array([int(row["row"]) for row in rows])
    sheet["songs_sha256"] = sha256(table)
    sheet["fingerprint"] = fingerprint_of(sheet["songs_sha256"], data.store.checksums[numbers])
    (folder / "data.json").write_text(json.dumps(sheet))
    return open_data(folder)


def first(rows: list[dict[str, str]], split: str) -> dict[str, str]:
    return next(row for row in rows if row["split"] == split)


def share_a_group(rows: list[dict[str, str]]) -> None:
    first(rows, "train")["group"] = first(rows, "test")["group"] = "game"


def alike(rows: list[dict[str, str]]) -> None:
    for row in rows:
        row["arousal"] = "0.25" if row["split"] == "test" else row["arousal"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (share_a_group, "group 'game' is in the .* and the .* split: a leak"),
        (lambda rows: first(rows, "val").update(valence="1.5"), "val: valence is missing or outside .* in song"),
        (lambda rows: first(rows, "train").update(arousal="nan"), "train: arousal is missing or outside"),
        (lambda rows: first(rows, "test").update(valence=""), "test: valence is missing or outside"),
        (alike, r"test: every arousal label is \+0.25; a concordance is undefined"),
        (
            lambda rows: first(rows, "test").update(sha256=first(rows, "train")["sha256"]),
            "the same file under several names: .*: a leak",
        ),
    ],
)
def test_check_reports_what_spoils_a_result_as_a_fault(
    data: PreparedData, tmp_path: Path, change: Callable[[list[dict[str, str]]], None], fault: str
) -> None:
    facts = check_data(spoil(data, tmp_path / "out", change))
    assert len(facts.faults) == 1
    assert re.search(fault, facts.faults[0])
    json_bytes(facts)


def test_check_names_damaged_records(data: PreparedData, tmp_path: Path) -> None:
    shutil.copytree(data.folder, tmp_path / "out")
    mels = np.memmap(next((tmp_path / "out").rglob("mels.f16")), np.float16, "r+", shape=data.mels.shape)
    (nan, loud), songs = data.splits["train"].rows[:2], data.splits["train"].song_ids
    mels[nan] = np.nan
    mels[loud, 3, 5] = 2.0
    mels.flush()
    faults = "\n".join(check_data(open_data(tmp_path / "out")).faults)
    assert f"records of 2 songs ({songs[0]!r}, {songs[1]!r}) differ from what was written" in faults
    assert f"train: song {songs[0]!r} has spectrogram values that are not numbers" in faults
    assert f"train: song {songs[1]!r} has spectrogram values outside [0, 1]" in faults


def test_check_notes_odd_sound(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = ["path,valence_mean,arousal_mean"]
    for i in range(30):
        pcm = 0.1 * rng.standard_normal(22050)
        if i == 3:
            pcm[:] = 0
        elif i == 4:
            pcm *= 1e-3 / 0.5
        elif i == 5:
            pcm = np.clip(pcm * 30, -1, 1)
        elif i == 6:
            pcm = pcm[:5000]
        soundfile.write(tmp_path / f"{i}.wav", pcm, 22050, subtype="FLOAT")
        lines.append(f"{i}.wav,{1 + i % 9},{9 - i % 7}")
    (tmp_path / "songs.csv").write_text("\n".join(lines) + "\n")
    prepare(tmp_path / "songs.csv", tmp_path / "out", recipe=DataRecipe(fractions=FEW), audio=SHORT)
    facts = check_data(open_data(tmp_path / "out"))
    # Noises are alike in spectrum and loudness; they are different recordings all the same.
    assert (facts.faults, facts.duplicates) == ((), ())
    for words in (
        "song '3' is silent",
        "song '4' is nearly silent",
        "song '5' is clipped",
        "song '6' is short: under half of the 1 s of a clip",
        "cells of the plane hold no song",
    ):
        assert any(words in line for line in facts.notes), words


def test_check_takes_songs_without_labels(deam: Path, tmp_path: Path) -> None:
    for i, path in enumerate(sorted(deam.rglob("*.wav"))[:4]):
        shutil.copy(path, tmp_path / f"{i}.wav")
    prepare(tmp_path, tmp_path / "out", recipe=DataRecipe(), audio=SHORT)
    data = open_data(tmp_path / "out")
    facts = check_data(data)
    assert (facts.labels, facts.faults, facts.comparisons, facts.coverage) == ("none", (), (), None)
    assert [(split.name, split.songs, split.valence, split.grid) for split in facts.splits] == [
        ("unlabelled", 4, None, None)
    ]
    write_check(tmp_path / "page", data, facts)
    assert "No labels." in (tmp_path / "page" / "check.html").read_text()


def test_compare_splits_tells_a_shift_from_chance() -> None:
    rng = np.random.default_rng(0)
    train, val, test = (rng.uniform(-0.6, 0.6, (n, 2)) for n in (200, 80, 80))
    test[:, 1] += 0.4
    found = {(*c.splits, c.dimension): c for c in compare_splits({"train": train, "val": val, "test": test})}
    assert len(found) == 6
    assert {key for key, c in found.items() if c.differs} == {
        ("train", "test", "arousal"),
        ("val", "test", "arousal"),
    }
    shifted = found["train", "test", "arousal"]
    assert shifted.distance > shifted.detectable
    # By hand: the gap between the two shares of labels at most x, at its widest.
    x = np.concatenate([train[:, 1], test[:, 1]])
    gap = max(abs((train[:, 1] <= at).mean() - (test[:, 1] <= at).mean()) for at in x)
    assert shifted.distance == pytest.approx(gap)
    assert "may be chance" in found["train", "val", "valence"].words


def test_grid_counts_every_song_edges_included() -> None:
    labels = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1], [1, 1], [0, 0], [np.nan, 0]], dtype=float)
    grid = grid_of(labels)
    assert grid.sum() == 6
    assert (grid[0, 0], grid[0, 4], grid[4, 0], grid[4, 4], grid[2, 2]) == (1, 1, 1, 2, 1)
    coverage = coverage_of(labels)
    assert coverage is not None
    assert coverage_of(labels[6:]) is None
    assert (coverage.cells, coverage.outer) == pytest.approx((5 / 25, 5 / 6))
    assert coverage.extremes == ((-1, 1), (-1, 1))


def test_near_pairs_equal_those_of_a_full_comparison() -> None:
    rng = np.random.default_rng(0)
    fingerprints = rng.normal(scale=2, size=(300, 40)).astype(np.float32)
    fingerprints[100:140] = fingerprints[:40] + rng.normal(scale=0.2, size=(40, 40))
    distance = np.linalg.norm(fingerprints[:, None] - fingerprints[None], axis=2)
    wanted = {(int(a), int(b)) for a, b in zip(*np.nonzero(distance <= MAX_DISTANCE_DB), strict=True) if a < b}
    assert set(near_pairs(fingerprints)) == wanted == {(i, 100 + i) for i in range(40)}
    assert len(near_pairs(np.zeros((200, 40), dtype=np.float32))) <= 200 * (MAX_NEIGHBOURS + 1)
    assert near_pairs(fingerprints[:1]) == near_pairs(fingerprints[:0]) == []


def test_similarity_ignores_timbre_and_silence() -> None:
    rng = np.random.default_rng(0)
    audio = AudioSpec()
    one, other = rng.uniform(0.3, 0.7, (2, audio.n_mels, audio.n_frames)).astype(np.float32)
    tilt = np.linspace(0.3, -0.3, audio.n_mels, dtype=np.float32)[:, None]
    assert similarity(one, one, audio) == pytest.approx(1)
    assert similarity(one, np.roll(one, 40, axis=1), audio) > 0.9
    assert similarity(one + tilt, other + tilt, audio) < 0.2
    first, second = one.copy(), other.copy()
    first[:, 300:] = second[:, 300:] = 0
    assert similarity(first, second, audio) < 0.3
    steady = np.tile(one[:, :1], (1, audio.n_frames))
    assert similarity(steady, steady, audio) == 0
    assert np.linalg.norm(fingerprints_of(one[None], audio) - fingerprints_of(one[None], audio)) == 0


def test_write_check_page_states_the_faults_and_loads_nothing(planted: PreparedData, tmp_path: Path) -> None:
    facts = check_data(spoil(planted, tmp_path / "out", lambda rows: rows[0].update(group="<b>", song_id="<i>")))
    write_check(tmp_path / "page", planted, facts)
    page = (tmp_path / "page" / "check.html").read_text()
    assert "3 faults make results wrong" in page
    assert "<i>" not in page
    assert page.count("<picture>") == 6
    assert not re.search(r"(?:src|href|srcset)=\"(?!data:)", page)
    assert json.loads((tmp_path / "page" / "check.json").read_text())["faults"] == list(facts.faults)


def test_check_command_exits_with_one_and_writes_the_page(planted: PreparedData, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sentio_mobile", "data", "check", str(planted.folder), "--json", "--out"]
    result = subprocess.run([*command, str(tmp_path / "page")], capture_output=True, text=True)
    assert result.returncode == 1
    assert len(json.loads(result.stdout)["faults"]) == 3
    assert (tmp_path / "page" / "check.html").is_file()
