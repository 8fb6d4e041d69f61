"""Embeddings of prepared songs: those of the encoder, cached by clip, and nothing wrong is written."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from support import Refused, Sentio
from threadpoolctl import threadpool_info
from toy_encoder import Loudness, LoudnessTags

from sentio_mobile._internal.files import user_cache
from sentio_mobile._internal.records import replace
from sentio_mobile.audio.decode import decode
from sentio_mobile.data.clip_table import SONGS, read_clip_rows
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.perturbed import CHANGES
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.errors import DataError, InputError
from sentio_mobile.models.encoders import base
from sentio_mobile.models.encoders.base import EncoderInfo
from sentio_mobile.models.encoders.clip_embeddings import read_clip_embeddings
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.embed import embed_clips

RATE, SECONDS, COUNT = 8000, 4.0, 21
SPEC = AudioSpec(sample_rate=RATE, seconds=SECONDS, n_fft=512, hop_length=256, n_mels=32, f_max=4000)


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty songs with two windows each, and one that is shorter than a window."""
    folder = tmp_path_factory.mktemp("music")
    random = np.random.default_rng(0)
    for number in range(COUNT):
        seconds = 2.5 if number == 0 else 6.0
        level = random.uniform(0.05, 0.9, int(seconds)).repeat(RATE)
        sound = random.uniform(-1, 1, len(level)) * level
        soundfile.write(folder / f"{number:02}.wav", sound, RATE)
    return folder


@pytest.fixture(scope="module")
def songs(music: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    out = tmp_path_factory.mktemp("prepared") / "songs"
    assert prepare(music, out, recipe=DataRecipe(windows=2), audio=SPEC) == []
    return open_data(out)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loudness_encoder: None) -> Path:
    """An empty cache, and the encoders of tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return user_cache("embeddings")


def thread_counts() -> list[int]:
    """The threads that each numeric library may use now."""
    return [library["num_threads"] for library in threadpool_info()]


def expected(data: PreparedData, music: Path) -> dict[int, NDArray[np.float32]]:
    """What the encoder gives for each window, [time, 2] by checksum."""
    found = {}
    for row in read_clip_rows(data.folder / SONGS):
        pcm = decode(music / row.path, RATE, row.start, SECONDS)
        filled = np.pad(pcm, (0, int(RATE * SECONDS) - len(pcm)))
        found[int(data.store.checksums[row.row])] = Loudness().embed(filled)
    return found


def test_every_window_has_what_the_encoder_gives(
    songs: PreparedData, music: Path, sentio: Sentio, tmp_path: Path
) -> None:
    out, threads = tmp_path / "e.safetensors", thread_counts()
    arguments = (
        "teacher",
        "embed",
        "--data",
        songs.folder,
        "--music",
        music,
        "--encoder",
        "loudness-tags",
        "--workers",
        1,
    )
    result = sentio(*arguments, "--out", out)
    assert result.exit_code == 0, result.output
    assert "41 clips in" in result.output
    found = read_clip_embeddings(out)
    wanted = expected(songs, music)
    rows = found.rows_of(np.array(list(wanted), dtype=np.uint64), songs.folder)
    np.testing.assert_allclose(found.embeddings[rows], np.stack(list(wanted.values())), atol=1e-3)
    assert found.tags is not None
    np.testing.assert_allclose(found.tags[..., 1], found.embeddings[..., 0], atol=1e-3)
    assert (found.info, found.tag_names) == (LoudnessTags.info, ("calm", "loud"))
    assert thread_counts() == threads
    # What is there is not overwritten; with --force it is, with the same content, and no song is needed.
    again = sentio(*arguments, "--out", out)
    assert (again.exit_code, "exists already" in again.stderr) == (2, True)
    before = out.read_bytes()
    assert sentio(*arguments[:5], tmp_path / "nowhere", *arguments[6:], "--out", out, "--force").exit_code == 0
    assert out.read_bytes() == before


def test_silence_fills_the_short_song(songs: PreparedData, music: Path) -> None:
    found = embed_clips([(songs, music)], "loudness", workers=1)
    row = next(row for row in read_clip_rows(songs.folder / SONGS) if row.path == "00.wav")
    steps = found.steps[int(songs.store.checksums[row.row])].embeddings
    assert (steps[:2] > 0.02).all()
    assert (steps[3] == 0).all()


def test_fast_embeddings_are_averaged(songs: PreparedData, music: Path) -> None:
    found = embed_clips([(songs, music)], "loudness", step=3, workers=1)
    assert (found.info.hop_s, found.info.window_s) == (3, 3)
    for checksum, steps in expected(songs, music).items():
        mean = np.stack([steps[:3].mean(axis=0), steps[3]])
        np.testing.assert_allclose(found.steps[checksum].embeddings, mean, atol=1e-3)


def test_processes_give_the_same(songs: PreparedData, music: Path) -> None:
    found = embed_clips([(songs, music)], "loudness", workers=2)
    for checksum, steps in expected(songs, music).items():
        np.testing.assert_allclose(found.steps[checksum].embeddings, steps, atol=1e-3)


def test_only_what_is_missing_or_damaged_is_embedded(
    songs: PreparedData, music: Path, cache: Path, tmp_path: Path
) -> None:
    before = embed_clips([(songs, music)], "loudness", workers=1)
    kept = sorted(cache.rglob("*.safetensors"))
    assert len(kept) == 41
    kept[3].unlink()
    kept[9].write_bytes(kept[9].read_bytes()[:-1])
    lost = {int(path.stem, 16) for path in (kept[3], kept[9])}
    needed = {row.path for row in read_clip_rows(songs.folder / SONGS) if int(songs.store.checksums[row.row]) in lost}
    (tmp_path / "few").mkdir()
    for name in needed:
        shutil.copyfile(music / name, tmp_path / "few" / name)
    after = embed_clips([(songs, tmp_path / "few")], "loudness", workers=1)
    assert list(after.steps) == list(before.steps)
    for checksum, steps in before.steps.items():
        np.testing.assert_array_equal(after.steps[checksum].embeddings, steps.embeddings)


def test_a_song_of_two_folders_is_embedded_once(songs: PreparedData, music: Path, tmp_path: Path) -> None:
    prepare(music, tmp_path / "again", recipe=DataRecipe(), audio=SPEC)
    both = [(songs, music), (open_data(tmp_path / "again"), tmp_path / "nowhere")]
    assert len(embed_clips(both, "loudness", workers=1).steps) == 41


@pytest.mark.parametrize("clean", [False, True])
def test_perturbed_windows_get_their_own_embeddings_or_those_of_the_clean_sound(
    clean: bool, music: Path, tmp_path: Path
) -> None:
    manifest = tmp_path / "songs.csv"
    rows = [f"{music / f'{number:02}.wav'},{number},{1 + 2 * number % 9},{1 + number % 9}" for number in range(1, 21)]
    manifest.write_text("\n".join(["path,song_id,valence_mean,arousal_mean", *rows]) + "\n")
    prepare(manifest, tmp_path / "prepared", recipe=DataRecipe(perturb=1, fractions=(0.6, 0.2, 0.2)), audio=SPEC)
    data = open_data(tmp_path / "prepared")
    found = embed_clips([(data, tmp_path)], "loudness", clean=clean, workers=1)
    changes = {}
    for row in read_clip_rows(data.folder / SONGS):
        if row.change:
            pcm = decode(music / Path(row.path).name, RATE, row.start, SECONDS)
            pcm = pcm if clean else CHANGES[row.change](pcm, RATE)
            filled = np.pad(pcm, (0, int(RATE * SECONDS) - len(pcm)))
            steps = found.steps[int(data.store.checksums[row.row])].embeddings
            np.testing.assert_allclose(steps, Loudness().embed(filled), atol=1e-3)
            changes[row.change] = row
    assert len(changes) >= 2


@pytest.mark.parametrize("fault", ["missing", "another", "no sound"])
def test_a_song_with_a_fault_is_listed_and_the_others_are_written(
    fault: str, songs: PreparedData, music: Path, sentio: Sentio, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(music, tmp_path / "copy"))
    if fault == "missing":
        (copy / "05.wav").unlink()
    else:
        (copy / "05.wav").write_bytes(b"no sound" if fault == "no sound" else (copy / "06.wav").read_bytes())
    out = tmp_path / "e.safetensors"
    arguments = ("teacher", "embed", "--data", songs.folder, "--music", copy, "--encoder", "loudness", "--workers", 1)
    result = sentio(*arguments, "--out", out)
    assert result.exit_code == 1, result.output
    assert "1 fault:" in result.stderr
    assert "05.wav is " in result.stderr
    found = read_clip_embeddings(out)
    assert len(found.checksums) == 39
    with pytest.raises(DataError, match="no embeddings of 2 of 41 clips"):
        found.rows_of(songs.store.checksums, songs.folder)


def test_many_faults_stop_the_run(
    songs: PreparedData, music: Path, sentio: Sentio, refused: Refused, tmp_path: Path
) -> None:
    out = tmp_path / "e.safetensors"
    arguments = ("teacher", "embed", "--data", songs.folder, "--encoder", "loudness", "--workers", 1, "--out", out)
    line = refused("21 of 21 songs cannot be embedded", *arguments, "--music", tmp_path)
    assert "as --music" in line
    copy = Path(shutil.copytree(music, tmp_path / "copy"))
    for name in ("05.wav", "06.wav"):
        (copy / name).write_bytes(b"another")
    result = sentio(*arguments, "--music", copy)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "2 of 21 songs cannot be embedded" in result.stderr
    assert "05.wav is not the file that was prepared; prepare the songs again\n" in result.stderr
    assert not out.exists()


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "window": ({"window_s": 5.0}, "needs 5 s of sound, and clips of .* have 4 s; take another encoder"),
    "rate": ({"sample_rate": 384_000}, "384,000 samples a second, and clips of 100 s would have 38,400,000"),
    "size": ({"size": 3}, r"gives an array of the shape \(100, 2\), not \(time, 3\)"),
}


@pytest.mark.parametrize(("change", "words"), WRONG.values(), ids=WRONG)
def test_an_encoder_that_does_not_fit_is_refused(
    change: dict[str, object], words: str, songs: PreparedData, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong(Loudness):
        info: EncoderInfo = replace(Loudness.info, **change)

    monkeypatch.setattr(base, "_foreign", lambda: {"wrong": type("Point", (), {"load": lambda self: Wrong})()})
    audio = SPEC if "window_s" in change else replace(SPEC, seconds=100.0)
    sheet = replace(songs.sheet, audio=audio)
    with pytest.raises(InputError, match=words) as caught:
        embed_clips([(replace(songs, sheet=sheet), music)], "wrong", workers=1)
    assert "\n" not in str(caught.value)


def test_folders_of_other_clips_are_refused(songs: PreparedData, music: Path) -> None:
    other = replace(songs, sheet=replace(songs.sheet, audio=replace(SPEC, seconds=3.0)))
    with pytest.raises(DataError, match=r"clips of 3 s .* of 4 s .*same settings"):
        embed_clips([(songs, music), (other, music)], "loudness", workers=1)


def test_values_that_are_not_finite_are_a_fault_of_the_song(
    songs: PreparedData, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(Loudness):
        def embed(self, pcm: NDArray[np.float32]) -> NDArray[np.float32]:
            found = super().embed(pcm)
            return np.where(found == 0, np.nan, found).astype(np.float32)

    monkeypatch.setattr(base, "_foreign", lambda: {"silent": type("Point", (), {"load": lambda self: Silent})()})
    faults = embed_clips([(songs, music)], "silent", workers=1).faults
    assert [
        fault.endswith("00.wav: its embeddings are not finite, or too large for half precision") for fault in faults
    ] == [True]


@pytest.mark.parametrize("settings", [{"step": float("nan")}, {"step": -1.0}, {"workers": 0}])
def test_settings_out_of_range_are_refused(settings: dict[str, Any], songs: PreparedData, music: Path) -> None:
    with pytest.raises(InputError, match=r"not (nan|-1|0)"):
        embed_clips([(songs, music)], "loudness", **settings)


@pytest.mark.parametrize("step", ["nan", "inf", "-1", "much"])
def test_step_must_be_a_number_of_seconds(step: str, songs: PreparedData, sentio: Sentio, tmp_path: Path) -> None:
    result = sentio(
        "teacher", "embed", "--data", songs.folder, "--music", tmp_path, "--step", step, "--out", tmp_path / "e"
    )
    assert (result.exit_code, "--step" in result.stderr) == (2, True)


def test_a_folder_at_the_place_of_the_file_is_refused_at_once(
    songs: PreparedData, music: Path, refused: Refused, tmp_path: Path
) -> None:
    arguments = ("teacher", "embed", "--data", songs.folder, "--music", music, "--encoder", "loudness")
    refused("is a folder; give the name of a file", *arguments, "--out", tmp_path, "--force")


def test_music_or_a_table_is_needed(songs: PreparedData, sentio: Sentio, tmp_path: Path) -> None:
    result = sentio("teacher", "embed", "--data", songs.folder, "--out", tmp_path / "e")
    assert (result.exit_code, "--music" in result.stderr) == (2, True)
