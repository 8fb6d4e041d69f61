"""A bundle goes to the Hugging Face hub and comes back as it was; what is not right does not land anywhere.

The hub's real client talks to a stand-in of the hub on this machine; see hub_server.py.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hub_server import TOKEN, Hub, Repository
from huggingface_hub import ModelCard, constants
from serving import serving
from support import MakeBundle, Refused, Sentio, tree

from sentio_mobile._internal.resources import ROOT
from sentio_mobile.bundle.manifest import MANIFEST
from sentio_mobile.bundle.sign import SIGNATURE

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
"""The hub's client uses its own network client as that will not be used later."""

NAME = "anna/moods"
CHECKPOINT = ROOT / "export" / "golden" / "student"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub in which nothing is yet, and a token for it."""
    with serving(Hub()) as server:
        # The client reads its variables when it is imported.
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield server


@pytest.fixture
def refused(refused: Refused) -> Refused:
    """The error may follow lines of progress."""
    return partial(refused, after=("Downloading ", "Uploading "))


@pytest.fixture
def bundle(make_bundle: MakeBundle) -> Path:
    return make_bundle("bundle")


@pytest.fixture
def keys(tmp_path: Path, sentio: Sentio) -> tuple[Path, Path]:
    """A private key, and its public one."""
    assert sentio("key", tmp_path / "keys" / "release.pem").exit_code == 0
    return tmp_path / "keys" / "release.pem", tmp_path / "keys" / "release.pub.pem"


@pytest.fixture
def pushed(hub: Hub, bundle: Path, sentio: Sentio) -> Repository:
    """The repository of a bundle."""
    result = sentio("push", bundle, NAME)
    assert result.exit_code == 0, result.output
    return hub.repositories[NAME]


def test_a_bundle_comes_back_as_it_went(
    hub: Hub, pushed: Repository, bundle: Path, sentio: Sentio, tmp_path: Path
) -> None:
    result = sentio("pull", NAME, "--out", tmp_path / "back", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["commit"] == pushed.commits[-1][0]
    assert found["public_key_sha256"] is None
    assert tree(tmp_path / "back") == tree(bundle)
    assert found["files"] == len(tree(bundle))
    # Every file of one commit, whatever becomes of the branch meanwhile.
    assert all("/resolve/main/" not in asked for asked in hub.asked)


def test_the_repository_has_card_and_spec(pushed: Repository, bundle: Path) -> None:
    card = ModelCard(pushed.files["README.md"].decode())
    assert card.data.license == "mit"
    assert card.data.library_name == "sentio-mobile"
    assert card.data.pipeline_tag == "audio-classification"
    assert set(card.data.tags) == {"music", "emotion", "valence-arousal", "onnx", "coreml"}
    assert f"sentio-mobile bundle pull {NAME} --out bundle" in card.text
    manifest = json.loads((bundle / MANIFEST).read_text())
    assert json.loads(pushed.files["config.json"]) == manifest["spec"]
    expected = {"README.md", "config.json", ".gitattributes", MANIFEST, *manifest["files"]}
    assert pushed.files.keys() == expected
    assert pushed.commits[-1][1] == "emotion 1"


def test_weights_go_along_when_they_are_the_bundles(
    hub: Hub, make_bundle: MakeBundle, bundle: Path, sentio: Sentio, refused: Refused, tmp_path: Path
) -> None:
    sheet = json.loads((CHECKPOINT / "checkpoint.json").read_text())

    def edit(folder: Path, facts: dict[str, Any]) -> None:
        facts["provenance"]["checkpoint_sha256"] = sheet["weights_sha256"]

    exported = make_bundle("exported", edit)
    refused("another checkpoint", "push", bundle, NAME, "--checkpoint", CHECKPOINT)
    copy = Path(shutil.copytree(CHECKPOINT, tmp_path / "ckpt"))
    (copy / "model.safetensors").write_bytes(b"changed")
    refused("truncated or changed", "push", exported, NAME, "--checkpoint", copy)
    assert hub.repositories == {}
    assert sentio("push", exported, NAME, "--checkpoint", CHECKPOINT).exit_code == 0
    files = hub.repositories[NAME].files
    assert files["model.safetensors"] == (CHECKPOINT / "model.safetensors").read_bytes()
    # The next release has none, so that none of another model is left.
    assert sentio("push", bundle, NAME).exit_code == 0
    assert "model.safetensors" not in hub.repositories[NAME].files
    assert sentio("pull", NAME, "--out", tmp_path / "back").exit_code == 0


def test_a_release_takes_the_place_of_the_one_before(
    hub: Hub, pushed: Repository, make_bundle: MakeBundle, bundle: Path, sentio: Sentio, tmp_path: Path
) -> None:
    def edit(folder: Path, facts: dict[str, Any]) -> None:
        (folder / "mobilevit-waveform-fp32.onnx").unlink()
        facts["artifacts"] = [one for one in facts["artifacts"] if one["format"] != "onnx"]
        facts["release"] = "2"

    newer, notes = make_bundle("newer", edit), tmp_path / "NOTES.md"
    assert sentio("diff", bundle, newer, "--notes", notes).exit_code == 0
    assert "`onnx waveform fp32` | removed" in notes.read_text()
    result = sentio("push", newer, NAME, "--tag", "2.0", "--notes", notes)
    assert result.exit_code == 0, result.output
    assert "1 files of the release before were removed" in result.stdout
    assert "mobilevit-waveform-fp32.onnx" not in pushed.files
    _, message, description, files = pushed.commits[-1]
    assert message == "emotion 2"
    assert description == notes.read_text()
    assert "## `2` after `1`" in files["README.md"].decode()
    assert pushed.tags == {"2.0": pushed.commits[-1][0]}
    for revision, folder in (("2.0", newer), (pushed.commits[1][0], bundle)):
        out = tmp_path / f"at-{revision}"
        assert sentio("pull", NAME, "--revision", revision, "--out", out).exit_code == 0
        assert tree(out) == tree(folder)


def test_what_did_not_change_is_not_sent_again(hub: Hub, pushed: Repository, bundle: Path, sentio: Sentio) -> None:
    hub.asked.clear()
    assert sentio("push", bundle, NAME).exit_code == 0
    assert len(pushed.commits) == 2
    assert not [asked for asked in hub.asked if asked.startswith("PUT")]


def test_a_signature_is_checked_before_anything_else_is_fetched(
    hub: Hub, bundle: Path, sentio: Sentio, refused: Refused, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    private, public = keys
    assert sentio("key", tmp_path / "other.pem").exit_code == 0
    other, out = tmp_path / "other.pub.pem", tmp_path / "back"
    refused("is not signed", "push", bundle, NAME, "--require-signature", public)
    assert sentio("push", bundle, NAME).exit_code == 0
    assert f"{NAME}: is not signed" in refused(
        "is not signed", "pull", NAME, "--out", out, "--require-signature", public
    )
    assert sentio("sign", bundle, "--key", private).exit_code == 0
    assert sentio("push", bundle, NAME).exit_code == 0
    hub.asked.clear()
    line = refused("another key", "pull", NAME, "--out", out, "--require-signature", other, status=1)
    assert f"Error: {NAME}: " in line
    assert not [asked for asked in hub.asked if asked.endswith(".onnx")]
    found = json.loads(sentio("pull", NAME, "--out", out, "--require-signature", public, "--json").stdout)
    assert found["public_key_sha256"] in sentio("check", out, "--key", public).stdout
    assert (out / SIGNATURE).read_bytes() == (bundle / SIGNATURE).read_bytes()
    assert "--require-signature KEY" in hub.repositories[NAME].files["README.md"].decode()


def flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("name", ["mobilevit-waveform-fp32.onnx", "golden.safetensors", "evaluation.json"])
def test_a_file_that_is_not_the_listed_one_lands_nowhere(
    hub: Hub, pushed: Repository, refused: Refused, tmp_path: Path, name: str
) -> None:
    before = sorted(tmp_path.iterdir())
    hub.damaged[name] = flipped(pushed.files[name])
    assert f"{NAME}: {name!r}" in refused("SHA-256 differs", "pull", NAME, "--out", tmp_path / "back")
    assert sorted(tmp_path.iterdir()) == before


def test_an_old_bundle_stays_when_the_new_one_is_damaged(
    hub: Hub, pushed: Repository, sentio: Sentio, refused: Refused, tmp_path: Path
) -> None:
    out = tmp_path / "back"
    assert sentio("pull", NAME, "--out", out).exit_code == 0
    kept = tree(out)
    refused("exists already", "pull", NAME, "--out", out)
    hub.damaged["golden.safetensors"] = flipped(pushed.files["golden.safetensors"])
    refused("SHA-256 differs", "pull", NAME, "--out", out, "--force")
    assert tree(out) == kept
    hub.damaged.clear()
    assert sentio("pull", NAME, "--out", out, "--force").exit_code == 0


def edited(change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, bytes]], None]:
    def edit(files: dict[str, bytes]) -> None:
        manifest = json.loads(files[MANIFEST])
        change(manifest)
        files[MANIFEST] = json.dumps(manifest).encode()

    return edit


def leads_out(manifest: dict[str, Any]) -> None:
    manifest["files"]["../out.bin"] = {"sha256": "0" * 64, "bytes": 1}


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda files: files.pop(MANIFEST), "holds no bundle"),
        (lambda files: files.pop("golden.safetensors"), "lacks 'golden.safetensors'"),
        (lambda files: files.update({"golden.safetensors": b"short"}), "has 5 bytes"),
        (lambda files: files.update({MANIFEST: b"{"}), "not JSON"),
        (lambda files: files.update({SIGNATURE: bytes(5000)}), "5,000 bytes"),
        (edited(leads_out), "no path inside the bundle"),
        (edited(lambda manifest: manifest.update(schema=99)), "upgrade sentio-mobile"),
    ],
    ids=["no manifest", "a file is missing", "length", "no JSON", "long signature", "outside", "version"],
)
def test_what_is_no_bundle_lands_nowhere(
    pushed: Repository, refused: Refused, tmp_path: Path, edit: Callable[[dict[str, bytes]], None], words: str
) -> None:
    before = sorted(tmp_path.iterdir())
    files = dict(pushed.files)
    edit(files)
    pushed.add("changed", "", files)
    line = refused(words, "pull", NAME, "--out", tmp_path / "back")
    assert NAME in line
    assert ".part" not in line
    assert sorted(tmp_path.iterdir()) == before


def test_a_repository_of_something_else_is_left_alone(hub: Hub, bundle: Path, refused: Refused) -> None:
    hub.repositories[NAME] = Repository()
    hub.repositories[NAME].add("mine", "", {"README.md": b"my notes", "data.csv": b"1,2"})
    refused("holds 'data.csv' and no bundle", "push", bundle, NAME)
    assert hub.repositories[NAME].files["README.md"] == b"my notes"


def test_a_private_repository_needs_the_token(
    hub: Hub, bundle: Path, sentio: Sentio, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sentio("push", bundle, NAME, "--private").exit_code == 0
    assert hub.repositories[NAME].private
    assert sentio("pull", NAME, "--out", tmp_path / "back").exit_code == 0
    monkeypatch.delenv("HF_TOKEN")
    refused("no such repository, or it is private", "pull", NAME, "--out", tmp_path / "other")
    refused("with a token only", "push", bundle, NAME)
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    refused("refuses this token (status 401)", "push", bundle, "anna/new")
    assert list(hub.repositories) == [NAME]


def test_a_public_repository_is_not_taken_for_a_private_one(pushed: Repository, bundle: Path, refused: Refused) -> None:
    refused("is public already", "push", bundle, NAME, "--private")
    assert len(pushed.commits) == 2


def test_what_the_hub_refuses_is_one_line(
    hub: Hub, pushed: Repository, bundle: Path, refused: Refused, sentio: Sentio, tmp_path: Path
) -> None:
    out = tmp_path / "back"
    refused("no such repository", "pull", "anna/none", "--out", out)
    refused("no branch, tag or commit 'v9'", "pull", NAME, "--revision", "v9", "--out", out)
    for name in ("moods", "a/b/c", "-/x", "anna/\x1b[31m", "../.."):
        refused("names no repository", "pull", "--out", out, "--", name)
    refused("Give another name", "pull", "anna/a..b", "--out", out)
    assert sentio("push", bundle, NAME, "--tag", "1").exit_code == 0
    refused("has the tag 1 already", "push", bundle, NAME, "--tag", "1")
    hub.status["GET /api/models/"] = 403
    refused("refuses this token (status 403)", "pull", NAME, "--out", out)
    hub.status = {f"POST /api/models/{NAME}/commit": 412}
    (bundle / "manifest.json").write_text((bundle / "manifest.json").read_text() + "\n")
    refused("changed meanwhile", "push", bundle, NAME)
    hub.status = {"GET /api/models/": 500}
    refused("status 500", "pull", NAME, "--out", out)
    assert not out.exists()
    assert len(pushed.commits) == 3


def test_notes_must_be_text(hub: Hub, bundle: Path, refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "notes").write_bytes(b"\xff\xfe")
    refused("not text in UTF-8", "push", bundle, NAME, "--notes", tmp_path / "notes")
    (tmp_path / "notes").write_bytes(b"x" * 70_000)
    refused("more than the", "push", bundle, NAME, "--notes", tmp_path / "notes")
    refused("cannot read", "push", bundle, NAME, "--notes", tmp_path / "none")


def test_a_bundle_with_a_name_of_the_hubs_own_is_refused(hub: Hub, make_bundle: MakeBundle, refused: Refused) -> None:
    def edit(folder: Path, facts: dict[str, Any]) -> None:
        (folder / "README.md").write_text("mine")

    refused("has a file README.md", "push", make_bundle("odd", edit), NAME)
    assert hub.repositories == {}


def test_a_changed_bundle_is_not_sent(hub: Hub, bundle: Path, refused: Refused) -> None:
    (bundle / "mobilevit-waveform-fp32.onnx").write_bytes(b"changed")
    refused("SHA-256 differs", "push", bundle, NAME)
    assert hub.asked == []


def test_no_network_is_one_line(refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    refused("does not answer", "pull", NAME, "--out", tmp_path / "back")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refused("HF_HUB_OFFLINE", "pull", NAME, "--out", tmp_path / "back")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_named(
    bundle: Path, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    refused("pip install 'sentio-mobile[hub]'", "push", bundle, NAME)
    refused("pip install 'sentio-mobile[hub]'", "pull", NAME, "--out", tmp_path / "back")


def test_the_variables_of_the_client_are_followed(pushed: Repository, hub: Hub, tmp_path: Path) -> None:
    """A process of its own, as a user starts it: nothing is told on stderr but our own lines."""
    variables = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": ""}
    command = [sys.executable, "-m", "sentio_mobile", "bundle", "pull", NAME, "--out", str(tmp_path / "back")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **variables}, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [f"Downloading {NAME} (5)"]
    assert (tmp_path / "back" / MANIFEST).is_file()


@pytest.mark.parametrize("command", ["push", "pull"])
def test_help_has_an_example(sentio: Sentio, command: str) -> None:
    assert f"Example: sentio-mobile bundle {command} " in sentio(command, "--help").stdout
