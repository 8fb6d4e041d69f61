"""The bill of materials of a bundle: the packages that made it, the parts of the model, and the data behind it."""

from __future__ import annotations

from sentio_mobile._internal.cyclonedx import Component, Hash, Property, encode_bill, licences, package
from sentio_mobile.bundle.manifest import UNKNOWN, Manifest

SBOM = "sbom.cdx.json"
"""Its file in a bundle."""

_OURS = "sentio-mobile"


def bill_of_materials(manifest: Manifest) -> bytes:
    """Write the bill of a bundle, in CycloneDX's form.

    Args:
        manifest: The bundle's manifest, whose `files` are those that the bill lists.
    """
    licence = "" if manifest.licence == UNKNOWN else manifest.licence
    model = Component(
        type="machine-learning-model",
        ref="model",
        name=manifest.name,
        version=manifest.release,
        description=f"{manifest.spec.architecture}, {manifest.parameters_in_words} weights: emotion of music",
        hashes=(Hash(alg="SHA-256", content=manifest.provenance.checkpoint_sha256),),
        licenses=licences(licence),
    )
    own = {_OURS, "python"}
    tools = [
        Component(type="platform", ref="python", name="Python", version=manifest.versions.get("python", "")),
        package("pypi", _OURS, manifest.versions.get(_OURS, ""), licence="Apache-2.0"),
    ]
    libraries = [package("pypi", name, version) for name, version in manifest.versions.items() if name not in own]
    return encode_bill(model, made_with=[*tools, *libraries], made_of=[*_parts(manifest), *_data(manifest)])


def _parts(manifest: Manifest) -> list[Component]:
    """Every file of the bundle; those of an artifact say which one."""
    artifact_of = {name: one.label for one in manifest.artifacts for name in manifest.files_of(one)}
    return [
        Component(
            type="file",
            ref=f"file:{name}",
            name=name,
            hashes=(Hash(alg="SHA-256", content=entry.sha256),),
            properties=tuple(
                Property(name=f"sentio:{key}", value=value)
                for key, value in (("bytes", str(entry.bytes)), ("artifact", artifact_of.get(name, "")))
                if value
            ),
        )
        for name, entry in manifest.files.items()
    ]


def _data(manifest: Manifest) -> list[Component]:
    """The music that the model learned from."""
    data, about = manifest.provenance.data, manifest.about
    if data is None:
        return []
    facts = {"labels": data.labels, **{f"songs:{split}": str(count) for split, count in data.songs.items()}}
    stated = about.music if about and about.music else "the music's licence was not stated"
    return [
        Component(
            type="data",
            ref="training-data",
            name=data.source,
            description=stated,
            hashes=(Hash(alg="SHA-256", content=data.fingerprint),),
            properties=tuple(Property(name=f"sentio:{key}", value=value) for key, value in facts.items()),
        )
    ]
