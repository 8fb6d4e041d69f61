"""Manifests with other columns: raters, segments, tags, patterns of paths; and advice that works."""

import re
from pathlib import Path

import pytest

from sentio_mobile.data.config import DataRecipe, TableSettings
from sentio_mobile.data.data_set import Source
from sentio_mobile.data.norms import read_norms
from sentio_mobile.data.sources import read_source, read_sources
from sentio_mobile.errors import LabelError

HEAD = "path,valence_mean,arousal_mean"


def write(folder: Path, text: str, name: str = "songs.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def read(table: Path, scale: str = "1-9", /, **columns: str) -> Source:
    return read_source(table, DataRecipe(scale=scale, columns=columns))  # type: ignore[arg-type]


def test_columns_of_any_name_are_read(tmp_path: Path) -> None:
    table = write(tmp_path, "musicId,Arousal(mean),Valence(mean),singer\n1.0,0.25,0.75,x\n2,1,0,y\n")
    source = read(
        table, "0-1", path="chorus/{musicId}.mp3", valence="Valence(mean)", arousal="Arousal(mean)", group="singer"
    )
    one, two = source.songs
    assert (one.song_id, one.path, one.valence, one.arousal, one.group) == (
        "chorus/1",
        tmp_path / "chorus/1.mp3",
        0.5,
        -0.5,
        "x",
    )
    assert (two.path, two.valence, two.arousal) == (tmp_path / "chorus/2.mp3", -1, 1)
    assert source.notes == ("songs.csv: scale 0-1, as given, for the values 0 to 1",)


def test_a_guessed_scale_is_always_stated(tmp_path: Path) -> None:
    lines = "".join(f"{i}.mp3,{1.6 + i / 20:.2f},{8.4 - i / 20:.2f}\n" for i in range(137))
    source = read(write(tmp_path, f"{HEAD}\n{lines}"), "")
    assert source.scale == "1-9"
    assert source.notes == ("songs.csv: scale 1-9, from the values 1.6 to 8.4",)


def test_rows_of_raters_become_songs_with_mean_and_spread(tmp_path: Path) -> None:
    table = write(
        tmp_path,
        f"song_id,rater,{HEAD}\n1-a,a,m/1.mp3,3,5\n1-b,b,m/1.mp3,7,5\n2-a,a,m/2.mp3,9,1\n",
    )
    source = read(table)
    one, two = source.songs
    # Ids of ratings are no ids of a song.
    assert (one.song_id, one.valence, one.arousal, one.raters) == ("m/1", 0, 0, 2)
    # The standard deviation of 3 and 7 is 2.83 on a scale of 8, or of 2.
    assert one.spread == pytest.approx((2.8284271 / 4, 0))
    assert (two.song_id, two.spread, two.raters) == ("2-a", None, 1)
    assert "3 ratings of 2 songs, 1 to 2 of each" in source.notes[1]


def test_rows_of_segments_stay_in_one_group(tmp_path: Path) -> None:
    text = f"{HEAD},start,end\nm/1.mp3,1,1,0,3\nm/1.mp3,9,9,1:05,01:01:05.5\nm/2.mp3,5,5,,4\nm/3.mp3,5,5,,\n"
    one, two, three, four = read(write(tmp_path, text)).songs
    assert [song.song_id for song in (one, two, three, four)] == ["m/1@0-3", "m/1@65-3665.5", "m/2@0-4", "m/3"]
    assert (one.segment, two.segment, three.segment, four.segment) == ((0, 3), (65, 3665.5), (0, 4), None)
    assert one.group == two.group == "m/1"
    assert three.group != one.group


def test_segments_with_one_song_id_get_ids_of_their_own(tmp_path: Path) -> None:
    text = f"song_id,{HEAD},start,end\n7,m/1.mp3,1,1,0,3\n7,m/1.mp3,9,9,3,6\n8,m/2.mp3,5,5,0,3\n"
    assert [song.song_id for song in read(write(tmp_path, text)).songs] == ["7@0-3", "7@3-6", "8"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            f"{HEAD},worker\na.mp3,5,5,x\na.mp3,6,6,y\n",
            ", row 3: a.mp3 is the audio of row 2 too; if each row is one person's rating, name the column of raters: "
            "--columns rater=worker; if it is a part of the song, give columns start and end; or remove one",
        ),
        (f"{HEAD},rater\na.mp3,5,5,x\na.mp3,6,6,x\n", ", row 3: 'x' has rated a.mp3 before; remove one rating"),
        (f"{HEAD},rater\na.mp3,5,5,\n", ", row 2, rater: is empty; name the rater"),
        (f"{HEAD},start,end\na.mp3,5,5,3,2\n", ", row 2: ends at 2 s and starts at 3 s; mend the row"),
        (f"{HEAD},start,end\na.mp3,5,5,soon,2\n", ", row 2, start: 'soon' is not a number"),
        (f"{HEAD},start,end\na.mp3,5,5,-1,2\n", ", row 2, start: -1 is no time in seconds"),
        (
            f"{HEAD},start,end,group\na.mp3,5,5,0,2,x\na.mp3,5,5,2,4,y\n",
            ", row 3: a.mp3 is of the group 'y', and row 2 says 'x'; give all rows of a file one group",
        ),
        (f"{HEAD},valence_sd,arousal_sd\na.mp3,5,5,-1,2\n", ", row 2: a standard deviation is below 0"),
        (f"{HEAD},raters\na.mp3,5,5,2.5\n", ", row 2, raters: 2.5 is no number of raters"),
        ("song,V\na,5\n", ": has no column 'path'; it has song, V; say what names the audio file: --columns path=NAME"),
        (
            "path,Valence(std),Valence(mean),Arousal mean\na.mp3,1,5,5\n",
            "say which are the labels: --columns valence='Valence(mean)' arousal='Arousal mean'",
        ),
    ],
)
def test_wrong_manifest_gets_advice_that_works(tmp_path: Path, text: str, fault: str) -> None:
    table = write(tmp_path, text)
    with pytest.raises(LabelError, match=re.escape(fault)) as caught:
        read(table)
    assert str(caught.value).startswith(str(table))
    assert "\n" not in str(caught.value)


def test_columns_that_are_not_there_are_named(tmp_path: Path) -> None:
    table = write(tmp_path, f"{HEAD}\na.mp3,5,5\n")
    with pytest.raises(LabelError, match="has no column 'V'; it has path, valence_mean, arousal_mean"):
        read(table, valence="V")
    with pytest.raises(LabelError, match=r"has no column 'id'"):
        read(table, path="{id}.mp3")
    with pytest.raises(LabelError, match=r"--columns path={id.mp3: is no pattern"):
        read(table, path="{id.mp3")


def test_columns_of_spread_without_a_partner_are_ignored_unless_named(tmp_path: Path) -> None:
    table = write(tmp_path, f"{HEAD},valence_std\na.mp3,5,5,1\n")
    assert read(table).songs[0].spread is None
    with pytest.raises(LabelError, match="has a column for valence_sd and none for arousal_sd"):
        read(table, valence_sd="valence_std")


def test_a_file_uri_is_a_path(tmp_path: Path) -> None:
    table = write(tmp_path, f"{HEAD}\nfile:///music/a%20b.mp3,5,5\n")
    (song,) = read(table).songs
    assert (song.path, song.song_id) == (Path("/music/a b.mp3"), "/music/a b")


NORMS = "word,valence,arousal\nHappy,8.5,6\nsad,2,3.2\ncalm,7,1.5\nangry,2.5,8\n" + "".join(
    f"word{i},{1.5 + i},{8.5 - i}\n" for i in range(8)
)


def test_tags_with_norms_become_labels(tmp_path: Path) -> None:
    table = write(tmp_path, "path,tags\na.mp3,happy; calm\nb.mp3,mood/theme---sad|rare\nc.mp3,rare\n")
    norms = write(tmp_path, NORMS, "norms.csv")
    source = read_source(table, DataRecipe(norms=str(norms)))
    assert source.labels == "tags"
    one, two = source.songs
    assert (one.valence, one.arousal) == pytest.approx(((8.5 + 7) / 2 / 4 - 1.25, (6 + 1.5) / 2 / 4 - 1.25))
    assert (two.valence, two.arousal) == pytest.approx((-0.75, -0.45))
    assert source.notes[0] == "norms.csv: 12 words on the scale 1-9, from the values 1.5 to 8.5"
    assert "1 songs have no tag that is a word of norms.csv and are left out" in source.notes[1]
    assert read_source(table, DataRecipe()).labels == "none"


def test_norms_that_are_wrong_are_refused(tmp_path: Path) -> None:
    songs = write(tmp_path, f"{HEAD}\na.mp3,5,5\n")
    norms = write(tmp_path, NORMS, "norms.csv")
    with pytest.raises(LabelError, match="has no tags for the norms of"):
        read_source(songs, DataRecipe(norms=str(norms), scale="1-9"))
    write(tmp_path, NORMS + "HAPPY,1,1\n", "norms.csv")
    with pytest.raises(LabelError, match=r"row 14: the word 'happy' stands in the file twice \(row 2 too\)"):
        read_norms(norms)
    write(tmp_path, "word,valence,arousal\na,1,2\nb,2,3\n", "norms.csv")
    with pytest.raises(LabelError, match="--norms-scale"):
        read_norms(norms)


def test_several_sources_keep_their_scales_and_names(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
    first = write(one, f"{HEAD}\na.mp3,1,9\n")
    second = write(other, "path,V,A\na.mp3,0,1\n")
    tables = (TableSettings(scale="1-9"), TableSettings(scale="0-1", columns={"valence": "V", "arousal": "A"}))
    source = read_sources([first, second], DataRecipe(tables=tables))
    assert [(song.song_id, song.source, song.group, song.valence) for song in source.songs] == [
        ("songs/a", "songs", "songs/a", -1),
        ("songs~2/a", "songs~2", "songs~2/a", -1),
    ]
    assert (source.root, source.scale, source.layout) == (tmp_path, "", "several")
    assert [(one.name, one.scale, one.songs) for one in source.sets] == [("songs", "1-9", 1), ("songs~2", "0-1", 1)]
    with pytest.raises(LabelError, match="2 scales or lists of columns are given for 1 CSVs"):
        read_sources([first], DataRecipe(tables=tables))
    with pytest.raises(LabelError, match="is given twice"):
        read_sources([first, first], DataRecipe(scale="1-9"))
    bare = write(tmp_path, "path\nb.mp3\n", "bare.csv")
    with pytest.raises(LabelError, match=r"bare\.csv: has no labels; prepare songs without labels in a folder"):
        read_sources([first, bare], DataRecipe(scale="1-9"))
