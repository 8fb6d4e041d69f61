"""Generated music: reproducible, in DEAM's layout, learnable, and not from one feature alone."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sentio_mobile.data.generated import Song, compose, draw_songs, render, write_deam
from sentio_mobile.data.generated.write import song_ids
from sentio_mobile.data.sets import deam
from sentio_mobile.errors import InputError, OutputError

N = 120


@pytest.fixture(scope="module")
def songs() -> list[Song]:
    return draw_songs(N, seed=11)


@pytest.fixture(scope="module")
def clips(songs: list[Song]) -> np.ndarray:
    return np.stack([render(song) for song in songs])


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synth") / "deam"
    write_deam(out, songs=9, seed=3, audio_format="mp3")
    return out


def read_csv(path: Path) -> tuple[list[str], list[list[float]]]:
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    return header, [[float(cell) for cell in row] for row in rows]


# --- songs and samples


def test_draw_songs_depend_on_seed_and_index_only(songs: list[Song]) -> None:
    assert draw_songs(3, seed=11) == songs[:3]
    assert draw_songs(3, seed=12) != songs[:3]
    assert compose(songs[2]) == compose(draw_songs(3, seed=11)[2])


def test_render_gives_the_same_samples_for_the_same_song(songs: list[Song], clips: np.ndarray) -> None:
    for i in (0, 7):
        np.testing.assert_array_equal(render(draw_songs(8, seed=11)[i]), clips[i])
    assert not np.array_equal(clips[0], clips[1])


def test_render_is_in_range_and_never_silent(clips: np.ndarray) -> None:
    assert clips.dtype == np.float32
    assert clips.shape == (N, 661500)
    assert np.isfinite(clips).all()
    assert np.abs(clips).max() <= 1.0
    assert np.abs(clips).max(axis=1).min() > 0.1
    # Every second of every clip has something in it: no song ends early.
    assert np.abs(clips.reshape(N, 30, -1)).max(axis=2).min() > 1e-4


def test_render_at_other_sample_rates_has_the_same_length(songs: list[Song]) -> None:
    assert render(songs[0], 16000).shape == (480000,)


def test_draw_songs_cover_the_square() -> None:
    plane = np.array([(song.valence, song.arousal) for song in draw_songs(100, seed=0)])
    assert np.abs(plane).max() <= 1.0
    counts, _, _ = np.histogram2d(plane[:, 0], plane[:, 1], bins=5, range=[[-1, 1], [-1, 1]])
    assert counts.min() >= 2
    assert abs(np.corrcoef(plane.T)[0, 1]) < 0.1


@pytest.mark.parametrize(("n", "seed"), [(-1, 0), (1, -1)])
def test_draw_songs_refuses_negative_numbers(n: int, seed: int) -> None:
    with pytest.raises(InputError, match="negative"):
        draw_songs(n, seed)


# --- what the emotion does to the music


def test_cues_depend_on_the_emotion_as_in_the_literature() -> None:
    songs = draw_songs(600, seed=1)
    valence, arousal = np.array([song.valence for song in songs]), np.array([song.arousal for song in songs])

    def r(cue: str, label: np.ndarray) -> float:
        return float(np.corrcoef([getattr(song.cues, cue) for song in songs], label)[0, 1])

    for cue in ("tempo_bpm", "density", "level", "brightness", "attack", "percussion", "accent"):
        assert 0.5 < r(cue, arousal) < 0.92, cue
        assert abs(r(cue, valence)) < 0.3, cue
    for cue in ("major", "register", "lightness", "consonance", "purity", "regularity"):
        assert 0.5 < r(cue, valence) < 0.92, cue
        assert abs(r(cue, arousal)) < 0.3, cue
    assert r("staccato", valence) > 0.3
    assert r("staccato", arousal) > 0.2


def test_compose_follows_the_cues(songs: list[Song]) -> None:
    scores = [compose(song) for song in songs]
    assert all(0.0 <= note.start < 30.0 and note.duration > 0.0 for score in scores for note in score)
    melodies = [[note for note in score if note.part == "melody"] for score in scores]
    pitch = [np.mean([note.pitch for note in melody]) for melody in melodies]
    rate = [len(melody) / 30.0 for melody in melodies]
    assert np.corrcoef(pitch, [song.cues.register for song in songs])[0, 1] > 0.9
    assert np.corrcoef(rate, [song.arousal for song in songs])[0, 1] > 0.5


def ccc(a: np.ndarray, b: np.ndarray) -> float:
    covariance = np.mean((a - a.mean()) * (b - b.mean()))
    return float(2.0 * covariance / (a.var() + b.var() + (a.mean() - b.mean()) ** 2))


def cross_validated(features: np.ndarray, label: np.ndarray, penalty: float) -> float:
    """CCC of a ridge regression, every song predicted by a fit to the other four fifths."""
    predicted = np.empty_like(label)
    for fold in range(5):
        held = np.arange(len(label)) % 5 == fold
        mean, sd = features[~held].mean(axis=0), features[~held].std(axis=0) + 1e-9
        known, asked = (features[~held] - mean) / sd, (features[held] - mean) / sd
        weights = np.linalg.solve(
            known.T @ known + penalty * np.eye(known.shape[1]), known.T @ (label[~held] - label[~held].mean())
        )
        predicted[held] = asked @ weights + label[~held].mean()
    return ccc(predicted, label)


def features_of(clip: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
    """Scalars that people compute of a clip, and statistics of 60 bands in dB re the clip's maximum."""
    frames = np.lib.stride_tricks.sliding_window_view(clip, 1024)[::1024]
    power = np.abs(np.fft.rfft(frames * np.hanning(1024).astype(np.float32))) ** 2
    edges = np.unique(np.geomspace(2, 372, 61).astype(int))
    bands = np.add.reduceat(power[:, :372], edges[:-1], axis=1)
    decibels = 10.0 * np.log10(np.maximum(bands / bands.max(), 1e-8))
    steps = np.diff(decibels, axis=0)
    onset = np.maximum(steps, 0.0).mean(axis=1)
    peaks = (onset[1:-1] > onset[:-2]) & (onset[1:-1] > onset[2:]) & (onset[1:-1] > onset.mean() + onset.std())
    lags = np.fft.irfft(np.abs(np.fft.rfft(onset - onset.mean(), 2048)) ** 2)
    beat = lags[6:60] / lags[0]
    total, hertz = power.sum(axis=1) + 1e-9, np.arange(513)
    scalars = {
        "rms": np.sqrt(np.mean(clip**2)),
        "log rms": np.log(np.mean(clip**2)),
        "crest": np.abs(clip).max() / np.sqrt(np.mean(clip**2)),
        "zero crossings": np.mean(clip[1:] * clip[:-1] < 0),
        "centroid": np.mean(power @ hertz / total),
        "centroid sd": np.std(power @ hertz / total),
        "rolloff": np.mean(np.argmax(np.cumsum(power, axis=1) > 0.85 * total[:, None], axis=1)),
        "flatness": np.mean(np.log(power + 1e-9)) - np.mean(np.log(total)),
        "mean dB": decibels.mean(),
        "sd dB": decibels.std(),
        "high dB": decibels[:, -20:].mean(),
        "low dB": decibels[:, :20].mean(),
        "flux": np.abs(steps).mean(),
        "roughness along frequency": np.abs(np.diff(decibels, axis=1)).mean(),
        "onset rate": peaks.sum(),
        "onset strength": onset.mean(),
        "onset sd": onset.std(),
        "tempo": 1.0 / (6 + np.argmax(beat)),
        "pulse": beat.max(),
    }
    bandwise = [decibels.mean(axis=0), decibels.std(axis=0), np.abs(steps).mean(axis=0)]
    return {name: float(value) for name, value in scalars.items()}, np.concatenate(bandwise)


def test_emotion_can_be_learned_but_not_from_one_feature(songs: list[Song], clips: np.ndarray) -> None:
    measured = [features_of(clip) for clip in clips]
    names = list(measured[0][0])
    scalars = np.array([[values[name] for name in names] for values, _ in measured])
    everything = np.hstack([scalars, np.array([bands for _, bands in measured])])
    for label in ("valence", "arousal"):
        truth = np.array([getattr(song, label) for song in songs])
        single = {name: cross_validated(scalars[:, [i]], truth, 0.0) for i, name in enumerate(names)}
        best = max(single, key=lambda name: single[name])
        assert single[best] < 0.65, (label, best, single[best])
        together = cross_validated(everything, truth, 30.0)
        assert together > max(0.6, single[best] + 0.05), (label, together, best, single[best])


# --- the folder


def test_write_deam_has_the_layout_and_headers_of_deam(data_set: Path) -> None:
    level = data_set / "DEAM_Annotations/annotations/annotations averaged per song/song_level"
    first = (level / "static_annotations_averaged_songs_1_2000.csv").read_text(encoding="utf-8").splitlines()
    second = (level / "static_annotations_averaged_songs_2000_2058.csv").read_text(encoding="utf-8").splitlines()
    assert first[0] == "song_id, valence_mean, valence_std, arousal_mean, arousal_std"
    assert second[0] == (
        "song_id, valence_mean, valence_std, valence_ max_mean, valence_max_std, valence_min_mean, valence_min_std, "
        "arousal_mean, arousal_std, arousal_max_mean, arousal_max_std, arousal_min_mean, arousal_min_std"
    )
    assert [line.split(",")[0] for line in first[1:]] == ["2", "3", "4", "5", "6", "7"]
    assert [line.split(",")[0] for line in second[1:]] == ["2001", "2002", "2003"]
    audio = sorted(path.name for path in (data_set / "DEAM_audio/MEMD_audio").iterdir())
    assert audio == sorted(f"{i}.mp3" for i in song_ids(9))


def test_write_deam_writes_the_labels_of_the_songs(data_set: Path) -> None:
    _, first = read_csv(data_set / deam.LABELS / deam.TABLES[0])
    header, second = read_csv(data_set / deam.LABELS / deam.TABLES[1])
    arousal = header.index(" arousal_mean")
    labels = [(row[1], row[3]) for row in first] + [(row[1], row[arousal]) for row in second]
    for song, (v, a) in zip(draw_songs(9, seed=3), labels, strict=True):
        assert ((v - 5.0) / 4.0, (a - 5.0) / 4.0) == (song.valence, song.arousal)
    for row in second:
        for mean, most, least in ((1, 3, 5), (7, 9, 11)):
            assert 1.0 <= row[least] <= row[mean] <= row[most] <= 9.0
    sds = [row[2] for row in first] + [row[4] for row in first]
    assert all(0.2 < sd < 3.0 for sd in sds)


def test_write_deam_writes_the_audio_of_the_songs(data_set: Path) -> None:
    samples, rate = soundfile.read(data_set / deam.AUDIO / "2001.mp3")
    assert rate == 22050
    assert abs(len(samples) - 661500) < 2400
    wanted = render(draw_songs(9, seed=3)[6])
    n = min(len(samples), len(wanted))
    spectra = [
        np.log(np.abs(np.fft.rfft(x[:n]))[: n // 4].reshape(-1, 25)[:6000].mean(axis=1)) for x in (samples, wanted)
    ]
    assert np.corrcoef(*spectra)[0, 1] > 0.98


def test_write_deam_notes_that_labels_are_generated(data_set: Path) -> None:
    about = json.loads((data_set / "generated.json").read_text(encoding="utf-8"))
    assert about == {
        "labels": "generated",
        "generator": "sentio_mobile.data.generated",
        "version": 1,
        "seed": 3,
        "songs": 9,
    }


@pytest.mark.parametrize("songs", [1, 2, 5, 100, 2057, 3000])
def test_song_ids_are_unique_and_in_both_tables(songs: int) -> None:
    ids = song_ids(songs)
    assert len(set(ids)) == len(ids) == songs
    assert ids[0] == 2
    assert songs == 1 or ids[-1] > 2000


@pytest.mark.parametrize("audio_format", ["flac", "wav", "ogg"])
def test_write_deam_takes_other_formats_and_an_empty_folder(tmp_path: Path, audio_format: str) -> None:
    write_deam(tmp_path, songs=1, seed=0, audio_format=audio_format)
    assert soundfile.info(tmp_path / deam.AUDIO / f"2.{audio_format}").frames == 661500


def test_write_deam_leaves_an_existing_folder_alone(tmp_path: Path) -> None:
    kept = tmp_path / "out" / "mine.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    for out in (kept.parent, kept):
        with pytest.raises(OutputError, match="exists already"):
            write_deam(out, songs=2, seed=0)
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "mine.txt"]
    assert kept.read_text() == "mine"


def test_write_deam_to_an_unwritable_place_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write") as caught:
        write_deam(tmp_path / "file" / "out", songs=2, seed=0)
    assert "\n" not in str(caught.value)


class StopsHalfway:
    """Raises at the second step, as Ctrl-C would."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def start(self, what: str, total: int) -> None:
        self.seen.append(f"start {total}")

    def advance(self, n: int = 1, note: str = "") -> None:
        self.seen.append("advance")
        if self.seen.count("advance") == 2:
            raise KeyboardInterrupt

    def say(self, line: str) -> None:
        pass

    def finish(self) -> None:
        self.seen.append("finish")


def test_write_deam_stopped_halfway_leaves_nothing(tmp_path: Path) -> None:
    progress = StopsHalfway()
    with pytest.raises(KeyboardInterrupt):
        write_deam(tmp_path / "out", songs=30, seed=0, audio_format="wav", progress=progress)
    assert progress.seen == ["start 30", "advance", "advance", "finish"]
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - hidden folders count too


@pytest.mark.parametrize(("songs", "seed", "audio_format"), [(0, 0, "mp3"), (1, -1, "mp3"), (1, 0, "aac")])
def test_write_deam_refuses_bad_settings_before_writing(
    tmp_path: Path, songs: int, seed: int, audio_format: str
) -> None:
    with pytest.raises(InputError):
        write_deam(tmp_path / "out", songs, seed=seed, audio_format=audio_format)
    assert list(tmp_path.iterdir()) == []
