"""Bills of materials in CycloneDX's form (1.6, JSON): the fields that we write, and nothing that a run changes.

The form is ECMA-424. A test holds what is written to its published schema. `cyclonedx-python-lib` would bring seven
packages for these few fields into every installation.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote

import msgspec

SPEC_VERSION = "1.6"

Kind = Literal["application", "data", "file", "library", "machine-learning-model", "platform"]


class Hash(msgspec.Struct, frozen=True, kw_only=True):
    """A hash of a file, in hexadecimal."""

    alg: Literal["SHA-256", "SHA-512"]
    content: str


class LicenceName(msgspec.Struct, frozen=True, kw_only=True):
    """A licence by its name."""

    name: str


class Licence(msgspec.Struct, frozen=True, kw_only=True):
    """A licence, as a choice of CycloneDX wants it."""

    license: LicenceName


class Property(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that CycloneDX has no field for; names begin with `sentio:`."""

    name: str
    value: str


class Component(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A thing that something is made of, or made with."""

    type: Kind
    ref: str = msgspec.field(name="bom-ref")
    name: str
    version: str = ""
    description: str = ""
    scope: Literal["required", "optional", "excluded"] = "required"
    hashes: tuple[Hash, ...] = ()
    licenses: tuple[Licence, ...] = ()
    purl: str = ""
    properties: tuple[Property, ...] = ()


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What made something."""

    components: tuple[Component, ...]


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What a bill is of, and what made that."""

    tools: Tools
    component: Component


class Dependency(msgspec.Struct, frozen=True, kw_only=True):
    """What a component is made of."""

    ref: str
    made_of: tuple[str, ...] = msgspec.field(name="dependsOn")


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """A bill of materials."""

    form: Literal["CycloneDX"] = msgspec.field(name="bomFormat")
    spec_version: str = msgspec.field(name="specVersion")
    serial_number: str = msgspec.field(name="serialNumber")
    version: int
    metadata: Metadata
    components: tuple[Component, ...]
    dependencies: tuple[Dependency, ...]


def package(ecosystem: str, name: str, version: str, *, hashes: Sequence[Hash] = (), licence: str = "") -> Component:
    """A package of a registry.

    Args:
        ecosystem: Its kind in a package URL: `pypi`, `npm`, `maven`.
        name: Its name there; of a Maven library `group:artifact`.
        version: Its version; empty where another package decides on it.
        hashes: Hashes of its files.
        licence: As its registry states it; empty where it is not known.
    """
    path = "/".join(quote(part, safe="") for part in name.replace(":", "/").split("/"))
    purl = f"pkg:{ecosystem}/{path}" + (f"@{quote(version, safe='')}" if version else "")
    return Component(
        type="library",
        ref=purl,
        name=name,
        version=version,
        hashes=tuple(hashes),
        licenses=licences(licence),
        purl=purl,
    )


def licences(name: str) -> tuple[Licence, ...]:
    """A licence by its name; none where the name is empty."""
    return (Licence(license=LicenceName(name=name)),) if name else ()


def encode_bill(component: Component, *, made_with: Sequence[Component], made_of: Sequence[Component]) -> bytes:
    """A bill of materials as the bytes of a file. The same materials give the same bytes.

    Args:
        component: What it is of.
        made_with: Programs that made it.
        made_of: Its materials.
    """
    facts = msgspec.json.encode([component, list(made_with), list(made_of)])
    bill = Bill(
        form="CycloneDX",
        spec_version=SPEC_VERSION,
        # A number that follows from the content, where others draw one.
        serial_number=f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, facts.decode())}",
        version=1,
        metadata=Metadata(tools=Tools(components=tuple(made_with)), component=component),
        components=tuple(made_of),
        dependencies=(Dependency(ref=component.ref, made_of=tuple(one.ref for one in made_of)),),
    )
    return msgspec.json.format(msgspec.json.encode(bill), indent=2) + b"\n"
