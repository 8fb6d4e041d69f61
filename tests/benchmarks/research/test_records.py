"""The comparison of libraries for typed records runs, and its record says what the script writes."""

import importlib.util
import json

from sentio_mobile._internal.resources import ROOT

SCRIPT = ROOT / "benchmarks" / "research" / "records.py"


def test_records_script_measures_both_libraries() -> None:
    spec = importlib.util.spec_from_file_location("research_records", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    found = script.compare(runs=2, classes=1, fields=4)["libraries"]
    assert set(found) == {"msgspec", "pydantic"}
    assert all("field_3" in library["message"] for library in found.values())
    recorded = json.loads((ROOT / "benchmarks" / "baselines" / "records.json").read_text())
    assert recorded["runs"] >= 15
    assert recorded["libraries"].keys() == found.keys()
    assert recorded["libraries"]["msgspec"].keys() == found["msgspec"].keys()
