"""What can be said of an Xcode project without Xcode: every file has its place, the lists say what they must."""

from __future__ import annotations

import json
import plistlib
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from pbxproj import XcodeProject

PROJECT = "Demo.xcodeproj/project.pbxproj"
SCHEME = "Demo.xcodeproj/xcshareddata/xcschemes/Demo.xcscheme"


def faults(root: Path) -> list[str]:
    """What is wrong with the project, its lists and its pictures, a line each."""
    return [*_project_faults(root), *_scheme_faults(root), *_plist_faults(root), *_asset_faults(root)]


def _project_faults(root: Path) -> Iterator[str]:
    objects = XcodeProject.load(str(root / PROJECT)).objects
    if any(re.fullmatch(r"[0-9A-F]{24}", key) is None for key in objects.get_keys()):
        yield f"{PROJECT}: an identifier is not 24 hexadecimal digits"
    references = {item.get_id(): item for item in objects.get_objects_in_section("PBXFileReference")}
    groups = list(objects.get_objects_in_section("PBXGroup"))
    paths: dict[str, str] = {}
    for group in groups:
        for child in group.children:
            if child in references and "explicitFileType" not in references[child]:
                folder = f"{group.path}/" if "path" in group else ""
                paths[child] = folder + references[child].path
    lost = [item.path for key, item in references.items() if key not in paths and "explicitFileType" not in item]
    yield from (f"{PROJECT}: {path} is in no group" for path in lost)
    for path in paths.values():
        if not (root / path).exists():
            yield f"{path}: is in the project, and not there"
    present = {path.relative_to(root).as_posix() for path in (root / "Demo").iterdir() if not path.name.startswith(".")}
    yield from (f"{path}: is there, and not in the project" for path in sorted(present - set(paths.values())))
    built = {item.get_id(): item for item in objects.get_objects_in_section("PBXBuildFile")}
    for isa, wanted in (
        ("PBXSourcesBuildPhase", {path for path in present if path.endswith(".swift")}),
        ("PBXResourcesBuildPhase", {path for path in present if not path.endswith((".swift", "Info.plist"))}),
    ):
        (phase,) = objects.get_objects_in_section(isa)
        found = {paths.get(built[key].fileRef, "?") for key in phase.files}
        yield from (f"{path}: is in no {isa}" for path in sorted(wanted - found))
        yield from (f"{path}: does not belong into {isa}" for path in sorted(found - wanted))
    (frameworks,) = objects.get_objects_in_section("PBXFrameworksBuildPhase")
    products = [objects[built[key].productRef].productName for key in frameworks.files]
    if products != ["SentioKit"]:
        yield f"{PROJECT}: links {products}"
    (package,) = objects.get_objects_in_section("XCLocalSwiftPackageReference")
    if not (root / package.relativePath / "Package.swift").is_file():
        yield f"{PROJECT}: no package stands at {package.relativePath}"
    model = next((references[key] for key, path in paths.items() if path == "Demo/sentio"), None)
    if model is None or model.lastKnownFileType != "folder":
        yield f"{PROJECT}: the model folder is not copied as it is"
    yield from _setting_faults(objects, references, root)


def _setting_faults(objects: Any, references: dict[str, Any], root: Path) -> Iterator[str]:
    configurations = list(objects.get_objects_in_section("XCBuildConfiguration"))
    based = [item for item in configurations if "baseConfigurationReference" in item]
    bases = {references[item.baseConfigurationReference].path for item in based}
    if len(based) != 2 or bases != {"Config.xcconfig"}:
        yield f"{PROJECT}: does not stand on Config.xcconfig"
    for item in configurations:
        settings = item.buildSettings
        if "INFOPLIST_FILE" not in settings:
            continue
        if settings["PRODUCT_BUNDLE_IDENTIFIER"] != "$(SENTIO_BUNDLE_IDENTIFIER)":
            yield f"{PROJECT}: the bundle's identifier is not that of Config.xcconfig"
        if not (root / settings["INFOPLIST_FILE"]).is_file():
            yield f"{PROJECT}: {settings['INFOPLIST_FILE']} is not there"
    keys = re.findall(r"^(\w+) = \S.*$", (root / "Config.xcconfig").read_text(), re.MULTILINE)
    if keys != ["SENTIO_BUNDLE_IDENTIFIER", "SENTIO_APP_NAME", "IPHONEOS_DEPLOYMENT_TARGET"]:
        yield f"Config.xcconfig: sets {keys}"


def _scheme_faults(root: Path) -> Iterator[str]:
    (target,) = XcodeProject.load(str(root / PROJECT)).objects.get_targets()
    references = list(ElementTree.parse(root / SCHEME).iter("BuildableReference"))
    if not references or any(item.get("BlueprintIdentifier") != target.get_id() for item in references):
        yield f"{SCHEME}: is of another target"


def _plist_faults(root: Path) -> Iterator[str]:
    info = plistlib.loads((root / "Demo/Info.plist").read_bytes())
    wanted = {
        "CFBundleDisplayName": "$(SENTIO_APP_NAME)",
        "CFBundleIdentifier": "$(PRODUCT_BUNDLE_IDENTIFIER)",
        "CFBundleExecutable": "$(EXECUTABLE_NAME)",
        "CFBundlePackageType": "$(PRODUCT_BUNDLE_PACKAGE_TYPE)",
        "UILaunchScreen": {},
        "ITSAppUsesNonExemptEncryption": False,
    }
    yield from (f"Demo/Info.plist: {key} is {info.get(key)!r}" for key in wanted if info.get(key) != wanted[key])
    if len(info.get("NSMicrophoneUsageDescription", "").split()) < 5:
        yield "Demo/Info.plist: does not say what the microphone is for"
    if "UIBackgroundModes" in info:
        yield "Demo/Info.plist: an app in the background must not listen"
    privacy = plistlib.loads((root / "Demo/PrivacyInfo.xcprivacy").read_bytes())
    nothing = {
        "NSPrivacyTracking": False,
        "NSPrivacyTrackingDomains": [],
        "NSPrivacyCollectedDataTypes": [],
        "NSPrivacyAccessedAPITypes": [],
    }
    if privacy != nothing:
        yield f"Demo/PrivacyInfo.xcprivacy: says {privacy}"


def _asset_faults(root: Path) -> Iterator[str]:
    catalogue = root / "Demo/Assets.xcassets"
    for contents in sorted(catalogue.rglob("Contents.json")):
        name = contents.relative_to(root).as_posix()
        listed = json.loads(contents.read_text())
        if listed["info"] != {"author": "xcode", "version": 1}:
            yield f"{name}: info is {listed['info']}"
        files = {image["filename"] for image in listed.get("images", [])}
        lying = {path.name for path in contents.parent.iterdir() if path.is_file()} - {"Contents.json"}
        if files != lying:
            yield f"{name}: names {sorted(files)}, and {sorted(lying)} lie there"
        for image in listed.get("images", []):
            yield from _image_faults(contents.parent / image["filename"], image["size"])
    for folder in (path for path in catalogue.iterdir() if path.is_dir()):
        if not (folder / "Contents.json").is_file():
            yield f"{folder.relative_to(root).as_posix()}: has no Contents.json"
    have = {folder.name for folder in catalogue.iterdir() if folder.is_dir()}
    if have != {"AppIcon.appiconset", "AccentColor.colorset"}:
        yield f"Demo/Assets.xcassets: holds {sorted(have)}"


def _image_faults(path: Path, size: str) -> Iterator[str]:
    if not path.is_file():
        return
    head = path.read_bytes()[:33]
    if head[:8] != b"\x89PNG\r\n\x1a\n":
        yield f"{path.name}: is no PNG"
        return
    width, height, _, colour = struct.unpack(">IIBB", head[16:26])
    if f"{width}x{height}" != size:
        yield f"{path.name}: is of {width}x{height}, not {size}"
    if colour != 2:
        yield f"{path.name}: an icon has no transparency"
