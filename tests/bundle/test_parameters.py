"""One network has one number of weights, in every place that tells it."""

from pathlib import Path

from sentio_mobile._internal.quantities import millions, parameters_in_words
from sentio_mobile._internal.records import replace
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.bundle.model_card import model_card
from sentio_mobile.metrics.evaluation import Evaluation
from sentio_mobile.models.blocks import count_parameters, fold_norms
from sentio_mobile.models.checkpoint import Checkpoint, read_sheet
from sentio_mobile.models.config import MobileViTSettings, ViTSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec


def test_counts_are_those_of_the_networks(tmp_path: Path) -> None:
    spec = spec_of(MobileViTSettings(), AudioSpec())
    model = build(spec).eval()
    trained, folded = count_parameters(model)
    assert trained > folded
    assert trained == sum(weight.numel() for weight in model.parameters())
    Checkpoint(model=model, spec=spec).save(tmp_path / "ckpt")
    sheet = read_sheet(tmp_path / "ckpt")
    assert (sheet.parameters, sheet.parameters_folded) == (trained, folded)
    fold_norms(model)
    assert folded == sum(weight.numel() for weight in model.parameters())
    assert parameters_in_words(folded, trained) == f"{millions(trained)} trained, {millions(folded)} folded"


def test_network_without_norms_to_fold_has_one_number() -> None:
    model = build(spec_of(ViTSettings(layers=1, heads=2, width=32, mlp_width=64), AudioSpec()))
    trained, folded = count_parameters(model)
    assert trained == folded
    assert "folded" not in parameters_in_words(folded, trained)


def test_words() -> None:
    assert parameters_in_words(7_306_000, 7_330_000) == "7.33 M trained, 7.31 M folded"
    assert parameters_in_words(7_306_000) == "7.31 M"
    assert millions(4_200) == "4,200"


def test_card_and_manifest_say_the_same() -> None:
    shipped = open_bundle(ROOT / "models/default")
    manifest = replace(shipped.manifest, parameters=7_306_000, parameters_trained=7_330_000)
    assert manifest.trained == 7_330_000
    card = model_card(manifest, Evaluation())
    assert "network with 7.33 M trained, 7.31 M folded parameters" in card
    # An older bundle has one number.
    assert shipped.manifest.parameters_trained is None
    assert f"network with {millions(shipped.manifest.parameters)} parameters" in model_card(
        shipped.manifest, Evaluation()
    )
