"""Ratings: a blind order with repeats, a table that is gone on with, a page that no other page can use."""

import http.client
import json
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from browsers import DESK, PHONE, check_page, needs_browser, opened_page
from click.testing import CliRunner
from scipy.io import wavfile
from serving import serving

from sentio_mobile._internal.resources import ROOT
from sentio_mobile._internal.tables import write_table
from sentio_mobile.cli import main
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.sources import read_source
from sentio_mobile.errors import InputError, OutputError
from sentio_mobile.monitoring.least_sure import least_sure, widths_of
from sentio_mobile.monitoring.rating import APART, COLUMNS, Item, RatingTable, draw_order
from sentio_mobile.monitoring.rating_server import RatingServer

SONGS = [Path(f"music/song {i}.wav") for i in range(40)]


def test_order_is_the_raters_own_and_has_repeats_later() -> None:
    order = draw_order(SONGS, rater="anna", repeats=0.25)
    assert order == draw_order(SONGS, rater="anna", repeats=0.25)
    assert order != draw_order(SONGS, rater="ben", repeats=0.25)
    assert {item.song for item in order if not item.repeat} == set(SONGS)
    again = [item for item in order if item.repeat]
    assert len(again) == len({item.song for item in again}) == 10
    for item in again:
        first, second = order.index(Item(item.song, False)), order.index(item)
        assert second - first > APART or first > len(SONGS) - APART - 1
        assert second > first
    assert len(draw_order(SONGS, rater="anna", repeats=0)) == 40
    assert draw_order([], rater="anna", repeats=0.5) == ()


def test_table_is_gone_on_with_and_prepared(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    songs = [tmp_path / "music" / f"={i}.wav" for i in range(30)]
    for song in songs:
        wavfile.write(song, 8000, np.zeros(8000, np.int16))
    rng = np.random.default_rng(0)
    truth = rng.uniform(-0.8, 0.8, (30, 2))
    for rater in ("anna", "ben", "eve"):
        for item in draw_order(songs, rater=rater, repeats=0.4):
            # Each rating on a table that was opened anew, as after a stop.
            table = RatingTable(tmp_path / "ratings.csv")
            assert not table.is_rated(item, rater)
            valence, arousal = np.clip(truth[songs.index(item.song)] + rng.normal(0, 0.15, 2), -1, 1).round(2).tolist()
            table.add(item, rater=rater, valence=valence, arousal=arousal)
            assert RatingTable(tmp_path / "ratings.csv").is_rated(item, rater)
    found = RatingTable(tmp_path / "ratings.csv").agreement()
    assert (found.raters, found.ratings, found.shared, found.repeated) == (3, 90, 30, 36)
    for output in (found.valence, found.arousal):
        assert 0.8 < (output.one.value or 0) < 0.98
        assert (output.one.value or 0) < (output.mean.value or 0) < 1
        assert 0.9 < (output.halves.value or 0) < 1
        assert 0.8 < (output.repeats.value or 0) < 1
    read = read_source(tmp_path / "ratings.csv", DataRecipe(scale="-1-1"))
    assert len(read.songs) == 30
    assert {song.raters for song in read.songs} == {3}
    assert all(song.path.is_file() for song in read.songs)
    alone = RatingTable(tmp_path / "none.csv").agreement()
    assert (alone.raters, alone.valence.one.value, alone.valence.repeats.value) == (0, None, None)


def test_other_tables_are_refused(tmp_path: Path) -> None:
    write_table(tmp_path / "songs.csv", ["path", "valence_mean"], [["a", 0]])
    with pytest.raises(InputError, match="is no table of ratings"):
        RatingTable(tmp_path / "songs.csv")
    write_table(tmp_path / "r.csv", COLUMNS, [["a", 0, 1.5, "anna", "now"]])
    with pytest.raises(InputError, match="row 2: arousal must be a number from -1 to 1"):
        RatingTable(tmp_path / "r.csv")


def served(items: list[Item], table: RatingTable, rater: str = "anna") -> AbstractContextManager[RatingServer]:
    return serving(RatingServer(items, table, rater=rater, port=0))


def ask(server: RatingServer, method: str, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    content = None if body is None else json.dumps(body) if not isinstance(body, str) else body
    connection.request(method, path, content, {"Origin": server.url.rstrip("/"), **headers})
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


@pytest.fixture
def songs(tmp_path: Path) -> list[Path]:
    (tmp_path / "music").mkdir()
    found = [tmp_path / "music" / f"secret {i}.wav" for i in range(3)]
    for i, song in enumerate(found):
        tone = 3000 * np.sin(np.arange(16_000) * (0.1 + 0.1 * i))
        wavfile.write(song, 8000, tone.astype(np.int16))
    return found


def test_server_is_blind_and_for_its_own_page_alone(songs: list[Path], tmp_path: Path) -> None:
    items, table = [Item(song, False) for song in songs], RatingTable(tmp_path / "ratings.csv")
    with served(items, table) as server:
        page = ask(server, "GET", "/")
        assert page[0] == 200
        assert b"secret" not in page[1]
        assert json.loads(ask(server, "GET", "/state")[1]) == {"number": 0, "rated": 0, "of": 3}
        assert ask(server, "GET", "/sound/0") == (200, songs[0].read_bytes())
        # Other songs are not there yet, and nothing else is.
        for path in ("/sound/1", "/sound/../ratings.csv", "/music/secret%200.wav", "/x"):
            assert ask(server, "GET", path)[0] == 404
        assert ask(server, "GET", "/", Host="evil.example")[0] == 421
        good = {"number": 0, "valence": 0.5, "arousal": -0.25}
        assert ask(server, "POST", "/rate", good, Origin="http://evil.example")[0] == 403
        for bad in ({**good, "valence": 1.5}, {**good, "more": 1}, "{", "[" * 900, {"number": 0}):
            assert ask(server, "POST", "/rate", bad)[0] == 400
        assert not (tmp_path / "ratings.csv").exists()
        assert json.loads(ask(server, "POST", "/rate", good)[1])["number"] == 1
        # A second click on the same song.
        assert json.loads(ask(server, "POST", "/rate", good)[1])["rated"] == 1
    assert [(one.path, one.valence, one.arousal) for one in RatingTable(tmp_path / "ratings.csv").ratings] == [
        ("music/secret 0.wav", 0.5, -0.25)
    ]
    with served(items, RatingTable(tmp_path / "ratings.csv")) as server:
        assert server.state["number"] == 1
    with served(items, RatingTable(tmp_path / "ratings.csv"), "ben") as server:
        assert server.state["number"] == 0
        with pytest.raises(OutputError, match="give another port"):
            RatingServer(items, table, rater="anna", port=server.server_port)


def test_command_with_all_rated_prints_the_agreement(songs: list[Path], tmp_path: Path) -> None:
    table = RatingTable(tmp_path / "ratings.csv")
    for rater in ("anna", "ben"):
        for item in draw_order(songs, rater=rater, repeats=0):
            table.add(item, rater=rater, valence=0.1, arousal=0.1)
    given = ["rate", str(tmp_path / "music"), "--out", str(tmp_path / "ratings.csv"), "--repeats", "0"]
    done = CliRunner().invoke(main, [*given, "--rater", "anna"], env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    assert "6 ratings by 2 raters" in done.stdout
    assert "ICC of the mean over raters" in done.stdout
    alone = RatingTable(tmp_path / "alone.csv")
    for item in draw_order(songs, rater="anna", repeats=0):
        alone.add(item, rater="anna", valence=0.1, arousal=0.1)
    told = CliRunner().invoke(main, [*given[:3], str(alone.path), "--repeats", "0", "--rater", "anna"]).stdout
    assert told.startswith("3 ratings by 1 rater: ")
    assert "when two or more have rated the same songs" in told
    assert "undefined" not in told
    as_json = CliRunner().invoke(main, [*given, "--rater", "ben", "--json"])
    assert json.loads(as_json.stdout)["shared"] == 3
    for words, said in (
        (["rate", str(tmp_path / "none"), "--out", str(tmp_path / "r.csv")], "is no folder"),
        (["rate", str(tmp_path / "music"), "--out", str(tmp_path / "r.txt")], "give a name that ends with .csv"),
        (["rate", str(tmp_path / "music"), "--out", str(tmp_path / "r.csv"), "--rater", "a\nb"], "must be a name"),
    ):
        wrong = CliRunner().invoke(main, words)
        assert (wrong.exit_code, wrong.stdout, wrong.stderr.count("\n")) == (2, "", 1)
        assert said in wrong.stderr


def test_widths_are_of_all_intervals_of_a_song_together() -> None:
    bounds = np.array([[-0.1, 0.3, 0.0, 0.2], [-0.3, 0.1, 0.0, 0.2], [0.0, 0.4, 0.1, 0.3], [np.nan] * 4, [np.nan] * 4])
    values = np.array([[0.1, 0.1], [-0.1, 0.1], [0.2, 0.2], [0.5, 0.0], [-0.5, 0.2]])
    found = widths_of(["a", "a", "b", "c", "c"], values, bounds)
    assert found == pytest.approx({"a": (0.6 + 0.2) / 2, "b": (0.4 + 0.2) / 2, "c": (1.0 + 0.2) / 2})


def test_the_widest_songs_are_rated_and_the_order_does_not_tell_how_wide(songs: list[Path], tmp_path: Path) -> None:
    many = [tmp_path / "music" / f"{i:02}.wav" for i in range(20)]
    widths = {str(song): 0.1 + (i * 7 % 20) / 20 for i, song in enumerate(many)}
    chosen = least_sure([*many, tmp_path / "music" / "unheard.wav"], widths, 8)
    assert (chosen.unknown, chosen.alike) == (1, False)
    assert {widths[str(song)] for song in chosen.songs} == set(sorted(widths.values())[-8:])
    order = [item.song for item in draw_order(chosen.songs, rater="anna", repeats=0)]
    assert order != sorted(order, key=lambda song: -widths[str(song)])
    assert set(order) == set(chosen.songs)
    # The same songs again, so that a stopped session goes on.
    assert least_sure(many, widths, 8).songs == chosen.songs
    assert set(least_sure(many, widths, 12).songs) > set(chosen.songs)
    assert least_sure(many, dict.fromkeys(widths, 0.5), 8).alike
    with pytest.raises(InputError, match="none of them is in the predictions"):
        least_sure(songs, widths, 8)


@pytest.mark.parametrize("by", ["file", "model"])
def test_command_asks_for_the_songs_that_a_model_is_least_sure_of(
    by: str, songs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One song changes in its middle: the predictions for its windows lie apart, and so do those of no other."""
    rate, changing = 22_050, tmp_path / "music" / "changing.wav"
    noise = np.random.default_rng(0).normal(0, 6000, 60 * rate)
    noise[: 30 * rate] = 3000 * np.sin(np.arange(30 * rate) * 0.02)
    wavfile.write(changing, rate, noise.clip(-32_000, 32_000).astype(np.int16))
    for song in songs:
        wavfile.write(song, rate, np.tile(wavfile.read(song)[1], 100)[: 60 * rate])
    table, asked = tmp_path / "ratings.csv", list[list[Item]]()
    monkeypatch.setattr(
        "sentio_mobile.monitoring.rating_server.RatingServer.__init__",
        lambda self, items, table, *, rater, port: asked.append(list(items)) or _stop(),
    )
    given = ["rate", str(tmp_path / "music"), "--out", str(table), "--widest", "1"]
    bundle = str(ROOT / "models" / "default")
    if by == "file":
        rows = CliRunner().invoke(
            main, ["predict", bundle, str(tmp_path / "music"), "--every", "30", "--out", str(tmp_path / "p.csv")]
        )
        assert rows.exit_code == 0, rows.output
        given += ["--predictions", str(tmp_path / "p.csv")]
    else:
        given += ["--model", bundle]
    CliRunner().invoke(main, given)
    assert [[item.song for item in items] for items in asked] == [[changing]]


def _stop() -> None:
    raise OutputError("enough")


def test_choices_that_do_not_go_together_are_named(songs: list[Path], tmp_path: Path) -> None:
    given = ["rate", str(tmp_path / "music"), "--out", str(tmp_path / "r.csv")]
    for more in (["--widest", "3"], ["--model", "a", "--predictions", "b"]):
        assert CliRunner().invoke(main, [*given, *more]).exit_code == 2
    (tmp_path / "p.csv").write_text("valence,arousal\n0,0\n")
    done = CliRunner().invoke(main, [*given, "--predictions", str(tmp_path / "p.csv")])
    assert "has no column 'song'" in done.stderr


@needs_browser
@pytest.mark.exhaustive
@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["390-dark", "1440-light"])
def test_rating_in_a_browser_by_keys_and_by_mouse(
    songs: list[Path], tmp_path: Path, size: tuple[int, int], scheme: str
) -> None:
    table = RatingTable(tmp_path / "ratings.csv")
    items = [*(Item(song, False) for song in songs), Item(songs[0], True)]
    with served(items, table) as server, opened_page(server.url, size, scheme) as page:
        page.get_by_text("0 of 4 rated").wait_for()
        check_page(page, f"rate-{size[0]}-{scheme}")
        button = page.get_by_role("button", name="Next song")
        assert button.is_disabled()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")  # arousal was not moved: nothing happens
        assert table.ratings == []
        page.keyboard.press("ArrowDown")
        assert page.locator("#sound").get_attribute("src") == "/sound/0"
        page.keyboard.press("Enter")
        page.get_by_text("1 of 4 rated").wait_for()
        assert button.is_disabled()
        page.get_by_label("Valence").fill("-0.5")
        page.get_by_label("Arousal").fill("1")
        button.click()
        page.get_by_text("2 of 4 rated").wait_for()
        for rated in (3, 4):
            page.locator("h1").click()
            page.keyboard.press("0")
            page.keyboard.press("Enter")
            page.get_by_text(f"{rated} of 4 rated").wait_for()
        assert "Thank you" in page.locator("main").inner_text()
    assert [(one.valence, one.arousal) for one in table.ratings] == [(0.2, -0.1), (-0.5, 1.0), (0.0, 0.0)]
    assert [one.path for one in table.repeats] == ["music/secret 0.wav"]
