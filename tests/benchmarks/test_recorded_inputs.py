"""Each row of the record of inputs names tests, and they are there."""

import ast
import re

from sentio_mobile._internal.resources import ROOT

RECORD = ROOT / "benchmarks" / "baselines" / "inputs.md"


def test_each_row_names_tests_that_exist() -> None:
    rows = [line for line in RECORD.read_text().splitlines() if line.startswith("| ")]
    header = next(row for row in rows if row.endswith("| test |"))
    named = [row for row in rows if row.split("|")[-2].strip().startswith("`")]
    # All tables but that of formats and containers, which has a line of numbers a file.
    assert header.count("|") == 5
    assert len(named) > 60
    functions: dict[str, set[str]] = {}
    for row in named:
        cell = row.split("|")[-2]
        for file, tests in re.findall(r"`([\w/]+\.py)` ((?:`\w+`(?:, )?)+)", cell):
            if file not in functions:
                tree = ast.parse((ROOT / "tests" / file).read_text())
                functions[file] = {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}
            wanted = set(re.findall(r"\w+", tests))
            assert wanted <= functions[file], (file, wanted - functions[file])
        assert re.search(r"test_\w+` *$", cell), row


def test_each_input_has_a_test() -> None:
    sections = re.split(r"^##+ ", RECORD.read_text(), flags=re.MULTILINE)
    for section in sections:
        if section.startswith(("Weights", "Sound", "Labels")):
            rows = [line for line in section.splitlines() if line.startswith("| ") and "| test |" not in line]
            assert rows
            assert all(re.search(r"`test_\w+` \|$", row) for row in rows), section[:20]


def test_no_record_says_where_on_a_machine_it_was_made() -> None:
    records = sorted((ROOT / "benchmarks" / "baselines").rglob("*.json"))
    assert len(records) > 40
    assert [
        str(path) for path in records if re.search(r"(?<![\w.])/(tmp|home|root|work|Users)/", path.read_text())
    ] == []
