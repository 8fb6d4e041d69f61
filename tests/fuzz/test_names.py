"""The door of names: what a stranger called a model or an app stays a text in settings of apps, HTML, JSON and YAML."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from fuzz.cases import texts
from fuzz.harness import attempt
from hypothesis import example, given
from hypothesis import strategies as st
from markdown import markdown
from support import artifact_entry, manifest_facts

import sentio_mobile
from sentio_mobile._internal.pages import write_page
from sentio_mobile.bundle.manifest import Manifest, parse_manifest
from sentio_mobile.bundle.model_card import model_card
from sentio_mobile.metrics.evaluation import Evaluation
from sentio_mobile.packaging.platforms import ANDROID, IOS, WEB, App
from sentio_mobile.spec import Artifact, ModelSpec

SETTINGS = {
    "android": "sentio.applicationId=a.b\nsentio.appName=Sentio\nsentio.backends=litert\nother=1\n",
    "ios": "// c\nSENTIO_BUNDLE_IDENTIFIER = a.b\nSENTIO_APP_NAME = Sentio\n"
    "IPHONEOS_DEPLOYMENT_TARGET = 15.0\nOTHER = 1\n",
    "web": "{}",
}
TFLITE = Artifact("tflite", "fp32", "waveform", Path("model.tflite"))
names = texts | st.from_regex(r"[A-Za-z][\w '&!é音🎵.,()-]{0,20}", fullmatch=True)
ids = texts | st.from_regex(r"[a-z]{1,5}(\.[a-z0-9-]{1,5}){1,3}", fullmatch=True)


def java_properties(text: str) -> dict[str, str]:
    """Read a properties file as Java does, as far as ours use it: escapes, and one key a line."""
    found = {}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        value = re.sub(r"\\(u[0-9a-f]{4}|.)", lambda m: chr(int(m[1][1:], 16)) if m[1][0] == "u" else m[1], value)
        found[key] = value.encode("utf-16", "surrogatepass").decode("utf-16")
    return found


@given(name=names, id_=ids)
@example(name="O'Brien & Söhne 🎵", id_="org.example.moods")
@example(name="a\nb", id_="org.example.moods")
@example(name="Sentio", id_="org.example.moods\n")
def test_any_name_and_id_of_an_app_are_what_its_settings_say(name: str, id_: str, place: Path) -> None:
    app = attempt("names", lambda: App(name=name, id=id_), place)
    if app is None:
        return
    written = {one.name: one.configure(SETTINGS[one.name], app, (TFLITE,)) for one in (ANDROID, IOS, WEB)}
    assert json.loads(written["web"]) == {"name": name, "id": id_}
    properties = java_properties(written["android"])
    assert set(properties) == {"sentio.applicationId", "sentio.appName", "sentio.backends", "other"}
    assert properties["sentio.applicationId"] == id_
    resource = ElementTree.fromstring(f"<string>{properties['sentio.appName'].replace('&', '&amp;')}</string>").text
    assert resource is not None
    assert resource.replace(r"\'", "'") == name
    swift = dict(line.split(" = ", 1) for line in written["ios"].splitlines() if " = " in line)
    assert swift == {
        "SENTIO_BUNDLE_IDENTIFIER": id_,
        "SENTIO_APP_NAME": name,
        "IPHONEOS_DEPLOYMENT_TARGET": "15.0",
        "OTHER": "1",
    }
    assert "//" not in swift["SENTIO_APP_NAME"]
    assert "$(" not in swift["SENTIO_APP_NAME"]


class Tags(HTMLParser):
    """The names of all elements of a page, with the names of their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))


def tags(html: str) -> list[tuple[str, tuple[str, ...]]]:
    parser = Tags()
    parser.feed(html)
    parser.close()
    return parser.found


def manifest(name: str, release: str, reason: str, music: str, path: str) -> Manifest:
    """The manifest of a bundle with these texts of a stranger."""
    files = {path: {"sha256": "0" * 64, "bytes": 1}}
    facts = manifest_facts(
        ModelSpec(architecture="mobilevit"),
        [artifact_entry("onnx", "waveform", "fp32", path)],
        name=name,
        release=release,
        failed={name: reason},
        files=files,
        about={"music": music, "teacher": music, "auc": [], "limits": [music or "x"]},
        versions={name: release},
    )
    return parse_manifest(json.dumps(facts).encode(), Path("bundle"))


PLAIN = manifest("m", "1", "it failed", "songs", "m.onnx")


@given(name=names, release=names, reason=names, music=names, path=names)
@example(
    name="</code><script>x</script>", release="```", reason="\n\n# h", music="<img src=x onerror=y>", path="a`b|c.onnx"
)
@example(name="[a](javascript:x)", release="---\na: b", reason="|", music="\n<script>", path="x")
def test_any_text_of_a_manifest_is_text_in_its_model_card(
    name: str, release: str, reason: str, music: str, path: str, place: Path
) -> None:
    found = attempt("names", lambda: manifest(name, release, reason, music, path), place)
    if found is None:
        return
    card = attempt("names", lambda: model_card(found, Evaluation()), place)
    assert card is not None
    plain = model_card(PLAIN, Evaluation())
    _, front, body = card.split("---\n", 2)
    _, plain_front, plain_body = plain.split("---\n", 2)
    assert yaml.safe_load(front).keys() == yaml.safe_load(plain_front).keys()
    ours = {tag for tag, _ in tags(markdown(plain_body, extensions=["tables"]))}
    assert {tag for tag, _ in tags(markdown(body, extensions=["tables"]))} <= ours | {"code", "p", "li"}


@given(text=names)
@example(text="<script>alert(1)</script>")
@example(text='"><img src=x onerror=alert(1)>')
@example(text="' onclick='x")
def test_any_text_is_text_in_a_page(text: str, place: Path) -> None:
    template = place / "page.html.j2"
    template.write_text('<p title="{{ text }}">{{ text }}</p>{% import "page.j2" as page %}')
    shown = text.encode("utf-8", "backslashreplace").decode()
    write_page(place / "page.html", template, {"text": shown})
    assert tags((place / "page.html").read_bytes().decode()) == [("p", ("title",))]


@pytest.mark.parametrize(
    "template", sorted(Path(sentio_mobile.__file__).parent.rglob("*.html.j2")), ids=lambda path: path.name
)
def test_no_page_puts_a_value_where_escaping_does_not_help(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"\|\s*safe\b|autoescape false", text)
    assert not re.search(r"=\s*\{\{", text), "an attribute without quotes"
    # `script` is a file of this package, and `data` is JSON without "<", which the test of the gallery holds it to.
    assert not re.search(r"<script[^>]*>[^<]*\{\{(?! (script|data) \}\})", text)
    assert not re.search(r"(href|src|on\w+)=[\"'][^\"']*\{\{(?! chart\.)", text)
