import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sentio_mobile._internal.records import replace
from sentio_mobile.benchmarks.report import write_report
from sentio_mobile.benchmarks.results import Benchmark
from sentio_mobile.benchmarks.summary import summarize
from sentio_mobile.bundle.accuracy import Accuracy
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.verify import Verification
from sentio_mobile.metrics.bootstrap import DIMENSIONS, Interval

Write = Callable[[Bundle], str]


class Tags(HTMLParser):
    """Every tag with its attributes, and the words between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("td", "th", "dd"):
            self.words += " "

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture
def write(verification: Verification, measured: Benchmark, tmp_path: Path) -> Write:
    def page(bundle: Bundle) -> str:
        write_report(tmp_path / "report.html", bundle, verification, measured)
        return (tmp_path / "report.html").read_text()

    return page


def words(page: str) -> str:
    return " ".join(Tags(page).words.split())


def test_report_shows_the_measurements(bundle: Bundle, measured: Benchmark, write: Write) -> None:
    page = write(bundle)
    text = words(page)
    student = bundle.evaluation().test
    assert student is not None
    assert str(student.ccc["valence"]) in text
    assert "60 songs of the test split" in text
    for m in measured.measured:
        assert m.latency is not None
        assert m.label in text
    assert "desktop, not a phone" in text
    assert "f" * 64 in text
    assert "sentio-mobile verify bundle" in text
    assert measured.machine.cpu in text


def test_report_compares_latency_with_fp32(
    bundle: Bundle, verification: Verification, measured: Benchmark, tmp_path: Path
) -> None:
    wide = measured.measured[1]
    assert wide.latency is not None
    half = replace(wide.latency, p50_ms=wide.latency.p50_ms * 0.43)
    narrow = replace(wide, precision="int8", latency=half)
    alone = replace(narrow, form="waveform")
    found = replace(measured, measured=(*measured.measured, narrow, alone))
    assert [found.ratio(one) for one in found.measured[1:]] == [1.0, pytest.approx(0.43), None]
    write_report(tmp_path / "report.html", bundle, verification, found)
    text = words((tmp_path / "report.html").read_text())
    assert "onnx spectrogram int8" in text
    assert "0.43 x" in text
    lines = {line.label: line for line in summarize(bundle, verification, found).artifacts}
    assert lines["onnx spectrogram int8"].relative == "0.43 x"
    assert lines["onnx waveform int8"].relative == "-"
    assert lines["onnx spectrogram fp32"].latency.endswith(" ms")


def test_report_shows_the_cost_of_quantization(
    bundle: Bundle, changed_bundle: Callable[..., Bundle], write: Write
) -> None:
    text = words(write(bundle))
    assert "The cost of quantization in CCC is not known" in text
    assert re.search(r"1\d\d dB pass", text), "PSNR stands beside the difference"
    first, second = bundle.manifest.artifacts
    accuracy = Accuracy(
        format=second.format,
        form=second.form,
        precision=second.precision,
        split="val",
        songs=16,
        ccc=dict.fromkeys(DIMENSIONS, Interval(0.51, 0.4, 0.6)),
        loss=dict.fromkeys(DIMENSIONS, Interval(0.0041, -0.002, 0.0102)),
        max_loss=0.01,
        verdict="pass",
    )
    refused = {"onnx waveform int8": "loses 0.034 of mean CCC"}
    provenance = replace(bundle.manifest.provenance, keep_float=("blocks.0.up",))
    artifacts = (first, replace(second, accuracy=accuracy))
    changed = changed_bundle(artifacts=artifacts, refused=refused, provenance=provenance)
    text = words(write(changed))
    assert "mean CCC on 16 validation songs" in text
    assert "onnx spectrogram fp32 0.51 [0.40, 0.60] 0.004 [-0.002, 0.010]" in text
    assert "1 model file was refused because of the cost of quantization: onnx waveform int8" in text
    assert "refused loses 0.034 of mean CCC" in text
    assert "Layers kept in floating point blocks.0.up" in text


def test_report_draws_no_accuracy_on_songs_that_were_learned(
    bundle: Bundle, changed_bundle: Callable[..., Bundle], write: Write
) -> None:
    first, second = bundle.manifest.artifacts
    accuracy = Accuracy(
        format=second.format,
        form=second.form,
        precision=second.precision,
        split="test",
        songs=16,
        ccc=dict.fromkeys(DIMENSIONS, Interval(0.93, 0.9, 0.96)),
        loss=dict.fromkeys(DIMENSIONS, Interval(0.001, -0.002, 0.004)),
        max_loss=0.01,
        verdict="pass",
    )
    texts = {
        split: write(changed_bundle(artifacts=(first, replace(second, accuracy=replace(accuracy, split=split)))))
        for split in ("test", "train")
    }
    assert "mean CCC 0.93" in texts["test"]
    assert "mean CCC 0.93" not in texts["train"]
    held_out = bundle.evaluation().held_out
    assert held_out is not None
    assert f"mean CCC {held_out.ccc['mean'].value:.2f}" in texts["train"]


def test_report_of_generated_music_says_so(bundle: Bundle, write: Write) -> None:
    text = words(write(bundle))
    assert "Both the music and its labels were generated by a program" in text
    assert "nothing about human listeners" in text


def test_report_of_rated_songs_names_their_source(
    bundle: Bundle, changed_bundle: Callable[..., Bundle], write: Write
) -> None:
    provenance = bundle.manifest.provenance
    assert provenance.data is not None
    origin = replace(provenance, data=replace(provenance.data, labels="rated", source="DEAM"))
    text = words(write(changed_bundle(provenance=origin)))
    assert "The songs and their ratings by listeners come from DEAM" in text
    assert "generated" not in text


def test_report_is_self_contained_and_escapes_names(bundle: Bundle, write: Write) -> None:
    page = write(bundle)
    assert '<script>alert("x")' not in page
    assert "&lt;script&gt;alert(" in page
    found = Tags(page)
    assert not {"link", "iframe", "object"} & {tag for tag, _ in found.tags}
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page, "no other script may run"
    for _, attributes in found.tags:
        for name in ("src", "srcset", "href"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#"))
    assert not re.search(r"url\(|@import", page)


def test_report_is_accessible(bundle: Bundle, write: Write) -> None:
    found = Tags(write(bundle))
    pictures = [attributes for tag, attributes in found.tags if tag == "img"]
    assert len(pictures) == 3
    assert all(attributes.get("alt") for attributes in pictures)
    drawings = [attributes for tag, attributes in found.tags if tag == "svg"]
    assert len(drawings) == 5
    assert all(attributes.get("role") == "img" and attributes.get("aria-label") for attributes in drawings)
    assert all("scope" in attributes for tag, attributes in found.tags if tag == "th")


def test_report_without_evaluation_says_what_is_not_known(
    bundle: Bundle, changed_bundle: Callable[..., Bundle], write: Write
) -> None:
    page = write(changed_bundle({}, provenance=replace(bundle.manifest.provenance, data=None, recipe={}), versions={}))
    text = words(page)
    assert "<img" not in page
    assert "The checkpoint came without an evaluation" in text
    assert "The bundle does not record which songs the model was trained on" in text
    assert "No training recipe is recorded" in text


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("test", "holds no evaluation of the student"),
        ("teacher", "holds no evaluation of a teacher"),
        ("retention", "Retention is not known: it was not recorded"),
        ("history", "The teacher on validation songs"),
    ],
)
def test_report_with_a_missing_part(
    bundle: Bundle, changed_bundle: Callable[..., Bundle], write: Write, missing: str, said: str
) -> None:
    whole = json.loads((bundle.folder / "evaluation.json").read_text())
    del whole[missing]
    text = words(write(changed_bundle(whole)))
    assert said in text
    assert ("The student on validation songs" in text) == (missing != "history")


def test_report_without_songs_has_no_song_charts(
    bundle: Bundle, changed_bundle: Callable[..., Bundle], write: Write
) -> None:
    whole = json.loads((bundle.folder / "evaluation.json").read_text())
    whole["test"] |= {"songs": [], "truth": [], "predicted": []}
    page = write(changed_bundle(whole))
    assert "60 songs of the test split" in words(page)
    assert "Song by song" not in page


def test_report_draws_several_loss_terms(bundle: Bundle, changed_bundle: Callable[..., Bundle], write: Write) -> None:
    whole = json.loads((bundle.folder / "evaluation.json").read_text())
    whole["history"] = [
        {**row, "train_soft": 0.5 / (1 + i), "gradient_soft": 0.1, "train_attention": 0.8, "gradient_attention": 0.2}
        for i, row in enumerate(whole["history"])
    ]
    last = 0.5 / len(whole["history"])
    page = write(changed_bundle(whole))
    assert f"soft from 0.5 to {last:.2g}; attention from 0.8 to 0.8." in page
    for row in whole["history"]:
        del row["gradient_soft"], row["gradient_attention"]
    assert "A term that is being learnt falls" not in write(changed_bundle(whole))


def test_report_of_undefined_figures(bundle: Bundle, changed_bundle: Callable[..., Bundle], write: Write) -> None:
    whole = json.loads((bundle.folder / "evaluation.json").read_text())
    nothing = {"value": None, "low": None, "high": None}
    for name in ("valence", "mean"):
        whole["test"]["metrics"][name]["ccc"] = nothing
    whole["retention"] = nothing
    whole["history"][-1]["val_ccc_valence"] = None
    text = words(write(changed_bundle(whole)))
    assert "undefined" in text
    assert not re.search(r"\b(nan|None)\b", text)


def test_report_names_failures(
    bundle: Bundle,
    changed_bundle: Callable[..., Bundle],
    verification: Verification,
    measured: Benchmark,
    tmp_path: Path,
) -> None:
    broken = changed_bundle(failed={"tflite": "no end after 600 s"})
    wrong = replace(verification.results[1], verdict="fail", reason="differs from PyTorch by 3.1e-02")
    found = replace(verification, results=(verification.results[0], wrong), passed=False)
    *others, last = (replace(gate, verdict="pass") for gate in measured.gates)
    slow = replace(measured, gates=(*others, replace(last, verdict="fail")))
    write_report(tmp_path / "report.html", broken, found, slow)
    text = words((tmp_path / "report.html").read_text())
    assert "Fix: 3 kinds of check failed" in text
    assert "1 of 5 gates failed: latency of onnx spectrogram fp32" in text
    assert "no end after 600 s" in text
    assert "differs from PyTorch by 3.1e-02" in text
    assert "the smallest that agrees with PyTorch" in text


def test_report_offers_no_file_to_ship_where_none_agrees(
    bundle: Bundle, verification: Verification, measured: Benchmark, tmp_path: Path
) -> None:
    wrong = tuple(replace(result, verdict="fail", reason="differs") for result in verification.results)
    write_report(tmp_path / "report.html", bundle, replace(verification, results=wrong, passed=False), measured)
    text = words((tmp_path / "report.html").read_text())
    assert "none was shown to agree with PyTorch" in text
    assert "file to ship" not in text


def passed(measured: Benchmark, **changes: object) -> Benchmark:
    """The benchmark with every gate passed, on a quiet machine."""
    gates = tuple(replace(gate, verdict="pass") for gate in measured.gates)
    return replace(measured, **{"gates": gates, "load": 0.02, "max_load": 0.1, **changes})


def test_summarize_decides_to_fix_what_failed(bundle: Bundle, verification: Verification, measured: Benchmark) -> None:
    *others, last = passed(measured).gates
    slow = passed(measured, gates=(*others, replace(last, verdict="fail")))
    summary = summarize(bundle, verification, slow)
    assert summary.decision == "fix"
    assert summary.headline == "Fix: 1 of 5 gates failed: latency of onnx spectrogram fp32"
    many = summarize(bundle, verification, passed(measured, gates=(*others, *(replace(last, verdict="fail"),) * 5)))
    assert many.headline == "Fix: 5 of 9 gates failed: " + "latency of onnx spectrogram fp32, " * 2 + (
        "latency of onnx spectrogram fp32 and 2 more"
    )
    assert not summary.ready
    assert not summary.has_failures


def test_summarize_on_a_busy_machine_measures_again(
    bundle: Bundle, verification: Verification, measured: Benchmark
) -> None:
    *others, last = passed(measured).gates
    gates = (*others, replace(last, verdict="inconclusive"))
    summary = summarize(bundle, verification, passed(measured, gates=gates, load=0.43))
    assert summary.decision == "measure again"
    reason = "latency of 1 model file is inconclusive, because the machine was busy"
    assert summary.headline == f"Measure again: {reason}"
    assert "other work took 43% of the cores" in summary.load
    assert "limit 10%" in summary.load
    assert not summary.ready
    quiet = summarize(bundle, verification, passed(measured, gates=gates))
    assert "lies within the noise" in quiet.reason
    # What failed for certain is not hidden behind what was left open.
    first = replace(others[0], verdict="fail")
    assert summarize(bundle, verification, passed(measured, gates=(first, *gates[1:]), load=0.43)).decision == "fix"


def test_summarize_passed_run(bundle: Bundle, verification: Verification, measured: Benchmark) -> None:
    summary = summarize(bundle, verification, passed(measured))
    assert summary.decision == "ship"
    assert summary.headline.startswith("Ship: every check passed, on generated music")
    assert summary.ready
    assert summary.generated
    assert [row.dimension for row in summary.agreement] == ["valence", "arousal", "mean"]
    assert all("[" in row.student and "[" in row.teacher for row in summary.agreement)
    assert [line.parity for line in summary.artifacts] == ["pass", "pass"]


def test_a_weak_teacher_is_named_and_generated_labels_are_nobodys(
    bundle: Bundle, changed_bundle: Callable[..., Bundle], write: Write
) -> None:
    assert "eak teacher" not in words(write(bundle))
    whole = json.loads((bundle.folder / "evaluation.json").read_text())
    whole["retention"] = {"value": 1.08, "low": 1.01, "high": 1.19}
    page = words(write(changed_bundle(whole)))
    assert "Weak teacher: its student is better than it (retention 1.08 [1.01, 1.19])" in page
    assert "above 1 it says that the teacher is weak" in page or "retention" in page
    assert "people's labels" not in page


def test_summarize_unmeasured_is_not_passed(bundle: Bundle, verification: Verification, measured: Benchmark) -> None:
    unknown = tuple(replace(gate, verdict="not measured") for gate in measured.gates)
    summary = summarize(bundle, verification, replace(measured, gates=unknown))
    assert summary.headline.startswith("Ship: every check that could be made here passed")
    unrun = tuple(replace(result, verdict="not run") for result in verification.results)
    summary = summarize(bundle, replace(verification, results=unrun, passed=False), passed(measured))
    assert summary.decision == "measure again"
    assert not summary.ready
