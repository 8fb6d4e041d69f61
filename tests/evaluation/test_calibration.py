from sentio_mobile.evaluation.calibration import LEVELS, calibration
from sentio_mobile.spec import Uncertainty


def test_calibration_on_exchangeable_songs_holds_its_levels(planted) -> None:
    truth, predicted = planted.truth[::-1], planted.bad[::-1]
    found = calibration(planted.truth, planted.bad, truth=truth, predicted=predicted, shipped=None)
    assert [level.target for level in found.levels] == list(LEVELS)
    assert all(abs(level.valence.share - level.target) < 0.03 for level in found.levels)


def test_calibration_of_a_model_that_got_worse_misses_its_levels(planted) -> None:
    shipped = Uncertainty(0.9, (0.2, 0.2), 50)
    found = calibration(planted.truth, planted.good, truth=planted.truth, predicted=planted.bad, shipped=shipped)
    assert found.levels[-2].valence.high < 0.9
    assert found.shipped.arousal.high < 0.9


def test_calibration_with_few_songs_leaves_out_high_levels(planted) -> None:
    few = planted.truth[:5], planted.bad[:5]
    found = calibration(*few, truth=planted.truth, predicted=planted.bad, shipped=None)
    assert found.levels[-1].target < 0.9
