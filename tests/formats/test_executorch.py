"""ExecuTorch's files of the small student: what they predict, in the process without rights, and what they hold."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conversions import ConvertibleStudent, skip_unless_here

from sentio_mobile.errors import BundleError, MissingExtraError
from sentio_mobile.formats import registry
from sentio_mobile.formats.base import missing_packages, require_packages
from sentio_mobile.formats.executorch import FORMAT
from sentio_mobile.formats.operators.allow_list import unknown_operators
from sentio_mobile.formats.process import open_artifact
from sentio_mobile.quantization.layer_choice import layer_weights, quantizable_layers
from sentio_mobile.spec import Artifact

KEPT = "blocks.0.up"


@pytest.fixture(scope="module")
def fp32(convertible: ConvertibleStudent, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    skip_unless_here("executorch")
    return convertible.write("executorch", "fp32", tmp_path_factory.mktemp("fp32"))


def difference(artifact: Artifact, convertible: ConvertibleStudent, threads: int = 1) -> float:
    """The largest difference from PyTorch on the golden vectors, in the process without rights."""
    spec, golden = convertible.loaded.spec, convertible.golden
    run = open_artifact(artifact, spec, threads)
    return float(np.abs(np.concatenate([run(one) for one in golden.inputs(spec)]) - golden.output).max())


@pytest.mark.slow
def test_fp32_predicts_as_pytorch_on_any_number_of_threads(convertible: ConvertibleStudent, fp32: Artifact) -> None:
    for threads in (1, 2):
        assert difference(fp32, convertible, threads) < 1e-4


@pytest.mark.slow
def test_int8_stores_layers_in_8_bits_and_predicts_nearly_the_same(
    convertible: ConvertibleStudent, fp32: Artifact, tmp_path: Path
) -> None:
    skip_unless_here("executorch")
    model = convertible.loaded.model
    options = replace(convertible.options, keep_float=layer_weights(model, [KEPT]))
    artifact = convertible.write("executorch", "int8", tmp_path, options=options)
    layers = quantizable_layers(model)
    kept = {KEPT, *convertible.options.head}
    stored, before = FORMAT.stored_numbers(artifact.path), FORMAT.stored_numbers(fp32.path)
    assert stored["int8"] == sum(layer.weight.numel() for name, layer in layers.items() if name not in kept)
    assert before["float32"] >= sum(weight.numel() for weight in model.parameters())
    assert 1e-5 < difference(artifact, convertible) < 0.1
    assert unknown_operators(FORMAT, artifact.path) == []


@pytest.mark.slow
def test_network_is_one_part_for_xnnpack_and_asks_for_nothing_beyond_the_list(fp32: Artifact) -> None:
    assert {word.split()[0] for word in FORMAT.operators(fp32.path)} == {"xnnpack"}
    assert unknown_operators(FORMAT, fp32.path) == []


@pytest.mark.slow
def test_two_conversions_give_the_same_bytes_without_places_of_this_machine(
    convertible: ConvertibleStudent, fp32: Artifact, tmp_path: Path
) -> None:
    content = fp32.path.read_bytes()
    assert convertible.write("executorch", "fp32", tmp_path).path.read_bytes() == content
    assert str(Path(__file__).parents[2]).encode() not in content


@pytest.mark.slow
def test_damaged_or_other_file_is_one_line(convertible: ConvertibleStudent, fp32: Artifact, tmp_path: Path) -> None:
    content, spec = fp32.path.read_bytes(), convertible.loaded.spec
    for damaged in (b"", content[:1000], content[: len(content) // 2], content[:-1000]):
        path = tmp_path / "model.pte"
        path.write_bytes(damaged)
        with pytest.raises(BundleError, match=r"^[^\n]+\Z"):
            FORMAT.open(path, spec)
    with pytest.raises(BundleError, match=r"takes \[\(1, 3, 224, 224\)\] and gives .* not the spec's model"):
        FORMAT.open(fp32.path, spec.in_form("waveform"))


def test_all_leaves_it_out_where_its_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ("executorch" in registry.names_of_all()) == (not missing_packages(("executorch",)))
    absent = registry._BUILT_IN["executorch"]._replace(package="no_such_package")
    monkeypatch.setitem(registry._BUILT_IN, "executorch", absent)  # type: ignore[arg-type]
    assert "executorch" not in registry.names_of_all()
    assert set(registry.names_of_all()) | {"executorch"} == set(registry.format_names())


def test_missing_extra_is_one_line_that_says_what_to_install() -> None:
    with pytest.raises(MissingExtraError, match=r"no_such_package: pip install 'sentio-mobile\[executorch\]'"):
        require_packages(FORMAT, ("no_such_package",))
