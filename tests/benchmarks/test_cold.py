import subprocess
import sys

import pytest

from sentio_mobile._internal.records import replace
from sentio_mobile.benchmarks.cold import measure_cold
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.errors import CheckFailedError

ALONE = """
import json, sys
from pathlib import Path
import numpy as np
from sentio_mobile.benchmarks import cold
spec = cold.ModelSpec.from_dict(json.loads(sys.argv[2]))
run = cold.get_format("onnx").open(Path(sys.argv[1]), spec, 1)
run(np.zeros(spec.input_shape, np.float32))
heavy = {"torch", "matplotlib", "pandas", "onnx"} & set(sys.modules)
assert not heavy, heavy
"""


def test_cold_start_of_onnx_imports_no_torch(bundle: Bundle) -> None:
    import json

    arguments = [str(bundle.artifact("onnx").path), json.dumps(bundle.spec.to_dict())]
    done = subprocess.run([sys.executable, "-c", ALONE, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_measure_cold_damaged_artifact_is_named(bundle: Bundle, tmp_path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    bad = replace(bundle.artifact("onnx"), path=tmp_path / "bad.onnx")
    with pytest.raises(CheckFailedError, match=r"ended with status 1: ONNX Runtime cannot load .*bad\.onnx"):
        measure_cold(bad, bundle.spec, example=bundle.golden().inputs(bundle.spec)[0], threads=1, starts=1, limit_s=60)


def test_measure_cold_stops_at_its_time_limit(bundle: Bundle) -> None:
    image = bundle.golden().inputs(bundle.spec)[0]
    with pytest.raises(CheckFailedError, match="more than 0 s"):
        measure_cold(bundle.artifact("onnx"), bundle.spec, example=image, threads=1, starts=1, limit_s=0.01)
