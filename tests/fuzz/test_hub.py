"""The door of `bundle pull`: a hub, or who stands in its place, that sends anything, without end, or not at all."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fuzz.cases import any_bytes, changed_json, texts
from fuzz.harness import attempt
from fuzz.test_bundle import ARTIFACTS, SPEC
from hub_server import TOKEN, Hub, Repository
from huggingface_hub import constants
from hypothesis import example, given
from hypothesis import strategies as st
from serving import serving
from support import artifact_entry, manifest_facts, write_manifest

from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.bundle.hub import download
from sentio_mobile.bundle.hub.pull import Pulled, pull
from sentio_mobile.bundle.manifest import MANIFEST

NAME = "anna/moods"
LISTING, FILES = f"GET /api/models/{NAME}", f"GET /{NAME}/resolve/"
Blocks = Callable[[], Iterable[bytes]]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub with a bundle of two artifacts that no runtime reads."""
    folder = tmp_path_factory.mktemp("hub") / "bundle"
    (folder / "m.mlpackage" / "Data").mkdir(parents=True)
    (folder / "m.mlpackage" / "Data" / "w.bin").write_bytes(b"weights")
    (folder / "m-waveform-fp32.onnx").write_bytes(b"a model")
    entries = [artifact_entry(name, form, precision, path) for path, (name, form, precision) in ARTIFACTS.items()]
    write_manifest(folder, manifest_facts(SPEC, entries))
    with serving(Hub()) as server, pytest.MonkeyPatch.context() as patch:
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        patch.setattr(constants, "ENDPOINT", server.url)
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        patch.setattr(constants, "HF_TOKEN_PATH", str(folder / "no token"))
        patch.setattr(download, "PAUSE_S", 0)
        patch.setenv("HF_TOKEN", TOKEN)
        server.repositories[NAME] = Repository()
        names = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        server.repositories[NAME].add("bundle", "", {name: path.read_bytes() for name, path in names.items()})
        yield server


@pytest.fixture(autouse=True)
def honest(hub: Hub) -> Iterator[None]:
    """Nothing of one test is left for the next."""
    yield
    for kept in (hub.raw, hub.status, hub.damaged):
        kept.clear()


def take(place: Path) -> Pulled | None:
    """What the command does. What it refuses leaves nothing; what it takes is a bundle."""
    out = place / "out"
    kept = {path.name for path in place.iterdir()}
    found = attempt("bundle pull", lambda: pull(NAME, out), place, ("socket.connect", "socket.getaddrinfo"))
    if found is None:
        assert {path.name for path in place.iterdir()} == kept
        return None
    open_bundle(out)
    for path in sorted(out.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    out.rmdir()
    return found


def answer(body: bytes, status: str = "200 OK", headers: str = "", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{headers}\r\n".encode() + body


def listed(hub: Hub) -> dict[str, Any]:
    commit, _, _, files = hub.repositories[NAME].commits[-1]
    siblings = [{"rfilename": name, "size": len(content)} for name, content in files.items()]
    return {"id": NAME, "sha": commit, "private": False, "siblings": siblings}


def test_honest_hub_is_read(hub: Hub, place: Path) -> None:
    found = take(place)
    assert found is not None
    assert found.files == 3


GIGABYTE = 1 << 30
ENDLESS = {
    "a length": lambda: itertools.chain(
        [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % GIGABYTE], itertools.repeat(bytes(1 << 20), 1024)
    ),
    "chunks": lambda: itertools.chain(
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
        itertools.repeat(b"100000\r\n" + bytes(1 << 20) + b"\r\n", 1024),
    ),
    "no length": lambda: itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n"], itertools.repeat(bytes(1 << 20), 1024)),
    "an error": lambda: itertools.chain(
        [b"HTTP/1.1 500 Oh\r\nContent-Length: %d\r\n\r\n" % GIGABYTE], itertools.repeat(bytes(1 << 20), 1024)
    ),
    "a redirect": lambda: itertools.chain(
        [b"HTTP/1.1 302 Found\r\nLocation: /x/y/z/main/a\r\nContent-Length: %d\r\n\r\n" % GIGABYTE],
        itertools.repeat(bytes(1 << 20), 1024),
    ),
    "headers": lambda: itertools.chain(
        [b"HTTP/1.1 200 OK\r\n"], itertools.repeat(b"X-A: " + b"a" * 1000 + b"\r\n", 9999)
    ),
    "packed": lambda: [
        answer(gzip.compress(bytes(200 << 20), 1), headers="Content-Encoding: gzip\r\n"),
    ],
}


@pytest.mark.parametrize("at", [LISTING, FILES])
@pytest.mark.parametrize("kind", ENDLESS)
def test_answer_without_end_is_one_error(kind: str, at: str, hub: Hub, place: Path) -> None:
    hub.raw[at] = ENDLESS[kind]
    # Of the listing, 16 MB are taken, and of the manifest as much as any other may have.
    assert take(place) is None


@pytest.mark.parametrize("at", [LISTING, FILES])
def test_answer_that_drips_is_one_error(at: str, hub: Hub, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "START_S", 0.2)

    def drip() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
        for _ in range(100):
            time.sleep(0.05)
            yield b"{"

    hub.raw[at] = drip
    start = time.monotonic()
    assert take(place) is None
    assert time.monotonic() - start < 4


@pytest.mark.parametrize("at", [LISTING, FILES])
@pytest.mark.parametrize("status", ["429 Slow", "503 Later", "408 Late"])
def test_hub_that_says_to_wait_for_years_is_not_waited_for(status: str, at: str, hub: Hub, place: Path) -> None:
    wait = 'Retry-After: 99999999\r\nRateLimit: "api";r=0;t=99999999\r\n'
    hub.raw[at] = lambda: [answer(b"{}", status, wait)]
    start = time.monotonic()
    assert take(place) is None
    assert time.monotonic() - start < 4


@pytest.mark.parametrize("at", [LISTING, FILES])
@pytest.mark.parametrize(
    "place_",
    ["/", "//", "http://", "file:///etc/passwd", "ftp://a/b", "http://[", "\udcff", "h" * 50_000, "http://a b"],
)
def test_redirect_that_leads_nowhere_is_one_error(place_: str, at: str, hub: Hub, place: Path) -> None:
    where = place_.encode("utf-8", "surrogateescape")
    hub.raw[at] = lambda: [b"HTTP/1.1 302 Found\r\nLocation: " + where + b"\r\nContent-Length: 0\r\n\r\n"]
    assert take(place) is None


def test_redirect_to_another_host_has_no_token(hub: Hub, place: Path) -> None:
    with serving(Hub()) as other:
        other.repositories[NAME] = hub.repositories[NAME]
        to = f"Location: {other.url}/{NAME}/resolve/main/{MANIFEST}\r\n"
        hub.raw[FILES] = lambda: [answer(b"", "302 Found", to)]
        assert take(place) is None  # The manifest comes, and again in place of every other file.
        assert hub.tokens[-1] == f"Bearer {TOKEN}"
        assert other.tokens
        assert set(other.tokens) == {None}


def test_file_whose_connection_breaks_once_is_asked_for_again(hub: Hub, place: Path) -> None:
    name = f"{FILES}{hub.repositories[NAME].commits[-1][0]}/m-waveform-fp32.onnx"

    def breaks() -> Iterator[bytes]:
        del hub.raw[name]
        yield answer(b"a mo", length=7)

    hub.raw[name] = breaks
    assert take(place) is not None


@pytest.mark.parametrize("at", [LISTING, FILES])
@given(data=st.data())
def test_any_bytes_of_a_hub_are_a_bundle_or_one_error(at: str, data: st.DataObject, hub: Hub, place: Path) -> None:
    body = json.dumps(listed(hub)).encode() if at == LISTING else hub.repositories[NAME].files[MANIFEST]
    sent = data.draw(any_bytes((answer(body), answer(b"", "302 Found", "Location: /a/b\r\n")), head=100))
    hub.raw[at] = lambda: [sent]
    take(place)


@given(data=st.data())
def test_any_listing_is_a_bundle_or_one_error(data: st.DataObject, hub: Hub, place: Path) -> None:
    body = json.dumps(data.draw(changed_json(listed(hub)))).encode()
    hub.raw[LISTING] = lambda: [answer(body)]
    take(place)


def put(hub: Hub, manifest: Any, files: dict[str, bytes]) -> None:
    """A commit with this manifest, and with what it lists."""
    hub.repositories[NAME].commits[2:] = []
    hub.repositories[NAME].add("changed", "", {**files, MANIFEST: json.dumps(manifest).encode()})


@given(data=st.data())
def test_any_manifest_of_a_hub_is_a_bundle_or_one_error(data: st.DataObject, hub: Hub, place: Path) -> None:
    files = hub.repositories[NAME].commits[1][3]
    put(hub, data.draw(changed_json(json.loads(files[MANIFEST]))), files)
    try:
        take(place)
    finally:
        hub.repositories[NAME].commits[2:] = []


@given(name=texts)
@example(name="../out.bin")
@example(name=MANIFEST)
@example(name=f"{MANIFEST}/x")
@example(name="m-waveform-fp32.onnx/x")
@example(name="M.MLPACKAGE/Data/w.bin")
@example(name="/tmp/x")
@example(name="manifest.sig")
@example(name="a?b#c%2e%2e/d")
@example(name=".git/config")
def test_any_name_of_a_file_lands_inside_or_is_one_error(name: str, hub: Hub, place: Path) -> None:
    files, content = dict(hub.repositories[NAME].commits[1][3]), b"planted"
    manifest = json.loads(files[MANIFEST])
    manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    put(hub, manifest, {**files, name: content})
    try:
        take(place)
    finally:
        hub.repositories[NAME].commits[2:] = []
