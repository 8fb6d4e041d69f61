"""A message is one line that a terminal shows as it is, whatever the names in it are."""

import pickle
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentio_mobile.errors import MAX_MESSAGE, BundleError, LabelError, SentioError, printable, shortened


@given(text=st.text(st.characters(), max_size=200))
def test_message_of_any_text_is_one_line_and_obeyed_by_no_terminal(text: str) -> None:
    shown = str(LabelError(text))
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Zl", "Zp", "Cs"}
    assert len(shown.splitlines()) <= 1
    shown.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines", r"two\nlines"),
        ("red\x1b[31m", r"red\x1b[31m"),
        ("\x9b31m", r"\x9b31m"),
        ("a\u202eb", r"a\u202eb"),
        ("a\udcffb", r"a\xffb"),
        ("a\ud800b", r"a\ud800b"),
        ("naïve 音楽 \U0001f3b5", "naïve 音楽 \U0001f3b5"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text: str, shown: str) -> None:
    assert str(SentioError(text)) == printable(text) == shown


def test_long_message_keeps_its_beginning_and_its_end() -> None:
    shown = str(BundleError(f"manifest.json: name {'x' * 100_000} is too long; export again"))
    assert len(shown) < MAX_MESSAGE
    assert shown.startswith("manifest.json: name xxx")
    assert shown.endswith("xxx is too long; export again")
    assert "characters left out" in shown
    assert shortened("short") == "short"


def test_error_of_a_worker_process_arrives_unchanged() -> None:
    error = LabelError("a\nb")
    assert str(pickle.loads(pickle.dumps(error))) == str(error) == r"a\nb"
