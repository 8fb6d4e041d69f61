"""The checklist of a release: each line can fail, and two real bundles go through it."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from sentio_mobile._internal.records import replace
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.cli import main
from sentio_mobile.metrics.evaluation import Evaluation, evaluate
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.monitoring.release import ReleaseLimits, no_loss, over_floor

SONGS = tuple(f"song {number}" for number in range(200))
TRUTH = np.random.default_rng(0).uniform(-0.9, 0.9, (200, 2))
LIMITS = ReleaseLimits()


def judged(noise: float, *, seed: int = 1, songs: tuple[str, ...] = SONGS) -> Evaluation:
    predicted = np.clip(TRUTH + np.random.default_rng(seed).normal(0, noise, TRUTH.shape), -1, 1)
    return Evaluation(test=evaluate(songs, TRUTH, predicted, 0))


def test_floor() -> None:
    assert over_floor(judged(0.2), LIMITS).verdict == "pass"
    assert over_floor(judged(0.8), LIMITS).verdict == "fail"
    assert over_floor(judged(0.8), ReleaseLimits(floor=0.3)).verdict == "pass"
    assert over_floor(Evaluation(), LIMITS).verdict == "fail"


def test_loss_against_the_old_model() -> None:
    assert no_loss(judged(0.3), judged(0.2), LIMITS).verdict == "pass"
    assert no_loss(judged(0.3), judged(0.3), LIMITS).verdict == "pass"
    assert no_loss(judged(0.2), judged(0.5), LIMITS).verdict == "fail"
    # Alike, but so noisy that a loss of more than 0.02 cannot be ruled out.
    assert no_loss(judged(0.6, seed=3), judged(0.6, seed=4), LIMITS).verdict == "open"
    other = judged(0.2, songs=tuple(f"tune {number}" for number in range(200)))
    assert no_loss(judged(0.2), other, LIMITS).verdict == "open"
    assert no_loss(judged(0.2), Evaluation(), LIMITS).verdict == "open"


def call(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], env={"COLUMNS": "80"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two bundles, the second one signed, their key and a changelog."""
    folder = tmp_path_factory.mktemp("release")
    student = Checkpoint.load(ROOT / "export/golden/student")
    for number, noise in ((1, 0.3), (2, 0.2)):
        replace(student, evaluation=judged(noise)).save(folder / f"student{number}")
        exported = call(
            *("export", "--checkpoint", folder / f"student{number}", "--format", "onnx", "--form", "spectrogram"),
            *("--release", f"{number}.0", "--out", folder / f"bundle{number}"),
        )
        assert exported.exit_code == 0, exported.output
    assert call("bundle", "key", folder / "key.pem").exit_code == 0
    assert call("bundle", "sign", folder / "bundle2", "--key", folder / "key.pem").exit_code == 0
    (folder / "CHANGELOG.md").write_text("# Changes\n\n## [2.0] - today\n\n- Better.\n")
    return folder


@pytest.mark.exhaustive
def test_two_real_bundles(bundles: Path, tmp_path: Path) -> None:
    given = ("--key", bundles / "key.pub.pem", "--changelog", bundles / "CHANGELOG.md", "--runs", 50, "--json")
    good = call("release", "check", bundles / "bundle1", bundles / "bundle2", *given, "--out", tmp_path / "checked")
    found = json.loads(good.stdout)
    verdicts = {line["name"]: line["verdict"] for line in found["lines"]}
    # On a busy machine the time is open.
    assert verdicts.pop("latency") in ("pass", "open")
    assert set(verdicts.values()) == {"pass"}, found["lines"]
    assert good.exit_code == {"pass": 0, "open": 3}[found["verdict"]]
    page = (tmp_path / "checked" / "release.html").read_text()
    assert "no loss against the old one" in page
    assert json.loads((tmp_path / "checked" / "release.json").read_text()) == found


def test_the_way_back_is_refused(bundles: Path) -> None:
    back = call("release", "check", bundles / "bundle2", bundles / "bundle1", "--changelog", "none.md", "--runs", 50)
    assert back.exit_code == 1
    assert "Do not release emotion 1.0:" in back.stdout
    for name in ("no loss against the old one", "changelog", "signed"):
        assert name in back.stdout.splitlines()[-1]
    assert max(map(len, back.stdout.splitlines()[:-1])) <= 80
