"""The words for a prediction, on the cases that every language is tested on."""

import json

import pytest

from sentio_mobile._internal.resources import ROOT
from sentio_mobile.inference.emotion import Emotion
from sentio_mobile.inference.words import NEUTRAL_BELOW, emotion_words
from sentio_mobile.spec import Uncertainty

GOLDEN = json.loads((ROOT / "export" / "golden" / "words.json").read_text(encoding="utf-8"))


def test_the_golden_cases_know_the_limit() -> None:
    assert GOLDEN["neutral_below"] == NEUTRAL_BELOW


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: f"{case['valence']},{case['arousal']}")
def test_words_of_golden_cases(case: dict[str, object]) -> None:
    valence, arousal, half_width, silent, words = (
        case[key] for key in ("valence", "arousal", "half_width", "silent", "words")
    )
    assert emotion_words(valence, arousal, half_width, silent=silent) == words  # type: ignore[arg-type]
    uncertainty = None if half_width is None else Uncertainty(coverage=0.9, half_width=half_width, songs=40)  # type: ignore[arg-type]
    emotion = Emotion(
        song="a",
        valence=valence,  # type: ignore[arg-type]
        arousal=arousal,  # type: ignore[arg-type]
        start=0,
        end=30,
        uncertainty=uncertainty,
        silent=silent,  # type: ignore[arg-type]
    )
    assert emotion.words == words


def test_no_word_claims_a_side_that_the_interval_leaves_open() -> None:
    for step in range(-20, 21):
        value = step / 20
        words = emotion_words(value, 0, (0.5, 0.5)).split(", ")[0]
        assert (words in ("pleasant", "unpleasant")) == (abs(value) > 0.5), value
