"""A card says what a bundle says, nothing that it does not, and no name in it can say anything else."""

import re
from typing import Any

import pytest
import yaml
from support import artifact_entry

from sentio_mobile._internal.records import from_plain, replace
from sentio_mobile.bundle.manifest import Manifest, check_licence
from sentio_mobile.bundle.model_card import hub_licence, model_card
from sentio_mobile.errors import InputError
from sentio_mobile.metrics.bootstrap import DIMENSIONS, UNDEFINED, Interval
from sentio_mobile.metrics.evaluation import Coverage, Evaluation, OutputCoverage, TeacherEvaluation
from sentio_mobile.spec import DataOrigin, ModelSpec


@pytest.fixture
def manifest(facts: dict[str, Any]) -> dict[str, Any]:
    package = "mobilevit-spectrogram-int8.mlpackage"
    sizes = {"mobilevit-waveform-fp32.onnx": 29_300_000, f"{package}/a.bin": 7_000_000, f"{package}/b.json": 617}
    facts["files"] = {
        name: {"sha256": f"{i}{i + 1}" * 32, "bytes": size} for i, (name, size) in enumerate(sizes.items())
    }
    return facts


def card_of(manifest: dict[str, Any], evaluation: Evaluation) -> str:
    return model_card(from_plain(Manifest, manifest, "manifest.json"), evaluation)


def parts(card: str) -> tuple[dict[str, Any], str]:
    """The front matter, as YAML has it, and the rest."""
    _, front, rest = card.split("---\n", 2)
    return yaml.safe_load(front), rest


def rows(card: str) -> list[list[str]]:
    """Cells of every table's rows."""
    return [line.strip("| ").split(" | ") for line in card.splitlines() if line.startswith("| ")]


def test_front_matter_is_what_the_hub_reads(manifest: dict[str, Any], evaluation: Evaluation) -> None:
    manifest["licence"] = "Apache-2.0"
    front, _ = parts(card_of(manifest, evaluation))
    assert front == {
        "license": "apache-2.0",
        "library_name": "sentio-mobile",
        "pipeline_tag": "audio-classification",
        "tags": ["coreml", "emotion", "music", "onnx", "valence-arousal"],
        "metrics": ["ccc", "mae"],
    }


def test_it_says_what_goes_in_and_comes_out(manifest: dict[str, Any]) -> None:
    card = card_of(manifest, Evaluation())
    assert "`waveform`: float32, 1 x 661500" in card
    assert "`spectrogram`: float32, 1 x 3 x 14 x 14" in card
    assert "`emotion`: float32, 1 x 2, in this order: `valence`, `arousal`. Each is from -1 to 1." in card
    for words in (
        "22,050 Hz",
        "n_fft 2048",
        "hop 512",
        "128 Slaney mel bands from 20 to 8000 Hz",
        "padded with silence",
    ):
        assert words in card
    assert "8-bit integers instead of float32" not in card
    manifest["artifacts"] = [artifact_entry("tflite", "waveform", "int8-full", "mobilevit-waveform-fp32.onnx")]
    manifest["spec"]["pooling"] = "mean"
    card = card_of(manifest, Evaluation())
    assert "`spectrogram`: float32" not in card
    assert "8-bit integers instead of float32" in card
    assert "the mean over its consecutive clips" in card


def test_artifacts_have_precision_form_size_and_hash(manifest: dict[str, Any]) -> None:
    manifest["failed"] = {"tflite waveform": "killed by signal 9"}
    card = card_of(manifest, Evaluation())
    assert ["`onnx`", "`fp32`", "`waveform`", "`mobilevit-waveform-fp32.onnx`", "29.3 MB", f"`{'01' * 32}`"] in rows(
        card
    )
    package = "`mobilevit-spectrogram-int8.mlpackage`"
    assert ["`coreml`", "`int8`", "`spectrogram`", package, "7.0 MB", "a folder, see below"] in rows(card)
    assert f"- `mobilevit-spectrogram-int8.mlpackage/a.bin`: `{'12' * 32}`" in card
    assert "Conversions that failed: `tflite waveform`." in card
    assert "- `coreml`: Core ML on iOS 15, macOS 12 and newer; `int8` on iOS 16, macOS 13 and newer." in card
    assert "iOS 13" not in card, "which only `mlmodel` runs on"


def test_cost_of_quantization_is_stated_for_each_artifact(manifest: dict[str, Any]) -> None:
    rounded = manifest["artifacts"][1]
    card = card_of(manifest, Evaluation())
    assert ["`coreml`", "`int8`", "`spectrogram`", *["not run"] * 2, *["not measured"] * 2] in rows(card)
    assert "CCC was not measured: no songs were given" in card
    rounded["parity"].update({"verdict": "pass", "max_diff": 0.0123, "mean_diff": 0.001, "psnr": 38.4, "std_ratio": 1})
    rounded["accuracy"] = {
        **{name: rounded[name] for name in ("format", "form", "precision")},
        "split": "val",
        "songs": 12,
        "ccc": {key: {"value": 0.51, "low": 0.4, "high": 0.6} for key in DIMENSIONS},
        "loss": {key: {"value": 0.0041, "low": -0.002, "high": 0.0102} for key in DIMENSIONS},
        "max_loss": 0.01,
        "verdict": "pass",
        "reason": "",
    }
    manifest["provenance"]["keep_float"] = ["blocks.0.up", "output"]
    manifest["refused"] = {"onnx waveform int8": "flat", "coreml spectrogram int8": "worse"}
    card = card_of(manifest, Evaluation())
    cells = ["1.2e-02", "38 dB", "0.51 [0.40, 0.60]", "0.004 [-0.002, 0.010]"]
    assert ["`coreml`", "`int8`", "`spectrogram`", *cells] in rows(card)
    assert "on 12 validation songs" in card
    assert "leave in floating point: `blocks.0.up`, `output`." in card
    assert "Left out because they failed the checks of their precision: `onnx waveform int8`." in card
    assert "Included although they failed the checks of their precision: `coreml spectrogram int8`." in card


def test_figures_have_their_interval_and_songs(manifest: dict[str, Any], evaluation: Evaluation) -> None:
    assert evaluation.test is not None
    words = str(evaluation.test.ccc["mean"])
    teacher = TeacherEvaluation(test=evaluation.test, parameters=85_800_000, spec=ModelSpec(architecture="vit"))
    card = card_of(manifest, replace(evaluation, teacher=teacher, retention=Interval(0.954, 0.9, 1.02)))
    assert "On 20 songs (test songs, evaluated once):" in card
    assert "On 12 songs (validation songs" in card
    assert ["mean", words] == [cell for row in rows(card) if row[0] == "mean" for cell in row[:2]][:2]
    assert "bootstrap over `songs`, seed 0" in card
    assert (
        f"Teacher: `vit` with 85.80 M parameters; its mean CCC is {words} on 20 test songs. Retained from teacher: "
        "0.95 [0.90, 1.02] of its mean CCC" in card
    )
    assert "generated" not in card
    assert "the mean of what listeners said about a song" in card


def test_generated_songs_are_said_to_be_generated(manifest: dict[str, Any], evaluation: Evaluation) -> None:
    manifest["provenance"]["data"]["labels"] = "generated"
    card = card_of(manifest, evaluation)
    assert "**Trained on generated music.**" in card
    assert card.count("generated music with generated labels") == 2
    assert "listeners" not in card
    manifest["provenance"]["data"]["labels"] = "rated"
    assert evaluation.test is not None
    teacher = TeacherEvaluation(
        test=evaluation.test,
        parameters=1,
        spec=ModelSpec(architecture="vit"),
        data=DataOrigin(labels="generated", source="music", fingerprint="f8" * 32),
    )
    assert "trained on generated music" in card_of(manifest, Evaluation(teacher=teacher))


def test_teacher_that_is_no_network(manifest: dict[str, Any], evaluation: Evaluation) -> None:
    assert evaluation.test is not None
    teacher = TeacherEvaluation(test=evaluation.test, kind="labels.csv")
    card = card_of(manifest, replace(evaluation, teacher=teacher))
    assert f"Teacher: predictions in `labels.csv`; its mean CCC is {evaluation.test.ccc['mean']}" in card


def test_what_nobody_measured_is_said_in_words(manifest: dict[str, Any]) -> None:
    manifest["provenance"].update(data=None, recipe={})
    manifest.update(licence="unknown", versions={})
    card = card_of(manifest, Evaluation())
    for words in (
        "Licence: unknown.",
        "Labels of unknown origin",
        "Not measured.",
        "Uncertainty: not measured",
        "Songs: not stated",
        "The number of training songs is not stated",
    ):
        assert words in card
    assert "None" not in card
    assert parts(card)[0]["license"] == "unknown"


def test_what_is_undefined_is_said_in_words(manifest: dict[str, Any], evaluation: Evaluation) -> None:
    assert evaluation.test is not None
    metrics = evaluation.test.metrics
    flat = replace(
        evaluation.test,
        metrics=replace(
            metrics,
            valence=replace(metrics.valence, ccc=UNDEFINED, mae=None),
            mean=replace(metrics.mean, ccc=UNDEFINED),
        ),
    )
    teacher = TeacherEvaluation(test=flat, parameters=100_000, spec=ModelSpec(architecture="vit"))
    card = card_of(manifest, Evaluation(test=flat, retention=UNDEFINED, teacher=teacher))
    assert ["valence", "undefined", "undefined"] in rows(card)
    assert "Retained from teacher: undefined." in card
    assert "eak teacher" not in card


def test_a_weak_teacher_is_named(manifest: dict[str, Any], evaluation: Evaluation) -> None:
    assert evaluation.test is not None
    teacher = TeacherEvaluation(test=evaluation.test, parameters=1, spec=ModelSpec(architecture="vit"))
    weak = replace(evaluation, retention=Interval(1.08, 1.01, 1.19), teacher=teacher)
    card = card_of(manifest, weak)
    assert "Weak teacher: its student is better than it (retention 1.08 \\[1.01, 1.19\\])" in card
    assert "and it is the smaller network (1 parameters against 69,138)" in card
    assert not re.search(r"\bNaN\b|\bNone\b|\binf\b", card)


def test_coverage_of_intervals_is_stated(manifest: dict[str, Any], evaluation: Evaluation) -> None:
    assert evaluation.test is not None
    output = OutputCoverage(share=0.85, low=0.2, high=0.9, half_width=0.4)
    coverage = Coverage(target=0.9, n=20, valence=replace(output, share=0.8), arousal=output)
    manifest["spec"]["uncertainty"] = {"coverage": 0.9, "half_width": [0.4, 0.5], "songs": 12}
    card = card_of(manifest, replace(evaluation, test=replace(evaluation.test, coverage=coverage)))
    assert "the intervals held for valence 80% [20%, 90%], arousal 85% [20%, 90%]" in card


def test_intervals_of_answers_are_stated(manifest: dict[str, Any]) -> None:
    manifest["spec"]["uncertainty"] = {"coverage": 0.9, "half_width": [0.41, 0.52], "songs": 12}
    card = card_of(manifest, Evaluation()).replace("\n", " ")
    assert "a probability of 90%, the label of a song lies within 0.41 of `valence`, 0.52 of `arousal`" in card
    assert "12 validation songs" in card


NASTY = "x` | y | z\n---\n# [click](http:a) <img src=x>\x1b \x7f \u202e {{ 7 * 7 }}"


def test_no_name_can_break_a_table_or_the_front_matter(manifest: dict[str, Any], evaluation: Evaluation) -> None:
    plain = card_of(manifest, evaluation)
    # Paths of files are safe by themselves: a manifest with such a one is refused.
    manifest["artifacts"][0].update(format=NASTY)
    manifest["spec"]["architecture"] = NASTY
    manifest["provenance"]["data"].update(source=NASTY)
    manifest["provenance"]["recipe"] = {NASTY: NASTY, "b": [NASTY]}
    manifest["failed"] = {NASTY: ""}
    assert evaluation.test is not None
    teacher = TeacherEvaluation(test=evaluation.test, parameters=1, spec=ModelSpec(architecture=NASTY))
    card = card_of(manifest, replace(evaluation, teacher=teacher))
    front, rest = parts(card)
    assert any("click" in tag for tag in front["tags"])
    assert set(front) == set(parts(plain)[0])
    headings = [[line for line in text.splitlines() if line.startswith("#")] for text in (plain, card)]
    assert headings[0] == headings[1]
    assert "\x1b" not in rest
    assert "\u202e" not in rest
    assert "{{ 7 * 7 }}" in rest
    outside = re.sub(r"`[^`\n]*`", "", rest)
    assert "click" not in outside
    assert "img" not in outside
    wide = [row for row in rows(card) if "click" in "".join(row)]
    assert sorted(len(row) for row in wide) == [2, 2, 6, 7]


@pytest.mark.parametrize("text", ["", "MIT OR Apache-2.0", "no\nlicence", "MIT\n", "-MIT", "x" * 65, "MIT|", "ÄGPL"])
def test_what_is_no_licence_identifier_is_refused(text: str, manifest: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="no licence identifier") as caught:
        check_licence(text)
    assert "\n" not in str(caught.value)
    manifest["licence"] = text
    with pytest.raises(InputError, match="licence must be"):
        card_of(manifest, Evaluation())


def test_licences_as_the_hub_has_them() -> None:
    assert check_licence("CC-BY-NC-4.0") == "CC-BY-NC-4.0"
    assert hub_licence("CC-BY-NC-4.0") == {"license": "cc-by-nc-4.0"}
    assert hub_licence("GPL-2.0+") == {"license": "other", "license_name": "GPL-2.0+"}
    assert hub_licence("no") == {"license": "other", "license_name": "no"}
    assert hub_licence("unknown") == {"license": "unknown"}


def test_a_licence_that_looks_like_something_else_stays_a_word(manifest: dict[str, Any]) -> None:
    for licence in ("no", "1.0", "1e5"):
        manifest["licence"] = licence
        assert parts(card_of(manifest, Evaluation()))[0]["license_name"] == licence


def test_card_of_a_model_without_ratings_says_so(manifest: dict[str, Any]) -> None:
    manifest["provenance"]["data"] |= {"labels": "none", "songs": {"unlabelled": 889}}
    card = card_of(manifest, Evaluation())
    assert "trained on 889 songs without labels. It was not tested." in card
    assert "**Trained without ratings.**" in card
    assert "without labels; the model learned a teacher's predictions" in card
    assert "they are not ratings" in card
    assert "unknown origin" not in card
    assert "listeners" not in card


def test_card_has_what_the_maker_says(manifest: dict[str, Any]) -> None:
    figures = {"value": 0.7412, "low": 0.7, "high": 0.78}
    auc = dict.fromkeys(("valence", "arousal", "valence_when_calm", "valence_when_energetic"), figures)
    manifest["about"] = {
        "music": "Free music,\n\n# all of it <b>[x](http://y)</b>\x1b",
        "teacher": "tags of an encoder",
        "auc": [{"music": "songs of four quadrants", "songs": 600, **auc, "over": "groups", "seed": 3}],
        "limits": ["Western tags"],
    }
    card = card_of(manifest, Evaluation())
    assert "Music: Free music, \\# all of it \\<b\\>\\[x\\](http://y)\\</b\\>\\\\x1b\n" in card
    assert "Teacher: tags of an encoder\n" in card
    assert "On 600 songs: songs of four quadrants\n" in card
    assert ["valence, among calm songs", "0.74 [0.70, 0.78]"] in rows(card)
    assert "bootstrap over groups, seed 3" in card
    assert "- Western tags\n" in card
    del manifest["about"]
    assert "AUC" not in card_of(manifest, Evaluation())
