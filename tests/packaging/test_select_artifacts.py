"""Which artifacts an app carries, by default and when asked."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest
from support import MakeBundle

from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.errors import BundleError, InputError
from sentio_mobile.packaging.platforms import ANDROID, IOS, PLATFORMS, WEB, Platform
from sentio_mobile.packaging.select_artifacts import select_artifacts
from sentio_mobile.spec import Form, Precision

FRONT_END = 300
each_platform = pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name)


def labels(
    bundle: Path,
    platform: Platform,
    formats: Sequence[str] = (),
    form: Form | None = None,
    precision: Precision | None = None,
) -> list[str]:
    chosen = select_artifacts(open_bundle(bundle), platform, formats=formats, form=form, precision=precision)
    return [artifact.label for artifact in chosen]


@pytest.mark.parametrize(
    ("platform", "label"),
    [(ANDROID, "tflite waveform int8"), (IOS, "coreml waveform fp16"), (WEB, "onnx waveform int8-dynamic")],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_the_first_format_in_the_precision_that_suits_it_is_taken(platform: Platform, label: str, bundle: Path) -> None:
    assert labels(bundle, platform) == [label]


def test_what_a_bundle_lacks_is_passed_over(make_bundle: MakeBundle) -> None:
    few = make_bundle([("onnx", "waveform", "fp32"), ("onnx", "waveform", "fp16"), ("mlmodel", "waveform", "fp32")])
    assert labels(few, ANDROID) == ["onnx waveform fp16"]
    assert labels(few, IOS) == ["mlmodel waveform fp32"]


def test_what_is_asked_for_is_taken_in_its_order(bundle: Path) -> None:
    both = labels(bundle, ANDROID, ["onnx", "tflite", "onnx"], "spectrogram", "fp16")
    assert both == ["onnx spectrogram fp16", "tflite spectrogram fp16"]
    assert labels(bundle, ANDROID, [], None, "fp32") == ["tflite waveform fp32"]


def test_integers_throughout_are_never_the_default(make_bundle: MakeBundle) -> None:
    only = make_bundle([("tflite", "waveform", "int8-full")])
    with pytest.raises(BundleError, match="has no tflite waveform artifact; it has tflite waveform int8-full"):
        labels(only, ANDROID)


def test_what_export_refused_is_passed_over_unless_asked_for(make_bundle: MakeBundle, tmp_path: Path) -> None:
    why = {"tflite waveform int8": "tflite waveform int8 is refused: loses 0.2 of mean CCC"}
    kept = make_bundle([("tflite", "waveform", "int8"), ("tflite", "waveform", "fp32")], refused=why)
    assert labels(kept, ANDROID) == ["tflite waveform fp32"]
    assert labels(kept, ANDROID, [], None, "int8") == ["tflite waveform int8"]
    only = make_bundle([("tflite", "waveform", "int8")], "only", refused=why)
    with pytest.raises(BundleError, match=r"loses 0\.2 of mean CCC"):
        labels(only, ANDROID)


@pytest.mark.parametrize(
    ("platform", "wishes", "fault"),
    [
        (ANDROID, ([], None, "int8-full"), "does not run int8-full"),
        (dataclasses.replace(WEB, forms=("waveform",)), ([], "spectrogram"), "no front end for spectrogram"),
        (WEB, (["coreml"],), "does not run coreml"),
    ],
)
def test_what_a_platform_does_not_run_is_refused(
    platform: Platform, wishes: tuple[object, ...], fault: str, bundle: Path
) -> None:
    with pytest.raises(InputError, match=fault):
        labels(bundle, platform, *wishes)
