"""Whether GAN samples that a probe has judged help a network, where samples that nobody judged do not.

    python benchmarks/research/gan_filtered.py OUT --songs songs.csv --data PREPARED --embeddings FILE
        [--gan cgan_small] [--network crnn] [--steps 600] [--samples 200] [--candidates 4] [--share 0.25]
        [--folds 5] [--only 0 1] [--seeds 0 1]

Songs and embeddings are those of `pretrained_students.py`. In each fold a probe and a GAN are trained on the other
folds' songs. The GAN makes several candidates for each label that it is asked for. A sample is a log-mel and not sound:
each candidate is turned into sound by estimated phases, the probe's encoder hears it, and of the candidates of a label
the one is kept whose predicted valence and arousal are nearest to the label, among those whose embedding is not
farther from the songs' than songs of other groups are. So both arms have the same labels, and as many samples: the
first candidate of each label, or the judged one. A network is then trained on songs alone, with the first candidates,
and with the judged ones, for the same steps and seeds.

What the judge is worth is measured first: how well its predictions for training songs agree with those for the same
songs turned into log-mels and back into sound. Where they do not agree, the filter is noise.

OUT keeps what is trained, so that a stopped run goes on. OUT/record.json has the consistency of labels before and after
the filter, the arms, and their paired differences, over groups. A candidate takes about 3 s on one core.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from msgspec import Meta
from numpy.typing import NDArray
from pretrained_students import PROBE_RECIPE, prepared_fold
from pretrained_students_figures import Array, Figures, intervals, samples_of
from pretrained_students_sounds import read_songs
from sklearn.model_selection import GroupKFold

from sentio_mobile._internal.files import write_bytes
from sentio_mobile._internal.records import Count, Name, Record, Share, Versions, replace, write_record
from sentio_mobile._internal.workers import in_threads
from sentio_mobile.audio.decode import fit_length
from sentio_mobile.audio.invert import mel_to_power, to_pcm
from sentio_mobile.benchmarks.machine import Machine, describe_machine
from sentio_mobile.cli.progress_bars import ProgressBars
from sentio_mobile.data.gan_samples import GanSamples, Sampling, open_gan_samples, write_gan_samples
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.metrics.agreement import ccc
from sentio_mobile.metrics.bootstrap import resample
from sentio_mobile.models.checkpoint import Checkpoint, package_versions
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings, read_clip_embeddings
from sentio_mobile.recipes import load_recipe
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.config import GanSampleSettings, TeacherRecipe
from sentio_mobile.teacher.gan.batches import song_examples
from sentio_mobile.teacher.gan.checkpoint import GanCheckpoint
from sentio_mobile.teacher.gan.config import STAGE, GanRecipe
from sentio_mobile.teacher.gan.sample import draw_labels
from sentio_mobile.teacher.gan.train import train_gan
from sentio_mobile.teacher.probe.listen import ListeningProbe
from sentio_mobile.teacher.probe.probe import Probe, is_probe
from sentio_mobile.teacher.probe.train import train_probe
from sentio_mobile.teacher.train import train_teacher
from sentio_mobile.training.fit import predict

ALONE, FIRST, JUDGED = "songs alone", "first candidates", "judged candidates"
CONTROL_SONGS = 40
"""Training songs on which the judge itself is measured."""

Agreement = Annotated[float, Meta(ge=-1, le=1)]


class Judgement(Record, frozen=True, kw_only=True):
    """What the probe heard in the samples of one fold. Agreements are CCC, of valence and of arousal."""

    candidates: Count  # samples that were heard
    near: Share  # share of them whose embedding is as near to the songs as those of other groups are
    control: tuple[Agreement, Agreement]  # predictions for songs and for the same songs rebuilt from their log-mels
    first: tuple[Agreement, Agreement]  # labels asked for and predictions, of the first candidates
    judged: tuple[Agreement, Agreement]  # the same of the judged ones


class GanFiltered(Record, frozen=True, kw_only=True):
    """record.json."""

    songs: Count  # tested songs
    groups: Count  # their groups, which intervals are over
    seeds: Annotated[tuple[int, ...], Meta(max_length=64)]  # seeds of the networks
    samples: Count  # samples of each arm in each fold
    candidates: Count  # candidates of each sample
    share: Share  # probability that a sample takes the place of a song
    gan: GanRecipe  # the GAN's recipe
    network: TeacherRecipe  # the network's recipe, but for the seed
    judgements: Annotated[tuple[Judgement, ...], Meta(max_length=100)]  # of each fold
    arms: Annotated[dict[Name, Figures], Meta(max_length=3)]  # figures of each arm, in the mean over seeds
    gains: Annotated[dict[Name, Figures], Meta(max_length=3)]  # paired differences, by the names of both arms
    machine: Machine  # where it ran
    versions: Versions  # packages


@dataclass(frozen=True)
class Heard:
    """Candidates as the probe heard them.

    Attributes:
        predicted: Valence and arousal [labels, candidates, 2].
        distances: Distance of each embedding to the nearest song's [labels, candidates].
    """

    predicted: Array
    distances: Array


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, judge, compare, and write OUT/record.json."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    data, embeddings = open_data(options.data), read_clip_embeddings(options.embeddings)
    songs = read_songs(options.songs, data)
    gan_recipe = load_recipe(GanRecipe, options.gan, STAGE)
    recipe = load_recipe(TeacherRecipe, options.network, "teacher")
    recipe = replace(
        recipe,
        gan_samples=GanSampleSettings(share=options.share),
        # A fixed schedule: a fold has no validation songs.
        training=replace(recipe.training, epochs=0, steps=options.steps, keep="last", precision="auto"),
    )
    folds = list(GroupKFold(options.folds).split(songs.labels, groups=songs.groups))
    numbers = options.only or range(options.folds)
    judgements, found = [], {name: [list[Array]() for _ in options.seeds] for name in (ALONE, FIRST, JUDGED)}
    for number in numbers:
        train, test = folds[number]
        work = options.out / f"fold-{number}"
        fold = prepared_fold(options.songs, data, songs, train=train, test=test, out=work)
        judgement, samples = judged_samples(fold, embeddings, gan_recipe, work=work, options=options)
        judgements.append(judgement)
        print(number, judgement, flush=True)
        places = {song: place for place, song in enumerate(fold.split("test").song_ids)}
        order = np.array([places[songs.ids[i]] for i in test])
        for run, seed in enumerate(options.seeds):
            seeded = replace(recipe, training=replace(recipe.training, seed=seed))
            for arm in found:
                place = work / f"{arm.replace(' ', '-')}-{seed}"
                if not place.is_dir():
                    train_teacher(fold, seeded, out=place, gan_samples=samples.get(arm))
                network = Checkpoint.load(place)
                found[arm][run].append(predict(network.model, network.spec, fold, "test")[order])
    tested = np.concatenate([folds[number][1] for number in numbers])
    arms, gains = compare(
        songs.labels[tested],
        songs.high[tested],
        groups=[songs.groups[i] for i in tested],
        found={arm: [np.concatenate(parts) for parts in runs] for arm, runs in found.items()},
    )
    record = GanFiltered(
        songs=len(tested),
        groups=len({songs.groups[i] for i in tested}),
        seeds=tuple(options.seeds),
        samples=options.samples,
        candidates=options.candidates,
        share=options.share,
        gan=gan_recipe,
        network=recipe,
        judgements=tuple(judgements),
        arms=arms,
        gains=gains,
        machine=describe_machine(),
        versions=package_versions(),
    )
    write_record(options.out / "record.json", record)
    for name, figures in gains.items():
        print(name, figures["ccc"])


def judged_samples(
    fold: PreparedData,
    embeddings: ClipEmbeddings,
    recipe: GanRecipe,
    *,
    work: Path,
    options: argparse.Namespace,
) -> tuple[Judgement, dict[str, GanSamples]]:
    """A GAN's samples of one fold, the first of each label and the judged one, and what the judge heard."""
    place = work / "probe"
    probe = Probe.load(place) if is_probe(place) else train_probe(fold, embeddings, out=place, recipe=PROBE_RECIPE)
    listening = ListeningProbe(probe)
    with ProgressBars() as bars:
        gan_place = work / "gan"
        gan = (
            GanCheckpoint.load(gan_place)
            if gan_place.is_dir()
            else train_gan(song_examples(fold), recipe, out=gan_place, progress=bars)
        )
    random = np.random.default_rng(0)
    labels = draw_labels("density", gan.labels, options.samples, random)
    mels = gan.sample(np.repeat(labels, options.candidates, axis=0), 0)
    shape = (options.samples, options.candidates)
    train = fold.split("train")
    known = mean_embeddings(embeddings.embeddings[embeddings.rows_of(fold.store.checksums[train.rows], fold.folder)])
    heard = hear(mels, listening, fold.audio, known=known, place=work / "heard.npz", shape=shape)
    limit = usual_distance(known, train.groups)
    chosen = choose(labels, heard, limit)
    samples = {
        FIRST: write(work / "first", gan, mels.reshape(*shape, *mels.shape[1:])[:, 0], labels),
        JUDGED: write(
            work / "judged", gan, mels.reshape(*shape, *mels.shape[1:])[np.arange(len(labels)), chosen], labels
        ),
    }
    judgement = Judgement(
        candidates=len(mels),
        near=float((heard.distances <= limit).mean()),
        control=control(fold, embeddings, listening),
        first=agreement(labels, heard.predicted[:, 0]),
        judged=agreement(labels, heard.predicted[np.arange(len(labels)), chosen]),
    )
    return judgement, samples


def hear(
    mels: NDArray[np.float32],
    listening: ListeningProbe,
    audio: AudioSpec,
    *,
    known: Array,
    place: Path,
    shape: tuple[int, int],
) -> Heard:
    """Turn log-mels into sound, and let the probe hear it. What was heard before is read from `place`."""
    if not place.is_file():

        def one(mel: NDArray[np.float32]) -> tuple[Array, float]:
            steps = listening.embed(fit_length(to_pcm(mel_to_power(mel, audio), audio, 0), audio))[None]
            distance = np.linalg.norm(known - mean_embeddings(steps), axis=1).min()
            return listening.probe.predict(steps)[0], float(distance)

        found = list(in_threads(one, mels))
        content = io.BytesIO()
        np.savez(
            content,
            allow_pickle=False,
            predicted=np.stack([predicted for predicted, _ in found]),
            distances=np.array([distance for _, distance in found], dtype=np.float32),
        )
        write_bytes(place, content.getvalue())
    with np.load(place, allow_pickle=False) as arrays:
        return Heard(arrays["predicted"].reshape(*shape, 2), arrays["distances"].reshape(shape))


def choose(labels: Array, heard: Heard, limit: float) -> NDArray[np.int64]:
    """The candidate of each label [labels] that the probe hears nearest to it; those beyond `limit` come last."""
    error = np.linalg.norm(heard.predicted - labels[:, None], axis=2)
    return np.asarray(np.where(heard.distances <= limit, error, error + 10).argmin(axis=1))


def mean_embeddings(embeddings: NDArray[np.floating]) -> Array:
    """The mean over time of embeddings [clips, time, size], as probes hear them."""
    steps = embeddings.astype(np.float32)
    return np.asarray((np.sign(steps) * np.log1p(np.abs(steps))).mean(axis=1), dtype=np.float32)


def usual_distance(known: Array, groups: Sequence[str]) -> float:
    """The distance to the nearest song of another group within which 95% of the songs lie."""
    distances = np.linalg.norm(known[:, None] - known[None], axis=2)
    names = np.asarray(groups)
    distances[names[:, None] == names[None]] = np.inf
    return float(np.quantile(distances.min(axis=1), 0.95))


def control(fold: PreparedData, embeddings: ClipEmbeddings, listening: ListeningProbe) -> tuple[float, float]:
    """Agreement of the probe's predictions for songs with those for the same songs rebuilt from their log-mels."""
    rows = fold.split("train").rows
    rows = rows[np.random.default_rng(0).permutation(len(rows))[:CONTROL_SONGS]]
    heard = embeddings.embeddings[embeddings.rows_of(fold.store.checksums[rows], fold.folder)]

    def rebuilt(row: np.int64) -> Array:
        power = mel_to_power(np.asarray(fold.mels[row], dtype=np.float32), fold.audio)
        return listening.predict(fit_length(to_pcm(power, fold.audio, 0), fold.audio)[None])[0]

    return agreement(listening.probe.predict(heard), np.stack(list(in_threads(rebuilt, rows))))


def agreement(truth: Array, predicted: Array) -> tuple[float, float]:
    """CCC of valence and of arousal; 0 where it is undefined."""
    valence, arousal = np.nan_to_num(ccc(truth, predicted)).tolist()
    return valence, arousal


def write(out: Path, gan: GanCheckpoint, mels: NDArray[np.float32], labels: Array) -> GanSamples:
    """Write samples as a folder that training takes."""
    if not out.is_dir():
        scores = gan.scores(mels, labels)
        sampling = Sampling(generator="gan", trained_on=gan.data, tried=len(mels))
        write_gan_samples(out, gan.audio, batches=[(mels, labels, scores)], sampling=lambda: sampling)
    return open_gan_samples(out)


def compare(
    labels: Array, high: NDArray[np.bool_], *, groups: Sequence[str], found: dict[str, list[Array]]
) -> tuple[dict[str, Figures], dict[str, Figures]]:
    """Figures of each arm, and what each gains on the others, in the mean over seeds."""
    draws = resample(len(labels), 0, groups)
    means = {}
    for arm, runs in found.items():
        each = [samples_of(labels, high, run, draws) for run in runs]
        means[arm] = {figure: np.mean([one[figure] for one in each], axis=0) for figure in each[0]}
    pairs = ((FIRST, ALONE), (JUDGED, ALONE), (JUDGED, FIRST))
    gains = {f"{one}, more than {other}": intervals(means[one], minus=means[other]) for one, other in pairs}
    return {arm: intervals(own) for arm, own in means.items()}, gains


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--songs", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--embeddings", type=Path, required=True)
    parser.add_argument("--gan", default="cgan_small")
    parser.add_argument("--network", default="crnn")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--candidates", type=int, default=4)
    parser.add_argument("--share", type=float, default=0.25)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", type=int, nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=1)
    return parser


if __name__ == "__main__":
    main()
