"""What a hub sends, taken with limits.

A hub, or whoever answers in its place, may send bytes without end, bytes that unpack to more, one byte now and then, a
redirect to itself, or "try again in a year". The hub's own client waits, unpacks and writes; so what is asked here goes
through its session, and what comes back is counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta

from sentio_mobile._internal.claims import FAULTS_OF_PLACE
from sentio_mobile._internal.records import Size
from sentio_mobile.bundle.hub.client import TIMEOUT_S
from sentio_mobile.bundle.manifest import RelativePath
from sentio_mobile.errors import InputError, SentioError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MAX_LISTING_BYTES = 16 << 20
"""Bytes of what the hub says of a repository."""
MAX_LISTED = 100_000
"""Files of a repository."""
MAX_REDIRECTS = 10
SLOWEST, START_S = 4_000, 60.0
"""Bytes that must come in a second, on the average, after so many seconds to begin with."""
TRIES, PAUSE_S = 3, 1.0
"""How often a file is asked for whose connection breaks or that the hub cannot send now, and the pause between."""


class _Listed(msgspec.Struct, frozen=True):
    rfilename: RelativePath
    size: Size | None = None


class _Listing(msgspec.Struct, frozen=True):
    """The part of the hub's answer that is used."""

    sha: Annotated[str, Meta(pattern=r"^[0-9a-f]{40}\Z")]
    siblings: Annotated[tuple[_Listed, ...], Meta(max_length=MAX_LISTED)] = ()


def listing(api: HfApi, repository: str, revision: str | None) -> tuple[str, dict[str, int]]:
    """Ask for a repository at one revision: the hash of its commit, and the length of each of its files."""
    from huggingface_hub.utils import validate_repo_id

    validate_repo_id(repository)
    at = "" if revision is None else f"/revision/{quote(revision, safe='')}"
    content = b"".join(_body(f"{api.endpoint}/api/models/{repository}{at}?blobs=true", repository, MAX_LISTING_BYTES))
    try:
        found = msgspec.json.decode(content, type=_Listing)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InputError(
            f"{repository}: what the hub at {api.endpoint} says of it is not what a hub says ({error}); check the "
            "variable HF_ENDPOINT"
        ) from error
    return found.sha, {one.rfilename: one.size or 0 for one in found.siblings}


def download(api: HfApi, repository: str, name: str, commit: str, out: Path, most: int) -> None:
    """Download a file of one commit.

    Args:
        api: The hub's client.
        repository: OWNER/NAME.
        name: Path of the file in the repository.
        commit: The hash of the commit.
        out: Where it goes.
        most: Bytes that it may have.

    Raises:
        InputError: The hub sends more, or too slowly.
    """
    from huggingface_hub import hf_hub_url

    url = hf_hub_url(repository, name, revision=commit, endpoint=api.endpoint)
    for left in reversed(range(TRIES)):
        try:
            with out.open("wb") as file:
                for block in _body(url, f"{repository}: {name!r}", most):
                    file.write(block)
        except Exception as error:
            if not left or not _may_pass(error):
                raise
            time.sleep(PAUSE_S)
        else:
            return


def _may_pass(error: Exception) -> bool:
    """Whether another try may go better."""
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in (408, 429, 500, 502, 503, 504)
    return not isinstance(error, SentioError) and not (isinstance(error, OSError) and error.errno in FAULTS_OF_PLACE)


def _body(url: str, what: str, most: int) -> Iterator[bytes]:
    """The bytes at an address, as they come."""
    from huggingface_hub import get_session
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    session, until, taken = get_session(), time.monotonic() + START_S, 0
    headers = {**build_hf_headers(library_name="sentio-mobile"), "Accept-Encoding": "identity"}
    request = session.build_request("GET", url, headers=headers, timeout=TIMEOUT_S)
    for _ in range(MAX_REDIRECTS):
        # The session itself would read what comes with a redirect, whatever its length.
        with closing(session.send(request, stream=True, follow_redirects=False)) as response:
            if response.next_request is not None:
                # It has no token any more where it goes to another host.
                request = response.next_request
                continue
            if response.status_code != 200:
                # The client would read all of what comes with an error, and unpack it.
                response.close()
                hf_raise_for_status(response)
                raise InputError(f"{what}: the hub answered with status {response.status_code}; try again later")
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise InputError(f"{what}: the hub sends it packed, which was not asked for; {_ELSEWHERE}")
            for block in response.iter_raw():
                taken += len(block)
                if taken > most:
                    raise InputError(
                        f"{what}: the hub sends more than the {most:,} bytes that it may have; {_ELSEWHERE}"
                    )
                if time.monotonic() > until + taken / SLOWEST:
                    raise InputError(f"{what}: comes too slowly ({taken:,} bytes so far); try again later")
                yield block
            return
    raise InputError(f"{what}: the hub redirects more than {MAX_REDIRECTS} times; {_ELSEWHERE}")


_ELSEWHERE = "nothing was kept; check the variables HF_ENDPOINT and HTTPS_PROXY"
