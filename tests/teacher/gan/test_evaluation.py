"""Judging clips of which it is known what is the matter with them."""

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.generated import write_deam
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.errors import CheckpointError, DataError
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.gan.evaluation.clips import Clips, made_clips, real_clips, real_windows
from sentio_mobile.teacher.gan.evaluation.embedding import fit_embedding, kernel_distance
from sentio_mobile.teacher.gan.evaluation.emotion_model import fit_linear, open_teacher
from sentio_mobile.teacher.gan.evaluation.evaluation import GanEvaluation, evaluate_gan
from sentio_mobile.teacher.gan.evaluation.features import DESCRIPTIONS, describe, patches
from sentio_mobile.teacher.gan.evaluation.page import write_gan_evaluation
from sentio_mobile.teacher.gan.evaluation.score import POINTS, frechet, score, share, split_groups, tier_of, transport
from sentio_mobile.teacher.train import train_teacher

SHORT = replace(AudioSpec(), seconds=12.0)
Array = NDArray[np.float32]


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """Enough music that a linear model can learn from its validation songs."""
    folder = tmp_path_factory.mktemp("judged")
    write_deam(folder / "deam", 150, seed=11, audio_format="wav")
    recipe = DataRecipe(fractions=(0.4, 0.4, 0.2), windows=2)
    assert prepare(folder / "deam", folder / "data", recipe=recipe, audio=SHORT) == []
    return open_data(folder / "data")


def mels_of(clips: Clips) -> Array:
    return np.stack(list(clips))


def judged(data: PreparedData, mels: Array, labels: Array) -> GanEvaluation:
    return evaluate_gan(made_clips("planted", mels, labels), data, listener=None, seed=0, progress=NoProgress())


@pytest.fixture(scope="module")
def held_out(songs: PreparedData) -> GanEvaluation:
    test = real_clips(songs, "test")
    return judged(songs, mels_of(test), test.labels)


def test_real_songs_that_nobody_learnt_from_are_good_and_new(held_out: GanEvaluation) -> None:
    assert held_out.score.total > 90
    assert held_out.score.tier == "good"
    assert not held_out.memory.is_memorised
    assert held_out.memory.copies == 0
    assert 0.8 < held_out.memory.ratio < 1.25
    assert 0.8 < held_out.diversity.overall < 1.2
    assert 0.8 < held_out.diversity.same_label < 1.2
    low, high = held_out.kernel.made.low, held_out.kernel.between_real.high
    assert low is not None
    assert high is not None
    assert low < high


def test_what_is_heard_in_real_songs_is_the_measure(held_out: GanEvaluation) -> None:
    for dimension, least in (("arousal", 0.5), ("valence", 0.2)):
        samples, real = (held_out.consistency.interval(dimension, real=x) for x in (False, True))
        assert real.value is not None
        assert real.value > least
        assert samples.low is not None
        assert samples.high is not None
        assert samples.low < real.value < samples.high
    assert held_out.consistency.real_split == "train"
    assert held_out.consistency.real["songs"] == list(real_songs(held_out, "train"))


def real_songs(found: GanEvaluation, split: str) -> tuple[str, ...]:
    assert found.consistency.real_split == split
    return tuple(found.consistency.real["songs"])


@pytest.mark.parametrize("change", ["noise", "shift"])
def test_copies_of_training_songs_are_flagged(songs: PreparedData, change: str) -> None:
    windows = real_windows(songs, "train")
    chosen = windows.part(np.arange(0, len(windows), 5))
    mels = mels_of(chosen)
    if change == "noise":
        mels = np.clip(mels + np.random.default_rng(0).normal(0, 0.02, mels.shape), 0, 1).astype(np.float32)
    if change == "shift":
        mels = np.roll(mels, 30, axis=2)
    found = judged(songs, mels, chosen.labels)
    assert found.memory.copies > 0.9
    assert found.memory.is_memorised
    assert found.score.tier == "good"
    assert any("memorised" in line for line in found.notes)


def test_one_clip_again_and_again_has_no_diversity(songs: PreparedData) -> None:
    test = real_clips(songs, "test")
    found = judged(songs, np.repeat(test[0][None], len(test), axis=0), test.labels)
    assert found.diversity.overall < 1e-3
    assert found.diversity.same_label < 1e-3
    assert found.score.tier == "poor"
    assert any("collapsed" in line for line in found.notes)


def test_one_clip_a_label_is_various_over_all_and_not_at_a_label(songs: PreparedData) -> None:
    test = real_clips(songs, "test")
    rows = np.repeat(np.arange(5), 6)
    found = judged(songs, mels_of(test)[rows], test.labels[rows])
    assert found.diversity.overall > 0.5
    assert found.diversity.same_label < 1e-3
    assert any("one label" in line for line in found.notes)


def test_shuffled_labels_are_not_heard(songs: PreparedData) -> None:
    parts = [real_clips(songs, split) for split in ("train", "test")]
    mels, labels = np.concatenate([mels_of(x) for x in parts]), np.concatenate([x.labels for x in parts])
    order = np.random.default_rng(1).permutation(len(mels))
    right, wrong = (judged(songs, mels, x) for x in (labels, labels[order]))
    for dimension in ("valence", "arousal"):
        heard, missed = (found.consistency.interval(dimension) for found in (right, wrong))
        assert heard.low is not None
        assert missed.value is not None
        assert abs(missed.value) < min(0.25, heard.low)
    assert right.score == wrong.score
    assert not any("asked for is not heard" in line for line in right.notes)
    assert any("asked for is not heard" in line for line in wrong.notes)


@pytest.mark.parametrize("kind", ["gaussian", "silence"])
def test_noise_is_poor(songs: PreparedData, kind: str) -> None:
    test = real_clips(songs, "test")
    real, rng = mels_of(test), np.random.default_rng(0)
    mels = {
        "gaussian": np.clip(rng.normal(real.mean(), real.std(), real.shape), 0, 1),
        "silence": np.zeros(real.shape),
    }[kind].astype(np.float32)
    found = judged(songs, mels, test.labels)
    assert found.score.total < 15
    assert found.score.tier == "poor"
    assert not found.memory.is_memorised
    assert any("far from real songs" in line for line in found.notes)


def test_the_score_falls_as_real_songs_are_spoilt(songs: PreparedData) -> None:
    train, test = real_clips(songs, "train"), real_clips(songs, "test")
    real = describe(train, songs.audio, NoProgress())
    rng = np.random.default_rng(0)
    totals = []
    for strength in (0.0, 0.05, 0.1, 0.2, 0.4):
        mels = np.clip(mels_of(test) + rng.normal(0, strength, (len(test), *test[0].shape)), 0, 1).astype(np.float32)
        spoilt = describe(made_clips("spoilt", mels, test.labels), songs.audio, NoProgress())
        totals.append(score(spoilt, real, train.groups, seed=0).total)
    assert totals == sorted(totals, reverse=True)
    assert totals[0] > 90
    assert totals[-1] < 30


def test_each_part_of_the_score_sees_its_own_fault(songs: PreparedData) -> None:
    train, test = real_clips(songs, "train"), real_clips(songs, "test")
    real = describe(train, songs.audio, NoProgress())
    mels, rng = mels_of(test), np.random.default_rng(0)

    def points(spoilt: Array) -> dict[str, float]:
        parts = score(
            describe(made_clips("spoilt", spoilt, test.labels), songs.audio, NoProgress()), real, train.groups, 0
        ).parts
        return {part.name: part.points / part.most for part in parts}

    shuffled = points(mels[:, :, rng.permutation(mels.shape[2])])
    assert shuffled["smoothness"] < 0.3
    assert min(shuffled["moments"], shuffled["range"], shuffled["correlation"]) > 0.8
    flipped = points(mels[:, ::-1])
    assert flipped["frechet"] < 0.3
    assert min(flipped["moments"], flipped["range"], flipped["smoothness"]) > 0.8
    scattered = mels.copy()
    for band in range(mels.shape[1]):
        scattered[:, band] = np.roll(mels[:, band], rng.integers(mels.shape[2]), axis=1)
    assert points(scattered)["correlation"] < 0.3
    squeezed = points(0.5 + 0.3 * (mels - 0.5))
    assert max(squeezed["range"], squeezed["moments"]) < 0.5


def test_points_fall_with_the_distance() -> None:
    shares = [share(distance, 2.0) for distance in (0.0, 2.0, 3.0, 4.0, 10.0, 22.0)]
    assert shares[:2] == [1.0, 1.0]
    assert shares[3] == 0.5
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 0.01
    assert sum(POINTS.values()) == 100
    assert [tier_of(x) for x in (70.0, 69.9, 50.0, 49.9)] == ["good", "usable", "usable", "poor"]


def test_distances_are_those_of_the_textbook() -> None:
    rng = np.random.default_rng(0)
    levels = rng.normal(-40, 5, (40, 128, 200)).astype(np.float32)
    one, louder = (np.stack([patches(x) for x in clips]) for clips in (levels, levels + 3))
    # Equal covariances: what is left is the distance between the means, 3 dB in each number of a patch.
    assert frechet(one, louder) == pytest.approx(3 * np.sqrt(128), rel=1e-2)
    assert frechet(one, one) < 0.5
    numbers = rng.normal(size=(50, 3))
    assert transport(numbers, numbers[::-1] + 2) == pytest.approx(2)


def test_the_kernel_distance_of_one_distribution_is_zero_at_any_size() -> None:
    rng = np.random.default_rng(0)
    for n in (10, 100):
        same = [kernel_distance(rng.normal(size=(n, 8)), rng.normal(size=(n, 8))) for _ in range(300)]
        assert abs(np.mean(same)) < 3 * np.std(same) / np.sqrt(300)
        assert np.mean([kernel_distance(rng.normal(size=(n, 8)), rng.normal(1, 1, (n, 8))) for _ in range(50)]) > 1


def test_an_embedding_scales_its_directions_alike() -> None:
    states = np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32) * np.array([1, 9, 9, 9, 100, 0], "f4")
    states[:, 2] = states[:, 1]
    places = fit_embedding(states).place(states)
    assert places.shape == (200, 4)
    np.testing.assert_allclose(np.cov(places.T, ddof=0), np.eye(4), atol=1e-6)


def test_halves_of_real_songs_have_no_group_in_common() -> None:
    groups = [f"g{i // 3}" for i in range(31)]
    one, other = split_groups(groups, np.random.default_rng(0))
    assert sorted([*one, *other]) == list(range(31))
    assert not {groups[i] for i in one} & {groups[i] for i in other}
    assert abs(len(one) - len(other)) <= 3
    alone = split_groups(["all"] * 10, np.random.default_rng(0))
    assert [len(half) for half in alone] == [5, 5]


def test_a_judgement_repeats_itself(songs: PreparedData, held_out: GanEvaluation) -> None:
    test = real_clips(songs, "test")
    assert judged(songs, mels_of(test), test.labels).to_dict() == {**held_out.to_dict(), "subject": "planted"}


def test_the_test_songs_are_not_read(songs: PreparedData) -> None:
    """A judgement of other clips is the same whatever the test songs are."""
    val = real_clips(songs, "val")
    without = replace(songs, splits={name: songs.splits[name] for name in ("train", "val")})
    mels, labels = mels_of(val)[:12], val.labels[:12]
    assert judged(without, mels, labels).to_dict() == judged(songs, mels, labels).to_dict()


@pytest.mark.slow
def test_a_teacher_listens(songs: PreparedData, tiny_teacher: TeacherRecipe, tmp_path: Path) -> None:
    training = replace(tiny_teacher.training, epochs=2)
    train_teacher(songs, replace(tiny_teacher, training=training), out=tmp_path / "ckpt")
    listener = open_teacher(tmp_path / "ckpt", songs)
    assert "training songs of the same data" in listener.what
    test = real_clips(songs, "test")
    heard = listener.listen(test, NoProgress())
    assert heard.emotion.shape == (len(test), 2)
    assert heard.state.shape == (len(test), 32)
    from sentio_mobile.models.checkpoint import Checkpoint

    saved = Checkpoint.load(tmp_path / "ckpt").evaluation["test"]["predicted"]
    np.testing.assert_allclose(heard.emotion, saved, atol=1e-3)
    found = evaluate_gan(
        made_clips("songs", mels_of(test), test.labels), songs, listener=listener, seed=0, progress=NoProgress()
    )
    assert found.consistency.real_split == "val"
    assert found.consistency.state_is == "the teacher's last hidden state"
    assert not found.memory.is_memorised
    other = replace(songs, sheet=replace(songs.sheet, audio=replace(songs.audio, hop_length=256)))
    with pytest.raises(DataError, match="another front end"):
        open_teacher(tmp_path / "ckpt", other)
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        open_teacher(tmp_path, songs)


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_real_beside_made_up(songs: PreparedData, tmp_path: Path) -> None:
    test = real_clips(songs, "test")
    made = made_clips("<b>runs/gan</b>", mels_of(test), test.labels)
    found = evaluate_gan(made, songs, listener=None, seed=0, progress=NoProgress())
    write_gan_evaluation(tmp_path / "page.html", found, made, songs)
    page = (tmp_path / "page.html").read_text()
    reader = Reader()
    reader.feed(page)
    alts = [image["alt"] or "" for image in reader.images]
    real, fake = ([x for x in alts if x.startswith(f"Spectrogram. {kind}")] for kind in ("Real", "Made up"))
    assert len(real) == len(fake) == 7
    assert all((image["src"] or "").startswith("data:") for image in reader.images)
    assert "http" not in page.replace("http-equiv", "")
    assert f"{found.score.total:.0f} of 100" in reader.text
    assert "<b>runs" not in page
    assert str(found.consistency.interval("arousal")) in reader.text


def test_clips_that_cannot_be_judged_are_refused(songs: PreparedData) -> None:
    test = real_clips(songs, "test")
    mels, labels = mels_of(test), test.labels
    with pytest.raises(DataError, match=r"20 by 30 .bands by frames., the songs of .* are 128 by"):
        judged(songs, mels[:, :20, :30], labels)
    spoilt = mels.copy()
    spoilt[3, 5, 7] = np.nan
    with pytest.raises(DataError, match="planted: 'sample 3' holds values that are no numbers"):
        judged(songs, spoilt, labels)
    with pytest.raises(DataError, match="a score needs 8 of each"):
        judged(songs, mels[:5], labels[:5])
    with pytest.raises(DataError, match="as many labels"):
        judged(songs, mels, labels[:-1])
    with pytest.raises(DataError, match="as many labels"):
        judged(songs, mels, labels + 2)


def test_too_few_songs_to_learn_to_hear_from_are_refused(songs: PreparedData) -> None:
    val = real_clips(songs, "val")
    with pytest.raises(DataError, match="too few to learn to hear"):
        fit_linear(val.part(np.arange(5)), songs.audio, NoProgress())
    alike = replace(val, labels=np.zeros_like(val.labels))
    with pytest.raises(DataError, match="all alike or missing"):
        fit_linear(alike, songs.audio, NoProgress())


def test_every_part_has_a_description() -> None:
    assert set(DESCRIPTIONS) == set(POINTS)
