"""The door of audio: any bytes under any suffix are sound or one error."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fuzz.cases import any_bytes
from fuzz.harness import attempt
from hypothesis import given
from hypothesis import strategies as st

from sentio_mobile.audio.decode import decode, estimate_seconds, measure, stream

RATE = 22_050
SUFFIXES = (".wav", ".mp3", ".flac", ".ogg", ".m4a", ".aiff", ".txt", "")


def sound(form: str) -> bytes:
    """A quarter of a second of a falling tone."""
    time = np.arange(2000) / 8000
    file = io.BytesIO()
    soundfile.write(file, (0.3 * np.sin(2 * np.pi * 400 * time * (1 - time))).astype(np.float32), 8000, format=form)
    return file.getvalue()


SOUNDS = {form: sound(form) for form in ("WAV", "FLAC", "OGG", "MP3", "AIFF")}


@pytest.mark.parametrize("form", SOUNDS)
@given(data=st.data())
def test_any_bytes_are_sound_or_one_error(form: str, data: st.DataObject, place: Path) -> None:
    content, suffix = data.draw(any_bytes((SOUNDS[form],), head=100)), data.draw(st.sampled_from(SUFFIXES))
    path = place / f"song{suffix}"
    path.write_bytes(content)
    start, seconds = data.draw(st.sampled_from(((0.0, 30.0), (0.1, 0.1), (5.0, 1.0))))
    pcm = attempt("audio", lambda: decode(path, RATE, start, seconds), place)
    if pcm is not None:
        assert pcm.ndim == 1
        assert pcm.dtype == np.float32
        assert len(pcm) <= round(seconds * RATE) + 1
        assert np.isfinite(pcm).all()
    attempt("audio", lambda: estimate_seconds(path), place)
    attempt("audio", lambda: measure(path), place)
    blocks = attempt(
        "audio", lambda: [block.copy() for _, block in zip(range(50), stream(path, RATE), strict=False)], place
    )
    assert all(np.isfinite(block).all() for block in blocks or [])
    path.unlink()


def test_codec_that_nobody_knows_is_one_error(place: Path) -> None:
    content = bytearray(SOUNDS["WAV"])
    # The codec of a WAV file is the number after the header of its first part.
    content[20:22] = b"\x77\x77"
    (place / "odd.wav").write_bytes(content)
    assert attempt("audio", lambda: decode(place / "odd.wav", RATE), place) is None
