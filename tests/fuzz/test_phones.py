"""The doors of `benchmark`: figures that people's phones wrote, what a tool printed on one, and names of peers."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fuzz.cases import NO_FILES, any_bytes, changed_json, no_file, texts
from fuzz.harness import attempt
from hypothesis import given
from hypothesis import strategies as st
from support import artifact_entry, manifest_facts, write_manifest

from sentio_mobile._internal.records import Record, from_plain, json_bytes
from sentio_mobile.benchmarks.gates import check_phone, load_budgets
from sentio_mobile.benchmarks.on_phone import parse_tool
from sentio_mobile.benchmarks.peer_run import check_peers
from sentio_mobile.benchmarks.peers import MAX_PEERS, PLAIN, peer_names
from sentio_mobile.benchmarks.phones import MAX_ALL_RUNS, MAX_PHONE_RUNS, read_phone_benchmark
from sentio_mobile.benchmarks.summary import phone_lines
from sentio_mobile.bundle.bundle import Bundle, open_bundle
from sentio_mobile.spec import ModelSpec

LABEL = "onnx spectrogram fp32"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle of one artifact, which nothing runs here."""
    folder = tmp_path_factory.mktemp("measured") / "bundle"
    folder.mkdir()
    (folder / "m.onnx").write_bytes(b"a model")
    facts = manifest_facts(
        ModelSpec(architecture="mobilevit"), [artifact_entry("onnx", "spectrogram", "fp32", "m.onnx")]
    )
    write_manifest(folder, facts)
    return open_bundle(folder)


def figures(bundle: Bundle) -> dict[str, Any]:
    """What a phone writes that measured the bundle."""
    hashes = {name: bundle.manifest.files[name].sha256 for name in ("m.onnx",)}
    runs = {
        **{"artifact": LABEL, "files": hashes, "runs_on": "ONNX Runtime, CPU, 4 threads", "warm_up": 5},
        **{"milliseconds": [20.0 + i % 7 for i in range(60)], "load_ms": 80.5, "golden_max_diff": 0.001},
        "peak_memory_bytes": 90_000_000,
    }
    return {
        **{"schema": 1, "tool": "the Android demo", "model": "default 1", "measured_at": "2026-11-30T12:00:00Z"},
        "device": {"kind": "phone", "maker": "Google", "model": "Pixel 8", "system": "Android 16"},
        **{"measured": [runs, {**runs, "runs_on": "NNAPI"}], "passed_over": ["GPU: there is none"]},
    }


def use(bundle: Bundle, content: bytes, place: Path) -> bool:
    """Give a file to `benchmark --android-results`, and to the test of contributed files, which knows no bundle.

    What is written of it must be read as it was written. Returns whether the benchmark took it.
    """
    path = place / "phone.json"
    path.write_bytes(content)

    def read(measured: Bundle | None) -> bool:
        found = read_phone_benchmark(path, measured)
        written: list[Record] = [found, *check_phone(found, load_budgets()), *phone_lines([found])]
        for one in written:
            assert from_plain(type(one), msgspec.json.decode(json_bytes(one)), "what was written") == one
        return True

    attempt("figures of phones", lambda: read(None), place)
    return bool(attempt("figures of phones", lambda: read(bundle), place))


def test_right_figures_are_taken(bundle: Bundle, place: Path) -> None:
    assert use(bundle, json.dumps(figures(bundle)).encode(), place)


@given(data=st.data())
def test_changed_figures_are_read_or_one_error(data: st.DataObject, bundle: Bundle, place: Path) -> None:
    use(bundle, json.dumps(data.draw(changed_json(figures(bundle)))).encode(), place)


@given(data=st.data())
def test_any_bytes_as_figures_are_read_or_one_error(data: st.DataObject, bundle: Bundle, place: Path) -> None:
    use(bundle, data.draw(any_bytes((json.dumps(figures(bundle)).encode(),))), place)


@given(
    words=st.lists(texts, min_size=6, max_size=6),
    times=st.lists(st.floats(1e-3, 3.6e6), min_size=50, max_size=60),
)
def test_any_words_and_times_are_written_as_they_are_read(
    words: list[str], times: list[float], bundle: Bundle, place: Path
) -> None:
    right = figures(bundle)
    right["tool"], right["model"], right["passed_over"] = words[0], words[1], [words[2]]
    right["device"] = {"kind": "phone", "maker": words[3], "model": words[4], "system": words[5]}
    right["measured"][0] |= {"milliseconds": times, "runs_on": words[0]}
    use(bundle, json.dumps(right).encode(), place)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_one_error(kind: str, bundle: Bundle, place: Path) -> None:
    path = no_file(kind, place, ".json")
    assert attempt("figures of phones", lambda: read_phone_benchmark(path, bundle), place) is None


@pytest.mark.parametrize("count", [1, 2, 3, 100])
def test_figures_of_many_runs_are_used_or_refused_in_seconds(count: int, bundle: Bundle, place: Path) -> None:
    right = figures(bundle)
    times = [20.0 + i * 1e-3 for i in range(MAX_PHONE_RUNS)]
    right["measured"] = [{**right["measured"][0], "runs_on": f"by {i}", "milliseconds": times} for i in range(count)]
    assert use(bundle, json.dumps(right).encode(), place) == (count * MAX_PHONE_RUNS <= MAX_ALL_RUNS)


def test_device_of_long_names_is_in_the_summary(bundle: Bundle, place: Path) -> None:
    right = figures(bundle)
    right["device"] |= {"maker": "m" * 255, "model": "n" * 255, "system": "s" * 255}
    assert use(bundle, json.dumps(right).encode(), place)


TOOL = """\
INFO: Initialized session in 3.21ms.
INFO: count=1 curr=41000
INFO: count=2 first=40100 curr=40200 min=40100 max=40200 avg=40150 std=50
INFO: Inference timings in us: Init: 3210, First inference: 41000, Warmup (avg): 41000, Inference (avg): 40150
"""


@given(content=any_bytes((TOOL.encode(),)))
def test_any_output_of_a_tool_is_times_or_none(content: bytes, place: Path) -> None:
    # adb gives text, with what is no UTF-8 escaped.
    found = attempt("figures of phones", lambda: parse_tool(content.decode(errors="replace")), place)
    assert found is not None
    assert all(time >= 0 for times in found for time in times)


OTHERS = (
    PLAIN,
    "hf-hub:a/b",
    "hf_hub:a/b",
    "local-dir:/tmp",
    "mobilenetv4",
    "resnet18.a1_in1k",
    "mobilenetv3_small_050",
)


@given(names=st.lists(texts | st.sampled_from(OTHERS), min_size=5, max_size=9))
def test_any_names_of_peers_are_known_or_one_error(names: list[str], bundle: Bundle, place: Path) -> None:
    pytest.importorskip("timm")
    known = {PLAIN, "mobilenetv3_small_050"}

    def read(text: str) -> bool:
        chosen = peer_names(text)
        assert len(chosen) <= MAX_PEERS
        return set(check_peers(bundle, chosen)) <= known

    for text in (*names, ",".join(names)):
        assert attempt("benchmark --peers", partial(read, text), place) in (None, True), "it is no network of timm"
