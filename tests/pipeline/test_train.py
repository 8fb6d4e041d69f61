"""One command from labelled songs to a judged bundle: killed, resumed, and what it refuses."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file
from support import TINY_STUDENT, Refused, Sentio

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace
from sentio_mobile.data.prepared import open_data
from sentio_mobile.data.pseudo_labels import read_pseudo_labels
from sentio_mobile.errors import DataError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.encoders.musicnn import Musicnn, weights_path
from sentio_mobile.pipeline.plan import read_inputs, total_stages
from sentio_mobile.pipeline.recipes import load_train_recipe
from sentio_mobile.pipeline.train import Training
from sentio_mobile.teacher.probe.probe import Probe

RATE, SONGS = 8000, 24

RECIPE = (
    """
teacher = "probe"
source = "songs.csv"
encoder = "loudness"
steps = 6
fold_steps = 4
folds = 2

[audio]
sample_rate = 8000
seconds = 2.0
n_fft = 512
hop_length = 256
n_mels = 32
f_max = 4000
image_size = [64, 64]

[data]
scale = "-1-1"
windows = 1
perturb = 1

[unlabelled_data]
perturb = 0

[probe]
regressors = ["ridge"]
inputs = ["embedding"]
folds = 3
inner_folds = 2
shuffles = 20

[export]
formats = ["onnx"]
forms = ["spectrogram"]
precisions = ["fp32", "int8"]

[distill]
views = 0

[distill.model]
"""
    + TINY_STUDENT
    + """
[distill.training]
steps = 6
batch_size = 16
learning_rate = 2e-3

[distill.features]
weight = 0.0

[distill.attention]
weight = 0.0
"""
)


def write_songs(folder: Path, count: int, *, seed: int, label: Callable[[float, int], float]) -> Path:
    """Songs of noise whose loudness changes twice, a manifest with labels, and a recipe."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["path,valence_mean,arousal_mean,group"]
    for number in range(count):
        levels = random.uniform(0.05, 0.9, 2)
        sound = random.uniform(-1, 1, 2 * RATE) * np.repeat(levels, RATE)
        soundfile.write(folder / f"{number:02}.wav", sound, RATE)
        value = label(float(levels.mean()), number)
        lines.append(f"{number:02}.wav,{value:.3f},{-value:.3f},g{number // 2}")
    (folder / "songs.csv").write_text("\n".join(lines) + "\n")
    (folder / "recipe.toml").write_text(RECIPE)
    return folder / "songs.csv"


def loudness(level: float, number: int) -> float:
    return 2 * level - 1


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_songs(tmp_path_factory.mktemp("songs"), SONGS, seed=0, label=loudness)


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unlabelled") / "music"
    write_songs(folder, 4, seed=1, label=loudness)
    (folder / "songs.csv").unlink()
    return folder


@pytest.fixture(scope="module")
def weak(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Weak labels, and the folder of their music."""
    folder = tmp_path_factory.mktemp("weak") / "music"
    write_songs(folder, 3, seed=2, label=loudness)
    (folder / "songs.csv").unlink()
    labels = folder.parent / "weak.csv"
    labels.write_text("song_id,v_high,a_high\n00,1,0\n01,0,1\n02,1,\n")
    return labels, folder


@pytest.fixture(autouse=True)
def encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loudness_encoder: None) -> None:
    """The toy encoder, in this process, with an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("sentio_mobile.teacher.embed.usable_cores", lambda: 1)


def arguments(songs: Path, *more: object) -> list[object]:
    return ["train", songs, "--recipe", songs.parent / "recipe.toml", *more]


class Stop(NoProgress):
    """Interrupts the work when it has come to a named part, as a user would."""

    def __init__(self, part: str) -> None:
        self.part = part

    def start(self, what: str, total: int) -> None:
        if self.part in what:
            raise InterruptedError


@pytest.mark.exhaustive
def test_train_killed_and_resumed_judges_every_song_and_trains_on_all(
    songs: Path, unlabelled: Path, weak: tuple[Path, Path], sentio: Sentio, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    recipe = load_train_recipe(
        str(songs.parent / "recipe.toml"), source=songs, unlabelled=[unlabelled], weak_labels=[weak]
    )
    inputs, lines = read_inputs(recipe), list[str]()
    with pytest.raises(InterruptedError):
        Training(folder=out, recipe=recipe, inputs=inputs, progress=Stop("distilling"), announce=lines.append).run()
    assert lines[-1].endswith("folds/1/student")
    result = sentio(*arguments(songs, "--unlabelled", unlabelled, "--weak-labels", *weak, "--out", out))
    # Six steps teach a network nothing, which verification rightly finds: its status is 1.
    assert result.exit_code in (0, 1), result.output
    assert result.stderr.count("done before") == len(lines) - 1
    total = total_stages(inputs, recipe)
    assert f"stage {total} of {total}, report.html" in result.stderr
    assert "student, out of fold" in result.stdout
    assert "teacher, out of fold" in result.stdout
    assert "student int8, out of fold" in result.stdout
    assert f"predict {out / 'bundle'} SONG.mp3" in result.stdout
    student = Checkpoint.load(out / "student")
    assert student.data is not None
    assert student.data.songs == {"train": SONGS}
    # Songs without labels and with weak ones were learned from, too.
    assert student.recipe["extra_clips"] == [4, 3]
    assert any("weak" in name for name in student.history[-1])
    judged = "judged: 2 models that learned from 12 labelled songs in 4 steps each; kept: one that learns from 24"
    assert judged in result.stdout
    assert student.evaluation.cross_validated_by is not None
    # What is stored is the format that was used.
    assert student.recipe["training"]["precision"] == "32-true"
    # A fold's teacher has not heard the songs that it is judged by.
    fold = open_data(out / "folds/1/data")
    heard = Probe.load(out / "folds/1/teacher/probe").out_of_fold.by_clip
    assert {int(clip) for clip in fold.store.checksums[fold.split("train").rows]} <= set(heard)
    assert not {int(clip) for clip in fold.store.checksums[fold.split("test").rows]} & set(heard)
    # What a student is to hear in a perturbed copy is what the teacher hears in the sound as it is.
    data, labels = open_data(out / "data"), read_pseudo_labels(out / "teacher" / "pseudo-labels.csv").by_clip
    for clips in data.store.checksums[data.split("train").windows]:
        assert len(set(clips.tolist())) == 2
        assert len({labels[clip] for clip in clips.tolist()}) == 1
    again = sentio(*arguments(songs, "--unlabelled", unlabelled, "--weak-labels", *weak, "--out", out))
    assert again.stderr.count("done before") == total


HEAD = (
    RECIPE.split("[distill]")[0].replace("seconds = 2.0", "seconds = 3.0").replace("n_mels = 32", "n_mels = 96")
    + """
[distill]
views = 0
head_only = true

[distill.model]
architecture = "musicnn"
patches = 1
filters = [4, 4, 4, 4, 4]
middle = 4

[distill.training]
steps = 1
batch_size = 16
learning_rate = 1e-6

[distill.response]
weight = 1.0
hard = 0.5
soft = 0.5
temperature = 1

[distill.features]
weight = 0.0

[distill.attention]
weight = 0.0
"""
)


@pytest.mark.exhaustive
def test_train_fits_the_head_of_an_encoder_in_each_fold(songs: Path, sentio: Sentio, tmp_path: Path) -> None:
    recipe, out = tmp_path / "recipe.toml", tmp_path / "run"
    recipe.write_text(HEAD)
    arguments = ["train", songs, "--recipe", recipe, "--anyway", "--out", out]
    assert "musicnn-msd is not installed" in sentio(*arguments).stderr
    torch.manual_seed(0)
    weights_path("msd").parent.mkdir(parents=True)
    save_file(Musicnn().state_dict(), weights_path("msd"))
    result = sentio(*arguments)
    assert result.exit_code in (0, 1), result.output
    assert "its head, on 24 songs" in result.stderr
    assert "judged: 2 models that learned from 12 labelled songs each; kept: one that learns from 24" in result.stdout
    student = Checkpoint.load(out / "student")
    assert student.history == ()
    assert student.evaluation.cross_validated_by is not None
    assert "steps" not in student.evaluation.cross_validated_by


def write_raters(folder: Path, *, seed: int) -> Path:
    """Songs with three ratings each: a row is one person's."""
    table = write_songs(folder, 12, seed=seed, label=loudness)
    random, lines = np.random.default_rng(seed), ["path,valence_mean,arousal_mean,group,rater"]
    for line in table.read_text().splitlines()[1:]:
        path, valence, arousal, group = line.split(",")
        for rater, off in enumerate(random.normal(0, 0.1, (3, 2))):
            values = np.clip(np.array([float(valence), float(arousal)]) + off, -1, 1)
            lines.append(f"{path},{values[0]:.3f},{values[1]:.3f},{group},r{rater}")
    table.write_text("\n".join(lines) + "\n")
    return table


@pytest.mark.exhaustive
def test_train_on_raters_of_two_sets_states_their_ceiling_and_each_set(tmp_path: Path, sentio: Sentio) -> None:
    tables = [write_raters(tmp_path / name, seed=seed) for seed, name in enumerate(("one", "two"))]
    for table, name in zip(tables, ("mine", "[red]yours"), strict=True):
        table.rename(table.with_name(f"{name}.csv"))
    sources = [tmp_path / "one/mine.csv", tmp_path / "two/[red]yours.csv"]
    recipe = tmp_path / "recipe.toml"
    text = RECIPE.replace("[probe]", "[probe]\nweigh_by_raters = true")
    text = text.replace("[distill.training]", "[distill.training]\nweigh_by_raters = true")
    recipe.write_text("\n".join(line for line in text.splitlines() if not line.startswith("source")))
    result = sentio("train", *sources, "--recipe", recipe, "--anyway", "--out", tmp_path / "run")
    assert result.exit_code in (0, 1), result.output
    ceiling = "Raters disagree: their means allow no model to be expected above a CCC of 0.9"
    assert ceiling in result.stdout
    assert "student by data set" in result.stdout
    assert "mine " in result.stdout
    assert "[red]yours " in result.stdout
    report = (tmp_path / "run/report.html").read_text()
    assert ceiling in report
    assert '<th scope="row">[red]yours</th><td class="n" data-label="Songs">12</td>' in report
    assert ceiling in (tmp_path / "run/bundle/MODEL_CARD.md").read_text()
    assert Probe.load(tmp_path / "run/teacher/probe").sheet.recipe.weigh_by_raters


def test_train_plan_says_what_will_be_done_and_writes_nothing(
    songs: Path, unlabelled: Path, sentio: Sentio, tmp_path: Path
) -> None:
    result = sentio(*arguments(songs, "--unlabelled", unlabelled, "--plan", "--out", tmp_path / "run"))
    assert result.exit_code == 0, result.output
    assert "24 labelled songs in 12 groups, 4 songs without labels" in result.stderr
    assert "cross-validation in 2 folds" in result.stderr
    assert "28 windows by loudness" in result.stderr
    assert not (tmp_path / "run").exists()


def test_train_without_the_encoder_says_what_to_do(songs: Path, sentio: Sentio, tmp_path: Path) -> None:
    words = "is not installed; install it with `sentio-mobile encoder install musicnn`, or train without an encoder"
    result = sentio(*arguments(songs, "--encoder", "musicnn-msd", "--plan", "--out", tmp_path / "run"))
    assert result.exit_code == 2
    note, line = result.stderr.splitlines()
    assert note.startswith("note: songs.csv: scale -1-1")
    assert line.startswith("Error: ")
    assert words in line


def test_train_refuses_too_few_songs_and_labels_that_are_alike(tmp_path: Path, refused: Refused) -> None:
    few = write_songs(tmp_path / "few", 6, seed=0, label=loudness)
    refused("has 6 labelled songs, and training needs 20", *arguments(few, "--out", tmp_path / "run"))
    alike = write_songs(tmp_path / "alike", 20, seed=0, label=lambda *_: 0.5)
    refused("all songs have the valence +0.50", *arguments(alike, "--out", tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def run_until_teacher(songs: Path, out: Path, unlabelled: Path | None = None) -> None:
    """Run a training up to its teacher."""
    recipe = load_train_recipe(str(songs.parent / "recipe.toml"), source=songs)
    if unlabelled is not None:
        recipe = replace(recipe, unlabelled=(str(unlabelled),))
    inputs = read_inputs(recipe)
    Training(folder=out, recipe=recipe, inputs=inputs, progress=Stop("distilling"), announce=lambda _: None).run()


def test_train_stops_where_labels_say_nothing(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    songs = write_songs(tmp_path / "songs", SONGS, seed=0, label=lambda *_: random.uniform(-1, 1))
    with pytest.raises(DataError, match=r"say no more about the music than shuffled ones .* or go on with --anyway"):
        run_until_teacher(songs, tmp_path / "run")


def test_train_refuses_labelled_songs_among_the_others(songs: Path, tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    (music / "copy.wav").write_bytes((songs.parent / "03.wav").read_bytes())
    with pytest.raises(DataError, match=r"1 of its songs, such as 'copy', are labelled songs of .* leave them out"):
        run_until_teacher(songs, tmp_path / "run", music)


def test_train_recipe_is_one_for_run(songs: Path, refused: Refused, tmp_path: Path) -> None:
    few = write_songs(tmp_path / "few", 6, seed=0, label=loudness)
    recipe = songs.parent / "recipe.toml"
    refused("has 6 labelled songs", "run", recipe, "--source", few, "--out", tmp_path / "run")
    refused("leave --start out", "run", recipe, "--start", tmp_path / "teacher", "--out", tmp_path / "run")
