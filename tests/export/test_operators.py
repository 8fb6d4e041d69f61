"""The list of operators is what exports of every architecture ask for."""

import pytest

from sentio_mobile.export import operators
from sentio_mobile.export.operators import NETWORKS, derive_operators
from sentio_mobile.formats.base import missing_packages
from sentio_mobile.formats.operators.allow_list import listed_operators
from sentio_mobile.formats.registry import builtin_names, get_format

pytestmark = pytest.mark.filterwarnings("ignore")

IMPOSSIBLE = {("vit", "mlmodel"), ("ast", "mlmodel"), ("crnn", "coreml"), ("crnn", "mlmodel")}
"""What coremltools cannot convert."""


@pytest.mark.slow
@pytest.mark.parametrize("format_name", ["torchscript", "onnx"])
def test_smallest_student_asks_for_nothing_beyond_the_list(format_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "FRONT_ENDS", {})
    found = derive_operators("mobilevit", format_name)
    assert found
    assert found <= listed_operators()[format_name]


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("format_name", builtin_names())
def test_list_is_what_all_exports_ask_for(format_name: str) -> None:
    if missing_packages(get_format(format_name).converters):
        pytest.skip(f"the packages of {format_name} are not installed")
    networks = [network for network in NETWORKS if (network, format_name) not in IMPOSSIBLE]
    assert (
        set().union(*(derive_operators(network, format_name) for network in networks))
        == listed_operators()[format_name]
    )
