"""A store that speaks as much of S3's protocol over HTTP as the toolkit asks for, in memory: objects, ranges, lists.

It checks no signature. What it refuses is what a test plants: `denied` keys answer as a bucket without rights does.
"""

from __future__ import annotations

import hashlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

MODIFIED = "Mon, 05 Jan 2026 00:00:00 GMT"
LISTED = "2026-01-05T00:00:00.000Z"
PER_PAGE = 3
"""Keys of a page of a list: few, so that lists have several pages."""


class Store(ThreadingHTTPServer):
    """The objects by bucket and key; `url` is the endpoint."""

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
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        if "list-type" in query:
            self._list({name: values[0] for name, values in query.items()})
        else:
            self._object()

    do_HEAD = do_GET

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._refused():
            return
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            content = _unchunked(content)
        self.server.objects[self._key] = content
        self._answer(200, b"", {"ETag": _etag(content)})

    def do_DELETE(self) -> None:
        if not self._refused():
            self.server.objects.pop(self._key, None)
            self._answer(204)

    @property
    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).lstrip("/")

    def _refused(self) -> bool:
        if self._key not in self.server.denied:
            return False
        self._fault(403, "AccessDenied")
        return True

    def _object(self) -> None:
        if self._refused():
            return
        content = self.server.objects.get(self._key)
        if content is None:
            self._fault(404, "NoSuchKey")
            return
        facts = {"ETag": _etag(content), "Last-Modified": MODIFIED, "Accept-Ranges": "bytes"}
        asked = self.headers.get("Range")
        if asked is None:
            self._answer(200, content, facts)
            return
        first, last = (int(part) if part else None for part in asked.removeprefix("bytes=").split("-"))
        part = content[first:] if last is None else content[first : last + 1]
        facts["Content-Range"] = f"bytes {first}-{(first or 0) + len(part) - 1}/{len(content)}"
        self._answer(206, part, facts)

    def _list(self, query: dict[str, str]) -> None:
        """ListObjectsV2: keys and common prefixes after a token, page by page."""
        bucket, prefix, delimiter = self._key.rstrip("/"), query.get("prefix", ""), query.get("delimiter", "")
        keys = sorted(key.removeprefix(f"{bucket}/") for key in self.server.objects if key.startswith(f"{bucket}/"))
        entries: dict[str, str | None] = {}
        for key in keys:
            if not key.startswith(prefix):
                continue
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            entries[key if cut < 0 else key[: cut + 1]] = key if cut < 0 else None
        left = [name for name in entries if name > query.get("continuation-token", "")]
        page, more = left[:PER_PAGE], len(left) > PER_PAGE
        lines = [
            f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
            if entries[name] is None
            else f"<Contents><Key>{escape(name)}</Key><LastModified>{LISTED}</LastModified>"
            f"<ETag>{escape(_etag(self.server.objects[f'{bucket}/{name}']))}</ETag>"
            f"<Size>{len(self.server.objects[f'{bucket}/{name}'])}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for name in page
        ]
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        body = (
            '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{escape(bucket)}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(page)}</KeyCount>"
            f"<MaxKeys>{PER_PAGE}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>{token}{''.join(lines)}"
            "</ListBucketResult>"
        )
        self._answer(200, body.encode(), {"Content-Type": "application/xml"})

    def _fault(self, status: int, code: str) -> None:
        words = {"NoSuchKey": "The specified key does not exist.", "AccessDenied": "Access Denied"}[code]
        body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{words}</Message></Error>'
        self._answer(status, body.encode(), {"Content-Type": "application/xml"})

    def _answer(self, status: int, content: bytes = b"", facts: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(facts or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def _unchunked(body: bytes) -> bytes:
    """The content of a body that is sent in chunks, each with its size before it, and a checksum after the last."""
    content = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if not length:
            break
        content += rest[:length]
        body = rest[length + 2 :]
    return content
