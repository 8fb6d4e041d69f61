"""The bill of materials of a release, and the lock file that Python's part of it is read from."""

import json
import re
from pathlib import Path

import pytest

from sentio_mobile._internal.resources import ROOT
from sentio_mobile.errors import InputError
from sentio_mobile.packaging import sbom

LOCK, CONSTRAINTS = ROOT / "requirements.lock", ROOT / "constraints.txt"


def test_release_bill_keeps_to_the_schema_and_names_what_is_locked(tmp_path: Path) -> None:
    validation = pytest.importorskip("cyclonedx.validation.json", reason="cyclonedx-python-lib is not installed")
    schema = pytest.importorskip("cyclonedx.schema")
    sbom.main([str(tmp_path / "sbom.cdx.json")])
    content = (tmp_path / "sbom.cdx.json").read_bytes()
    assert validation.JsonStrictValidator(schema.SchemaVersion.V1_6).validate_str(content.decode()) is None
    bill = json.loads(content)
    kinds = {one["purl"].split("/")[0]: one for one in bill["components"]}
    assert kinds.keys() == {"pkg:pypi", "pkg:npm", "pkg:maven"}
    by_name = {one["name"]: one for one in bill["components"]}
    assert by_name["onnxruntime-web"].get("scope", "required") == "required"
    assert by_name["vite"]["scope"] == "excluded"
    assert by_name["vite"]["hashes"][0]["alg"] == "SHA-512"
    assert by_name["com.google.ai.edge.litert:litert"]["purl"].startswith("pkg:maven/com.google.ai.edge.litert/litert@")
    assert len(by_name["numpy"]["hashes"]) > 1
    assert {one["name"] for one in bill["metadata"]["tools"]["components"]} == {"hatchling", "uv"}
    assert content == sbom.release_bill()


def test_release_bill_outside_of_a_checkout_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give the command in a checkout"):
        sbom.release_bill(tmp_path)


def test_lock_has_every_constraint_with_a_hash() -> None:
    """`make lock` writes it anew."""
    locked = {one.name: one for one in sbom.python_packages(LOCK.read_text())}
    assert [name for name, one in locked.items() if not one.hashes] == []
    wanted = dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)$", CONSTRAINTS.read_text(), re.MULTILINE))
    wanted = {name.lower().replace("_", "-").replace(".", "-"): version for name, version in wanted.items()}
    # pip is in every environment; the other one is not installed on every system.
    differing = {
        name: version for name, version in wanted.items() if name in locked and locked[name].version != version
    }
    assert differing == {}, "run `make lock`"
    needed = re.findall(
        r'^ *(?:\w+ = \[)?"([A-Za-z0-9][A-Za-z0-9_-]*)[\[><=]', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
    assert len(needed) > 40
    # Nothing else needs the extra executorch, which `make` does not install.
    unlocked = {"sentio-mobile", "executorch"}
    assert [name for name in needed if name not in locked and name not in unlocked] == [], "run `make lock`"


def test_lock_names_no_place_that_packages_come_from() -> None:
    assert "://" not in LOCK.read_text()
