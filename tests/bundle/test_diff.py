"""What is new in a bundle is said, all of it, and nothing else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from support import MakeBundle, Refused, Sentio

from sentio_mobile._internal.records import replace, to_plain, write_record
from sentio_mobile.bundle.bundle import GOLDEN
from sentio_mobile.bundle.golden import Golden
from sentio_mobile.metrics.agreement import paired_difference
from sentio_mobile.metrics.bootstrap import UNDEFINED
from sentio_mobile.metrics.evaluation import Evaluation, MeanMetrics, evaluate
from sentio_mobile.spec import ModelSpec

Diff = Callable[..., dict[str, Any]]


@pytest.fixture
def diff(make_bundle: MakeBundle, sentio: Sentio) -> Diff:
    """What the command says, as JSON, of a bundle and an edited one."""

    def run(edit: Callable[[Path, dict[str, Any]], None]) -> dict[str, Any]:
        result = sentio("diff", make_bundle("a"), make_bundle("b", edit), "--json")
        assert result.exit_code == 0, result.stderr
        found: dict[str, Any] = json.loads(result.stdout, parse_constant=lambda name: pytest.fail(name))
        return found

    return run


def changed(found: dict[str, Any]) -> list[str]:
    """The sections that have something in them."""
    sections = ("spec", "artifacts", "files", "metrics", "provenance", "other")
    return [name for name in sections if found[name]]


def test_bundles_that_are_the_same(make_bundle: MakeBundle, sentio: Sentio) -> None:
    a, b = make_bundle("a"), make_bundle("b")
    assert "do not differ" in sentio("diff", a, b).stdout
    found = json.loads(sentio("diff", a, b, "--json").stdout)
    assert found["same"]
    assert changed(found) == []
    assert found["golden"] == {"vectors": 9, "largest": {"valence": 0, "arousal": 0}, "reason": ""}


def test_artifacts_are_added_removed_and_changed(diff: Diff) -> None:
    def edit(folder: Path, facts: dict[str, Any]) -> None:
        (folder / "mobilevit-waveform-fp32.onnx").rename(folder / "mobilevit-waveform-fp16.onnx")
        facts["artifacts"][0].update(precision="fp16", path="mobilevit-waveform-fp16.onnx")
        (folder / "mobilevit-spectrogram-int8.mlpackage" / "Data" / "weight.bin").write_bytes(bytes(301))
        (folder / "NOTES.md").write_text("new")

    found = diff(edit)
    assert changed(found) == ["artifacts", "files"]
    by_name = {row.pop("name"): row for row in found["artifacts"]}
    size = {"before": None, "after": None, "percent": None}
    assert by_name.pop("onnx waveform fp32") == {**size, "change": "removed", "before": 1000}
    assert by_name.pop("onnx waveform fp16") == {**size, "change": "added", "after": 1000}
    assert by_name == {
        "coreml spectrogram int8": {"change": "changed", "before": 202, "after": 303, "percent": pytest.approx(50)}
    }
    assert [(row["name"], row["change"]) for row in found["files"]] == [("NOTES.md", "added")]


def test_fields_of_spec_recipe_and_versions(diff: Diff) -> None:
    def edit(folder: Path, facts: dict[str, Any]) -> None:
        facts["spec"]["audio"]["f_max"] = 7000.0
        facts["spec"]["settings"]["width"] = 96
        facts["provenance"]["recipe"]["training"]["epochs"] = 60
        facts["provenance"]["data"]["fingerprint"] = "0f" * 32
        facts["provenance"]["checkpoint_sha256"] = "2c" * 32
        facts["versions"]["onnx"] = "1.23"
        facts["failed"] = {"tflite waveform": "killed"}

    found = diff(edit)
    assert changed(found) == ["spec", "provenance", "other"]

    def rows(section: str) -> dict[str, list[Any]]:
        return {row["name"]: [row["before"], row["after"]] for row in found[section]}

    assert rows("spec") == {"settings.width": [64, 96], "audio.f_max": [8000.0, 7000.0]}
    assert rows("provenance") == {
        "checkpoint_sha256": ["1b" * 32, "2c" * 32],
        "recipe.training.epochs": [40, 60],
        "data.fingerprint": ["f8" * 32, "0f" * 32],
        "versions.onnx": [None, "1.23"],
    }
    assert rows("other") == {"failed.tflite waveform": [None, "killed"]}


def test_numbers_that_json_does_not_know_are_refused(make_bundle: MakeBundle, refused: Refused) -> None:
    a, b = make_bundle("a"), make_bundle("b")
    manifest = json.loads((b / "manifest.json").read_text())
    manifest["provenance"]["recipe"]["training"] = {"epochs": [float("inf")], "learning_rate": float("nan")}
    (b / "manifest.json").write_text(json.dumps(manifest))
    refused("is damaged: not JSON", "diff", a, b, "--json")


def test_figures_of_the_same_songs_are_compared_song_by_song(diff: Diff, evaluation: Evaluation) -> None:
    test = evaluation.test
    assert test is not None
    better = evaluate(test.songs, test.labels, 0.9 * test.labels, seed=0)

    def edit(folder: Path, facts: dict[str, Any]) -> None:
        write_record(folder / "evaluation.json", replace(evaluation, test=better))

    found = diff(edit)
    assert changed(found) == ["files", "metrics"]
    assert [(row["split"], row["dimension"]) for row in found["metrics"]] == [
        ("test", "valence"),
        ("test", "arousal"),
        ("test", "mean"),
    ]
    mean = found["metrics"][-1]
    assert mean["before"] == pytest.approx(to_plain(test.ccc["mean"]))
    assert mean["after"] == pytest.approx(to_plain(better.ccc["mean"]))
    wanted = paired_difference(test.labels, test.predictions, better.predictions, seed=0)["mean"]
    assert mean["difference"] == pytest.approx(to_plain(wanted))
    assert mean["difference"]["low"] > 0


def test_figures_of_other_songs_are_not_set_against_each_other(
    make_bundle: MakeBundle, sentio: Sentio, evaluation: Evaluation
) -> None:
    test = evaluation.test
    assert test is not None
    undefined = replace(test.metrics, mean=MeanMetrics(ccc=UNDEFINED))

    def edit(folder: Path, facts: dict[str, Any]) -> None:
        songs = tuple(f"other-{i}" for i in range(20))
        write_record(folder / "evaluation.json", Evaluation(test=replace(test, metrics=undefined, songs=songs)))

    def relabelled(folder: Path, facts: dict[str, Any]) -> None:
        other = replace(test, metrics=undefined, truth=((0.5, -0.5),) * 20)
        write_record(folder / "evaluation.json", replace(evaluation, test=other))

    a, b = make_bundle("a"), make_bundle("b", edit)
    (row,) = json.loads(sentio("diff", a, make_bundle("c", relabelled), "--json").stdout)["metrics"]
    assert row["difference"] is None
    rows = json.loads(sentio("diff", a, b, "--json").stdout)["metrics"]
    assert [row["split"] for row in rows] == ["val", "val", "val", "test"]
    assert all(row["difference"] is None for row in rows)
    shown = sentio("diff", a, b).stdout
    assert "not measured" in shown
    assert "undefined" in shown


def golden(folder: Path, spec: dict[str, Any], **change: Any) -> None:
    before = Golden.load(folder / GOLDEN, ModelSpec.from_dict(spec))
    replace(before, **change).save(folder / GOLDEN)


def test_golden_outputs_that_moved(make_bundle: MakeBundle, sentio: Sentio, diff: Diff) -> None:
    def edit(folder: Path, facts: dict[str, Any]) -> None:
        output = load_file(folder / GOLDEN)["output"]
        output[3] += (0.25, -0.5)
        golden(folder, facts["spec"], output=output)

    found = diff(edit)
    assert changed(found) == ["files"]
    assert found["golden"]["largest"] == pytest.approx({"valence": 0.25, "arousal": 0.5}, abs=1e-6)

    def no_number(folder: Path, facts: dict[str, Any]) -> None:
        golden(folder, facts["spec"], output=np.full((9, 2), np.nan, dtype=np.float32))

    a, b = make_bundle("c"), make_bundle("d", no_number)
    result = sentio("diff", a, b)
    assert result.exit_code == 2
    assert "golden" in result.stderr


def test_golden_outputs_of_other_sounds_say_nothing(diff: Diff) -> None:
    def edit(folder: Path, facts: dict[str, Any]) -> None:
        excerpt = load_file(folder / GOLDEN)["excerpt"]
        excerpt[0, 0] += 1
        golden(folder, facts["spec"], excerpt=excerpt)

    found = diff(edit)["golden"]
    assert found["largest"] == {}
    assert "golden sounds differ" in found["reason"]


def test_tables_show_what_json_has_and_no_name_steers_the_terminal(make_bundle: MakeBundle, sentio: Sentio) -> None:
    def edit(folder: Path, facts: dict[str, Any]) -> None:
        facts["provenance"]["recipe"]["[red]\x1b[2J"] = "[bold]\x1b[2J" + "x" * 500
        facts["spec"]["audio"]["f_max"] = 7000.0
        (folder / "mobilevit-waveform-fp32.onnx").write_bytes(bytes(2000))
        (folder / "[blink].txt").write_text("x")

    result = sentio("diff", make_bundle("a"), make_bundle("b", edit))
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    for words in ("audio.f_max", "7000.0", "+100.0%", "1,000 B", "[red]", "[bold]", "[blink]", "moved by at most"):
        assert words in result.stdout
    assert "CCC (95% interval): no difference" in result.stdout


def test_bundles_that_are_damaged_are_bad_input(refused: Refused, make_bundle: MakeBundle) -> None:
    def broken(content: str) -> Callable[[Path, dict[str, Any]], None]:
        return lambda folder, facts: (folder / "evaluation.json").write_text(content) and None

    a = make_bundle("a")
    for i, test in enumerate(({"metrics": 5}, [1], {"n": 1}, {"n": 3, "metrics": {}, "songs": ["x"]})):
        b = make_bundle(f"b{i}", broken(json.dumps({"test": test})))
        refused("evaluation.json: test", "diff", a, b)
    refused("is no bundle", "diff", a, a.parent)
    (a / GOLDEN).write_bytes(b"x")
    refused("SHA-256 differs", "diff", a, a)
