"""What a prepared folder keeps of labels: segments, spreads of raters, sets, and weak labels."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from support import Sentio

from sentio_mobile.audio.decode import fit_length
from sentio_mobile.audio.image import clip_to_mel
from sentio_mobile.cli.table_options import ROLES, gather_tables
from sentio_mobile.data.checks.report import check_data
from sentio_mobile.data.clip_table import SONGS, read_clip_rows
from sentio_mobile.data.config import DataRecipe, Role
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import open_data
from sentio_mobile.data.song_audio import SongAudio, read_clips
from sentio_mobile.data.weak_labels import WEAK_LABELS, read_weak_labels
from sentio_mobile.spec import AudioSpec

SHORT = AudioSpec(seconds=1.0)
FEW = (0.4, 0.3, 0.3)
RATE = 22050


def sound(path: Path, seed: int, seconds: float) -> np.ndarray:
    pcm = (0.1 * np.random.default_rng(seed).standard_normal(round(RATE * seconds))).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, pcm, RATE, subtype="FLOAT")
    return pcm


def test_segments_are_prepared_from_start_to_end(tmp_path: Path) -> None:
    pcm = [sound(tmp_path / f"{i}.wav", i, 3) for i in range(6)]
    rows = "".join(f"{i}.wav,{start},{end},{1 + i},{9 - i}\n" for i in range(6) for start, end in ((0, 1.5), (1.5, 2)))
    (tmp_path / "songs.csv").write_text("path,start,end,valence_mean,arousal_mean\n" + rows)
    prepare(tmp_path / "songs.csv", tmp_path / "out", recipe=DataRecipe(scale="1-9", fractions=FEW), audio=SHORT)
    data = open_data(tmp_path / "out")
    clips = {clip.song_id: clip for clip in read_clip_rows(data.folder / SONGS)}
    assert len(clips) == 12
    for number in range(6):
        first, second = clips[f"{number}@0-1.5"], clips[f"{number}@1.5-2"]
        assert first.split == second.split
        assert (first.start, first.segment, second.start, second.segment) == (0, (0, 1.5), 1.5, (1.5, 2))
        # The second segment is half a clip: nothing after its end is heard.
        inside = pcm[number][round(1.5 * RATE) : 2 * RATE]
        wanted = clip_to_mel(fit_length(inside, SHORT), SHORT)
        np.testing.assert_allclose(data.mels[second.row], wanted, atol=2e-3)
        heard = read_clips(SongAudio.of(second, tmp_path / f"{number}.wav"), SHORT)
        np.testing.assert_allclose(heard[0, : len(inside)], inside, atol=1e-6)
        assert not heard[0, len(inside) :].any()
    # Segments of one file are no copies of each other on purpose.
    found = check_data(data)
    assert not [line for line in (*found.faults, *found.notes) if "the same file" in line]
    again = prepare(
        tmp_path / "songs.csv",
        tmp_path / "out",
        recipe=DataRecipe(scale="1-9", fractions=FEW),
        audio=SHORT,
        overwrite=True,
    )
    assert again == []
    assert len(open_data(tmp_path / "out").mels) == 12


def test_a_segment_behind_the_end_of_its_file_is_a_fault(tmp_path: Path) -> None:
    for i in range(30):
        sound(tmp_path / f"{i}.wav", i, 1)
    rows = "".join(f"{i}.wav,{5 * (i == 7)},{9},{1 + i % 9},{9 - i % 9}\n" for i in range(30))
    (tmp_path / "songs.csv").write_text("path,start,end,valence_mean,arousal_mean\n" + rows)
    (skipped,) = prepare(tmp_path / "songs.csv", tmp_path / "out", recipe=DataRecipe(fractions=FEW), audio=SHORT)
    assert skipped.endswith("7.wav: has 1.0 s, and a segment of it starts at 5 s; mend the table")


def test_several_sets_with_raters_keep_source_and_spread(tmp_path: Path, sentio: Sentio) -> None:
    for name in ("one", "two"):
        for i in range(8):
            sound(tmp_path / name / f"{i}.wav", i + 10 * (name == "two"), 1)
    lines = "".join(f"{i}.wav,{rater},{1 + i},{8 - i}\n" for i in range(8) for rater in "ab")
    (tmp_path / "one/songs.csv").write_text("path,rater,valence_mean,arousal_mean\n" + lines)
    lines = "".join(f"{i},{i / 7},{1 - i / 7}\n" for i in range(8))
    (tmp_path / "two/others.csv").write_text("id,V,A\n" + lines)
    columns = ["--columns", "path={id}.wav", "valence=V", "arousal=A"]
    usual = ["--columns", "path=path"]
    result = sentio(
        *("data", "prepare", tmp_path / "one/songs.csv", tmp_path / "two/others.csv", "--out", tmp_path / "out"),
        *("--scale=1-9", "--scale", 0, 1, *usual, *columns, "--fractions", 0.4, 0.3, 0.3, "--recipe", "ast_5s"),
    )
    assert result.exit_code == 0, result.output
    assert "note: songs.csv: scale 1-9, as given, for the values 1 to 8" in result.stderr
    assert "note: others.csv: scale 0-1, as given, for the values 0 to 1" in result.stderr
    data = open_data(tmp_path / "out")
    assert data.sheet.sources is not None
    assert [(one.name, one.scale, one.songs) for one in data.sheet.sources] == [
        ("songs", "1-9", 8),
        ("others", "0-1", 8),
    ]
    clips = {clip.song_id: clip for clip in read_clip_rows(data.folder / SONGS)}
    assert (clips["songs/3"].source, clips["songs/3"].spread, clips["songs/3"].raters) == ("songs", (0, 0), 2)
    assert (clips["others/7"].valence, clips["others/7"].spread, clips["others/7"].raters) == (1, None, None)


def test_quadrants_are_written_as_weak_labels(tmp_path: Path) -> None:
    for number in range(1, 5):
        sound(tmp_path / f"4Q/Q{number}/MT{number}.wav", number, 1)
    prepare(tmp_path / "4Q", tmp_path / "out", recipe=DataRecipe(), audio=SHORT)
    data = open_data(tmp_path / "out")
    weak = read_weak_labels(tmp_path / "out" / WEAK_LABELS)
    assert data.splits["unlabelled"].song_ids == ("MT1", "MT2", "MT3", "MT4")
    np.testing.assert_array_equal(weak.of(data), [[1, 1], [-1, 1], [-1, -1], [1, -1]])


@pytest.mark.parametrize(
    ("given", "gathered"),
    [
        (["a.csv", "--scale=-1-1"], ["a.csv", "--scale", "-1", "1"]),
        (["--scale", "1-9", "a.csv"], ["--scale", "1", "9", "a.csv"]),
        (["--scale", "-1", "1"], ["--scale", "-1", "1"]),
        (
            ["--columns", "path={id}.mp3", "valence=a b", "a.csv", "--columns", "arousal=A"],
            ["--columns", "path={id}.mp3\nvalence=a b", "a.csv", "--columns", "arousal=A"],
        ),
    ],
)
def test_gather_tables_joins_pairs_and_reads_old_scales(given: list[str], gathered: list[str]) -> None:
    assert gather_tables(given, {"--columns", "--scale"}) == gathered


def test_columns_can_hold_what_recipes_know() -> None:
    assert set(ROLES) == set(Role.__args__)
