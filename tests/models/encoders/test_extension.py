"""Another package adds an encoder by an entry point alone, and every command knows it."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from sentio_mobile.cli import main
from sentio_mobile.errors import DataError, InputError
from sentio_mobile.models.encoders.base import encoder_names, load_encoder
from sentio_mobile.models.encoders.embeddings import read_embeddings


def test_encoder_of_another_package_is_listed_and_embeds(loudness_encoder: None, tmp_path: Path) -> None:
    song, out = tmp_path / "song.wav", tmp_path / "embeddings.safetensors"
    soundfile.write(song, np.full(24_000, 0.5), 8000)
    assert "loudness" in encoder_names()
    listed = CliRunner().invoke(main, ["encoder", "list"])
    assert "8,000 Hz" in listed.output
    result = CliRunner().invoke(main, ["encoder", "embed", str(song), "--encoder", "loudness", "--out", str(out)])
    assert result.exit_code == 0, result.output
    info, embeddings = read_embeddings(out)
    assert info == load_encoder("loudness").info
    np.testing.assert_allclose(embeddings[str(song)], np.full((3, 2), 0.5), atol=1e-3)


def test_unknown_encoder_names_the_known_ones(loudness_encoder: None) -> None:
    with pytest.raises(
        InputError, match=r"no encoder 'vggish'; known: loudness, loudness-tags, musicnn-msd, musicnn-mtt"
    ):
        load_encoder("vggish")


def test_songs_without_sound_are_named_and_nothing_is_written(loudness_encoder: None, tmp_path: Path) -> None:
    broken, out = tmp_path / "song.wav", tmp_path / "out.safetensors"
    broken.write_bytes(b"not a sound")
    result = CliRunner().invoke(main, ["encoder", "embed", str(broken), "--encoder", "loudness", "--out", str(out)])
    assert (result.exit_code, out.exists()) == (2, False)
    assert "song.wav" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b'{"encoder": 1}'])
def test_damaged_embeddings_are_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "e.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=r"e\.safetensors") as caught:
        read_embeddings(tmp_path / "e.safetensors")
    assert "\n" not in str(caught.value)
