"""A bundle that was signed is found so; whatever was done to it afterwards is found too."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support import Refused, Sentio

from sentio_mobile.bundle.sign import check
from sentio_mobile.errors import SentioError

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
PUBLIC, OPEN = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.NoEncryption()


@pytest.fixture
def key(tmp_path: Path, sentio: Sentio) -> Path:
    assert sentio("key", tmp_path / "keys" / "release.pem").exit_code == 0
    return tmp_path / "keys" / "release.pem"


@pytest.fixture
def public(key: Path) -> Path:
    return key.with_name("release.pub.pem")


@pytest.fixture
def signed(make_bundle: Callable[..., Path], sentio: Sentio, key: Path) -> Path:
    folder = make_bundle("bundle")
    assert sentio("sign", folder, "--key", key).exit_code == 0
    return folder


def flip(path: Path, at: int = -2) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def spelled_otherwise(signature: str) -> str:
    """The same 64 bytes with a spare bit set: the last digit of 86 has two that count, and four that do not."""
    last = signature[85]
    other = signature[:85] + chr(ord(last) + 1) + "=="
    assert base64.b64decode(other) == base64.b64decode(signature)
    return other


def test_what_was_signed_is_found_so(sentio: Sentio, signed: Path, public: Path) -> None:
    result = sentio("check", signed, "--key", public)
    assert result.exit_code == 0
    assert "the signature is valid, and 5 files" in result.stdout
    found = json.loads(sentio("check", signed, "--key", public, "--json").stdout)
    sheet = json.loads((signed / "manifest.sig.json").read_text())
    assert found == {"public_key_sha256": sheet["public_key_sha256"], "files": 5}
    assert sheet["algorithm"] == "Ed25519"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_agrees(signed: Path, public: Path, tmp_path: Path) -> None:
    sheet = json.loads((signed / "manifest.sig.json").read_text())
    (tmp_path / "sig").write_bytes(base64.b64decode(sheet["signature"]))
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin"]
    subprocess.run([*verify, "-in", signed / "manifest.json", "-sigfile", tmp_path / "sig"], check=True)
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", public, "-outform", "der"], check=True, capture_output=True
    ).stdout
    assert hashlib.sha256(der).hexdigest() == sheet["public_key_sha256"]


def test_a_flipped_byte_in_any_file_is_found(refused: Refused, signed: Path, public: Path) -> None:
    files = sorted(path for path in signed.rglob("*") if path.is_file())
    assert len(files) == 7
    for path in files:
        before = path.read_bytes()
        flip(path)
        own = {"manifest.json": (1, "the signature does not hold"), "manifest.sig.json": (2, "manifest.sig.json")}
        status, words = own.get(path.name, (2, f"{path.name}: is not the file that the manifest was written for"))
        refused(words, "check", signed, "--key", public, status=status)
        path.write_bytes(before)
    check(signed, public)


def test_a_flipped_byte_anywhere_in_the_signature_or_the_manifest_is_found(signed: Path, public: Path) -> None:
    for name, step in (("manifest.sig.json", 1), ("manifest.json", 9)):
        path = signed / name
        before = path.read_bytes()
        for at in range(0, len(before), step):
            flip(path, at)
            with pytest.raises(SentioError) as caught:
                check(signed, public)
            assert "\n" not in str(caught.value)
            path.write_bytes(before)


def test_nothing_is_parsed_before_the_signature_holds(refused: Refused, signed: Path, public: Path) -> None:
    (signed / "manifest.json").write_text("{" * 5000)
    (signed / "golden.safetensors").unlink()
    refused("the signature does not hold", "check", signed, "--key", public, status=1)


def test_a_manifest_that_says_the_same_in_other_bytes_does_not_hold(
    refused: Refused, signed: Path, public: Path
) -> None:
    manifest = json.loads((signed / "manifest.json").read_text())
    (signed / "manifest.json").write_text(json.dumps(manifest))
    refused("the signature does not hold", "check", signed, "--key", public, status=1)


def test_another_bundles_signature_does_not_hold(
    refused: Refused, sentio: Sentio, signed: Path, key: Path, public: Path, make_bundle: Callable[..., Path]
) -> None:
    def edit(folder: Path, facts: dict[str, Any]) -> None:
        (folder / "mobilevit-waveform-fp32.onnx").write_bytes(b"other weights")

    other = make_bundle("other", edit)
    assert sentio("sign", other, "--key", key).exit_code == 0
    shutil.copy(other / "manifest.sig.json", signed / "manifest.sig.json")
    refused("the signature does not hold", "check", signed, "--key", public, status=1)
    assert sentio("sign", signed, "--key", key).exit_code == 0
    assert sentio("check", signed, "--key", public).exit_code == 0


def test_another_key_is_told_apart(refused: Refused, sentio: Sentio, signed: Path, tmp_path: Path) -> None:
    assert sentio("key", tmp_path / "mine").exit_code == 0
    refused("is signed with another key", "check", signed, "--key", tmp_path / "mine.pub", status=1)
    sheet = json.loads((signed / "manifest.sig.json").read_text())
    sheet["public_key_sha256"] = "\x1b[31m\nx"
    (signed / "manifest.sig.json").write_text(json.dumps(sheet))
    assert "\x1b" not in refused("public_key_sha256 must be", "check", signed, "--key", tmp_path / "mine.pub")


def test_files_that_the_manifest_does_not_list_are_named(
    refused: Refused, sentio: Sentio, signed: Path, key: Path, public: Path
) -> None:
    added = signed / "mobilevit-spectrogram-int8.mlpackage" / "Data" / "more\n.bin"
    added.write_text("x")
    (signed / "link").symlink_to(signed.parent)
    for command, owner in (("check", public), ("sign", key)):
        line = refused("does not list", command, signed, "--key", owner, status=1)
        assert "'link'" in line
        assert r"'mobilevit-spectrogram-int8.mlpackage/Data/more\n.bin'" in line
    added.unlink()
    (signed / "link").unlink()
    assert sentio("check", signed, "--key", public).exit_code == 0


def test_a_signature_that_is_missing_or_none_is_bad_input(refused: Refused, signed: Path, public: Path) -> None:
    place = signed / "manifest.sig.json"
    good = json.loads(place.read_text())
    for sheet, words in (
        ({**good, "schema": 2}, "schema 2"),
        ({**good, "algorithm": "none"}, "algorithm must be one of 'Ed25519'"),
        ({**good, "signature": "AAAA"}, "signature must be a text"),
        ({**good, "signature": spelled_otherwise(good["signature"])}, "not 64 bytes of base64"),
        ({**good, "signature": "?" * 88}, "not base64"),
        ({**good, "signature": 5}, "must be a text"),
        ({**good, "more": "x"}, "no key 'more'"),
        ({"schema": 1}, "lacks the key"),
        ([], "must be a table"),
        ("[" * 100_000, "too long"),
    ):
        place.write_text(sheet if isinstance(sheet, str) else json.dumps(sheet))
        refused(words, "check", signed, "--key", public)
    place.unlink()
    refused("is not signed", "check", signed, "--key", public)
    refused("is no bundle", "check", signed.parent, "--key", public)


def test_a_bundle_that_was_changed_is_not_signed(refused: Refused, signed: Path, key: Path) -> None:
    before = (signed / "manifest.sig.json").read_bytes()
    flip(signed / "mobilevit-waveform-fp32.onnx")
    refused("SHA-256 differs", "sign", signed, "--key", key)
    assert (signed / "manifest.sig.json").read_bytes() == before


def test_keys_of_another_kind_are_named(refused: Refused, signed: Path, key: Path, public: Path) -> None:
    place = signed.parent / "bad.pem"

    def given(content: bytes, words: str, command: str) -> None:
        place.write_bytes(content)
        line = refused(words, command, signed, "--key", place)
        assert str(place) in line

    encrypted = Ed25519PrivateKey.generate().private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"secret"))
    big = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    curve = ec.generate_private_key(ec.SECP256R1())
    given(encrypted, "is encrypted", "sign")
    given(big.private_bytes(PEM, PKCS8, OPEN), "is a key for RSA, not Ed25519", "sign")
    given(curve.public_key().public_bytes(PEM, PUBLIC), "not Ed25519", "check")
    given(big.public_key().public_bytes(PEM, PUBLIC), "is a key for RSA, not Ed25519", "check")
    given(public.read_bytes(), "is a public key", "sign")
    given(key.read_bytes(), "is a private key", "check")
    given(key.read_bytes()[:60], "holds no private key", "sign")
    for command, wanted in (("sign", "private"), ("check", "public")):
        given(b"", f"holds no {wanted} key", command)
        given(b"\xff\x00" * 100, f"holds no {wanted} key", command)
        given(bytes(70_000), "too long", command)
        refused("cannot read the key", command, signed, "--key", place.with_name("none.pem"))
        refused("cannot read the key", command, signed, "--key", place.parent)


def test_a_key_is_its_owners_alone_and_never_replaced(refused: Refused, sentio: Sentio, tmp_path: Path) -> None:
    place, public = tmp_path / "release.pem", tmp_path / "release.pub.pem"
    before = os.umask(0)
    try:
        result = sentio("key", place)
    finally:
        os.umask(before)
    assert result.exit_code == 0
    assert str(public) in result.stdout
    assert place.stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE" not in public.read_bytes()
    assert place.read_text().splitlines()[1] not in result.output
    kept = place.read_bytes()
    refused("never overwritten", "key", place)
    public.unlink()
    refused("release.pem exists already", "key", place)
    assert place.read_bytes() == kept
    (tmp_path / "other.pub.pem").symlink_to(tmp_path / "nowhere")
    refused("other.pub.pem exists already", "key", tmp_path / "other.pem")
    refused("cannot write", "key", place / "under.pem")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.pub.pem", "release.pem"]


def test_half_a_pair_is_not_left(refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def full_disk(made: str, place: Path) -> None:
        if ".pub" in place.name:
            raise OSError(28, "No space left on device")
        link(made, place)

    monkeypatch.setattr(os, "link", full_disk)
    refused("cannot write", "key", tmp_path / "release.pem")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_named(
    refused: Refused, signed: Path, key: Path, public: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    for arguments in (("key", "x.pem"), ("sign", signed, "--key", key), ("check", signed, "--key", public)):
        refused("pip install 'sentio-mobile[sign]'", *arguments)


@pytest.mark.parametrize("command", ["key", "sign", "check", "diff"])
def test_help_has_an_example(sentio: Sentio, command: str) -> None:
    assert f"Example: sentio-mobile bundle {command} " in sentio(command, "--help").stdout
