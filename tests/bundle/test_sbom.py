"""Bills of materials keep to CycloneDX's published schema, and say what a bundle is made of."""

import json
from typing import Any

import pytest
from support import artifact_entry, manifest_facts

from sentio_mobile._internal.records import from_plain, replace
from sentio_mobile.bundle.about import About
from sentio_mobile.bundle.manifest import Manifest
from sentio_mobile.bundle.sbom import bill_of_materials
from sentio_mobile.spec import ModelSpec

ARTIFACTS = {
    "mobilevit-waveform-fp32.onnx": ("onnx", "fp32", "waveform"),
    "mobilevit-spectrogram-int8.tflite": ("tflite", "int8", "spectrogram"),
}
DATA = {
    "labels": "rated", "source": "DEAM\u202e \x1b[31m", "fingerprint": "f8" * 32, "songs": {"train": 168, "test": 20},
    "split_seed": 0,
}  # fmt: skip


@pytest.fixture
def manifest() -> Manifest:
    entries = [artifact_entry(name, form, precision, path) for path, (name, precision, form) in ARTIFACTS.items()]
    files = {path: {"sha256": "ab" * 32, "bytes": 7} for path in ("MODEL_CARD.md", *ARTIFACTS)}
    provenance = {"checkpoint_sha256": "1b" * 32, "recipe": {}, "data": DATA, "calibration": None, "keep_float": []}
    versions = {"python": "3.11.7", "sentio-mobile": "0.1.0", "torch": "2.14.1+cu130"}
    facts = manifest_facts(ModelSpec(architecture="mobilevit"), entries, provenance=provenance, versions=versions)
    return from_plain(Manifest, {**facts, "files": files}, "manifest.json")


def require_valid(content: bytes) -> dict[str, Any]:
    """The bill, after CycloneDX's own schema and its references were asked about it."""
    validation = pytest.importorskip("cyclonedx.validation.json", reason="cyclonedx-python-lib is not installed")
    schema = pytest.importorskip("cyclonedx.schema")
    validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_6)
    assert validator.validate_str(content.decode()) is None
    broken = content.replace(b'"library"', b'"livery"', 1)
    assert broken != content
    assert validator.validate_str(broken.decode()) is not None
    bill: dict[str, Any] = json.loads(content)
    refs = [one["bom-ref"] for one in bill["components"]]
    assert len(refs) == len(set(refs))
    assert set(bill["dependencies"][0]["dependsOn"]) <= set(refs)
    return bill


def test_bill_of_a_bundle_keeps_to_the_schema_and_names_its_parts(manifest: Manifest) -> None:
    bill = require_valid(bill_of_materials(manifest))
    assert bill["metadata"]["component"]["licenses"] == [{"license": {"name": "CC-BY-4.0"}}]
    tools = {one["name"]: one.get("purl") for one in bill["metadata"]["tools"]["components"]}
    assert tools == {
        "Python": None,
        "sentio-mobile": "pkg:pypi/sentio-mobile@0.1.0",
        "torch": "pkg:pypi/torch@2.14.1%2Bcu130",
    }
    files = {one["name"]: one for one in bill["components"] if one["type"] == "file"}
    assert files.keys() == manifest.files.keys()
    assert files["MODEL_CARD.md"]["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    onnx = next(one for name, one in files.items() if name.endswith(".onnx"))
    assert {"name": "sentio:artifact", "value": "onnx waveform fp32"} in onnx["properties"]
    (data,) = (one for one in bill["components"] if one["type"] == "data")
    assert data["name"] == DATA["source"]
    assert "not stated" in data["description"]


def test_bill_states_the_musics_licence_where_the_maker_did(manifest: Manifest) -> None:
    stated = replace(manifest, about=About(music="DEAM, CC-BY-NC-4.0"))
    bill = json.loads(bill_of_materials(stated))
    assert [one["description"] for one in bill["components"] if one["type"] == "data"] == ["DEAM, CC-BY-NC-4.0"]


def test_bill_of_the_same_bundle_is_the_same_and_of_another_has_another_number(manifest: Manifest) -> None:
    first = bill_of_materials(manifest)
    assert first == bill_of_materials(manifest)
    other = json.loads(bill_of_materials(replace(manifest, release="2")))
    assert other["serialNumber"] != json.loads(first)["serialNumber"]


def test_bill_of_a_model_of_unknown_licence_and_music(manifest: Manifest) -> None:
    plain = replace(manifest, licence="unknown", provenance=replace(manifest.provenance, data=None))
    bill = require_valid(bill_of_materials(plain))
    assert "licenses" not in bill["metadata"]["component"]
    assert [one for one in bill["components"] if one["type"] == "data"] == []
