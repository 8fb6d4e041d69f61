"""The hub's own client, quiet, and with each of its many errors as one line that says what to do."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sentio_mobile._internal.claims import FAULTS_OF_PLACE
from sentio_mobile._internal.record_messages import shown
from sentio_mobile.bundle.manifest import MANIFEST
from sentio_mobile.bundle.sign import SIGNATURE
from sentio_mobile.errors import InputError, MissingExtraError, SentioError

if TYPE_CHECKING:
    from huggingface_hub import HfApi, ModelInfo

README, CONFIG = "README.md", "config.json"
"""The card that the hub shows, and the file by which it counts downloads: the model's spec."""

CHECKPOINT = ("model.safetensors", "checkpoint.json")
"""The files of a checkpoint, where the bundle's goes along; the hub counts parameters in the first."""

OWN_NAMES = frozenset({README, CONFIG, *CHECKPOINT, ".gitattributes", MANIFEST, SIGNATURE})
"""Files of a repository that no bundle's manifest may list: they stand beside the bundle's own."""

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+", re.ASCII)

TIMEOUT_S = 30.0
"""Seconds in which the hub has to answer a question."""


@contextmanager
def hub_client(repository: str, revision: str | None = None) -> Iterator[HfApi]:
    """Give the hub's client, which prints nothing. Whatever fails in it is one line.

    Args:
        repository: The name of a repository, OWNER/NAME.
        revision: The branch, tag or commit that is asked for, for messages.

    Raises:
        InputError: The name is none, or the hub refuses or does not answer.
        MissingExtraError: The package huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import HfApi
        from huggingface_hub import logging as talk
        from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
    except ImportError as error:
        raise MissingExtraError("huggingface_hub", "hub", "the Hugging Face hub") from error
    _check_name(repository)
    loud, bars = talk.get_verbosity(), not are_progress_bars_disabled()
    talk.set_verbosity(logging.ERROR)
    disable_progress_bars()
    api = HfApi(library_name="sentio-mobile")
    try:
        yield api
    except SentioError:
        raise
    except Exception as error:  # A client of the network fails in many ways.
        if isinstance(error, OSError) and error.errno in FAULTS_OF_PLACE:
            raise
        raise _in_words(error, repository, revision, api.endpoint) from error
    finally:
        talk.set_verbosity(loud)
        if bars:
            enable_progress_bars()


def find(api: HfApi, repository: str, revision: str | None = None) -> tuple[ModelInfo, dict[str, int]]:
    """Ask for a repository at one revision: what the hub says of it, and the length of each of its files."""
    info = api.model_info(repository, revision=revision, timeout=TIMEOUT_S, files_metadata=True)
    return info, {one.rfilename: one.size or 0 for one in info.siblings or ()}


def require_token() -> None:
    """Make sure that there is a token, before anything is sent.

    Raises:
        InputError: There is none.
    """
    from huggingface_hub import get_token

    if not get_token():
        raise InputError(
            "the Hugging Face hub takes uploads with a token only: run `hf auth login`, or put a token that may write "
            "into the variable HF_TOKEN"
        )


def _check_name(repository: str) -> None:
    if not _NAME.fullmatch(repository):
        raise InputError(f"{shown(repository)} names no repository of the hub; give OWNER/NAME, such as anna/moods")


def _in_words(error: Exception, repository: str, revision: str | None, endpoint: str) -> SentioError:
    """What an error of the client means, and what to do."""
    from huggingface_hub import errors as hub

    if isinstance(error, RuntimeError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # "Error while uploading": why stands behind it.
    if isinstance(error, hub.HFValidationError):
        return InputError(f"{_first_line(error)} Give another name")
    if isinstance(error, hub.GatedRepoError):
        return InputError(f"{repository}: its owner asks for consent; open {endpoint}/{repository} and agree")
    if isinstance(error, hub.RepositoryNotFoundError):
        return InputError(
            f"{repository}: the hub has no such repository, or it is private and your token does not open it; check "
            "the name, or run `hf auth login`"
        )
    if isinstance(error, hub.RevisionNotFoundError):
        return InputError(
            f"{repository}: has no branch, tag or commit {shown(revision or 'main')}; see its page for them"
        )
    if isinstance(error, hub.EntryNotFoundError):
        return InputError(f"{repository}: a file is missing ({_first_line(error)}); is it a bundle ({MANIFEST})?")
    if isinstance(error, hub.OfflineModeIsEnabled):
        return InputError("the hub's client is offline: the variable HF_HUB_OFFLINE is set; unset it")
    if isinstance(error, hub.HfHubHTTPError):
        status = error.response.status_code
        if status in (401, 403):
            return InputError(
                f"{repository}: the hub refuses this token (status {status}); make one that may write to the "
                "repository, and run `hf auth login`"
            )
        if status in (409, 412):
            return InputError(f"{repository}: was changed meanwhile by somebody else (status {status}); run again")
        said = error.server_message or _first_line(error)
        return InputError(f"{repository}: the hub answered with status {status} ({said}); try again later")
    return InputError(
        f"the hub at {endpoint} does not answer ({type(error).__name__}: {_first_line(error)}); check the network, and "
        "the variables HF_ENDPOINT and HTTPS_PROXY"
    )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
