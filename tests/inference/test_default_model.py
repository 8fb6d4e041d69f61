"""Predictions without a bundle: the default model, which place is taken for a bundle, and the shipped model itself."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from support import Refused, Sentio

import sentio_mobile
from sentio_mobile.bundle.bundle import CARD, open_bundle
from sentio_mobile.errors import BundleError
from sentio_mobile.inference import default_model
from sentio_mobile.inference.default_model import DEFAULT_MODEL, bundle_and_songs

RATE = 22050
MAX_BYTES = 10_000_000
"""Largest default model: it is in every wheel."""


@pytest.fixture
def shipped(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle that stands where the default model does."""
    monkeypatch.setattr(default_model, "DEFAULT_MODEL", bundle)
    return bundle


@pytest.fixture
def none_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without a default model."""
    monkeypatch.setattr(default_model, "DEFAULT_MODEL", tmp_path / "nowhere")


def test_predict_without_a_bundle_names_the_default_model(shipped: Path, library: Path, sentio: Sentio) -> None:
    result = sentio("predict", library / "a.ogg", library / "b")
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines()[0] == f"default model emotion 1; its card: {shipped / CARD}"
    assert result.stdout == sentio("predict", shipped, library / "a.ogg", library / "b").stdout
    assert "default model" not in sentio("predict", shipped, library / "a.ogg").output


def test_predict_without_a_bundle_gives_json_alone(shipped: Path, library: Path, sentio: Sentio) -> None:
    result = sentio("predict", library / "a.ogg", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [one["song"] for one in json.loads(result.stdout)] == [str(library / "a.ogg")]


def test_load_without_a_bundle_loads_the_default_model(
    shipped: Path, library: Path, songs: list[NDArray[np.float32]]
) -> None:
    predictor = sentio_mobile.load(form="spectrogram")
    assert predictor.bundle is not None
    assert predictor.bundle.folder == shipped
    here, there = (
        predictor.predict(library / "a.ogg"),
        sentio_mobile.load(shipped, form="spectrogram").predict(library / "a.ogg"),
    )
    assert (here.valence, here.arousal) == (there.valence, there.arousal)


@pytest.mark.usefixtures("none_shipped")
def test_predict_without_any_model_says_so(refused: Refused, library: Path) -> None:
    refused("this installation ships no default model; give a bundle", "predict", library / "a.ogg")
    with pytest.raises(BundleError, match="ships no default model"):
        sentio_mobile.load()


def test_predict_refuses_what_is_neither_a_bundle_nor_a_song(shipped: Path, refused: Refused, library: Path) -> None:
    empty = library / "empty"
    empty.mkdir()
    for place in (library / "bundel", empty):
        words = f"{place}: is no bundle (no manifest.json) and holds no song"
        refused(words, "predict", place, library / "a.ogg")
    refused("is a bundle; give songs after it", "predict", shipped)


def test_bundle_and_songs_tells_them_apart(shipped: Path, library: Path) -> None:
    song, missing = library / "a.ogg", library / "missing.mp3"
    assert bundle_and_songs([shipped, song, shipped]) == (shipped, (song, shipped))
    for places in ((library,), (library, song), (song, shipped), (missing, song), (missing,)):
        assert bundle_and_songs(places) == (None, places)


@pytest.mark.skipif(not DEFAULT_MODEL.is_dir(), reason="no default model is shipped yet")
def test_shipped_model_is_whole_small_and_described(tmp_path: Path, songs: list[NDArray[np.float32]]) -> None:
    bundle = open_bundle(DEFAULT_MODEL)
    listed = {*bundle.manifest.files, "manifest.json"}
    there = {path.relative_to(DEFAULT_MODEL).as_posix() for path in DEFAULT_MODEL.rglob("*") if path.is_file()}
    assert there == listed
    assert sum((DEFAULT_MODEL / name).stat().st_size for name in there) < MAX_BYTES
    card = (DEFAULT_MODEL / CARD).read_text()
    for words in ("AUC", "valence", "arousal", "not ratings"):
        assert words in card
    soundfile.write(tmp_path / "song.wav", songs[0], RATE)
    emotion = sentio_mobile.load().predict(tmp_path / "song.wav")
    assert all(math.isfinite(value) and abs(value) <= 1 for value in (emotion.valence, emotion.arousal))
