"""Sources: DEAM in every layout, CSVs as programs write them, folders of audio; and one line for each fault."""

import codecs
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.data_set import Source
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import open_data
from sentio_mobile.data.sources import read_source
from sentio_mobile.errors import DataError, LabelError
from sentio_mobile.metrics.evaluation import evaluate
from sentio_mobile.spec import AudioSpec

SHORT = AudioSpec(seconds=1.0)
FEW = (0.6, 0.2, 0.2)
SONG_LEVEL = "annotations averaged per song/song_level"
DYNAMIC = "annotations averaged per song/dynamic (per second annotations)"
FIRST = "static_annotations_averaged_songs_1_2000.csv"
SECOND = "static_annotations_averaged_songs_2000_2058.csv"
# The headers of the real files, spaces and all.
FIRST_HEADER = "song_id, valence_mean, valence_std, arousal_mean, arousal_std"
SECOND_HEADER = (
    "song_id, valence_mean, valence_std, valence_ max_mean, valence_max_std, valence_min_mean, valence_min_std,"
    " arousal_mean, arousal_std, arousal_max_mean, arousal_max_std, arousal_min_mean, arousal_min_std"
)
KAGGLE = ("DEAM_audio/MEMD_audio", "DEAM_Annotations/annotations")
LAYOUTS = {
    "kaggle": KAGGLE,
    "the authors' archives": ("MEMD_audio", "annotations"),
    "one folder more": ("deam/DEAM_audio/MEMD_audio", "deam/DEAM_Annotations/annotations"),
    "a folder for each archive": ("DEAM_audio/DEAM_audio/MEMD_audio", "DEAM_Annotations/DEAM_Annotations/annotations"),
}


def read(source: Path, scale: str = "1-9", labels: str = "static") -> Source:
    return read_source(source, DataRecipe(scale=scale, labels=labels))  # type: ignore[arg-type]


def write_deam(root: Path, layout: tuple[str, str] = KAGGLE, songs: int = 40) -> Path:
    """DEAM in small: labels of `songs` songs, the last three in the second table, without audio."""
    audio, annotations = (root / part for part in layout)
    audio.mkdir(parents=True)
    level = annotations / SONG_LEVEL
    level.mkdir(parents=True)
    first = [f"{i},{1 + 8 * i / songs:.2f},1.1,{9 - 7 * i / songs:.2f},1.2" for i in range(2, songs - 1)]
    second = [f"{i},3.2,0.98,5.0,1.41,2.2,0.98,6.6,0.8,8.6,0.49,3.4,1.02" for i in range(2001, 2004)]
    (level / FIRST).write_text("\n".join([FIRST_HEADER, *first]) + "\n")
    (level / SECOND).write_text("\n".join([SECOND_HEADER, *second]) + "\n")
    return audio


def write_dynamic(annotations: Path, valence: list[str], arousal: list[str]) -> None:
    folder = annotations / DYNAMIC
    folder.mkdir(parents=True)
    header = "song_id," + ",".join(f"sample_{15000 + 500 * i}ms" for i in range(4))
    for name, lines in (("valence", valence), ("arousal", arousal)):
        (folder / f"{name}.csv").write_text("\n".join([header, *lines]) + "\n")


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_deam_is_found_however_it_was_unpacked(tmp_path: Path, layout: tuple[str, str]) -> None:
    write_deam(tmp_path, layout)
    # What a Mac adds to an archive lies where the real folders do.
    (tmp_path / "__MACOSX" / layout[0]).mkdir(parents=True)
    source = read(tmp_path)
    assert (source.layout, source.labels, source.scale, source.root) == ("deam", "rated", "1-9", tmp_path)
    assert [song.song_id for song in source.songs[:2]] == ["2", "3"]
    assert source.songs[0].path == tmp_path / layout[0] / "2.mp3"
    assert source.songs[0].valence == pytest.approx((1.4 - 5) / 4)
    assert source.songs[-1].song_id == "2003"
    assert (source.songs[-1].valence, source.songs[-1].arousal) == pytest.approx(((3.2 - 5) / 4, (6.6 - 5) / 4))


def test_deam_is_prepared_with_an_mp3_and_a_label_missing(tmp_path: Path) -> None:
    audio = write_deam(tmp_path / "deam")
    rng = np.random.default_rng(0)
    for song in read(tmp_path / "deam").songs[1:]:
        soundfile.write(song.path, 0.1 * rng.standard_normal(44100 // 2), 44100, format="MP3")
    soundfile.write(audio / "77.mp3", 0.1 * rng.standard_normal(44100 // 2), 44100, format="MP3")
    (audio / "._3.mp3").write_bytes(b"a shadow")
    assert read(tmp_path / "deam").notes == (
        "DEAM: scale 1-9, as its authors state",
        "1 audio files have no label and are left out: 77.mp3",
    )
    skipped = prepare(tmp_path / "deam", tmp_path / "out", recipe=DataRecipe(fractions=FEW), audio=SHORT)
    assert len(skipped) == 1
    assert "2.mp3" in skipped[0]
    data = open_data(tmp_path / "out")
    ids = [song for split in data.splits.values() for song in split.song_ids]
    assert sorted(ids, key=int) == [*map(str, range(3, 39)), "2001", "2002", "2003"]


def test_dynamic_labels_are_those_of_the_window(tmp_path: Path) -> None:
    write_deam(tmp_path)
    annotations = tmp_path / KAGGLE[1]
    # Rows end with their songs and have holes; a moment counts where both dimensions were rated.
    write_dynamic(
        annotations, ["2,0.1,0.2,0.3,0.4", "3,0.5,,0.7", "4,0.1"], ["2,-0.4,-0.3,-0.2,-0.1", "3,0.2,0.3,nan,"]
    )
    source = read(tmp_path, labels="dynamic")
    two, three, four = source.songs[:3]
    assert two.label(0, 30) == pytest.approx((0.25, -0.25))
    assert two.label(15.5, 1) == pytest.approx((0.25, -0.25))
    assert two.label(16.5, 30) == pytest.approx((0.4, -0.1))
    assert two.label(60, 30) == (two.valence, two.arousal)
    assert three.moments is not None
    assert three.moments.seconds.tolist() == [15.0]
    assert four.moments is None
    assert four.label(0, 30) == (four.valence, four.arousal)
    assert source.notes == (
        "DEAM: scale 1-9, as its authors state; dynamic labels -1-1",
        "38 songs have no dynamic label and keep their static one: 4, 5, 6, 7, 8, ...",
    )
    assert read(tmp_path).songs[0].moments is None


def test_prepare_command_passes_windows_labels_and_store_on(tmp_path: Path) -> None:
    write_deam(tmp_path / "deam")
    rng = np.random.default_rng(0)
    for song in read(tmp_path / "deam").songs:
        seconds = 46 if song.song_id == "2" else 1
        soundfile.write(song.path, 0.1 * rng.standard_normal(22050 * seconds), 22050, format="MP3")
    write_dynamic(tmp_path / "deam" / KAGGLE[1], ["2,0.1,0.2,0.3,0.4"], ["2,-0.4,-0.3,-0.2,-0.1"])
    options = ["--windows", "2", "--labels", "dynamic", "--store", "clips", "--fractions", "0.6", "0.2", "0.2"]
    command = [sys.executable, "-m", "sentio_mobile", "data", "prepare", "deam", "--out", "out", *options]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "note: DEAM: scale 1-9, as its authors state; dynamic labels -1-1" in result.stderr
    assert "note: 39 songs have no dynamic label and keep their static one: 3, 4," in result.stderr
    assert (tmp_path / "clips").is_dir()
    data = open_data(tmp_path / "out")
    split = next(split for split in data.splits.values() if "2" in split.song_ids)
    labels = split.window_labels[split.song_ids.index("2")]
    # The second window begins at 16 s: the last two of the four moments are in it.
    np.testing.assert_allclose(labels, [[0.25, -0.25], [0.35, -0.15]], atol=1e-5)


@pytest.mark.parametrize(
    ("valence", "fault"),
    [
        (["2,0.1,1.2"], "valence.csv, row 2, sample_15500ms: 1.2 is off the scale -1 to 1"),
        (["2,0.1", "2,0.2"], "valence.csv, row 3: song '2' is labelled twice"),
        (["2,0.1,high"], "valence.csv, row 2, sample_15500ms: 'high' is not a number"),
        (["2,0.1,0.1,0.1,0.1,0.1"], "valence.csv, row 2: has more values than the header has columns"),
        (None, r"has no dynamic \(per second annotations\)/valence.csv"),
    ],
)
def test_wrong_dynamic_labels_are_refused_in_one_line(tmp_path: Path, valence: list[str] | None, fault: str) -> None:
    write_deam(tmp_path)
    if valence is not None:
        write_dynamic(tmp_path / KAGGLE[1], valence, ["2,0.1"])
    with pytest.raises(LabelError, match=fault) as caught:
        read(tmp_path, labels="dynamic")
    assert "\n" not in str(caught.value)


def test_incomplete_deam_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a" / KAGGLE[0]).mkdir(parents=True)
    with pytest.raises(LabelError, match=r"looks like DEAM .* has no folder 'song_level'"):
        read(tmp_path / "a")
    (tmp_path / "b" / KAGGLE[1] / SONG_LEVEL).mkdir(parents=True)
    with pytest.raises(LabelError, match="has no folder 'MEMD_audio'"):
        read(tmp_path / "b")
    write_deam(tmp_path / "c")
    table = tmp_path / "c" / KAGGLE[1] / SONG_LEVEL / SECOND
    text = table.read_text()
    table.write_text(text + "2,3,1,5,1,2,1,6,1,8,1,3,1\n")
    with pytest.raises(LabelError, match=f"{SECOND}, row 5: song '2' is labelled twice"):
        read(tmp_path / "c")
    table.write_text(text.replace(",6.6,", ",9.6,", 1))
    with pytest.raises(LabelError, match=f"{SECOND}, row 2, arousal_mean: 9.6 is off the scale"):
        read(tmp_path / "c")
    table.with_name(FIRST).unlink()
    table.unlink()
    with pytest.raises(LabelError, match=f"{FIRST}: cannot be read"):
        read(tmp_path / "c")


def test_generated_note_is_found_in_any_folder_above_the_music(tmp_path: Path) -> None:
    write_deam(tmp_path / "music")
    note = tmp_path / "music" / "generated.json"
    note.write_text(json.dumps({"labels": "generated"}))
    assert read(tmp_path / "music").labels == "generated"
    assert read(tmp_path).labels == "generated"
    note.write_text(json.dumps({"labels": "guessed"}))
    with pytest.raises(LabelError, match="labels must be one of 'rated', 'generated', not 'guessed'"):
        read(tmp_path)


TABLE = "path,valence_mean,arousal_mean,group\nrock/ä 1.mp3,5.5,3.25,x\nb.wav,1,9,\n"
GERMAN = TABLE.replace(",", ";").replace(".5", ",5").replace(".25", ",25")
SPELLINGS = {
    "commas": TABLE.encode(),
    "a byte order mark": TABLE.encode("utf-8-sig"),
    "Windows line ends": TABLE.replace("\n", "\r\n").encode(),
    "old Mac line ends": TABLE.replace("\n", "\r").encode(),
    "blank rows": TABLE.replace("\n", "\n\n,,,\n").encode(),
    "semicolons": TABLE.replace(",", ";").encode(),
    "German Excel": GERMAN.replace("\n", "\r\n").encode("utf-8-sig"),
    "Excel's own first line": ("sep=;\n" + GERMAN).encode(),
    "tabs": TABLE.replace(",", "\t").encode(),
    "Excel's Unicode text": TABLE.replace(",", "\t").replace("\n", "\r\n").encode("utf-16"),
    "UTF-16, the other way round": codecs.BOM_UTF16_BE + TABLE.encode("utf-16-be"),
    "quotes": TABLE.replace("5.5", '"5,5"').replace("rock/ä 1.mp3", '"rock/ä 1.mp3"').encode(),
    "folders as on Windows": TABLE.replace("rock/", "rock\\").encode(),
}


@pytest.mark.parametrize("content", SPELLINGS.values(), ids=SPELLINGS)
def test_manifest_is_read_as_programs_write_it(tmp_path: Path, content: bytes) -> None:
    manifest = tmp_path / "songs.csv"
    manifest.write_bytes(content)
    source = read(manifest)
    assert (source.layout, source.labels, source.scale, source.root) == ("manifest", "rated", "1-9", tmp_path)
    one, other = source.songs
    assert one.path == tmp_path / "rock/ä 1.mp3"
    assert (one.valence, one.arousal, one.group) == (0.125, -0.4375, "x")
    assert (other.song_id, other.valence, other.arousal, other.group) == ("b", -1, 1, "b")


def test_manifest_with_other_separators_may_have_commas(tmp_path: Path) -> None:
    (tmp_path / "songs.csv").write_text("path;title, artist, year;valence_mean;arousal_mean\na.mp3;Hey, you;5;5\n")
    assert read(tmp_path / "songs.csv").songs[0].valence == 0


def test_manifest_may_have_absolute_paths_and_ids(tmp_path: Path) -> None:
    audio = tmp_path / "elsewhere" / "a.mp3"
    (tmp_path / "songs.csv").write_text(f"path,song_id\n{audio},one\n../b.mp3,two\n")
    source = read(tmp_path / "songs.csv")
    assert (source.labels, source.scale) == ("none", "")
    assert [(song.song_id, song.path, song.valence) for song in source.songs] == [
        ("one", audio, None),
        ("two", tmp_path / "../b.mp3", None),
    ]


HEAD = "path,valence_mean,arousal_mean\n"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (HEAD + "a.mp3,5,5\n\nb.mp3,5,11\n", ", row 4, arousal_mean: 11 is off the scale 1 to 9"),
        (HEAD + "a.mp3,5,5\nb.mp3,nan,5\n", ", row 3, valence_mean: nan is no value"),
        (HEAD + "a.mp3,5,5\nb.mp3,,5\n", ", row 3, valence_mean: is empty"),
        (HEAD + "a.mp3,1.234,5\nb.mp3,'1.234,5',5\n", ", row 3: has 4 values for 3 columns; put quotes"),
        (HEAD + 'a.mp3,"1.234,5",5\n', ", row 2, valence_mean: '1.234,5' is not a number"),
        (HEAD + "a.mp3,5\n", ", row 2: has 2 values for 3 columns; mend"),
        (HEAD + ",5,5\n", ", row 2: has no path"),
        (HEAD + "a.mp3,5,5\na.wav,5,5\n", r", row 3: song 'a' stands in the file twice \(row 2 too\)"),
        ("path,song_id\na.mp3,1\na.mp3,2\n", ", row 3: a.mp3 is the audio of row 2 too"),
        (HEAD, ": has a header and no rows"),
        ("", ": has no column 'path'; it has nothing"),
        ("file,valence_mean,arousal_mean\na,5,5\n", ": has no column 'path'; it has file, valence_mean, arousal_mean"),
        ("path,valence_mean\na.mp3,5\n", ": has no column 'arousal_mean'"),
        (
            "path,Valence,Arousal\na.mp3,5,5\n",
            ": has no column 'valence_mean'; it has path, Valence, Arousal; say which are the labels: --columns "
            "valence=Valence arousal=Arousal",
        ),
        ("path,path\na.mp3,b.mp3\n", ", row 1: names the column 'path' twice"),
        (TABLE.encode("latin-1"), ", row 2: is no CSV in UTF-8; save the file as CSV UTF-8"),
        (TABLE.replace("ä", "a").encode("utf-16-le"), ": is no CSV in UTF-8 .it has zero bytes"),
        (b"PK\x03\x04\x00\x00\x00", ": is no CSV in UTF-8 .it has zero bytes"),
        (b"\xff\xfe\x00", ", row 1: is no CSV in UTF-8"),
        (HEAD + '"a.mp3,5,5\n', ", row 2: has 1 values for 3 columns; mend"),
        ('path,group\r\na.mp3,a\r\nb.mp3,"g\rx"\r\n', r", row 3: the group 'g\\rx' has a control character in it"),
        ('path,song_id\na.mp3,"one\n2"\n', r", row 2: the song_id 'one\\n2' has a control character"),
        ("path\na\x1b[31m.mp3\n", r", row 2: the path 'a\\x1b\[31m.mp3' has a control character"),
        (HEAD + '".",5,5\n', ", row 2: has no path; name its audio file"),
    ],
)
def test_wrong_manifest_is_refused_with_file_and_row(tmp_path: Path, content: str | bytes, fault: str) -> None:
    manifest = tmp_path / "songs.csv"
    manifest.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LabelError, match=fault) as caught:
        read(manifest)
    assert str(caught.value).startswith(str(manifest))
    assert "\n" not in str(caught.value)


def test_folder_of_audio_is_read_in_order_with_albums_as_groups(tmp_path: Path) -> None:
    names = [
        "b.mp3",
        "a.flac",
        "x/2.ogg",
        "x/1.WAV",
        "x/y/1.wav",
        "x/y/1.mp3",
        ".hidden/c.mp3",
        "x/._1.wav",
        "x/notes.txt",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "x" / "loop").symlink_to(tmp_path, target_is_directory=True)
    source = read(tmp_path)
    assert (source.layout, source.labels, source.scale) == ("folder", "none", "")
    assert [(song.song_id, song.group) for song in source.songs] == [
        ("a", "a"),
        ("b", "b"),
        ("x/1", "x"),
        ("x/2", "x"),
        ("x/y/1.mp3", "x/y"),
        ("x/y/1.wav", "x/y"),
    ]
    assert all(song.path.is_file() and song.valence is None and song.arousal is None for song in source.songs)


def test_folder_with_a_control_character_in_a_file_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a\rb.mp3").touch()
    with pytest.raises(LabelError, match=r"the file name 'a\\rb.mp3' has a control character in it; remove it"):
        read(tmp_path)


def test_manifest_path_that_is_too_long_is_an_unusable_file(tmp_path: Path) -> None:
    (tmp_path / "songs.csv").write_text("path\n" + "b" * 300 + "\\c.mp3\n" + "b" * 300 + ".mp3\n")
    with pytest.raises(DataError, match="2 of 2 files do not exist, such as 'bbbb") as caught:
        prepare(tmp_path / "songs.csv", tmp_path / "out", recipe=DataRecipe(), audio=SHORT)
    assert "\n" not in str(caught.value)


def test_wrong_source_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").touch()
    (tmp_path / "songs.csv").write_text("path\na.mp3\n")
    (tmp_path / "empty").mkdir()
    for source, labels, fault in (
        (tmp_path / "none", "static", "no such file or folder"),
        (tmp_path / "empty", "static", "holds no audio file"),
        (tmp_path / "a.mp3", "static", "is one audio file"),
        (tmp_path, "dynamic", "has no dynamic labels"),
        (tmp_path / "songs.csv", "dynamic", "has no dynamic labels"),
    ):
        with pytest.raises(LabelError, match=fault) as caught:
            read(source, labels=labels)
        assert str(caught.value).startswith(str(source))
        assert "\n" not in str(caught.value)


def test_id_of_any_length_that_is_taken_fits_an_evaluation(tmp_path: Path) -> None:
    truth = np.zeros((2, 2), np.float32)
    for length, fits in ((300, True), (4096, True), (4097, False)):
        (tmp_path / "songs.csv").write_text(f"path,song_id,group\na.wav,{'s' * length},{'g' * length}\nb.wav,b,b\n")
        if fits:
            ids = tuple(song.song_id for song in read_source(tmp_path / "songs.csv", DataRecipe()).songs)
            assert evaluate(ids, truth, truth, seed=0).songs == ids
        else:
            with pytest.raises(LabelError, match="has 4,097 characters; give 4,096 at most"):
                read_source(tmp_path / "songs.csv", DataRecipe())


def test_table_of_more_bytes_than_any_is_refused_before_they_are_all_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentio_mobile.data.songs.MAX_TABLE_BYTES", 1000)
    table = tmp_path / "songs.csv"
    table.write_text("path\n" + "a.mp3\n" * 165)
    with pytest.raises(LabelError, match=r"row 3: a\.mp3 is the audio of row 2 too"):
        read(table)
    with table.open("a") as file:
        file.truncate(2**40)  # a file that says to be of a terabyte
    with pytest.raises(LabelError, match=r"songs.csv: has more than the 1,000 bytes that a table may have"):
        read(table)
