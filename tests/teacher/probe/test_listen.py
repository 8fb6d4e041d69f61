"""A probe with its encoder: from sound to predictions, for whole clips, over time, and in an evaluation."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from probes import QUICK
from support import Refused, Sentio

from sentio_mobile._internal.records import from_plain
from sentio_mobile.data.clip_table import SONGS, read_clip_rows
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.song_audio import SongAudio, find_audio_files, read_clips
from sentio_mobile.evaluation.evaluated_model import open_model
from sentio_mobile.models.encoders.base import load_encoder
from sentio_mobile.models.encoders.clip_embeddings import read_clip_embeddings, write_clip_embeddings
from sentio_mobile.teacher.probe.listen import ListeningProbe, TimeCourse
from sentio_mobile.teacher.probe.probe import Probe
from sentio_mobile.teacher.probe.train import train_probe

PACKAGE = '''
import numpy as np
from sentio_mobile.models.encoders.base import EncoderInfo

class Levels:
    """Root mean square and mean absolute step of each half second."""

    info = EncoderInfo(
        name="levels", sample_rate=22050, window_s=0.5, hop_s=0.5, size=2, parameters=1, licence="MIT",
        source="a test", digest="0" * 64,
    )

    def embed(self, pcm):
        steps = np.resize(pcm, (max(1, len(pcm) // 11025), 11025))
        return np.stack([np.sqrt((steps**2).mean(1)), np.abs(np.diff(steps)).mean(1)], axis=1).astype(np.float32)
'''


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An installed package with one encoder."""
    site = tmp_path_factory.mktemp("site")
    facts = site / "levels_encoder-1.0.dist-info"
    facts.mkdir()
    (site / "levels_encoder.py").write_text(PACKAGE)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: levels-encoder\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[sentio_mobile.encoders]\nlevels = levels_encoder:Levels\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        yield
    sys.modules.pop("levels_encoder", None)


@pytest.fixture(scope="module")
def listening(
    package: None, data: PreparedData, deam: Path, tmp_path_factory: pytest.TempPathFactory
) -> ListeningProbe:
    """A probe of that encoder, which hears a second at a time: two of its embeddings are averaged."""
    folder, encoder = tmp_path_factory.mktemp("listening"), load_encoder("levels")
    rows = read_clip_rows(data.folder / SONGS)
    files = find_audio_files(rows, data, deam)
    clips = [read_clips(SongAudio(row.song_id, files[row.song_id], row.start), data.audio)[0] for row in rows]
    write_clip_embeddings(
        folder / "embeddings.safetensors",
        info=type(encoder.info)(
            **{**{f: getattr(encoder.info, f) for f in encoder.info.__struct_fields__}, "hop_s": 1.0}
        ),
        checksums=data.store.checksums[np.array([row.row for row in rows])],
        embeddings=np.stack([encoder.embed(clip).reshape(30, 2, 2).mean(axis=1) for clip in clips]),
    )
    known = read_clip_embeddings(folder / "embeddings.safetensors")
    return ListeningProbe(train_probe(data, known, out=folder / "probe", recipe=QUICK))


def test_open_model_predicts_from_sound_what_the_probe_predicts_from_embeddings(
    listening: ListeningProbe, data: PreparedData, deam: Path
) -> None:
    probe = listening.probe
    model = open_model(probe.folder)
    row = read_clip_rows(data.folder / SONGS)[0]
    path = find_audio_files([row], data, deam)[row.song_id]
    clip = read_clips(SongAudio(row.song_id, path, row.start), data.audio)
    known = read_clip_embeddings(probe.folder.parent / "embeddings.safetensors")
    expected = probe.predict(known.embeddings[known.rows_of(data.store.checksums[[row.row]], data.folder)])
    np.testing.assert_allclose(model.predict_clips(clip), expected, atol=2e-3)
    assert model.predict_log_mels is None
    assert model.training_data == data.origin


def test_evaluate_command_takes_a_probe(
    sentio: Sentio, listening: ListeningProbe, data: PreparedData, deam: Path, tmp_path: Path
) -> None:
    result = sentio(
        *("evaluate", f"levels={listening.probe.folder}", "--data", data.folder, "--music", deam),
        *("--skip", "robustness", "--skip", "latency", "--out", tmp_path / "evaluation"),
    )
    assert result.exit_code == 0, result.output
    assert "levels" in result.stdout


def test_explain_command_draws_a_probe_over_time(
    sentio: Sentio, refused: Refused, listening: ListeningProbe, tmp_path: Path
) -> None:
    song, chart, folder = tmp_path / "song.wav", tmp_path / "chart.png", listening.probe.folder
    loudness = np.repeat([0.02, 0.5], 10 * 22050)
    soundfile.write(song, loudness * np.random.default_rng(0).uniform(-1, 1, 20 * 22050), 22050)
    result = sentio("teacher", "explain", folder, song, "--out", chart, "--json")
    assert result.exit_code == 0, result.output
    course = from_plain(TimeCourse, json.loads(result.stdout), "stdout", complete=True)
    # 20 s of sound in steps of 1 s, three steps each; the silence after it is left out.
    assert len(course.times) == len(course.valences) == len(course.arousals) == 18
    assert course.times[0] == pytest.approx(1.25)
    assert np.ptp(course.arousals) > 0.1
    assert chart.stat().st_size > 5000
    refused("has no blocks", "teacher", "explain", folder, song, "--out", chart, "--blocks", "1")


def test_open_model_of_a_missing_encoder_names_it(refused: Refused, probe: Probe, data: PreparedData) -> None:
    refused("no encoder 'toy'", "evaluate", probe.folder, "--data", data.folder)
