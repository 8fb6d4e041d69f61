"""A web server that only this machine can reach."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from sentio_mobile.errors import OutputError

HOST = "127.0.0.1"

_CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp4": "audio/mp4",
    ".aac": "audio/aac",
    ".webm": "audio/webm",
}
"""Not the system's table, which differs from machine to machine: browsers refuse modules of another type."""


def content_type(path: Path) -> str:
    """The media type of a file, by its suffix."""
    return _CONTENT_TYPES.get(path.suffix.lower(), "application/octet-stream")


class LocalHandler(BaseHTTPRequestHandler):
    """Answers requests, and tells nobody of them."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    """Seconds of silence after which a connection is closed."""

    def version_string(self) -> str:
        """The name without versions, which would help an attacker."""
        return "sentio-mobile"

    def log_message(self, *_: object) -> None:
        """Print nothing: what people send is nobody's affair, and a browser's developer tools show requests better."""


class LocalServer(ThreadingHTTPServer):
    """A server that runs until it is shut down; open `url` in a browser.

    Attributes:
        hosts: The values of a request's `Host` that are this server's. Handlers refuse others: otherwise a foreign page
            could resolve its own name to this machine and read what is served (DNS rebinding).

    Args:
        handler: Answers requests.
        port: The port, 0 to 65535; 0 for any free one.

    Raises:
        OutputError: The port is taken or not permitted.
    """

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler], port: int) -> None:
        try:
            super().__init__((HOST, port), handler)
        except (OSError, OverflowError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise OutputError(
                f"cannot listen on {HOST}:{port}: {why}; give another port, or --port 0 for any that is free"
            ) from error
        self.hosts = frozenset(f"{name}:{self.server_port}".removesuffix(":80") for name in (HOST, "localhost"))

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{HOST}:{self.server_port}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore browsers that close a connection in the middle of a response."""
