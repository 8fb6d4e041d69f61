"""Compare msgspec and pydantic for typed records: CPU time of importing and of reading a bad file.

    python benchmarks/research/records.py benchmarks/baselines/records.json

Each run is a fresh process that imports the library, defines classes of 20 fields with ranges, and reads one value that
is out of range. The libraries take turns, so that both see the same machine. The record states the median and the
quartiles of the CPU time, the message of each library, and the size of its JSON Schema.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from sentio_mobile._internal.files import write_json

CLASSES, FIELDS, RUNS = 5, 20, 15

MSGSPEC = """
import msgspec, json
from typing import Annotated
from msgspec import Meta
classes = [
    msgspec.defstruct(
        f"C{c}",
        [(f"field_{i}", Annotated[float, Meta(ge=0, le=1)], 0.5) for i in range(FIELDS)],
        frozen=True, kw_only=True, forbid_unknown_fields=True,
    )
    for c in range(CLASSES)
]
try:
    msgspec.convert({"field_3": 7}, classes[0])
except msgspec.ValidationError as error:
    message = str(error)
schema = json.dumps(msgspec.json.schema(classes[0]))
"""

PYDANTIC = """
import pydantic, json
from typing import Annotated
from pydantic import ConfigDict, Field, create_model
classes = [
    create_model(
        f"C{c}",
        __config__=ConfigDict(frozen=True, extra="forbid", strict=True),
        **{f"field_{i}": (Annotated[float, Field(ge=0, le=1)], 0.5) for i in range(FIELDS)},
    )
    for c in range(CLASSES)
]
try:
    classes[0].model_validate({"field_3": 7})
except pydantic.ValidationError as error:
    message = str(error)
schema = json.dumps(classes[0].model_json_schema())
"""

REPORT = """
import time
print(json.dumps({"cpu_ms": 1000 * (time.process_time() - START), "message": message, "schema_bytes": len(schema)}))
"""


def measure(code: str, classes: int, fields: int) -> dict[str, object]:
    """Run the code in a fresh process; returns its CPU time, its message and the size of its schema."""
    whole = f"import time\nSTART = time.process_time()\nCLASSES, FIELDS = {classes}, {fields}\n{code}\n{REPORT}"
    result = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=True)
    return dict(json.loads(result.stdout))


def compare(runs: int = RUNS, classes: int = CLASSES, fields: int = FIELDS) -> dict[str, object]:
    """Measure both libraries in turns.

    Args:
        runs: Runs of each library.
        classes: Classes that each run defines.
        fields: Fields of each class.
    """
    found: dict[str, list[dict[str, object]]] = {"msgspec": [], "pydantic": []}
    for _ in range(runs):
        for name, code in (("msgspec", MSGSPEC), ("pydantic", PYDANTIC)):
            found[name].append(measure(code, classes, fields))
    return {
        "classes": classes,
        "fields": fields,
        "runs": runs,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "libraries": {name: summarize(name, rows) for name, rows in found.items()},
    }


def summarize(name: str, rows: list[dict[str, object]]) -> dict[str, object]:
    """The median and the quartiles of one library's runs, and what it said."""
    times = sorted(float(str(row["cpu_ms"])) for row in rows)
    low, median, high = statistics.quantiles(times, n=4)
    return {
        "version": version(name),
        "cpu_ms": {"median": round(median, 1), "low_quartile": round(low, 1), "high_quartile": round(high, 1)},
        "message": rows[0]["message"],
        "schema_bytes": rows[0]["schema_bytes"],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--runs", type=int, default=RUNS)
    options = parser.parse_args(arguments)
    record = compare(options.runs)
    write_json(options.out, record)
    print(json.dumps(record["libraries"], indent=2))


if __name__ == "__main__":
    main()
