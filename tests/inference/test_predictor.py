"""Predictions for a song, for sound in memory, for window after window of a song, and for live sound."""

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

import sentio_mobile
from sentio_mobile._internal.records import replace
from sentio_mobile.errors import AudioError, BundleError, CheckFailedError, InputError
from sentio_mobile.inference.emotion import Emotion
from sentio_mobile.inference.opening import ModelChoice
from sentio_mobile.inference.predictor import Predictor
from sentio_mobile.spec import Form, Precision

RATE = 22050


@pytest.fixture(scope="module")
def model(bundle: Path) -> Predictor:
    return sentio_mobile.load(bundle, form="spectrogram")


def values(answers: list[Emotion]) -> NDArray[np.float64]:
    return np.array([[answer.valence, answer.arousal] for answer in answers])


def test_load_and_predict_as_the_readme_says(bundle: Path, medley: Path) -> None:
    answer = sentio_mobile.load(str(bundle), format="onnx", threads=1).predict(str(medley))
    assert (answer.song, answer.start, answer.end, answer.time) == (str(medley), 0, 30, 15)
    assert answer.scale == (-1, 1)
    assert answer.inference_ms > 0
    assert -1 <= answer.valence <= 1
    assert -1 <= answer.arousal <= 1
    assert answer.quadrant.split(", ")[0] == ("pleasant" if answer.valence >= 0 else "unpleasant")
    assert answer.quadrant.split(", ")[1] == ("energetic" if answer.arousal >= 0 else "calm")


def test_songs_get_different_answers(model: Predictor, songs: list[NDArray[np.float32]]) -> None:
    answers = values([model.predict_pcm(song, RATE) for song in songs])
    assert answers.std(axis=0).min() > 0.2


def test_both_forms_agree(bundle: Path, model: Predictor, medley: Path) -> None:
    waveform = sentio_mobile.load(bundle, form="waveform")
    assert waveform.spec.input_shape == (1, 661_500)
    assert model.spec.form == "spectrogram"
    pairs = zip(waveform.trajectory(medley, 8.0), model.trajectory(medley, 8.0), strict=True)
    for one, other in [(waveform.predict(medley), model.predict(medley)), *pairs]:
        assert (one.start, one.end) == (other.start, other.end)
        np.testing.assert_allclose(values([one]), values([other]), atol=1e-3)


def test_only_the_artifact_that_is_loaded_is_hashed(bundle: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    other = sentio_mobile.load(copy, form="waveform").artifact
    assert other is not None
    other.path.write_bytes(other.path.read_bytes()[:-1])
    assert sentio_mobile.load(copy, form="spectrogram").check_device().verdict == "pass"
    with pytest.raises(BundleError, match="SHA-256 differs"):
        sentio_mobile.load(copy, form="waveform")
    with pytest.raises(BundleError, match="SHA-256 differs"):
        sentio_mobile.verify(copy)


def test_the_faster_form_is_the_default_and_never_a_lower_precision(bundle: Path, tmp_path: Path) -> None:
    def forms(folder: Path, precision: Precision | None = None) -> list[str]:
        """For the first clip of a song, for windows that hardly overlap, and for windows that mostly do."""
        choices = [ModelChoice(folder=folder, precision=precision, every=every) for every in (None, 20.0, 1.0)]
        return [choice.open().spec.form for choice in choices]

    assert sentio_mobile.load(bundle).spec.form == "waveform"
    assert forms(bundle) == ["waveform", "waveform", "spectrogram"]
    copy = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    manifest = json.loads((copy / "manifest.json").read_text())
    for entry in manifest["artifacts"]:
        if entry["form"] == "waveform":
            entry["precision"] = entry["parity"]["precision"] = "int8"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert forms(copy) == ["spectrogram"] * 3
    assert forms(copy, "int8") == ["waveform"] * 3


def test_sound_in_memory_is_answered_as_the_file(
    model: Predictor, songs: list[NDArray[np.float32]], tmp_path: Path
) -> None:
    song = soxr.resample(np.concatenate([songs[0], songs[1]]), RATE, 48_000)
    soundfile.write(tmp_path / "song.wav", song, 48_000, subtype="FLOAT")
    of_file, of_pcm = model.predict(tmp_path / "song.wav"), model.predict_pcm(song, 48_000, "song")
    assert of_pcm.song == "song"
    assert of_pcm.end == of_file.end == 30
    np.testing.assert_allclose(values([of_pcm]), values([of_file]), atol=1e-4)


def test_sound_in_memory_that_cannot_be_is_refused(model: Predictor) -> None:
    with pytest.raises(InputError, match=r"shape \[2, 5\] is not mono"):
        model.predict_pcm(np.zeros((2, 5), dtype=np.float32), RATE)
    with pytest.raises(InputError, match="int16"):
        model.predict_pcm(np.zeros(5, dtype=np.int16), RATE)  # type: ignore[arg-type]
    with pytest.raises(AudioError, match="no samples"):
        model.predict_pcm(np.zeros(0, dtype=np.float32), RATE)
    with pytest.raises(AudioError, match="not numbers"):
        model.predict_pcm(np.full(5, np.nan, dtype=np.float32), RATE)


def test_a_short_and_a_silent_song_have_an_answer(model: Predictor, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "short.wav", np.zeros(5 * RATE, dtype=np.float32), RATE)
    for answer in (model.predict(tmp_path / "short.wav"), *model.trajectory(tmp_path / "short.wav")):
        assert (answer.start, answer.end, answer.time) == (0, 5, 2.5)
        assert np.isfinite([answer.valence, answer.arousal]).all()


@pytest.mark.parametrize("form", ["spectrogram", "waveform"])
def test_each_moment_is_what_its_clip_cut_out_is(bundle: Path, medley: Path, tmp_path: Path, form: Form) -> None:
    model = sentio_mobile.load(bundle, form=form)
    moments = list(model.trajectory(medley, every=4.0))
    assert len(moments) == model.count(medley, 4.0) == 11
    pcm, _ = soundfile.read(medley, dtype="float32")
    for k, moment in enumerate(moments):
        first = round(moment.start * RATE)
        assert first % 512 == 0
        assert 0 <= 4 * k - moment.start < 512 / RATE
        assert moment.end - moment.start == pytest.approx(30)
        soundfile.write(tmp_path / "clip.wav", pcm[first : first + 30 * RATE], RATE, subtype="FLOAT")
        np.testing.assert_allclose(values([moment]), values([model.predict(tmp_path / "clip.wav")]), atol=1e-4)
    assert values(moments).std(axis=0).min() > 0.05, "a song that feels alike throughout would prove nothing"


def test_the_size_of_batches_changes_no_answer(model: Predictor, medley: Path) -> None:
    wanted = list(replace(model, batch=1).trajectory(medley, every=3.0))
    assert len(wanted) == 14
    for batch in (2, 4, 5, 64):
        found = list(replace(model, batch=batch).trajectory(medley, every=3.0))
        assert [answer.time for answer in found] == [answer.time for answer in wanted]
        np.testing.assert_allclose(values(found), values(wanted), atol=1e-5)


def test_artifacts_are_asked_one_by_one(bundle: Path, medley: Path) -> None:
    shapes: list[tuple[int, ...]] = []

    def run(given: NDArray[np.float32]) -> NDArray[np.float32]:
        shapes.append(given.shape)
        return np.zeros((len(given), 2), dtype=np.float32)

    for form, shape in (("waveform", (1, 661_500)), ("spectrogram", (1, 3, 224, 224))):
        model = replace(sentio_mobile.load(bundle, form=form), run=run)
        assert len(list(model.trajectory(medley, 20.0))) == 3
        assert shapes[-3:] == [shape] * 3


def blocks_of(pcm: NDArray[np.float32], lengths: tuple[int, ...]) -> Iterator[NDArray[np.float32]]:
    """The sound in blocks whose lengths repeat."""
    start = 0
    for length in itertools.cycle(lengths):
        if start >= len(pcm):
            return
        yield pcm[start : start + length]
        start += length


@pytest.mark.parametrize("form", ["spectrogram", "waveform"])
def test_stream_from_a_whole_clip_on_equals_trajectory(bundle: Path, medley: Path, form: Form) -> None:
    model = sentio_mobile.load(bundle, form=form)
    pcm, _ = soundfile.read(medley, dtype="float32")
    wanted = list(model.trajectory(medley, every=4.0))
    for lengths in ((4096,), (1, 20_000, 0, 777), (4 * RATE,)):
        found = list(model.stream(blocks_of(pcm, lengths), RATE, every=4.0, minimum=30.0))
        assert [(one.start, one.end) for one in found] == [(one.start, one.end) for one in wanted]
        np.testing.assert_allclose(values(found), values(wanted), atol=1e-4)
    assert found[0].song == "live"
    assert found[0].inference_ms > 0


def test_stream_at_another_rate_equals_trajectory_of_the_file(
    model: Predictor, songs: list[NDArray[np.float32]], tmp_path: Path
) -> None:
    song = soxr.resample(np.concatenate([songs[0], songs[1][: 5 * RATE]]), RATE, 44_100)
    soundfile.write(tmp_path / "song.wav", song, 44_100, subtype="FLOAT")
    wanted = list(model.trajectory(tmp_path / "song.wav", every=1.0))
    found = list(model.stream(blocks_of(song, (10_000,)), 44_100, every=1.0, minimum=30.0))
    assert [one.start for one in found] == [one.start for one in wanted]
    assert len(found) == 6, "the last one is due by the resampler's rest alone"
    np.testing.assert_allclose(values(found), values(wanted), atol=1e-4)


def test_stream_before_a_whole_clip_fills_up_what_is_missing(
    model: Predictor, songs: list[NDArray[np.float32]]
) -> None:
    found = list(model.stream(blocks_of(songs[0][: 8 * RATE], (1000,)), RATE))
    assert [(one.start, one.end) for one in found] == [(0, 5), (0, 6), (0, 7), (0, 8)]
    for one in found:
        short = model.predict_pcm(songs[0][: round(one.end * RATE)], RATE)
        np.testing.assert_allclose(values([one]), values([short]), atol=1e-6)
    first = next(model.stream(blocks_of(songs[0], (100,)), RATE, minimum=0.0))
    assert 0 < first.end <= 100 / RATE


def test_stream_with_long_blocks_gives_the_newest_window_only(
    model: Predictor, songs: list[NDArray[np.float32]]
) -> None:
    found = list(model.stream(blocks_of(songs[0], (int(7.5 * RATE),)), RATE, every=2.0))
    assert [one.end for one in found] == [7, 15, 21, 29]


def test_stream_reads_no_further_than_its_consumer(model: Predictor) -> None:
    read = 0

    def endless() -> Iterator[NDArray[np.float32]]:
        nonlocal read
        while True:
            read += 1
            yield np.zeros(RATE, dtype=np.float32)

    stream = model.stream(endless(), RATE, every=1.0, minimum=2.0)
    assert read == 0
    assert [next(stream).end for _ in range(3)] == [2, 3, 4]
    assert read == 4


def test_stream_refuses_wrong_settings_at_once(model: Predictor) -> None:
    for every in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match=r"give 0\.024 s or more"):
            model.stream([], RATE, every=every)
    for minimum in (-1.0, 30.5, float("nan")):
        with pytest.raises(InputError, match="give 0 to 30 s"):
            model.stream([], RATE, minimum=minimum)
    for rate in (0, 999, 1_000_000):
        with pytest.raises(InputError, match=f"sample rate {rate} Hz"):
            model.stream([], rate)


def test_stream_refuses_a_wrong_block_after_the_predictions_before_it(model: Predictor) -> None:
    good = np.zeros(RATE, dtype=np.float32)
    wrong = (
        (np.zeros((2, 5), dtype=np.float32), InputError, "not mono"),
        (np.zeros(5, dtype=np.int16), InputError, "int16"),
        (np.full(5, np.inf, dtype=np.float32), AudioError, "not numbers"),
    )
    for block, error, words in wrong:
        stream = model.stream([good, block], RATE, minimum=1.0, song="microphone")
        assert next(stream).end == 1
        with pytest.raises(error, match=f"microphone: .*{words}"):
            next(stream)


@pytest.mark.parametrize("form", ["spectrogram", "waveform"])
def test_check_device_compares_with_the_golden_vectors(bundle: Path, form: Form) -> None:
    model = sentio_mobile.load(bundle, form=form)
    parity = model.check_device()
    assert parity.verdict == "pass"
    assert parity.max_diff is not None
    assert 0 < parity.max_diff <= parity.tolerance
    wrong = replace(model, run=lambda given: model.run(given) + np.float32(0.01))
    with pytest.raises(CheckFailedError, match=r"onnx .* differs from PyTorch by 1\.0e-02.*do not use"):
        wrong.check_device()
    with pytest.raises(BundleError, match="not loaded from a bundle"):
        Predictor(spec=model.spec, run=model.run).check_device()


def test_a_distance_of_windows_that_is_none_is_refused_before_any_work(model: Predictor) -> None:
    for every in (0.0, -1.0, 0.001, float("nan"), float("inf")):
        with pytest.raises(InputError, match=r"give 0\.024 s or more"):
            model.trajectory("no such file.wav", every)


def test_a_file_that_is_cut_gives_no_answer_for_what_is_missing(model: Predictor, tmp_path: Path, medley: Path) -> None:
    path = tmp_path / "cut.wav"
    path.write_bytes(medley.read_bytes()[: medley.stat().st_size * 5 // 7])
    assert (model.predict(path).end, model.predict(path).notes) == (30, ())
    *others, last = model.trajectory(path, 5)
    assert 49 < last.end <= 50
    assert "ends after 50.0 s" in last.notes[0]
    assert all(emotion.notes == () for emotion in others)
    path.write_bytes(medley.read_bytes()[: medley.stat().st_size // 7])
    assert model.predict(path).end == pytest.approx(10, abs=0.01)
    assert "it was cut" in model.predict(path).notes[0]


def test_what_a_bundle_lacks_is_named(bundle: Path, tmp_path: Path, model: Predictor, medley: Path) -> None:
    with pytest.raises(BundleError, match="onnx"):
        sentio_mobile.load(bundle, format="torchscript")
    with pytest.raises(InputError, match="gguf"):
        sentio_mobile.load(bundle, format="gguf")
    with pytest.raises(BundleError, match="no bundle"):
        sentio_mobile.load(tmp_path)
    broken = replace(model, run=lambda given: np.full((len(given), 2), np.nan, dtype=np.float32))
    with pytest.raises(BundleError, match="not a number"):
        broken.predict(medley)
