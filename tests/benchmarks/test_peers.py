"""`benchmark --peers`: networks of timm, and the bundle's own by PyTorch's exporter, beside the bundle's artifacts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import quick_export
import torch
from click.testing import CliRunner

from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace, write_record
from sentio_mobile.benchmarks import peers
from sentio_mobile.benchmarks.exchange import write_markdown
from sentio_mobile.benchmarks.peer_run import check_peers, compare_with_peers
from sentio_mobile.benchmarks.peers import costs_of, make_peer, peer_names, peer_spec, random_network
from sentio_mobile.benchmarks.report import write_report
from sentio_mobile.benchmarks.results import Benchmark, PeerComparison, PeerRow, read_benchmark
from sentio_mobile.benchmarks.summary import summarize
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.verify import Verification
from sentio_mobile.cli import main
from sentio_mobile.cli.output import console
from sentio_mobile.cli.results import show_summary
from sentio_mobile.errors import BundleError, InputError
from sentio_mobile.formats.process import RuntimeProcess
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.models.config import MobileViTSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import Artifact, AudioSpec

TINY = "test_byobnet"


@pytest.fixture(scope="module")
def compared(bundle: Bundle) -> PeerComparison:
    """The bundle beside a tiny network of timm and itself; conversions run in this process, but that of `plain`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peers, "convert", quick_export._convert)
        return compare_with_peers(bundle, ("plain", TINY), threads=1, runs=50, warm_up=2, progress=NoProgress())


def test_the_table_has_the_bundle_and_its_peers(compared: PeerComparison, bundle: Bundle) -> None:
    assert compared.base == "onnx spectrogram fp32"
    assert [(row.name, row.format, row.own) for row in compared.rows] == [
        ("mobilevit", "torchscript", True),
        ("mobilevit", "onnx", True),
        ("plain", "onnx", False),
        (TINY, "onnx", False),
    ]
    own, plain, peer = compared.rows[1:]
    assert own.ratio is not None
    assert own.ratio == Interval(1, 1, 1)
    assert own.parameters == bundle.manifest.parameters
    assert plain.multiply_accumulates == own.multiply_accumulates
    # PyTorch's exporter leaves norms as they are, with a weight and a bias for each channel.
    assert plain.parameters > own.parameters
    for row in (plain, peer):
        assert row.reason == ""
        assert row.size is not None
        assert row.size > 1000
        assert row.ratio is not None
        assert row.ratio.low is not None
        assert row.ratio.low > 0
        assert row.ccc is None, "random weights have no accuracy"
    student = bundle.evaluation().held_out
    assert student is not None
    assert own.ccc == student.ccc["mean"]


def test_multiply_accumulates_are_counted() -> None:
    settings = MobileViTSettings(
        stem_widths=(8, 8, 8), layers=1, heads=2, head_width=8, width=16, mlp_width=16, output_width=8
    )
    spec = spec_of(settings, AudioSpec(seconds=2.0, image_size=(32, 32)))
    example = np.zeros((1, 3, 32, 32), np.float32)
    parameters, operations = costs_of(build(spec), example)
    first_convolution = 16 * 16 * 8 * 3 * 9
    assert operations > first_convolution
    wider = replace(settings, mlp_width=32)
    more, more_operations = costs_of(build(spec_of(wider, spec.audio)), example)
    assert more - parameters == 2 * 16 * 16 + 16, "two matrices, and the bias of the wider one"
    # The last block computes the class token alone, of the five.
    assert (more_operations - operations) % (2 * 16 * 16) == 0
    assert more_operations > operations


def test_products_of_attention_are_counted() -> None:
    class Attention(torch.nn.Module):
        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)

    # Queries by keys, and what comes of it by values: 7 x 7 x 4 each, in 2 heads.
    assert costs_of(Attention(), np.ones((1, 2, 7, 4), np.float32)) == (0, 2 * 2 * 7 * 7 * 4)


def test_a_random_network_has_moderate_outputs(bundle: Bundle) -> None:
    spec = peer_spec(TINY, bundle.spec)
    spec = replace(spec, audio=replace(spec.audio, image_size=(64, 96)))
    inputs = list(np.random.default_rng(0).random((4, 1, 3, 64, 96), dtype=np.float32))
    network = random_network(spec, inputs)
    outputs = np.concatenate([network(torch.from_numpy(one)).detach().numpy() for one in inputs])
    assert np.isfinite(outputs).all()
    assert np.abs(outputs).max() < 1
    assert outputs.std(axis=0).min() > 0


def test_a_conversion_that_fails_is_told(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "CONVERSION_LIMIT_S", 0.01)
    images = np.random.default_rng(0).random((2, 32, 32), dtype=np.float32)
    spec = peer_spec(TINY, bundle.spec)
    made = make_peer(TINY, spec, images, wanted={"onnx": ("fp32",)}, folder=tmp_path)
    assert made.artifacts == ()
    assert "no end after 0.01 s" in made.failed["onnx"]
    assert str(tmp_path) not in made.failed["onnx"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mobilenetv4_small", "timm has no network 'mobilenetv4_small'; similar names are mobilenetv4_conv_small"),
        ("vit_7b_patch16_dinov3", "weights, more than"),
        ("../x", "timm has no network '../x'"),
    ],
)
def test_an_unknown_peer_is_one_line_before_anything_is_measured(
    bundle: Bundle, tmp_path: Path, name: str, words: str
) -> None:
    with pytest.raises(InputError) as caught:
        check_peers(bundle, ("plain", name))
    assert words in str(caught.value)
    result = CliRunner().invoke(
        main, ["benchmark", str(bundle.folder), "--peers", f"plain,{name}", "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_peer_names() -> None:
    assert peer_names("plain, levit_128s,plain") == ("plain", "levit_128s")
    for text in ("", " , ", ",".join(map(str, range(21)))):
        with pytest.raises(InputError, match="peers are 1 to 20 names"):
            peer_names(text)


def test_a_bundle_without_these_formats_has_no_peers(bundle: Bundle) -> None:
    entry = bundle.entry(bundle.artifact("torchscript"))
    alone = replace(bundle, manifest=replace(bundle.manifest, artifacts=(entry,)))
    with pytest.raises(InputError, match="has no onnx or tflite artifact to hold peers against"):
        check_peers(alone, ("plain",))


def test_only_a_file_of_ones_own_may_have_other_operators(bundle: Bundle, tmp_path: Path) -> None:
    import onnx

    model = onnx.load(bundle.artifact("onnx").path)
    # An operator that no export of ours uses, and that changes nothing.
    name = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = ["before" if one == name else one for one in node.output]
    model.graph.node.append(onnx.helper.make_node("Celu", ["before"], [name], alpha=1.0))
    onnx.save(model, tmp_path / "other.onnx")
    artifact = Artifact("onnx", "fp32", "spectrogram", tmp_path / "other.onnx")
    with RuntimeProcess(bundle.folder, tmp_path) as process:
        with pytest.raises(BundleError, match="Celu"):
            process.open(artifact, bundle.spec)
        assert process.open(artifact, bundle.spec, own=True)(np.zeros((1, 3, 32, 32), np.float32)).shape == (1, 2)


def test_report_terminal_and_json_have_one_table(
    compared: PeerComparison,
    bundle: Bundle,
    measured: Benchmark,
    verification: Verification,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lost = PeerRow(
        name="lost_net",
        own=False,
        format="onnx",
        precision="fp32",
        parameters=7_012_345,
        multiply_accumulates=1_234_000_000,
        reason="onnx spectrogram conversion failed: <no>",
    )
    found = replace(measured, peers=replace(compared, rows=(*compared.rows, lost)))
    write_record(tmp_path / "benchmark.json", found)
    assert read_benchmark(tmp_path / "benchmark.json") == found
    write_report(tmp_path / "report.html", bundle, verification, found)
    page = (tmp_path / "report.html").read_text()
    for words in ("Peers", f"{TINY} onnx fp32", "1.23 G", "7.01 M", "conversion failed: &lt;no&gt;", "this bundle"):
        assert words in page
    summary = summarize(bundle, verification, found)
    write_markdown(tmp_path / "report.md", summary)
    assert "latency / onnx spectrogram fp32" in (tmp_path / "report.md").read_text()
    for width, tables in ((80, 2), (120, 1)):
        monkeypatch.setattr(console, "width", width)
        show_summary(summary)
        shown = capsys.readouterr().out
        lines = shown[shown.index("Peers; ratios") :].splitlines()
        assert sum("network" in line for line in lines) == tables
        assert max(len(line) for line in lines if "failed" not in line and "gates" not in line) <= width
