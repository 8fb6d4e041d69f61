"""Data sets by their layouts, written as their authors publish them; and downloads that are almost right."""

import re
from pathlib import Path

import pytest

from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.data_set import Source
from sentio_mobile.data.missing import refuse_missing
from sentio_mobile.data.sources import read_source
from sentio_mobile.errors import DataError, LabelError


def read(source: Path) -> Source:
    return read_source(source, DataRecipe())


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def write(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def write_pmemo(root: Path, chorus: str = "chorus", ending: str = ".mp3") -> Path:
    touch(root / chorus, *(f"{i}{ending}" for i in (1, 4, 5, 9)))
    annotations = root / "annotations"
    rows = ("1,0.4,0.575", "4,0.25,1", "5,0.9,0.1")
    write(annotations / "static_annotations.csv", "musicId,Arousal(mean),Valence(mean)", *rows)
    spreads = ("1,0.1,0.2", "4,0.05,0.15")
    write(annotations / "static_annotations_std.csv", "musicId,Arousal(std),Valence(std)", *spreads)
    header = "musicId,fileName,title,artist,album,duration,chorus_start_time,chorus_end_time"
    rows = ("1,1.mp3,A,Singer,B,30.1,00:10,00:40", "4,4.mp3,C,Singer,D,20,00:10,00:30", "5,5.mp3,C,Other,D,20,0,1")
    write(root / "metadata.csv", header, *rows)
    return annotations


@pytest.mark.parametrize("inner", ["", "PMEmo2019", "download/PMEmo2019"])
def test_pmemo_is_found_from_its_root(tmp_path: Path, inner: str) -> None:
    write_pmemo(tmp_path / inner)
    source = read(tmp_path)
    assert (source.layout, source.labels, source.scale) == ("pmemo", "rated", "0-1")
    one, four, five = source.songs
    assert one.path == tmp_path / inner / "chorus/1.mp3"
    assert (one.valence, one.arousal) == pytest.approx((0.15, -0.2))
    assert (one.group, four.group, five.group) == ("Singer", "Singer", "Other")
    assert (one.spread, one.raters) == (pytest.approx((0.4, 0.2)), 10)
    assert (five.spread, five.raters) == (None, None)
    assert source.notes == (
        "PMEmo: scale 0-1, as its authors state",
        "1 audio files have no label and are left out: 9.mp3",
    )


@pytest.mark.parametrize(
    ("chorus", "ending"),
    [("chorus/chorus", ".mp3"), ("wav", ".wav"), ("Chorus", ".MP3")],
    ids=["nested", "wav", "caps"],
)
def test_pmemo_audio_is_found_in_other_folders(tmp_path: Path, chorus: str, ending: str) -> None:
    write_pmemo(tmp_path, chorus, ending)
    assert read(tmp_path).songs[1].path == tmp_path / chorus / f"4{ending}"


def test_pmemo_without_audio_or_with_ids_as_floats(tmp_path: Path) -> None:
    annotations = write_pmemo(tmp_path / "a")
    write(annotations / "static_annotations.csv", "musicId,Arousal(mean),Valence(mean)", "1.0,0.5,0.5", "4.0,0.5,0.5")
    assert [song.song_id for song in read(tmp_path / "a").songs] == ["1", "4"]
    write_pmemo(tmp_path / "b", "other", ".txt")
    with pytest.raises(LabelError, match=r"has labels of 3 songs, and no folder with their audio \(usually chorus"):
        read(tmp_path / "b")
    write(annotations / "static_annotations.csv", "musicId,Arousal(mean),Valence(mean)", "1,0.5,5")
    with pytest.raises(LabelError, match=re.escape("row 2, Valence(mean): 5 is off the scale 0 to 1")):
        read(tmp_path / "a")


def test_a_table_of_a_data_set_names_its_root(tmp_path: Path) -> None:
    annotations = write_pmemo(tmp_path / "PMEmo2019")
    with pytest.raises(LabelError, match=r"is a table of the data set 'pmemo'; give the root folder .*PMEmo2019, or"):
        read(annotations / "static_annotations.csv")


def test_emomusic_is_found_from_its_root(tmp_path: Path) -> None:
    header = "song_id,mean_arousal,std_arousal,mean_valence,std_valence"
    write(tmp_path / "annotations/static_annotations.csv", header, "2,3.1,0.99,3,0.67", "3,9,1,1,2")
    header = "song_id,file_name,Artist,Song title,start of the segment (min.sec),end,Genre,Mediaeval 2013 set"
    write(tmp_path / "annotations/songs_info.csv", header, "2,2.mp3,Band,T,1.3,2.1,Blues,development")
    touch(tmp_path / "clips_45seconds", "2.mp3", "3.mp3")
    source = read(tmp_path)
    assert (source.layout, source.scale) == ("emomusic", "1-9")
    two, three = source.songs
    assert (two.valence, two.arousal, two.group) == (pytest.approx(-0.5), pytest.approx(-0.475), "Band")
    assert (two.spread, two.raters) == (pytest.approx((0.67 / 4, 0.99 / 4)), 10)
    assert (three.valence, three.arousal, three.group) == (-1, 1, "3")


def test_emopia_clips_are_weak_labels_of_their_quadrants(tmp_path: Path) -> None:
    names = ("Q1_0vLPYiPN7qY_0.mp3", "Q2_a_b_1.mp3", "Q3_a_b_2.mp3", "Q4_x_0.mp3", "notes.mp3")
    touch(tmp_path / "EMOPIA/audio_seg", *names)
    write(tmp_path / "EMOPIA/label.csv", "ID,4Q,annotator", "Q1_0vLPYiPN7qY_0,1,A")
    source = read(tmp_path)
    assert (source.layout, source.labels) == ("emopia", "none")
    assert [(song.song_id, song.group, song.weak_labels) for song in source.songs] == [
        ("Q1_0vLPYiPN7qY_0", "0vLPYiPN7qY", (1, 1)),
        ("Q2_a_b_1", "a_b", (-1, 1)),
        ("Q3_a_b_2", "a_b", (-1, -1)),
        ("Q4_x_0", "x", (1, -1)),
    ]
    for name in names[:4]:
        (tmp_path / "EMOPIA/audio_seg" / name).unlink()
    with pytest.raises(LabelError, match=r"looks like EMOPIA \(label.csv\) and has no audio"):
        read(tmp_path)


def write_4q(root: Path) -> None:
    for quadrant in range(1, 5):
        touch(root / f"Q{quadrant}", f"MT000{quadrant}.mp3")
    rows = [f"MT000{quadrant},Q{quadrant}" for quadrant in range(1, 5)]
    write(root / "panda_dataset_taffc_annotations.csv", "Song,Quadrant", *rows)
    write(
        root / "panda_dataset_taffc_metadata.csv", "Song,Artist,Title,Quadrant", "MT0001,Band,T,Q1", "MT0002,Band,U,Q2"
    )


def test_4q_folders_are_weak_labels(tmp_path: Path) -> None:
    write_4q(tmp_path / "4Q")
    source = read(tmp_path)
    assert (source.layout, source.labels) == ("4q", "none")
    assert [(song.song_id, song.group, song.weak_labels) for song in source.songs] == [
        ("MT0001", "Band", (1, 1)),
        ("MT0002", "Band", (-1, 1)),
        ("MT0003", "MT0003", (-1, -1)),
        ("MT0004", "MT0004", (1, -1)),
    ]
    (tmp_path / "4Q/Q1/MT0001.mp3").rename(tmp_path / "4Q/Q3/MT0001.mp3")
    with pytest.raises(LabelError, match=r"Q3/MT0001.mp3: is in Q1 by the table of annotations"):
        read(tmp_path)


def test_merge_has_labels_of_its_tags(tmp_path: Path) -> None:
    write_4q(tmp_path)
    write(tmp_path / "merge_audio_complete_av_values.csv", "Song,Arousal,Valence", "MT0001,1,0.75", "MT0002,0.5,0.25")
    source = read(tmp_path)
    assert (source.labels, source.scale) == ("tags", "0-1")
    assert [(song.song_id, song.valence, song.arousal) for song in source.songs] == [
        ("MT0001", 0.5, 1),
        ("MT0002", -0.5, 0),
    ]
    assert source.notes[1] == "2 songs have no values in merge_audio_complete_av_values.csv and are left out"


def write_jamendo(root: Path) -> None:
    header = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"
    rows = (
        "track_0000948\tartist_000087\talbum_1\t48/948.mp3\t212.7\tmood/theme---happy\tmood/theme---calm",
        "track_0000950\tartist_000087\talbum_1\t50/950.mp3\t212.7\tmood/theme---film",
        "track_0000951\tartist_000088\talbum_2\t51/951.mp3\t212.7\tmood/theme---dark\tmood/theme---energetic",
        "track_0000952\tartist_000088\talbum_2\t52/952.mp3\t212.7\tmood/theme---sad",
    )
    write(root / "data/autotagging_moodtheme.tsv", header, *rows)
    touch(root / "audio", "48/948.mp3", "50/950.mp3", "51/951.low.mp3")


def test_jamendo_tags_are_weak_labels_or_with_norms_labels(tmp_path: Path) -> None:
    write_jamendo(tmp_path)
    source = read(tmp_path)
    assert (source.layout, source.labels) == ("jamendo", "none")
    assert [(song.song_id, song.group, song.weak_labels) for song in source.songs] == [
        # Happy is high in both, and calm takes the arousal back.
        ("track_0000948", "artist_000087", (1, 0)),
        ("track_0000951", "artist_000088", (-1, 1)),
    ]
    assert source.songs[1].path == tmp_path / "audio/51/951.low.mp3"
    assert source.notes[0] == "MTG-Jamendo: 3 of 4 tracks are there"
    norms = write(tmp_path / "norms.csv", "word,valence,arousal", "film,9,1", "happy,8,6", "dark,2,4", "x,1,9")
    source = read_source(tmp_path, DataRecipe(norms=str(norms)))
    assert [(song.song_id, song.valence) for song in source.songs] == [
        ("track_0000948", 0.75),
        ("track_0000950", 1),
        ("track_0000951", -0.75),
    ]
    assert source.labels == "tags"


def test_a_table_of_labels_in_a_folder_of_audio_is_noted(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp3")
    write(tmp_path / "ratings.csv", "file,Valence,Arousal", "a,1,2")
    note = read(tmp_path).notes[-1]
    assert note.startswith("ratings.csv looks like a table of labels, and is not read: give it in place of the folder")


@pytest.mark.parametrize(
    ("named", "there", "hint"),
    [
        ("chorus/{}", "chorus/{}.mp3", "'chorus/1.mp3' exists: add the ending?"),
        ("chorus/{}.mp3", "chorus/{}.MP3", "'chorus/1.MP3' exists: write the name as the file has it"),
        ("chorus/{}.mp3", "chorus/{}.wav", "'chorus/1.wav' exists: write its ending"),
        ("chorus/{}.0.mp3", "chorus/{}.mp3", "'chorus/1.mp3' exists: a spreadsheet or pandas wrote the numbers with a"),
        ("{}.mp3", "deep/chorus/{}.mp3", "'deep/chorus/1.mp3' exists: paths start from "),
        ("{}", "chorus/{}.mp3", "'chorus/1.mp3' exists: paths start from "),
        ("C:/Music/{}.mp3", "x/song {}.ogg", "it is a path of a Windows computer; write paths from "),
        (r"C:\Music\{}.mp3", "x/song {}.ogg", "it is a path of a Windows computer; write paths from "),
        (r"C:\Music\{}.mp3", "x/{}.mp3", "it is a path of a Windows computer; 'x/1.mp3' exists: write paths from "),
        ("file:///none/x/{}.mp3", "x/{}.mp3", "it is an absolute path; 'x/1.mp3' exists: write paths from "),
        ("/none/{}.mp3", "x/song {}.ogg", "it is an absolute path; write paths from "),
        ("s3://bucket/{}.mp3", "x/{}.mp3", "it is an address (s3:), not a path; 'x/1.mp3' exists: write paths from "),
        ("{}.mp3", "x/song {}.ogg", "paths start from "),
    ],
)
def test_missing_files_are_counted_with_a_hint(tmp_path: Path, named: str, there: str, hint: str) -> None:
    touch(tmp_path, *(there.format(i) for i in range(1, 5)))
    table = write(tmp_path / "songs.csv", "path", *(named.format(i) for i in range(1, 5)))
    # A table has backslashes as Windows writes them, and addresses of files; a message has the path that they mean.
    meant = named.format(1).replace("\\", "/").removeprefix("file://").replace("s3://", "s3:/")
    with pytest.raises(DataError, match=re.escape(f"4 of 4 files do not exist, such as '{meant}'; {hint}")):
        refuse_missing([song.path for song in read(table).songs], tmp_path)


def test_a_few_missing_files_are_left_to_preparation(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{i}.mp3" for i in range(1, 40)))
    table = write(tmp_path / "songs.csv", "path", *(f"{i}.mp3" for i in range(40)))
    refuse_missing([song.path for song in read(table).songs], tmp_path)


def write_deam(root: Path, audio: str, ids: tuple[str, ...], second: bool = True) -> None:
    level = root / "DEAM_Annotations/annotations/annotations averaged per song/song_level"
    header = "song_id, valence_mean, valence_std, arousal_mean, arousal_std"
    rows = [f"{name}, {1.5 + 3 * at}, 1, {8.5 - at}, 2" for at, name in enumerate(ids)]
    write(level / "static_annotations_averaged_songs_1_2000.csv", header, *rows[:2])
    if second:
        write(level / "static_annotations_averaged_songs_2000_2058.csv", header, *rows[2:])
    touch(root / audio, *(f"{i}.mp3" for i in range(1, 4)))


def test_deam_that_is_almost_right(tmp_path: Path) -> None:
    usual = "DEAM_audio/MEMD_audio"
    write_deam(tmp_path / "nested", f"{usual}/MEMD_audio", ("1", "2", "3"))
    nested = read(tmp_path / "nested")
    assert [song.path.parent for song in nested.songs] == [tmp_path / "nested" / usual / "MEMD_audio"] * 3
    write_deam(tmp_path / "one", usual, ("1", "2", "3"), second=False)
    one = read(tmp_path / "one")
    assert [song.song_id for song in one.songs] == ["1", "2"]
    assert any("2000_2058.csv is not there: its songs are left out" in note for note in one.notes)
    write_deam(tmp_path / "floats", usual, ("1.0", "2.0", "3.0"))
    floats = read(tmp_path / "floats")
    assert [(song.song_id, song.path.is_file()) for song in floats.songs] == [("1", True), ("2", True), ("3", True)]
    assert floats.songs[0].spread == (0.25, 0.5)
