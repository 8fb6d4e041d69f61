"""A store that speaks as much of Google Cloud Storage's JSON over HTTP as the toolkit asks for, in memory.

It checks no credentials. What it refuses is what a test plants: `denied` names answer as a bucket without rights does.
"""

from __future__ import annotations

import base64
import hashlib
import json
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

MODIFIED = "2026-01-05T00:00:00.000Z"
PER_PAGE = 3
"""Objects of a page of a list: few, so that lists have several pages."""


class Store(ThreadingHTTPServer):
    """The objects by bucket and name; `url` is the endpoint."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.denied: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Store
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        bucket, name = self._place()
        if name is None:
            self._list(bucket)
        elif not self._refused(f"{bucket}/{name}"):
            content = self.server.objects.get(f"{bucket}/{name}")
            if content is None:
                self._fault(404, f"No such object: {bucket}/{name}")
            elif self._query().get("alt") == "media":
                self._answer(200, content, "application/octet-stream")
            else:
                self._json(_facts(bucket, name, content))

    def do_POST(self) -> None:
        """An upload in one request: the name as JSON, then the content."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        bucket, _ = self._place()
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        about, content = (
            part.get_payload(decode=True) for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts()
        )
        name = json.loads(about)["name"]
        if not self._refused(f"{bucket}/{name}"):
            self.server.objects[f"{bucket}/{name}"] = content
            self._json(_facts(bucket, name, content))

    def do_DELETE(self) -> None:
        bucket, name = self._place()
        self.server.objects.pop(f"{bucket}/{name}", None)
        self._answer(204)

    def _query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query, keep_blank_values=True).items()}

    def _place(self) -> tuple[str, str | None]:
        """Bucket and object of /storage/v1/b/BUCKET/o/OBJECT."""
        parts = urlsplit(self.path).path.partition("/b/")[2].split("/")
        return parts[0], unquote(parts[2]) if len(parts) > 2 and parts[2] else None

    def _refused(self, key: str) -> bool:
        if key not in self.server.denied:
            return False
        self._fault(403, "Anonymous caller does not have storage.objects access to the object.")
        return True

    def _list(self, bucket: str) -> None:
        """Objects and common prefixes after a token, page by page."""
        query = self._query()
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        entries: dict[str, str | None] = {}
        for name in sorted(
            key.removeprefix(f"{bucket}/") for key in self.server.objects if key.startswith(f"{bucket}/")
        ):
            if name.startswith(prefix):
                cut = name.find(delimiter, len(prefix)) if delimiter else -1
                entries[name if cut < 0 else name[: cut + 1]] = name if cut < 0 else None
        left = [name for name in entries if name > query.get("pageToken", "")]
        page = left[:PER_PAGE]
        found: dict[str, Any] = {
            "kind": "storage#objects",
            "items": [_facts(bucket, name, self.server.objects[f"{bucket}/{name}"]) for name in page if entries[name]],
            "prefixes": [name for name in page if entries[name] is None],
        }
        self._json(found | ({"nextPageToken": page[-1]} if len(left) > PER_PAGE else {}))

    def _json(self, value: object, status: int = 200) -> None:
        self._answer(status, json.dumps(value).encode(), "application/json; charset=UTF-8")

    def _fault(self, status: int, words: str) -> None:
        self._json({"error": {"code": status, "message": words, "errors": [{"message": words}]}}, status)

    def _answer(self, status: int, content: bytes = b"", kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def _facts(bucket: str, name: str, content: bytes) -> dict[str, Any]:
    digest = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    return {
        **{"kind": "storage#object", "id": f"{bucket}/{name}/1", "name": name, "bucket": bucket},
        **{"size": str(len(content)), "md5Hash": digest, "etag": digest, "generation": "1", "metageneration": "1"},
        **{"contentType": "application/octet-stream", "timeCreated": MODIFIED, "updated": MODIFIED},
    }
