"""A bundle into the hub: its files, a card, the spec, and nothing that was not asked for, in one commit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sentio_mobile._internal.files import read_file, scratch_folder, sha256
from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import Count, Name, Record, Size, Text, json_bytes
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.hub.client import CHECKPOINT, CONFIG, OWN_NAMES, README, find, hub_client, require_token
from sentio_mobile.bundle.manifest import MANIFEST, MAX_MANIFEST_BYTES, Manifest
from sentio_mobile.bundle.model_card import model_card
from sentio_mobile.bundle.sign import SIGNATURE
from sentio_mobile.errors import BundleError, CheckpointError, InputError
from sentio_mobile.metrics.evaluation import Evaluation

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MAX_NOTES_BYTES = 64 * 1024
"""Of release notes; the hub shows them at the end of the card."""


class Pushed(Record, frozen=True, kw_only=True):
    """A bundle that was sent to the hub; what `bundle push --json` prints."""

    # OWNER/NAME.
    repository: Text
    # The address of its page.
    url: Text
    # The hash of the commit.
    commit: Text
    # The tag of the commit; null where none was asked for.
    tag: Name | None
    # Number of files of the bundle, card and spec among them.
    files: Count
    # Number of files of the release before that are gone now.
    removed: Size


def push(
    bundle: Bundle,
    repository: str,
    *,
    private: bool = False,
    tag: str | None = None,
    notes: Path | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> Pushed:
    """Send a bundle to a repository of the hub, which is made where there is none.

    Everything becomes visible in one commit. Models of the bundle that was there before, and that this one does not
    have, are removed by it; they stay in the repository's history.

    Args:
        bundle: The bundle, with every file hashed.
        repository: The name of the repository, OWNER/NAME.
        private: Whether a new repository is private. One that is public already is refused then.
        tag: A tag for the commit, such as the release.
        notes: Release notes, as Markdown: the end of the card, and the description of the commit.
        checkpoint: The checkpoint that the bundle was exported from, whose weights go along as safetensors.
        progress: Receives the progress, file by file.

    Raises:
        InputError: There is no token, the hub refuses or does not answer, the repository holds something else, or the
            notes cannot be read.
        BundleError: The bundle lists a file that the hub has another use for.
        CheckpointError: The checkpoint is damaged, or the bundle was exported from another one.
        MissingExtraError: The package huggingface_hub is not installed.
    """
    progress = progress or NoProgress()
    manifest = bundle.manifest
    if taken := sorted(OWN_NAMES & manifest.files.keys()):
        raise BundleError(f"{bundle.folder}: has a file {taken[0]}, a name that the hub has another use for; rename it")
    said = None if notes is None else _read_notes(notes)
    weights = {} if checkpoint is None else _weights_of(bundle, checkpoint)
    evaluation = bundle.evaluation()
    signed = (bundle.folder / SIGNATURE).is_file()
    contents: dict[str, Path | bytes] = {
        README: hub_card(manifest, evaluation, repository, tag=tag, signed=signed, notes=said).encode(),
        CONFIG: json_bytes(manifest.spec),
        **{name: bundle.folder / name for name in (MANIFEST, *((SIGNATURE,) if signed else ()), *manifest.files)},
        **weights,
    }
    with hub_client(repository) as api:
        require_token()
        url = str(api.create_repo(repository, private=private or None, exist_ok=True))
        info, remote = find(api, repository)
        if private and not info.private:
            raise InputError(f"{repository}: is public already; make it private on its page, or leave out --private")
        if tag is not None and tag in {one.name for one in api.list_repo_refs(repository).tags}:
            raise InputError(f"{repository}: has the tag {tag} already; choose another")
        stale = _stale(api, repository, str(info.sha), remote) - contents.keys()
        commit = _commit(
            api,
            repository,
            contents,
            stale,
            parent=str(info.sha),
            message=f"{manifest.name} {manifest.release}",
            description=said,
            progress=progress,
        )
        if tag is not None:
            api.create_tag(repository, tag=tag, revision=commit)
    return Pushed(repository=repository, url=url, commit=commit, tag=tag, files=len(contents), removed=len(stale))


def hub_card(
    manifest: Manifest,
    evaluation: Evaluation,
    repository: str,
    *,
    tag: str | None = None,
    signed: bool = False,
    notes: str | None = None,
) -> str:
    """The card of a bundle as a repository of the hub shows it: how to get the bundle, and what is new, at its end."""
    options = [f"--revision {tag}"] if tag is not None else []
    options += ["--require-signature KEY"] if signed else []
    lines = [
        model_card(manifest, evaluation).rstrip("\n"),
        "",
        "## Get it",
        "",
        f"    sentio-mobile bundle pull {' '.join([repository, *options])} --out bundle",
        "    sentio-mobile predict bundle song.mp3",
        "",
        "`pull` checks the hash of every file"
        + (", and the signature (KEY is its owner's public key)." if signed else "."),
        "",
    ]
    return "\n".join(lines if notes is None else [*lines, notes.strip(), ""])


def _read_notes(path: Path) -> str:
    try:
        return read_file(path, MAX_NOTES_BYTES).decode()
    except UnicodeDecodeError:
        raise InputError(f"{path} is not text in UTF-8; release notes are Markdown") from None


def _weights_of(bundle: Bundle, checkpoint: Path) -> dict[str, Path | bytes]:
    """The files of the checkpoint that a bundle was exported from."""
    # It brings torch, which nothing else here needs.
    from sentio_mobile.models.checkpoint import read_sheet

    sheet, weights = read_sheet(checkpoint), checkpoint / CHECKPOINT[0]
    try:
        digest = sha256(weights)
    except OSError as error:
        raise CheckpointError(f"cannot read {weights}: {error.strerror}") from error
    if digest != sheet.weights_sha256:
        raise CheckpointError(f"{weights} is truncated or changed: its hash is not the one in {CHECKPOINT[1]}")
    if digest != bundle.manifest.provenance.checkpoint_sha256:
        raise CheckpointError(f"{checkpoint}: {bundle.folder} was exported from another checkpoint; give that one")
    return {name: checkpoint / name for name in CHECKPOINT}


def _stale(api: HfApi, repository: str, commit: str, remote: Mapping[str, int]) -> set[str]:
    """Files of the bundle that is there now, so that none of them is left when another takes its place.

    Raises:
        InputError: The repository holds something else than a bundle.
    """
    if MANIFEST not in remote:
        if other := sorted(remote.keys() - OWN_NAMES):
            raise InputError(
                f"{repository}: holds {other[0]!r} and no bundle; give the name of a repository of its own, new or old"
            )
        return set()
    if remote[MANIFEST] > MAX_MANIFEST_BYTES:
        return set()
    with scratch_folder() as scratch:
        content = Path(api.hf_hub_download(repository, MANIFEST, revision=commit, local_dir=scratch)).read_bytes()
    try:
        # A manifest of another version lists its files under the same name.
        listed = msgspec.json.decode(content, type=_Listing).files
    except msgspec.MsgspecError:
        return set()
    return (listed.keys() | {SIGNATURE, *CHECKPOINT}) & remote.keys()


class _Listing(msgspec.Struct, frozen=True):
    """The one part of a manifest that a later version can rely on."""

    files: dict[str, object]


def _commit(
    api: HfApi,
    repository: str,
    contents: Mapping[str, Path | bytes],
    stale: set[str],
    *,
    parent: str,
    message: str,
    description: str | None,
    progress: Progress,
) -> str:
    """Upload what the hub does not have, and make all of it visible at once; gives the hash of the commit."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    added = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=content) for name, content in contents.items()]
    progress.start(f"Uploading to {repository}", len(added))
    for one in added:
        api.preupload_lfs_files(repository, [one], free_memory=False)
        progress.advance(note=one.path_in_repo)
    made = api.create_commit(
        repository,
        [*added, *(CommitOperationDelete(path_in_repo=name) for name in sorted(stale))],
        commit_message=message,
        commit_description=description,
        parent_commit=parent,
    )
    progress.finish()
    return made.oid
