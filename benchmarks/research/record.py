"""Keep the figures of a run: `python benchmarks/research/record.py RUN NAME COMMAND` writes
`benchmarks/baselines/NAME.json`.

COMMAND is what a stranger would type to make the run again. Songs, labels and predictions stay out of the record: what
a run learnt from need not be free to pass on. The table in `benchmarks/baselines/README.md` is written anew from all
records.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

BASELINES = Path(__file__).parents[1] / "baselines"
PER_SONG = ("songs", "truth", "predicted")
HEADER = """\
| run | songs: train / val / test | teacher CCC | student CCC | retention | p90, one thread |
|---|---|---|---|---|---|"""


def record(run: Path, command: str) -> dict[str, Any]:
    """The figures of a finished run folder, and the command that makes it again."""
    student = json.loads((run / "student" / "checkpoint.json").read_text())
    teacher = json.loads((run / "teacher" / "checkpoint.json").read_text())
    data = json.loads((run / "data" / "data.json").read_text())
    evaluation = student["evaluation"]
    return {
        "command": command,
        "data": {name: value for name, value in data.items() if name not in ("audio", "skipped")},
        "teacher": facts(teacher, evaluation["teacher"]["test"]),
        "student": facts(student, evaluation["test"]),
        "retention": evaluation["retention"],
        "verification": json.loads((run / "verification.json").read_text()),
        "benchmark": json.loads((run / "benchmark.json").read_text()),
        "seconds": {stage: done["seconds"] for stage, done in json.loads((run / "run.json").read_text()).items()},
        "versions": student["versions"],
    }


def facts(sheet: dict[str, Any], test: dict[str, Any]) -> dict[str, Any]:
    """One network: its size, recipe, history, and its test without the songs."""
    return {
        **{name: sheet[name] for name in ("parameters", "recipe", "history")},
        "test": {name: value for name, value in test.items() if name not in PER_SONG},
    }


def row(name: str, kept: dict[str, Any]) -> str:
    """One run as a row of the table."""
    songs = " / ".join(str(kept["data"]["songs"][split]) for split in ("train", "val", "test"))
    models = []
    for who in ("teacher", "student"):
        metrics = kept[who]["test"]["metrics"]
        models.append("<br>".join(f"{output} {interval(metrics[output]['ccc'])}" for output in metrics))
    times = "<br>".join(
        f"{m['format']} {m['latency']['p90_ms']:.0f} ms" for m in kept["benchmark"]["measured"] if m["latency"]
    )
    return f"| [{name}]({name}.json) | {songs} | {' | '.join(models)} | {interval(kept['retention'])} | {times} |"


def interval(values: dict[str, float | None]) -> str:
    """A figure with its 95% interval."""
    if values["value"] is None:
        return "undefined"
    return f"{values['value']:.2f} [{values['low']:.2f}, {values['high']:.2f}]"


def write_table() -> None:
    """Rewrite what stands between the marks in the README of the baselines."""
    # Other measurements stand there, too.
    every = {path.stem: json.loads(path.read_text()) for path in sorted(BASELINES.glob("*.json"))}
    records = {name: kept for name, kept in every.items() if "student" in kept}
    commands = "\n".join(f"    {kept['command']}    # {name}" for name, kept in records.items())
    rows = "\n".join(row(name, kept) for name, kept in records.items())
    page = BASELINES / "README.md"
    before, rest = page.read_text().split("<!-- records -->\n")
    after = rest.split("<!-- end of records -->\n")[1]
    page.write_text(
        f"{before}<!-- records -->\n{HEADER}\n{rows}\n\nThe commands:\n\n{commands}\n<!-- end of records -->\n{after}"
    )


def main(arguments: list[str]) -> int:
    """Write the record, and the table anew."""
    if len(arguments) != 3:
        print("usage: python benchmarks/research/record.py RUN_FOLDER NAME COMMAND", file=sys.stderr)
        return 2
    run, name, command = arguments
    (BASELINES / f"{name}.json").write_text(json.dumps(record(Path(run), command), indent=1) + "\n")
    write_table()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
