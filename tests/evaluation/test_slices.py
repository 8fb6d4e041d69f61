import numpy as np

from sentio_mobile.evaluation.slices import QUADRANTS, THIRDS, quadrant_of, slices, third_of


def test_quadrant_of_labels() -> None:
    labels = np.array([[0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5], [0.5, -0.5], [0.0, 0.0]])
    assert quadrant_of(labels).tolist() == [0, 1, 2, 3, 0]


def test_third_of_has_equal_sizes(planted) -> None:
    assert np.bincount(third_of(planted.truth)).tolist() == [len(planted) // 3] * 3


def test_slices_of_predictions_pulled_to_neutral(planted) -> None:
    groups = ["large"] * 100 + ["small"] * 16 + ["few"] * 4
    predicted = planted.truth * np.float32(0.5)
    found = {one.name: one for one in slices(planted.truth, predicted, groups, planted.resampling)}
    assert set(found) == {*QUADRANTS, *THIRDS, "large", "small"}
    outward = [found[name].outward.value for name in THIRDS]
    assert outward[2] < outward[1] < outward[0] < 0
    assert found["extreme"].outward.excludes_zero
    assert found["tense (V- A+)"].bias["valence"].value > 0 > found["tense (V- A+)"].bias["arousal"].value
    assert found["large"].songs == 100


def test_slices_of_few_songs_have_no_ccc(planted) -> None:
    groups = ["a"] * 112 + ["b"] * 8
    found = {one.name: one for one in slices(planted.truth, planted.good, groups, planted.resampling)}
    assert found["b"].ccc["mean"].value is None
    assert found["b"].mae["mean"].value is not None


def test_slices_by_source_come_first(planted) -> None:
    groups = [str(i) for i in range(120)]
    sources = ["DEAM"] * 80 + ["PMEmo"] * 40
    found = slices(planted.truth, planted.good, groups, planted.resampling, sources=sources)
    assert [(one.by, one.name, one.songs) for one in found[:2]] == [("source", "DEAM", 80), ("source", "PMEmo", 40)]
    one_set = slices(planted.truth, planted.good, groups, planted.resampling, sources=["DEAM"] * 120)
    assert all(one.by != "source" for one in one_set)
