"""Files that were cut, joined, damaged or made by careless programs: all of it is heard, and notes say the rest."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sentio_mobile.audio.decode import decode, measure, read_sound
from sentio_mobile.errors import AudioError

RATE = 11025


def encode(seconds: float, kind: str = "MP3", *, rate: int = RATE, channels: int = 1, **options: object) -> bytes:
    time = np.arange(int(seconds * rate)) / rate
    noise = 0.02 * np.random.default_rng(1).standard_normal(len(time))
    pcm = 0.3 * np.sin(2 * np.pi * 220 * time) + noise
    content = io.BytesIO()
    soundfile.write(content, np.stack([pcm] * channels, axis=1).astype(np.float32), rate, format=kind, **options)
    return content.getvalue()


def without_header(mp3: bytes) -> bytes:
    """An mp3 without its first frame, which holds no sound but the count of frames."""
    bare = mp3[mp3.find(mp3[:2], 40) :]
    assert b"Xing" not in bare[:200]
    assert b"Info" not in bare[:200]
    return bare


def tag(content: bytes, version: int = 3) -> bytes:
    size = bytes((len(content) >> shift) & 127 for shift in (21, 14, 7, 0))
    return b"ID3" + bytes([version, 0, 0]) + size + content


def heard(path: Path, content: bytes, kind: str = "") -> float:
    """Seconds that are decoded of a file without any fault; those that are counted are about the same."""
    path.write_bytes(content)
    sound = read_sound(path, 22050)
    assert sound.notes == ()
    assert sound.seconds == pytest.approx(len(sound.pcm) / 22050, abs=0.01)
    assert measure(path).seconds == pytest.approx(len(sound.pcm) / 22050, abs=0.2 if kind != "FLAC" else 1e-4)
    assert 0.05 < np.abs(sound.pcm[-22050:]).mean() < 0.5, "sound, to the end"
    return len(sound.pcm) / 22050


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_an_mp3_without_a_stated_length_is_read_to_its_end(tmp_path: Path, mode: str) -> None:
    content = encode(20, bitrate_mode=mode, compression_level=0.6)
    assert heard(tmp_path / "with.mp3", content) == pytest.approx(20, abs=1e-4)
    assert heard(tmp_path / "without.mp3", without_header(content)) == pytest.approx(20, abs=0.2)


def test_joined_files_are_heard_whole(tmp_path: Path) -> None:
    mp3 = encode(8)
    assert heard(tmp_path / "joined.mp3", mp3 + mp3) == pytest.approx(16, abs=0.4)
    assert heard(tmp_path / "bare.mp3", without_header(mp3) * 2) == pytest.approx(16, abs=0.4)
    for kind in ("OGG", "FLAC"):
        content = encode(12, kind)
        path = tmp_path / f"joined.{kind.lower()}"
        assert heard(path, content + content, kind) == pytest.approx(24, abs=0.05)
        whole = decode(path, 22050)
        first = int(13.5 * 22050)  # where the second file's positions begin again
        np.testing.assert_allclose(decode(path, 22050, 13.5, 2.0), whole[first : first + 44100], atol=1e-6)
    # Three joined files, of which the first clip alone is decoded: the rest is counted.
    (tmp_path / "three.flac").write_bytes(encode(12, "FLAC") * 3)
    part = read_sound(tmp_path / "three.flac", 22050, seconds=13.0, measure=True)
    assert (len(part.pcm) / 22050, part.seconds) == (pytest.approx(13), pytest.approx(36, abs=1e-4))


@pytest.mark.parametrize(("rate", "channels"), [(RATE, 2), (22050, 1)])
def test_a_format_that_changes_in_the_middle_is_followed(tmp_path: Path, rate: int, channels: int) -> None:
    content = without_header(encode(8)) + without_header(encode(8, rate=rate, channels=channels))
    assert heard(tmp_path / "changes.mp3", content) == pytest.approx(16, abs=0.4)
    pcm = decode(tmp_path / "changes.mp3", 22050)
    for part in (pcm[: 6 * 22050], pcm[10 * 22050 :]):
        assert np.argmax(np.abs(np.fft.rfft(part))) / len(part) * 22050 == pytest.approx(220, abs=1)


def test_tags_and_padding_before_an_mp3_are_passed_over(tmp_path: Path) -> None:
    mp3, title = encode(6), b"TIT2\0\0\0\5\0\0\0Song"
    picture = b"APIC\0\0\xea\x60\0\0" + np.random.default_rng(5).bytes(60_000)
    ape = b"APETAGEX" + (2000).to_bytes(4, "little") + (32).to_bytes(4, "little") + bytes(4)
    for name, before in (
        ("padded", tag(title) + bytes(4096)),
        ("zeros", bytes(2048)),
        ("twice", tag(title + picture) + tag(title + picture, 4)),
        ("ape", ape + (0x80000000).to_bytes(4, "little") + bytes(8)),
    ):
        assert heard(tmp_path / f"{name}.mp3", before + mp3) == pytest.approx(6, abs=0.2)
    assert heard(tmp_path / "ripped.mp3", without_header(mp3)[137:]) == pytest.approx(6, abs=0.2)


def test_a_tag_at_the_end_is_no_fault(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    end = b"LYRICSBEGININD0000210000021LYRICS200" + b"TAG" + bytes(125)
    assert heard(tmp_path / "lyrics.mp3", without_header(encode(6)) + end) == pytest.approx(6, abs=0.2)
    assert capfd.readouterr() == ("", "")


def test_an_mp3_in_a_wav_is_heard_whole(tmp_path: Path) -> None:
    mp3 = without_header(encode(20, bitrate_mode="VARIABLE"))
    layout = b"\x55\0\1\0" + RATE.to_bytes(4, "little") + (1000).to_bytes(4, "little") + b"\1\0\0\0\x0c\0"
    layout += b"\1\0\2\0\0\0\4\1\1\0\x71\5"
    fact = b"fact\4\0\0\0" + (20 * RATE).to_bytes(4, "little")
    head = b"WAVEfmt " + len(layout).to_bytes(4, "little") + layout + fact + b"data" + len(mp3).to_bytes(4, "little")
    content = b"RIFF" + (len(head) + len(mp3)).to_bytes(4, "little") + head + mp3
    for name in ("song.wav", "song.mp3"):
        assert heard(tmp_path / name, content) == pytest.approx(20, abs=0.2)


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_that_was_never_finished_is_read_to_its_end(tmp_path: Path, size: int) -> None:
    content = bytearray(encode(3, "WAV"))
    at = content.find(b"data") + 4
    content[4:8] = content[at : at + 4] = size.to_bytes(4, "little")
    assert heard(tmp_path / "crashed.wav", bytes(content)) == pytest.approx(3, abs=1e-4)


def test_a_flac_without_a_count_of_samples_is_read_to_its_end(tmp_path: Path) -> None:
    content = bytearray(encode(3, "FLAC"))
    content[21] &= 0xF0  # STREAMINFO's count of samples: the low half of byte 21, and four more
    content[22:26] = bytes(4)
    assert heard(tmp_path / "song.flac", bytes(content)) == pytest.approx(3, abs=1e-4)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.97])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("song.wav", {}),
        ("song.aiff", {}),
        ("song.flac", {}),
        ("song.ogg", {}),
        ("cbr.mp3", {"bitrate_mode": "CONSTANT"}),
        ("vbr.mp3", {"bitrate_mode": "VARIABLE"}),
    ],
)
def test_a_cut_file_is_heard_as_far_as_it_goes_and_never_passes_as_whole(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, options: dict[str, str], share: float
) -> None:
    content = encode(20, name.split(".")[1].upper(), **options)
    whole, cut = tmp_path / name, tmp_path / f"cut-{name}"
    whole.write_bytes(content)
    cut.write_bytes(content[: int(len(content) * share)])
    sound = read_sound(cut, 22050)
    there = len(sound.pcm) / 22050
    assert 20 * share - 2 < there < 20 * share + 1
    assert f"ends after {there:.1f} " in sound.notes[0]
    assert "it was cut" in sound.notes[0]
    if "ogg" not in name and "wav" not in name:
        assert "of 20.0 s" in sound.notes[0]
    # The same is known where only the beginning is decoded, and the beginning is as good as ever.
    begin = read_sound(cut, 22050, seconds=2, measure=True)
    assert "it was cut" in begin.notes[0]
    np.testing.assert_array_equal(begin.pcm, decode(whole, 22050, seconds=2))
    with pytest.raises(AudioError, match=r"no sound from 19\.9 s on"):
        decode(cut, 22050, start=19.9)
    assert capfd.readouterr().err == ""


def test_a_bare_mp3_that_was_cut_within_a_frame_is_noted(tmp_path: Path) -> None:
    bare = without_header(encode(8))
    (tmp_path / "cut.mp3").write_bytes(bare[: len(bare) // 2 - 20])
    assert "in the middle of a frame: it was cut" in read_sound(tmp_path / "cut.mp3", 22050).notes[0]
    (tmp_path / "zeros.mp3").write_bytes(bare[: len(bare) // 2] + bytes(50_000))
    for measured in (False, True):
        notes = read_sound(tmp_path / "zeros.mp3", 22050, seconds=2 if measured else None, measure=measured).notes
        assert "hold no sound that can be decoded" in notes[0]


@pytest.mark.parametrize("kind", ["MP3", "FLAC", "OGG"])
def test_a_hole_in_the_middle_is_noted_and_the_rest_heard(tmp_path: Path, kind: str) -> None:
    content = bytearray(encode(20, kind))
    content[len(content) // 3 : len(content) // 3 + 3000] = bytes(3000)
    (tmp_path / "hole").write_bytes(content)
    sound = read_sound(tmp_path / "hole", 22050)
    assert 16 < len(sound.pcm) / 22050 < 20
    assert sound.notes[0].startswith("is damaged")


def test_content_is_judged_by_itself_and_not_by_a_file_of_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sound").write_bytes(b"<html>not this one")
    with pytest.raises(AudioError, match="cannot be decoded"):
        decode(b"neither sound nor anything else", RATE)
    with pytest.raises(AudioError, match="is a picture"):
        decode(b"GIF89a" + bytes(100), RATE)
