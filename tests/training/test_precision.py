"""The number format of training that a recipe leaves to the machine."""

import pytest
import torch

from sentio_mobile._internal.records import replace
from sentio_mobile.training.config import TrainingSettings
from sentio_mobile.training.precision import automatic_precision, multiplies_bfloat16, with_real_precision

SETTINGS = TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-3)


def test_only_instructions_for_bfloat16_count() -> None:
    assert multiplies_bfloat16({"avx2": True, "avx512_bf16": True})
    assert multiplies_bfloat16({"amx_bf16": True, "avx512_bf16": False})
    assert not multiplies_bfloat16({"avx512_bf16": False, "avx512_f": True, "cpu_name": "bf16"})


@pytest.mark.parametrize(("able", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_automatic_precision_asks_the_processor(able: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": able})
    assert automatic_precision("cpu") == expected
    assert automatic_precision("mps") == "32-true"


def test_a_format_that_was_chosen_stays() -> None:
    chosen = replace(SETTINGS, precision="16-mixed")
    assert with_real_precision(chosen) is chosen
    assert with_real_precision(SETTINGS).precision == "32-true"
    left_open = replace(SETTINGS, precision="auto")
    assert with_real_precision(left_open, "cpu").precision == automatic_precision("cpu")
