"""Generate `export/golden/signatures.json`: signed manifests, and what every language must say of them.

    python benchmarks/research/golden_signatures.py export/golden/signatures.json

The keys are made of fixed texts, so that anybody can sign with them: they are for tests and for nothing else.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sentio_mobile._internal.files import write_bytes
from sentio_mobile._internal.records import Record, to_plain
from sentio_mobile.bundle.keys import fingerprint
from sentio_mobile.bundle.manifest import ArtifactEntry, FileEntry, Manifest, Provenance
from sentio_mobile.bundle.parity import Parity
from sentio_mobile.bundle.sign import Signature
from sentio_mobile.spec import ModelSpec

ARTIFACT, CONTENT = "model.onnx", "a model"
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
"""The order of Ed25519's base point (RFC 8032, 5.1)."""

Verdict = Literal["holds", "unsigned", "newer", "damaged", "other key", "tampered", "no key"]


class Case(Record, frozen=True, kw_only=True):
    """One folder, a key, and what must be said."""

    # What was done.
    name: str
    # Which of the manifests is in the folder.
    manifest: Literal["signed", "changed"] = "signed"
    # Content of manifest.sig.json; null where there is none.
    sheet: str | None
    # The key that the app trusts, as PEM.
    public_key: str
    # What must be said.
    verdict: Verdict


class Signatures(Record, frozen=True, kw_only=True):
    """signatures.json."""

    # Other files of every folder, by name.
    files: dict[str, str]
    # Contents of manifest.json, by name.
    manifests: dict[str, str]
    # The cases.
    cases: tuple[Case, ...]


def manifest() -> str:
    """A manifest that apps in every language read, of a model that none can run."""
    content = CONTENT.encode()
    parity = Parity(
        format="onnx",
        precision="fp32",
        form="waveform",
        processor="this machine",
        verdict="not run",
        tolerance=1e-4,
        reason="no runtime",
    )
    entry = ArtifactEntry(
        format="onnx", precision="fp32", form="waveform", path=ARTIFACT, varies=None, parity=parity, accuracy=None
    )
    record = Manifest(
        name="emotion",
        release="1",
        licence="CC-BY-4.0",
        spec=ModelSpec(architecture="mobilevit"),
        parameters=69_138,
        artifacts=(entry,),
        failed={},
        refused={},
        files={ARTIFACT: FileEntry(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))},
        provenance=Provenance(checkpoint_sha256="1b" * 32, recipe={}, data=None, calibration=None, keep_float=()),
        versions={"python": "3.11.7"},
    )
    return json.dumps(to_plain(record)) + "\n"


def signatures() -> Signatures:
    """All cases."""
    key, other = _key("release"), _key("somebody else")
    signed = manifest()
    changed = signed.replace('"release": "1"', '"release": "2"')
    good = key.sign(signed.encode())
    sheet = Signature(public_key_sha256=fingerprint(key.public_key()), signature=_text(good))
    plain = to_plain(sheet)
    pem = _pem(key.public_key())
    curve = _pem(derive_private_key(7, SECP256R1()).public_key())

    def case(name: str, verdict: Verdict, **changes: object) -> Case:
        given = {"sheet": _json(plain), "public_key": pem} | changes
        return msgspec.convert({"name": name, "verdict": verdict} | given, Case)

    def sheets(verdict: Verdict, changes: dict[str, dict[str, object]]) -> tuple[Case, ...]:
        return tuple(case(name, verdict, sheet=_json({**plain, **fields})) for name, fields in changes.items())

    r, s = good[:32], int.from_bytes(good[32:], "little")
    foreign = {**plain, "public_key_sha256": fingerprint(other.public_key())}
    cases = (
        case("signed by the owner of the key", "holds"),
        case("the same sheet in other spaces", "holds", sheet=json.dumps(plain, separators=(",", ":"))),
        case("a key with the line ends of Windows", "holds", public_key=pem.replace("\n", "\r\n")),
        case("a manifest that was changed", "tampered", manifest="changed"),
        *sheets(
            "tampered",
            {
                "one bit of the signature turned": {"signature": _text(bytes([good[0] ^ 1]) + good[1:])},
                "a signature of another text": {"signature": _text(key.sign(b"another text"))},
                "a signature of zeros": {"signature": _text(bytes(64))},
                "a second form of the same signature": {
                    "signature": _text(r + (s + GROUP_ORDER).to_bytes(32, "little"))
                },
                "somebody else's signature under the fingerprint of the key": {
                    "signature": _text(other.sign(signed.encode()))
                },
            },
        ),
        case("signed by somebody else", "other key", sheet=_json({**foreign, "signature": plain["signature"]})),
        case("checked with somebody else's key", "other key", public_key=_pem(other.public_key())),
        case("no sheet", "unsigned", sheet=None),
        case("a sheet of a later version", "newer", sheet=_json({"schema": 2, "algorithm": "other"})),
        *sheets(
            "damaged",
            {
                "another algorithm": {"algorithm": "none"},
                "a signature that is too short": {"signature": "AAAA"},
                "a signature that is not base64": {"signature": "?" * 88},
                "spare bits of base64 that are set": {"signature": _spelled_otherwise(_text(good))},
                "a signature that is a number": {"signature": 5},
                "a fingerprint in capitals": {"public_key_sha256": str(plain["public_key_sha256"]).upper()},
                "one more field": {"more": "x"},
                "a schema that is a text": {"schema": "1"},
                "a schema that is older": {"schema": 0},
            },
        ),
        case("a field that is missing", "damaged", sheet=_json({"schema": 1, "algorithm": "Ed25519"})),
        case("a list", "damaged", sheet="[]"),
        case("no JSON", "damaged", sheet="{"),
        case("nothing", "damaged", sheet=""),
        case("a sheet that is too long", "damaged", sheet=_json(plain) + " " * 600),
        case("a key of another kind", "no key", public_key=curve),
        case("a private key's frame", "no key", public_key=pem.replace("PUBLIC", "PRIVATE")),
        case("half a key", "no key", public_key=pem[:60]),
        case("no key at all", "no key", public_key=""),
    )
    return Signatures(files={ARTIFACT: CONTENT}, manifests={"signed": signed, "changed": changed}, cases=cases)


def _key(name: str) -> Ed25519PrivateKey:
    seed = hashlib.sha256(f"sentio-mobile golden signatures, {name}".encode()).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def _pem(key: PublicKeyTypes) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _text(signature: bytes) -> str:
    return base64.b64encode(signature).decode()


def _json(plain: object) -> str:
    return json.dumps(plain, indent=2) + "\n"


def _spelled_otherwise(text: str) -> str:
    """The same bytes in another text: the last four bits of 64 bytes are spare."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[:85] + letters[letters.index(text[85]) + 1] + "=="


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="The file to write.")
    out = parser.parse_args(arguments).out
    content = json.dumps(to_plain(signatures()), indent=1, ensure_ascii=False) + "\n"
    write_bytes(out, content.encode())


if __name__ == "__main__":
    main()
