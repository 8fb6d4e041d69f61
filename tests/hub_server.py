"""A stand-in for the Hugging Face hub: what its real client asks for when models go there and come back.

Repositories live in memory. Files of more than `LARGE` bytes go through the LFS protocol, others in the commit itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = 2000
TOKEN = "hf_test"

Files = dict[str, bytes]


@dataclass
class Repository:
    """Commits, the newest last: hash, message, description and all files."""

    private: bool = False
    commits: list[tuple[str, str, str, Files]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.add("initial commit", "", {".gitattributes": b"*.onnx filter=lfs"})

    def add(self, message: str, description: str, files: Files) -> str:
        digest = hashlib.sha1(f"{len(self.commits)}{message}{sorted(files)}".encode()).hexdigest()
        self.commits.append((digest, message, description, files))
        return digest

    @property
    def files(self) -> Files:
        return self.commits[-1][3]

    def at(self, revision: str) -> tuple[str, Files] | None:
        wanted = self.commits[-1][0] if revision == "main" else self.tags.get(revision, revision)
        return next(((digest, files) for digest, _, _, files in self.commits if digest == wanted), None)


class Hub(ThreadingHTTPServer):
    """Repositories by name, what was asked, and what goes wrong on purpose."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, Repository] = {}
        self.stored: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.damaged: dict[str, bytes] = {}
        """Files that are sent with another content than they were stored with, of the same length."""
        self.status: dict[str, int] = {}
        """Requests that fail: their beginning, such as "POST /api/models/", and the status."""
        self.raw: dict[str, Callable[[], Iterable[bytes]]] = {}
        """Requests that get these bytes as they are, block by block, and then an end of the connection."""
        self.tokens: list[str | None] = []
        """The token of each request."""

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has heard enough is no fault."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_GET

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        asked = f"{self.command} {path}"
        self.server.asked.append(asked)
        self.server.tokens.append(self.headers.get("Authorization"))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = next((code for begin, code in self.server.status.items() if asked.startswith(begin)), None)
        raw = next((blocks for begin, blocks in self.server.raw.items() if asked.startswith(begin)), None)
        if raw is not None:
            self.close_connection = True
            # The client may have heard enough.
            with suppress(OSError):
                for block in raw():
                    self.wfile.write(block)
        elif fault is not None:
            self._send(fault, {"error": "on purpose"})
        elif path == "/api/validate-yaml":
            self._send(200, {"errors": [], "warnings": []})
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif path.startswith("/upload/"):
            self.server.stored[path.removeprefix("/upload/")] = body
            self._send(200, {})
        elif path.endswith(".git/info/lfs/objects/batch"):
            self._batch(json.loads(body))
        elif path.startswith("/api/models/"):
            owner, name, *rest = path.removeprefix("/api/models/").split("/")
            if (found := self._open(f"{owner}/{name}")) is not None:
                self._model(f"{owner}/{name}", found, rest, body)
        elif path.startswith("/api/"):
            self._send(404, {"error": "Not found"})
        else:
            owner, name, _, revision, *rest = path.strip("/").split("/")
            if (found := self._open(f"{owner}/{name}")) is not None:
                self._file(found, revision, "/".join(rest))

    def _open(self, name: str) -> Repository | None:
        found = self.server.repositories.get(name)
        if found is None or (found.private and not self._known):
            self._send(401, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            return None
        return found

    @property
    def _known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _create(self, wanted: dict[str, Any]) -> None:
        name = f"{wanted['organization']}/{wanted['name']}"
        if not self._known:
            self._send(401, {"error": "Invalid credentials"}, {"X-Error-Message": "Invalid credentials"})
        elif name in self.server.repositories:
            self._send(409, {"error": "exists", "url": f"{self.server.url}/{name}"})
        else:
            self.server.repositories[name] = Repository(private=wanted.get("visibility") == "private")
            self._send(200, {"url": f"{self.server.url}/{name}", "id": name, "name": name})

    def _batch(self, wanted: dict[str, Any]) -> None:
        objects = []
        for one in wanted["objects"]:
            actions = {"upload": {"href": f"{self.server.url}/upload/{one['oid']}"}}
            objects.append(one if one["oid"] in self.server.stored else {**one, "actions": actions})
        self._send(200, {"transfer": "basic", "objects": objects})

    def _model(self, name: str, found: Repository, rest: list[str], body: bytes) -> None:
        what, revision = rest[0] if rest else "revision", "/".join(rest[1:]) or "main"
        if what == "refs":
            tags = [{"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": at} for tag, at in found.tags.items()]
            self._send(200, {"branches": [], "converts": [], "tags": tags})
        elif (at := found.at(revision)) is None:
            self._send(404, {"error": "Invalid rev id"}, {"X-Error-Code": "RevisionNotFound"})
        elif what == "revision":
            siblings = [{"rfilename": file, "size": len(content)} for file, content in at[1].items()]
            self._send(200, {"id": name, "sha": at[0], "private": found.private, "siblings": siblings})
        elif what == "tag":
            found.tags[json.loads(body)["tag"]] = at[0]
            self._send(200, {})
        elif what == "preupload":
            modes = [
                {
                    "path": one["path"],
                    "uploadMode": "lfs" if one["size"] > LARGE else "regular",
                    "shouldIgnore": False,
                    "oid": _name_of(at[1][one["path"]]) if one["path"] in at[1] else None,
                }
                for one in json.loads(body)["files"]
            ]
            self._send(200, {"files": modes})
        elif what == "commit":
            self._commit(name, found, [json.loads(line) for line in body.splitlines()])
        else:
            self._send(404, {"error": what})

    def _commit(self, name: str, found: Repository, lines: list[dict[str, Any]]) -> None:
        header, files = lines[0]["value"], dict(found.files)
        if header.get("parentCommit", found.commits[-1][0]) != found.commits[-1][0]:
            self._send(412, {"error": "A commit has happened since. Please refresh and try again."})
            return
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.stored[value["oid"]]
            else:
                del files[value["path"]]
        digest = found.add(header["summary"], header["description"], files)
        self._send(200, {"commitOid": digest, "commitUrl": f"{self.server.url}/{name}/commit/{digest}"})

    def _file(self, found: Repository, revision: str, file: str) -> None:
        at = found.at(revision)
        if at is None:
            self._send(404, {"error": "Invalid rev id"}, {"X-Error-Code": "RevisionNotFound"})
        elif file not in at[1]:
            self._send(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
        else:
            content = self.server.damaged.get(file, at[1][file])
            self._send(200, content, {"ETag": f'"{_name_of(at[1][file])}"', "X-Repo-Commit": at[0]})

    def _send(self, status: int, content: object, headers: dict[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(HTTPStatus(status))
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _name_of(content: bytes) -> str:
    """The hash that the hub names a file by: that of LFS, or that of git."""
    if len(content) > LARGE:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
