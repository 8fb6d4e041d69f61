"""The page and the model are served on this machine alone, with the page's headers, and nothing besides."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from serving import serving

from sentio_mobile._internal.files import write_text
from sentio_mobile.errors import InputError
from sentio_mobile.packaging.built_page import built_page
from sentio_mobile.packaging.server import Server

MakeBundle = Callable[..., Path]
Sentio = Callable[..., Result]
Refused = Callable[..., str]

PAGE = {
    "index.html": "<!doctype html>\n",
    "sw.js": "self;\n",
    "manifest.webmanifest": "{}\n",
    "assets/main-1a2b.js": "export {};\n",
    "assets/ort-1a2b.wasm": "\0asm",
    "assets/style-1a2b.css": "body {}\n",
    "sentio/manifest.json": '{"the model that": "the page was built with"}\n',
    "sentio/old.onnx": "the model that the page was built with",
}
MODEL = {"manifest.json": '{"schema": 2}\n', "emotion é.onnx": "a model", "MODEL_CARD.md": "# A model\n"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """One that serves a page of few files and a model."""
    write_text(tmp_path / "secret.txt", "not for the page")
    for folder, files in (("page", PAGE), ("model", MODEL)):
        for name, text in files.items():
            write_text(tmp_path / folder / name, text)
    (tmp_path / "page" / "link.txt").symlink_to(tmp_path / "nowhere")
    headers = {"Cross-Origin-Opener-Policy": "same-origin", "Content-Security-Policy": "default-src 'none'"}
    with serving(Server(tmp_path / "page", tmp_path / "model", headers, port=0)) as server:
        yield server


@pytest.fixture
def get(server: Server) -> Iterator[Callable[..., tuple[int, dict[str, str], bytes]]]:
    """Asks for one address, exactly as it is written: status, headers and content."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)

    def ask(url: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection.putrequest(method, url, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()

    yield ask
    connection.close()


Get = Callable[..., tuple[int, dict[str, str], bytes]]


@pytest.mark.parametrize(
    ("url", "kind", "caching"),
    [
        ("/", "text/html; charset=utf-8", "no-cache"),
        ("/index.html?a=b", "text/html; charset=utf-8", "no-cache"),
        ("/sw.js", "text/javascript; charset=utf-8", "no-cache"),
        ("/manifest.webmanifest", "application/manifest+json", "no-cache"),
        ("/assets/main-1a2b.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("/assets/ort-1a2b.wasm", "application/wasm", "public, max-age=31536000, immutable"),
        ("/assets/style-1a2b.css", "text/css; charset=utf-8", "public, max-age=31536000, immutable"),
        ("/sentio/manifest.json", "application/json", "no-cache"),
        ("/sentio/emotion%20%C3%A9.onnx", "application/octet-stream", "no-cache"),
    ],
)
def test_each_file_comes_with_its_type_and_the_pages_headers(url: str, kind: str, caching: str, get: Get) -> None:
    status, headers, content = get(url)
    assert status == 200
    assert (headers["Content-Type"], headers["Cache-Control"]) == (kind, caching)
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Content-Security-Policy"] == "default-src 'none'"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert len(content) == int(headers["Content-Length"]) > 0
    again = get(url, If_None_Match=headers["ETag"])
    assert (again[0], again[2]) == (304, b"")
    assert get(url, method="HEAD")[1]["Content-Length"] == headers["Content-Length"]


def test_the_model_stands_in_place_of_the_one_that_the_page_was_built_with(get: Get) -> None:
    assert json.loads(get("/sentio/manifest.json")[2]) == {"schema": 2}
    assert get("/sentio/old.onnx")[0] == 404


@pytest.mark.parametrize(
    "url",
    [
        *("/nothing", "/assets/", "/assets", "/sentio/", "/link.txt", "index.html", "*"),
        *("/../secret.txt", "/assets/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/..%5csecret.txt"),
        *("/sentio/../../secret.txt", "/./index.html", "/index.html%00", "/%ff%fe"),
    ],
)
def test_there_is_nothing_besides_and_no_way_out(url: str, get: Get) -> None:
    status, headers, content = get(url)
    assert (status, content) == (404, b"")
    assert headers["Content-Security-Policy"] == "default-src 'none'"


def test_a_page_elsewhere_whose_name_points_here_reads_nothing(server: Server, get: Get) -> None:
    port = server.server_port
    for host in (f"localhost:{port}", f"127.0.0.1:{port}"):
        assert get("/", Host=host)[0] == 200
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", ""):
        assert get("/", Host=host)[0] == 421
        assert get("/sentio/manifest.json", Host=host)[2] == b""


def test_only_reading_is_possible(get: Get) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert get("/", method=method)[0] == 501


def test_only_this_machine_is_listened_to(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/"


def test_a_visitor_that_says_nothing_keeps_nobody_waiting(server: Server, get: Get) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port)):
        assert get("/")[0] == 200


# The page, built or not.


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a shell script called npm, and no other, on the PATH; what it was told goes to calls.txt."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr("shutil.which", lambda name: str(programs / name) if (programs / name).exists() else None)

    def write(script: str) -> Path:
        write_text(programs / "npm", f'#!/bin/sh\necho "$@" >> {tmp_path / "calls.txt"}\n{script}\n')
        (programs / "npm").chmod(0o755)
        return tmp_path / "calls.txt"

    return write


BUILD = 'if [ "$1" = run ]; then mkdir -p dist/sentio; cp index.html dist/; cp -r public/sentio dist/; fi; echo built'


def test_a_page_is_built_once_and_again_when_its_sources_change(
    projects: Path, tools: Callable[[str], Path], tmp_path: Path
) -> None:
    shutil.rmtree(projects / "web" / "dist")
    calls, said = tools(BUILD), list[str]()
    page = built_page(projects / "web", said.append)
    assert not (page / "sentio").exists()
    assert (page / "index.html").read_text() == (projects / "web" / "index.html").read_text()
    assert page.parent == tmp_path / "cache" / "sentio-mobile" / "web"
    assert calls.read_text().splitlines() == ["ci", "run build"]
    assert len(said) == 1
    log = page.with_name(f"{page.name}.log")
    assert str(log) in said[0]
    assert log.read_text() == "built\nbuilt\n"
    assert built_page(projects / "web", said.append) == page
    assert len(calls.read_text().splitlines()) == 2
    (projects / "web" / "src" / "main.ts").write_text("changed")
    assert built_page(projects / "web") != page
    assert len(calls.read_text().splitlines()) == 4
    assert not [path for path in page.parent.iterdir() if path.name.startswith(".")]


def test_a_checkouts_own_build_is_used_while_it_is_younger_than_its_sources(
    projects: Path, tools: Callable[[str], Path]
) -> None:
    tools(BUILD)
    os.utime(projects / "web" / "dist" / "index.html")
    assert built_page(projects / "web") == projects / "web" / "dist"
    os.utime(projects / "web" / "src" / "main.ts", (4e9, 4e9))
    assert built_page(projects / "web") != projects / "web" / "dist"


def test_without_npm_the_message_says_what_to_install(
    bundle: Path, projects: Path, tools: Callable[[str], Path], refused: Refused
) -> None:
    shutil.rmtree(projects / "web" / "dist")
    assert "install Node.js" in refused("npm", "serve", bundle, "--port", 0)


def test_a_build_that_fails_leaves_its_log_and_no_page(
    projects: Path, tools: Callable[[str], Path], tmp_path: Path
) -> None:
    shutil.rmtree(projects / "web" / "dist")
    tools("echo no such package; exit 7")
    with pytest.raises(InputError, match=r"`npm ci` failed with status 7; .*\.log says why"):
        built_page(projects / "web")
    cache = tmp_path / "cache" / "sentio-mobile" / "web"
    (log,) = cache.iterdir()
    assert log.read_text() == "no such package\n"


def test_a_build_that_makes_no_page_is_told(projects: Path, tools: Callable[[str], Path]) -> None:
    shutil.rmtree(projects / "web" / "dist")
    tools("true")
    with pytest.raises(InputError, match="made no index"):
        built_page(projects / "web")


# The command.


def test_what_cannot_be_served_is_refused(make_bundle: MakeBundle, projects: Path, refused: Refused) -> None:
    phones = make_bundle([("tflite", "waveform", "fp32")], "phones")
    refused("export --format onnx --form waveform", "serve", phones)
    refused("is no bundle", "serve", projects)
    changed = make_bundle([("onnx", "waveform", "fp32")], "changed")
    write_text(changed / "emotion-waveform-fp32.onnx", "another model")
    refused("SHA-256 differs", "serve", changed)


def test_a_port_that_is_taken_is_named(bundle: Path, projects: Path, refused: Refused) -> None:
    os.utime(projects / "web" / "dist" / "index.html", (4e9, 4e9))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert "--port 0" in refused(f"127.0.0.1:{port}", "serve", bundle, "--port", port)


SERVE = """
import signal, sys
# As at a terminal: what a shell runs in the background is told to ignore interrupts, and so are these tests there.
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
import sentio_mobile._internal.resources
sentio_mobile._internal.resources.ROOT = Path(sys.argv[1])
from sentio_mobile.cli import main
main(["serve", *sys.argv[2:]])
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["interrupted", "terminated"])
def test_it_serves_until_it_is_told_to_end_and_leaves_nothing(
    how: signal.Signals, bundle: Path, projects: Path, tmp_path: Path
) -> None:
    os.utime(projects / "web" / "dist" / "index.html", (4e9, 4e9))
    (tmp_path / "temporary").mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary"), "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", SERVE, str(projects), str(bundle), "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"onnx waveform int8-dynamic of .*: (http://127\.0\.0\.1:\d+/)", line)
        if not found:
            pytest.fail(line + process.communicate(timeout=20)[1])
        with urllib.request.urlopen(f"{found[1]}sentio/emotion-waveform-int8-dynamic.onnx", timeout=20) as answer:
            assert answer.read() == (bundle / "emotion-waveform-int8-dynamic.onnx").read_bytes()
        process.send_signal(how)
        rest, faults = process.communicate(timeout=20)
    assert process.returncode == 0
    assert (faults, rest.splitlines()[-1]) == ("", "Stopped.")
    assert list((tmp_path / "temporary").iterdir()) == []
