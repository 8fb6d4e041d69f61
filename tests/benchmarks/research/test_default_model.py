"""The scripts behind the default model: AUC on songs with weak labels, and the bundle that comes with the package."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from conversions import STUDENT, shared_conversions

from sentio_mobile._internal.records import read_record
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.bundle.about import WeakLabelAuc
from sentio_mobile.bundle.bundle import CARD, open_bundle
from sentio_mobile.data.clip_table import SONGS, read_clip_rows
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.pseudo_labels import write_pseudo_labels
from sentio_mobile.errors import OutputError


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"research_{name}", ROOT / "benchmarks" / "research" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


WEAK_LABELS = "song_id,v_high,a_high,group\na,1,1,x\nb,0,1,x\nc,1,0,y\nd,0,0,y\ne,1,1,z\nf,0,1,z\ng,1,0,z\nh,0,0,x\n"


@pytest.fixture
def auc(tmp_path: Path) -> Path:
    """Measured on songs whose arousal is right, and whose valence is right among energetic songs only."""
    values = {"a": (0.5, 0.6), "b": (-0.5, 0.7), "c": (-0.2, -0.5), "d": (0.2, -0.4)}
    values |= {"e": (0.6, 0.6), "f": (-0.4, 0.5), "g": (-0.3, -0.6), "h": (0.1, -0.1)}
    (tmp_path / "weak.csv").write_text(WEAK_LABELS)
    rows = "".join(f"music/{song}.mp3,{v},{a}\n" for song, (v, a) in values.items())
    (tmp_path / "predictions.csv").write_text(f"song,valence,arousal\n{rows}music/other.mp3,0,0\n")
    files = [str(tmp_path / name) for name in ("predictions.csv", "weak.csv", "auc.json")]
    load("weak_label_auc").main([*files, "--music", "eight songs"])
    return tmp_path / "auc.json"


def test_weak_label_auc_tells_calm_from_energetic_music(auc: Path) -> None:
    found = read_record(WeakLabelAuc, auc)
    assert (found.songs, found.over, found.music) == (8, "groups", "eight songs")
    # Of 16 pairs, the 4 of energetic songs are right, and 8 of an energetic and a calm one.
    assert found.valence.value == pytest.approx(12 / 16)
    assert (found.valence_when_energetic.value, found.valence_when_calm.value, found.arousal.value) == (1, 0, 1)


def test_weak_label_auc_takes_the_mean_over_clips(data: PreparedData, tmp_path: Path) -> None:
    clips = read_clip_rows(data.folder / SONGS)
    triples = [(int(data.store.checksums[clip.row]), clip.valence or 0.0, 0.25) for clip in clips]
    write_pseudo_labels(tmp_path / "pseudo.csv", triples)
    found = load("weak_label_auc").of_clips(tmp_path / "pseudo.csv", data.folder)
    assert found[clips[0].song_id] == pytest.approx((clips[0].valence, 0.25), abs=1e-5)
    assert len(found) == len({clip.song_id for clip in clips})


def test_default_model_script_writes_a_whole_small_bundle(
    auc: Path,
    data: PreparedData,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script, out = load("default_model"), tmp_path / "default"
    arguments = [str(STUDENT), str(out), "--data", str(data.folder), "--music", "free music", "--auc", str(auc)]
    with shared_conversions(tmp_path_factory):
        script.main(arguments)
        bundle = open_bundle(out)
        assert [(one.label, one.path.is_file()) for one in bundle.artifacts] == [("onnx spectrogram int8", True)]
        assert bundle.manifest.licence == "Apache-2.0"
        card = (out / CARD).read_text()
        assert "Music: free music\n" in card
        assert "| valence, among calm songs | 0.00 [" in card
        assert all(f"- {limit}\n" in card for limit in script.LIMITS)
        assert "musicnn" in card
        monkeypatch.setattr(script, "MAX_BYTES", 1000)
        with pytest.raises(OutputError, match="leave a format out"):
            script.main([*arguments, "--overwrite"])
    assert open_bundle(out).manifest == bundle.manifest
