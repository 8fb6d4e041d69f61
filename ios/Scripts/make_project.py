"""Write Demo.xcodeproj from the files that lie in Demo/: python3 Scripts/make_project.py

The same files give the same bytes: every identifier is a hash of what it stands for. Run it after adding a file, or add
files in Xcode as usual and forget this script. Standard library only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEMO, PRODUCT, MODEL = "Demo", "SentioKit", "sentio"

KINDS: Mapping[str, str] = {
    ".swift": "sourcecode.swift",
    ".plist": "text.plist.xml",
    ".xcprivacy": "text.xml",
    ".xcassets": "folder.assetcatalog",
    ".xcconfig": "text.xcconfig",
}
"""Xcode's word for a file, by its ending. A folder without one is copied into the app as it is."""

PROJECT_SETTINGS: Mapping[str, str] = {
    "ALWAYS_SEARCH_USER_PATHS": "NO",
    "CLANG_ENABLE_MODULES": "YES",
    "CLANG_ENABLE_OBJC_ARC": "YES",
    "ENABLE_USER_SCRIPT_SANDBOXING": "YES",
    "SDKROOT": "iphoneos",
    "SWIFT_STRICT_CONCURRENCY": "complete",
    "SWIFT_VERSION": "5.0",
}

DEBUG_SETTINGS: Mapping[str, str] = {
    "DEBUG_INFORMATION_FORMAT": "dwarf",
    "ENABLE_TESTABILITY": "YES",
    "ONLY_ACTIVE_ARCH": "YES",
    "SWIFT_ACTIVE_COMPILATION_CONDITIONS": "DEBUG",
    "SWIFT_OPTIMIZATION_LEVEL": "-Onone",
}

RELEASE_SETTINGS: Mapping[str, str] = {
    "DEBUG_INFORMATION_FORMAT": "dwarf-with-dsym",
    "SWIFT_COMPILATION_MODE": "wholemodule",
    "VALIDATE_PRODUCT": "YES",
}

TARGET_SETTINGS: Mapping[str, str] = {
    "ASSETCATALOG_COMPILER_APPICON_NAME": "AppIcon",
    "ASSETCATALOG_COMPILER_GLOBAL_ACCENT_COLOR_NAME": "AccentColor",
    "CODE_SIGN_STYLE": "Automatic",
    "CURRENT_PROJECT_VERSION": "1",
    "GENERATE_INFOPLIST_FILE": "NO",
    "INFOPLIST_FILE": f"{DEMO}/Info.plist",
    "LD_RUNPATH_SEARCH_PATHS": "$(inherited) @executable_path/Frameworks",
    "MARKETING_VERSION": "1.0",
    "PRODUCT_BUNDLE_IDENTIFIER": "$(SENTIO_BUNDLE_IDENTIFIER)",
    "PRODUCT_NAME": "$(TARGET_NAME)",
    "TARGETED_DEVICE_FAMILY": "1,2",
}

Value = str | list["Value"] | dict[str, "Value"]


def identifier(*parts: str) -> str:
    """24 hexadecimal digits that stay the same as long as what they stand for does."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:24].upper()


@dataclass
class Project:
    """The objects of a project file, by identifier."""

    objects: dict[str, dict[str, Value]] = field(default_factory=dict)

    def add(self, isa: str, what: str, /, **values: Value) -> str:
        """Add an object that stands for something and give its identifier."""
        key = identifier(isa, what)
        if key in self.objects:
            raise ValueError(f"{isa} {what}: is there twice")
        self.objects[key] = {"isa": isa, **values}
        return key

    def configurations(self, owner: str, base: str | None, *settings: Mapping[str, str]) -> str:
        """A list of the two configurations; those of the project stand on the settings file."""
        keys: list[Value] = []
        for name, own in zip(("Debug", "Release"), settings, strict=True):
            entry: dict[str, Value] = {"baseConfigurationReference": base} if base else {}
            entry |= {"buildSettings": dict(own), "name": name}
            keys.append(self.add("XCBuildConfiguration", f"{owner} {name}", **entry))
        return self.add(
            "XCConfigurationList",
            owner,
            buildConfigurations=keys,
            defaultConfigurationIsVisible="0",
            defaultConfigurationName="Release",
        )


def demo_files(root: Path) -> list[str]:
    """What the app is made of, by path from the root; folders that Xcode takes as one thing count as one."""
    found = sorted(path for path in (root / DEMO).iterdir() if not path.name.startswith("."))
    unknown = [path.name for path in found if path.suffix not in KINDS and path.name != MODEL]
    if unknown:
        raise SystemExit(f"{DEMO}/{unknown[0]}: of no kind that an app is made of; move it away or add it to KINDS")
    return [path.relative_to(root).as_posix() for path in found]


def build(root: Path) -> tuple[str, str]:
    """The text of project.pbxproj, and the identifier of the app's target."""
    project = Project()
    references: list[Value] = []
    phases: dict[str, list[Value]] = {"Sources": [], "Resources": []}
    for path in demo_files(root):
        name = Path(path).name
        kind = KINDS.get(Path(path).suffix, "folder")
        reference = project.add("PBXFileReference", path, lastKnownFileType=kind, path=name, sourceTree="<group>")
        references.append(reference)
        if name != "Info.plist":
            phase = "Sources" if path.endswith(".swift") else "Resources"
            phases[phase].append(project.add("PBXBuildFile", path, fileRef=reference))
    settings = project.add(
        "PBXFileReference",
        "Config.xcconfig",
        lastKnownFileType=KINDS[".xcconfig"],
        path="Config.xcconfig",
        sourceTree="<group>",
    )
    app = project.add(
        "PBXFileReference",
        f"{DEMO}.app",
        explicitFileType="wrapper.application",
        includeInIndex="0",
        path=f"{DEMO}.app",
        sourceTree="BUILT_PRODUCTS_DIR",
    )
    package = project.add("XCLocalSwiftPackageReference", ".", relativePath=".")
    product = project.add("XCSwiftPackageProductDependency", PRODUCT, package=package, productName=PRODUCT)
    linked: list[Value] = [project.add("PBXBuildFile", PRODUCT, productRef=product)]
    build_phases: list[Value] = [
        project.add(
            f"PBX{phase}BuildPhase",
            DEMO,
            buildActionMask="2147483647",
            files=files,
            runOnlyForDeploymentPostprocessing="0",
        )
        for phase, files in (("Sources", phases["Sources"]), ("Frameworks", linked), ("Resources", phases["Resources"]))
    ]
    products = project.add("PBXGroup", "Products", children=[app], name="Products", sourceTree="<group>")
    demo = project.add("PBXGroup", DEMO, children=references, path=DEMO, sourceTree="<group>")
    main = project.add("PBXGroup", "", children=[settings, demo, products], sourceTree="<group>")
    target = project.add(
        "PBXNativeTarget",
        DEMO,
        buildConfigurationList=project.configurations(DEMO, None, TARGET_SETTINGS, TARGET_SETTINGS),
        buildPhases=build_phases,
        buildRules=[],
        dependencies=[],
        name=DEMO,
        packageProductDependencies=[product],
        productName=DEMO,
        productReference=app,
        productType="com.apple.product-type.application",
    )
    root_object = project.add(
        "PBXProject",
        DEMO,
        attributes={"BuildIndependentTargetsInParallel": "1", "LastUpgradeCheck": "1500"},
        buildConfigurationList=project.configurations(
            "project", settings, {**PROJECT_SETTINGS, **DEBUG_SETTINGS}, {**PROJECT_SETTINGS, **RELEASE_SETTINGS}
        ),
        compatibilityVersion="Xcode 15.0",
        developmentRegion="en",
        hasScannedForEncodings="0",
        knownRegions=["en", "Base"],
        mainGroup=main,
        packageReferences=[package],
        productRefGroup=products,
        projectDirPath="",
        projectRoot="",
        targets=[target],
    )
    whole: Value = {
        "archiveVersion": "1",
        "classes": {},
        "objectVersion": "60",
        "objects": dict(sorted(project.objects.items(), key=lambda item: (str(item[1]["isa"]), item[0]))),
        "rootObject": root_object,
    }
    return f"// !$*UTF8*$!\n{plist(whole)}\n", target


def plist(value: Value, depth: int = 0) -> str:
    """A value as an old-style property list."""
    inner, outer = "\t" * (depth + 1), "\t" * depth
    if isinstance(value, str):
        plain = value and all(letter.isascii() and (letter.isalnum() or letter in "._/") for letter in value)
        return value if plain else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "(\n" + "".join(f"{inner}{plist(item, depth + 1)},\n" for item in value) + f"{outer})"
    return "{\n" + "".join(f"{inner}{plist(k)} = {plist(v, depth + 1)};\n" for k, v in value.items()) + f"{outer}}}"


def scheme(target: str) -> str:
    """The shared scheme: build, run, profile and archive the app."""
    reference = f"""<BuildableReference
            BuildableIdentifier = "primary"
            BlueprintIdentifier = "{target}"
            BuildableName = "{DEMO}.app"
            BlueprintName = "{DEMO}"
            ReferencedContainer = "container:{DEMO}.xcodeproj">
         </BuildableReference>"""
    runnable = f"""<BuildableProductRunnable
         runnableDebuggingMode = "0">
         {reference}
      </BuildableProductRunnable>"""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Scheme
   LastUpgradeVersion = "1500"
   version = "1.7">
   <BuildAction
      parallelizeBuildables = "YES"
      buildImplicitDependencies = "YES">
      <BuildActionEntries>
         <BuildActionEntry
            buildForTesting = "YES"
            buildForRunning = "YES"
            buildForProfiling = "YES"
            buildForArchiving = "YES"
            buildForAnalyzing = "YES">
            {reference}
         </BuildActionEntry>
      </BuildActionEntries>
   </BuildAction>
   <TestAction
      buildConfiguration = "Debug"
      selectedDebuggerIdentifier = "Xcode.DebuggerFoundation.Debugger.LLDB"
      selectedLauncherIdentifier = "Xcode.DebuggerFoundation.Launcher.LLDB"
      shouldUseLaunchSchemeArgsEnv = "YES">
   </TestAction>
   <LaunchAction
      buildConfiguration = "Debug"
      selectedDebuggerIdentifier = "Xcode.DebuggerFoundation.Debugger.LLDB"
      selectedLauncherIdentifier = "Xcode.DebuggerFoundation.Launcher.LLDB"
      launchStyle = "0"
      useCustomWorkingDirectory = "NO"
      ignoresPersistentStateOnLaunch = "NO"
      debugDocumentVersioning = "YES"
      debugServiceExtension = "internal"
      allowLocationSimulation = "YES">
      {runnable}
   </LaunchAction>
   <ProfileAction
      buildConfiguration = "Release"
      shouldUseLaunchSchemeArgsEnv = "YES"
      savedToolIdentifier = ""
      useCustomWorkingDirectory = "NO"
      debugDocumentVersioning = "YES">
      {runnable}
   </ProfileAction>
   <AnalyzeAction
      buildConfiguration = "Debug">
   </AnalyzeAction>
   <ArchiveAction
      buildConfiguration = "Release"
      revealArchiveInOrganizer = "YES">
   </ArchiveAction>
</Scheme>
"""


def write(root: Path, project: Path) -> None:
    """Write the project into a folder that ends in .xcodeproj."""
    text, target = build(root)
    schemes = project / "xcshareddata/xcschemes"
    schemes.mkdir(parents=True, exist_ok=True)
    (project / "project.pbxproj").write_text(text, encoding="utf-8")
    (schemes / f"{DEMO}.xcscheme").write_text(scheme(target), encoding="utf-8")


if __name__ == "__main__":
    write(ROOT, ROOT / f"{DEMO}.xcodeproj")
