"""Agreement on each data set."""

import numpy as np
import pytest

from sentio_mobile.metrics.agreement import ccc
from sentio_mobile.metrics.bootstrap import UNDEFINED, resample
from sentio_mobile.metrics.by_source import by_source
from sentio_mobile.metrics.evaluation import evaluate


def test_by_source_measures_each_set_by_itself() -> None:
    random = np.random.default_rng(0)
    truth = random.uniform(-1, 1, (45, 2))
    predicted = np.clip(truth + random.normal(0, 0.3, truth.shape), -1, 1)
    sources = ["deam"] * 20 + ["pmemo"] * 20 + ["own"] * 5
    found = by_source(truth, predicted, sources=sources, draws=resample(45, 0))
    assert found is not None
    assert [(one.name, one.n) for one in found] == [("deam", 20), ("own", 5), ("pmemo", 20)]
    assert found[0].ccc["valence"].value == pytest.approx(ccc(truth[:20], predicted[:20])[0])
    assert found[0].ccc["valence"] != found[2].ccc["valence"]
    assert set(found[1].ccc.values()) == {UNDEFINED}
    whole = evaluate(tuple(map(str, range(45))), truth, predicted, 0, sources=sources, errors=np.full((45, 2), 0.1))
    assert whole.sources == found
    assert whole.ceiling is not None


def test_by_source_is_nothing_for_one_set() -> None:
    truth = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    assert by_source(truth, truth, sources=[""] * 20, draws=resample(20, 0)) is None
    assert by_source(truth, truth, sources=(), draws=resample(20, 0)) is None
