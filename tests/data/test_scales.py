"""Scales: guessed only where one usual scale is possible, stated, and advised from all labels."""

import re

import numpy as np
import pytest

from sentio_mobile.data.scales import Scale, guess_scale, off_scale, one_sided, possible_scales, scale_of
from sentio_mobile.errors import LabelError


def spread(low: float, high: float, songs: int = 40) -> np.ndarray:
    """Labels that fill a range evenly, in another order for arousal."""
    values = np.linspace(low, high, songs)
    return np.stack([values, np.roll(values, 7)], axis=1)


@pytest.mark.parametrize(
    ("low", "high", "scale"),
    [
        (0.02, 0.97, Scale(0, 1)),
        (-0.8, 0.9, Scale(-1, 1)),
        (1.6, 8.4, Scale(1, 9)),
        (0.4, 9.8, Scale(0, 10)),
        (3.0, 96.0, Scale(0, 100)),
    ],
)
def test_guess_scale_of_labels_that_can_mean_one_thing(low: float, high: float, scale: Scale) -> None:
    assert guess_scale(spread(low, high), "songs.csv") == scale


@pytest.mark.parametrize(
    ("labels", "fault"),
    [
        (spread(1.1, 4.9), "songs.csv: labels from 1.1 to 4.9 may be on the scale 1 to 5 or 1 to 7; say which, for"),
        (spread(2.1, 6.6), "may be on the scale 1 to 7 or 1 to 9; say which, for example --scale 1 7"),
        # Of three songs, it says nothing that none is unpleasant.
        (spread(0.1, 0.9, 3), "may be on the scale -1 to 1 or 0 to 1; say which"),
        (spread(-3, 3), "labels from -3 to 3 fit no usual scale; give theirs: --scale LOW HIGH"),
        (spread(5, 11, 2), "labels from 5 to 11 fit no usual scale"),
        # All on one side: the scales that they lie on are named.
        (spread(5.5, 7.5), "labels from 5.5 to 7.5 may be on the scale 1 to 9; say which, for example --scale 1 9"),
    ],
)
def test_guess_scale_refuses_labels_that_can_mean_several_things(labels: np.ndarray, fault: str) -> None:
    with pytest.raises(LabelError, match=re.escape(fault)):
        guess_scale(labels, "songs.csv")


def test_possible_scales_needs_songs_on_both_sides_of_neutral() -> None:
    assert possible_scales(spread(0.05, 0.95)) == [Scale(0, 1)]
    # As few as ten of which none is unpleasant might be on -1 to 1; nine say too little.
    assert Scale(-1, 1) in possible_scales(spread(0.05, 0.95, 9))


def rows(labels: np.ndarray) -> list[tuple[str, str, tuple[float, float]]]:
    return [(f"t.csv, row {n}", "v\na", (float(v), float(a))) for n, (v, a) in enumerate(labels, 2)]


def test_off_scale_advises_by_all_labels() -> None:
    fault = off_scale(rows(spread(0.1, 0.9)), Scale(1, 9), "t.csv")
    assert str(fault) == (
        "t.csv, row 2, v: 0.1 is off the scale 1 to 9, as are 40 of 40 rows of t.csv; labels from 0.1 to 0.9; give "
        "--scale 0 1"
    )
    fault = off_scale(rows(spread(0.2, 9.9)), Scale(-1, 1), "t.csv")
    assert "give --scale 0 10" in str(fault)
    fault = off_scale(rows(spread(-4, 4)), Scale(-1, 1), "t.csv")
    assert "give theirs, --scale LOW HIGH" in str(fault)


def test_off_scale_of_one_label_is_a_slip() -> None:
    labels = spread(1.5, 8.5)
    labels[3, 1] = 11
    assert str(off_scale(rows(labels), Scale(1, 9), "t.csv")) == "t.csv, row 5, a: 11 is off the scale 1 to 9; mend it"
    assert off_scale(rows(spread(1, 9)), Scale(1, 9), "t.csv") is None


def test_one_sided_notes_labels_that_are_all_pleasant() -> None:
    notes = one_sided(spread(0.01, 0.98), "-1-1", "zero_one.csv")
    assert notes[0] == (
        "zero_one.csv: no song lies below neutral in valence, read on the scale -1-1 (from +0.01 to +0.98 of -1 to 1); "
        "is the scale right?"
    )
    assert len(notes) == 2
    assert one_sided(spread(-0.1, 0.9), "-1-1", "x") == []
    assert one_sided(spread(0.1, 0.9, 9), "-1-1", "x") == []


def test_scale_of_reads_what_name_writes() -> None:
    for scale in (Scale(-1, 1), Scale(0, 1), Scale(-5, -1), Scale(0, 2.5), Scale(1, 1_000_000)):
        assert scale_of(scale.name) == scale
    for name in ("9-1", "1", "", "a-b", "1-1"):
        with pytest.raises(LabelError, match="is no scale"):
            scale_of(name)
    assert Scale(0, 10).to_unit(2.5) == -0.5
    assert Scale(0, 10).spread_to_unit(2.5) == 0.5
