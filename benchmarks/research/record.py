"""Record the figures of a run as `benchmarks/baselines/NAME.json`.

    python benchmarks/research/record.py RUN NAME COMMAND

COMMAND is what somebody would type to repeat the run. Songs, labels and predictions are left out, because the music may
not be free to pass on. The table in `benchmarks/baselines/README.md` is rewritten from all records.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

BASELINES = Path(__file__).parents[1] / "baselines"
PER_SONG = ("songs", "truth", "predicted")
HEADER = """\
| run | songs: train / val / test | teacher CCC | student CCC | retention | p90, one thread |
|---|---|---|---|---|---|"""


def record(run: Path, command: str) -> dict[str, Any]:
    """The figures of a finished run folder, and the command that repeats it."""
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
    """One network: its size, recipe and history, and its test metrics without the songs."""
    return {
        **{name: sheet[name] for name in ("parameters", "recipe", "history")},
        "test": {name: value for name, value in test.items() if name not in PER_SONG},
    }


def row(name: str, recorded: dict[str, Any]) -> str:
    """The row of one run in the table."""
    songs = " / ".join(str(recorded["data"]["songs"][split]) for split in ("train", "val", "test"))
    models = []
    for who in ("teacher", "student"):
        metrics = recorded[who]["test"]["metrics"]
        models.append("<br>".join(f"{output} {interval(metrics[output]['ccc'])}" for output in metrics))
    times = "<br>".join(
        # Older records have one form and one precision, which they do not name.
        f"{' '.join(m[part] for part in ('format', 'form', 'precision') if part in m)} {m['latency']['p90_ms']:.0f} ms"
        for m in recorded["benchmark"]["measured"]
        if m["latency"]
    )
    return f"| [{name}]({name}.json) | {songs} | {' | '.join(models)} | {interval(recorded['retention'])} | {times} |"


def interval(values: dict[str, float | None]) -> str:
    """A figure with its 95% interval."""
    if values["value"] is None:
        return "undefined"
    return f"{values['value']:.2f} [{values['low']:.2f}, {values['high']:.2f}]"


def write_table() -> None:
    """Rewrite the table between the markers in the README of the baselines."""
    # The folder also holds records of other measurements.
    records = {path.stem: json.loads(path.read_text()) for path in sorted(BASELINES.glob("*.json"))}
    records = {name: recorded for name, recorded in records.items() if "student" in recorded}
    commands = "\n".join(f"    {recorded['command']}    # {name}" for name, recorded in records.items())
    rows = "\n".join(row(name, recorded) for name, recorded in records.items())
    page = BASELINES / "README.md"
    before, rest = page.read_text().split("<!-- records -->\n")
    after = rest.split("<!-- end of records -->\n")[1]
    page.write_text(
        f"{before}<!-- records -->\n{HEADER}\n{rows}\n\nThe commands:\n\n{commands}\n<!-- end of records -->\n{after}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the record, and rewrite the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="Folder of the run.")
    parser.add_argument("name", help="Name of the record.")
    parser.add_argument("command", help="Command that repeats the run.")
    options = parser.parse_args(arguments)
    (BASELINES / f"{options.name}.json").write_text(json.dumps(record(options.run, options.command), indent=1) + "\n")
    write_table()


if __name__ == "__main__":
    main()
