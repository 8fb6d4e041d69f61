"""Signed model folders on which Python, Kotlin, Swift and TypeScript must agree."""

import sys
from pathlib import Path

import pytest

from sentio_mobile._internal.resources import ROOT
from sentio_mobile.bundle.sign import SIGNATURE, open_trusted
from sentio_mobile.errors import BundleError, CheckFailedError, InputError, SentioError

sys.path.insert(0, str(ROOT / "benchmarks" / "research"))
import golden_signatures

sys.path.pop(0)

FILE = ROOT / "export" / "golden" / "signatures.json"
FOUND: dict[str, tuple[type[SentioError], str]] = {
    "unsigned": (BundleError, "is not signed"),
    "newer": (BundleError, "upgrade"),
    "damaged": (BundleError, SIGNATURE),
    "other key": (CheckFailedError, "another key"),
    "tampered": (CheckFailedError, "does not hold"),
    "no key": (InputError, "key.pem"),
}


def test_golden_signatures_are_what_the_script_writes(tmp_path: Path) -> None:
    golden_signatures.main([str(tmp_path / "signatures.json")])
    again = "run python benchmarks/research/golden_signatures.py export/golden/signatures.json"
    assert (tmp_path / "signatures.json").read_text() == FILE.read_text(), again


@pytest.mark.parametrize("case", golden_signatures.signatures().cases, ids=lambda case: case.name)
def test_signed_folder_verdict(case: golden_signatures.Case, tmp_path: Path) -> None:
    golden = golden_signatures.signatures()
    folder, key = tmp_path / "folder", tmp_path / "key.pem"
    folder.mkdir()
    for name, text in golden.files.items():
        (folder / name).write_text(text)
    (folder / "manifest.json").write_text(golden.manifests[case.manifest])
    if case.sheet is not None:
        (folder / SIGNATURE).write_text(case.sheet)
    key.write_bytes(case.public_key.encode())
    if case.verdict == "holds":
        assert open_trusted(folder, key).manifest.release == "1"
        return
    kind, words = FOUND[case.verdict]
    with pytest.raises(kind) as found:
        open_trusted(folder, key)
    assert words in str(found.value)
    assert "\n" not in str(found.value)
