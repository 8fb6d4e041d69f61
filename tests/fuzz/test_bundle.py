"""The doors of a bundle and its signature: changed manifests whose hashes are right again, names, links and keys."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz.cases import any_bytes, changed_json, texts
from fuzz.harness import attempt
from hypothesis import example, given
from hypothesis import strategies as st
from support import artifact_entry, manifest_facts, write_manifest

from sentio_mobile._internal.records import to_plain
from sentio_mobile.bundle.bundle import EVALUATION, GOLDEN, Bundle, open_bundle
from sentio_mobile.bundle.diff import compare
from sentio_mobile.bundle.golden import Golden
from sentio_mobile.bundle.keys import make_key, read_private_key, read_public_key
from sentio_mobile.bundle.manifest import MANIFEST, hash_files
from sentio_mobile.bundle.sign import SIGNATURE, check, open_trusted, sign
from sentio_mobile.spec import AudioSpec, ModelSpec

SPEC = ModelSpec(architecture="mobilevit", settings={"width": 64}, audio=AudioSpec(image_size=(14, 14)))
ARTIFACTS = {"m-waveform-fp32.onnx": ("onnx", "waveform", "fp32"), "m.mlpackage": ("coreml", "spectrogram", "int8")}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of two artifacts that no runtime reads, signed."""
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    (folder / "m.mlpackage" / "Data").mkdir(parents=True)
    (folder / "m.mlpackage" / "Data" / "w.bin").write_bytes(b"weights")
    (folder / "m-waveform-fp32.onnx").write_bytes(b"a model")
    (folder / EVALUATION).write_text('{"val": null, "test": null}')
    random = np.random.default_rng(0)
    Golden(
        excerpt=random.integers(-9000, 9000, (4, 50)).astype(np.int16),
        length=np.full(4, 600, np.int32),
        image=random.random((4, 14, 14), dtype=np.float32),
        output=random.uniform(-1, 1, (4, 2)).astype(np.float32),
    ).save(folder / GOLDEN)
    entries = [artifact_entry(name, form, precision, path) for path, (name, form, precision) in ARTIFACTS.items()]
    write_manifest(folder, manifest_facts(SPEC, entries))
    make_key(folder.parent / "key.pem")
    sign(folder, folder.parent / "key.pem")
    return folder


@pytest.fixture(scope="module")
def files(bundle: Path) -> dict[str, bytes]:
    return {name: (bundle / name).read_bytes() for name in (MANIFEST, SIGNATURE, GOLDEN, EVALUATION)}


@pytest.fixture(autouse=True)
def whole(bundle: Path, files: dict[str, bytes]) -> None:
    restore(bundle, files)


def restore(bundle: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (bundle / name).write_bytes(content)


def use(folder: Path) -> None:
    """Open a bundle and use everything in it that needs no runtime."""

    def read() -> Bundle:
        opened = open_bundle(folder)
        for artifact in opened.artifacts:
            assert opened.size(artifact) >= 0
            assert os.path.realpath(artifact.path).startswith(os.path.realpath(folder))
        for act in (opened.golden, opened.evaluation, lambda: compare(opened, opened)):
            attempt("bundle", act, folder.parent)
        return opened

    attempt("bundle", read, folder.parent)


@given(data=st.data())
def test_changed_manifest_is_read_or_one_error(data: st.DataObject, bundle: Path, files: dict[str, bytes]) -> None:
    facts = data.draw(changed_json(json.loads(files[MANIFEST])))
    (bundle / MANIFEST).write_text(json.dumps(facts))
    use(bundle)


@given(data=st.data())
def test_any_bytes_as_a_manifest_are_read_or_one_error(
    data: st.DataObject, bundle: Path, files: dict[str, bytes]
) -> None:
    (bundle / MANIFEST).write_bytes(data.draw(any_bytes((files[MANIFEST],))))
    use(bundle)


@given(name=texts)
@example(name="loop")
@example(name="m.mlpackage")
@example(name="m-waveform-fp32.onnx/inside")
@example(name="outside")
@example(name="pipe")
@example(name="a\ud800b")
@example(name="a\x00b")
@example(name="n" * 256)
@example(name="MANIFEST.JSON")
def test_file_of_any_name_is_inside_or_one_error(name: str, bundle: Path, files: dict[str, bytes]) -> None:
    for link, target in (("loop", "loop"), ("outside", "/etc/passwd")):
        if not (bundle / link).is_symlink():
            (bundle / link).symlink_to(target)
    if not (bundle / "pipe").exists():
        os.mkfifo(bundle / "pipe")
    facts = json.loads(files[MANIFEST])
    facts["files"][name] = {"sha256": hashlib.sha256(b"").hexdigest(), "bytes": 0}
    (bundle / MANIFEST).write_text(json.dumps(facts))
    use(bundle)
    facts = json.loads(files[MANIFEST])
    facts["artifacts"][0]["path"] = name
    (bundle / MANIFEST).write_text(json.dumps(facts))
    use(bundle)
    for link in ("loop", "outside", "pipe"):
        (bundle / link).unlink()


@given(data=st.data())
def test_changed_files_with_right_hashes_are_read_or_one_error(
    data: st.DataObject, bundle: Path, files: dict[str, bytes]
) -> None:
    name = data.draw(st.sampled_from((GOLDEN, EVALUATION)))
    (bundle / name).write_bytes(data.draw(any_bytes((files[name],), head=300)))
    facts: dict[str, Any] = json.loads(files[MANIFEST])
    known = to_plain(hash_files(bundle))
    (bundle / MANIFEST).write_text(json.dumps({**facts, "files": {name: known[name] for name in facts["files"]}}))
    use(bundle)
    restore(bundle, files)


@given(data=st.data())
def test_no_changed_signature_or_manifest_is_taken_for_the_signed_one(
    data: st.DataObject, bundle: Path, files: dict[str, bytes]
) -> None:
    name, public = data.draw(st.sampled_from((SIGNATURE, MANIFEST))), bundle.parent / "key.pub.pem"
    right: Any = json.loads(files[name])
    if data.draw(st.booleans()):
        content = json.dumps(data.draw(changed_json(right))).encode()
    else:
        content = data.draw(any_bytes((files[name],)))
    (bundle / name).write_bytes(content)
    found = attempt("signature", lambda: check(bundle, public), bundle.parent)
    # Another spelling of the same signature may hold; no other manifest may.
    if found is not None:
        assert name == SIGNATURE or content == files[MANIFEST]
        signature = (
            json.loads(content)["signature"] if name == SIGNATURE else right["signature"] if name == SIGNATURE else None
        )
        assert signature is None or base64.b64decode(signature) == base64.b64decode(right["signature"])
    restore(bundle, files)


@given(data=st.data(), name=texts)
@example(data=None, name="m.mlpackage/Data/more.bin")
def test_no_changed_or_added_file_is_opened_where_a_signature_is_required(
    data: st.DataObject | None, name: str, bundle: Path, files: dict[str, bytes]
) -> None:
    """What `--require-signature` does before anything of a bundle is used."""
    public = bundle.parent / "key.pub.pem"
    assert open_trusted(bundle, public).manifest.name == "emotion"
    if data is not None and data.draw(st.booleans()):
        path = bundle / data.draw(st.sampled_from((GOLDEN, EVALUATION, MANIFEST, SIGNATURE, "m-waveform-fp32.onnx")))
        right = path.read_bytes()
        path.write_bytes(data.draw(any_bytes((right,), head=300)))
        changed = path.read_bytes() != right and path.name != SIGNATURE
        found = attempt("signature", lambda: open_trusted(bundle, public), bundle.parent)
        path.write_bytes(right)
        assert found is None or not changed
        return
    try:
        path = bundle / name
        if path.exists() or bundle.resolve() not in path.resolve().parents:
            return
        path.write_bytes(b"more")
    except (OSError, ValueError):
        return
    found = attempt("signature", lambda: open_trusted(bundle, public), bundle.parent)
    path.unlink()
    assert found is None


KEYS: dict[str, Callable[[Path], object]] = {"key.pem": read_private_key, "key.pub.pem": read_public_key}


@pytest.mark.parametrize("name", KEYS)
@given(data=st.data())
def test_any_bytes_as_a_key_are_a_key_or_one_error(name: str, data: st.DataObject, bundle: Path, place: Path) -> None:
    content = data.draw(
        any_bytes(((bundle.parent / "key.pem").read_bytes(), (bundle.parent / "key.pub.pem").read_bytes()))
    )
    (place / name).write_bytes(content)
    attempt("signature", lambda: KEYS[name](place / name), place)
