"""Keep the figures of a run: `python benchmarks/record.py RUN NAME` writes `benchmarks/baselines/NAME.json`.

Songs, labels and predictions stay out of the record: what a run learnt from need not be free to pass on.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

BASELINES = Path(__file__).parent / "baselines"
PER_SONG = ("songs", "truth", "predicted")


def record(run: Path) -> dict[str, Any]:
    """The figures of a finished run folder."""
    student = json.loads((run / "student" / "checkpoint.json").read_text())
    teacher = json.loads((run / "teacher" / "checkpoint.json").read_text())
    data = json.loads((run / "data" / "data.json").read_text())
    verification = json.loads((run / "verification.json").read_text())
    evaluation = student["evaluation"]
    return {
        "data": {name: value for name, value in data.items() if name not in ("audio", "skipped")},
        "teacher": {
            "parameters": teacher["parameters"],
            "recipe": teacher["recipe"],
            "test": aggregate(evaluation["teacher"]["test"]),
            "history": teacher["history"],
        },
        "student": {
            "parameters": student["parameters"],
            "recipe": student["recipe"],
            "test": aggregate(evaluation["test"]),
            "history": student["history"],
        },
        "retention": evaluation["retention"],
        "verification": verification,
        "benchmark": json.loads((run / "benchmark.json").read_text()),
        "seconds": {stage: done["seconds"] for stage, done in json.loads((run / "run.json").read_text()).items()},
        "versions": student["versions"],
    }


def aggregate(evaluation: dict[str, Any]) -> dict[str, Any]:
    """An evaluation without its songs."""
    return {name: value for name, value in evaluation.items() if name not in PER_SONG}


def main(arguments: list[str]) -> int:
    """Write the record."""
    if len(arguments) != 2:
        print("usage: python benchmarks/record.py RUN_FOLDER NAME", file=sys.stderr)
        return 2
    place = BASELINES / f"{arguments[1]}.json"
    place.write_text(json.dumps(record(Path(arguments[0])), indent=1) + "\n")
    print(place)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
