"""Try every reader against what a stranger may send, and record what happened.

    python benchmarks/research/hostile_inputs.py OUT.json --profile fuzz

Runs the tests of tests/fuzz with as many cases as the profile has (test, all or fuzz), and writes a row for each door:
cases, how many of them were refused with one line, the slowest case, and the tests that failed, which are faults left.
The number of faults that were found before is kept from OUT.json: people write it there when they mend one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.records import to_plain
from sentio_mobile.benchmarks.machine import describe_machine

ROOT = Path(__file__).parents[2]
COMMAND = "python benchmarks/research/hostile_inputs.py benchmarks/baselines/hostile-inputs.json --profile {}"


def try_doors(profile: str, tests: str) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Run a file of tests; the tally of each door, and the names of tests that failed."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "tally.jsonl"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-profile", profile]
        found = subprocess.run(
            [*command, tests],
            cwd=ROOT,
            env={**os.environ, "SENTIO_FUZZ_RECORD": str(record)},
            capture_output=True,
            text=True,
            check=False,
        )
        lines = [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []
    if found.returncode not in (0, 1):
        raise SystemExit(found.stdout[-2000:] + found.stderr[-2000:])
    tallies: dict[str, dict[str, Any]] = {}
    for line in lines:
        tally = {"cases": line["cases"], "refused": line.get("refused", 0), "slowest_ms": line["slowest_ms"]}
        tallies[line["door"]] = {**tally, "left": line["faults"]}
    return tallies, re.findall(r"^FAILED (\S+)", found.stdout, re.MULTILINE)


def joined(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """The tallies of two files of tests of the same door."""
    sums = {name: first[name] + second[name] for name in ("cases", "refused")}
    slowest = max(first["slowest_ms"], second["slowest_ms"])
    return {**sums, "slowest_ms": slowest, "left": sorted({*first["left"], *second["left"]})}


def table(record: dict[str, Any]) -> str:
    """The rows as a table in Markdown."""
    lines = [
        "| door | cases | refused | slowest | faults found and mended | faults left |",
        "|---|---|---|---|---|---|",
    ]
    for door, row in record["doors"].items():
        cells = [door, f"{row['cases']:,}", f"{row['refused']:,}", f"{row['slowest_ms'] / 1000:.1f} s"]
        lines.append("| " + " | ".join([*cells, str(row["mended"]), str(len(row["left"]))]) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the tests, write the record, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the record to write")
    parser.add_argument("--profile", choices=("test", "all", "fuzz"), default="fuzz")
    parser.add_argument(
        "--only", nargs="*", default=[], help="files of tests, to add their doors to OUT; all by default"
    )
    options = parser.parse_args(arguments)
    old = json.loads(options.out.read_text()) if options.out.exists() else {}
    before = old.get("doors", {})
    start = time.monotonic()
    doors: dict[str, dict[str, Any]] = {}
    failed: list[str] = []
    # File by file, so that what was tried before an interrupt is recorded.
    for file in options.only or sorted(str(path) for path in (ROOT / "tests" / "fuzz").glob("test_*.py")):
        tallies, more = try_doors(options.profile, file)
        failed += more
        for door, tally in tallies.items():
            doors[door] = joined(doors[door], tally) if door in doors else tally
            doors[door]["mended"] = before.get(door, {}).get("mended", 0)
        # Doors that were not tried this time keep their rows.
        rows = {**before, **doors} if options.only else doors
        record = {
            "command": COMMAND.format(options.profile),
            "profile": options.profile,
            "cases": sum(row["cases"] for row in rows.values()),
            "seconds": round(time.monotonic() - start) + (old.get("seconds", 0) if options.only else 0),
            "machine": to_plain(describe_machine()),
            "doors": dict(sorted(rows.items())),
            "failed": failed,
        }
        write_json(options.out, record)
    print(table(record))
    if failed:
        print("\n".join(failed))
        sys.exit(1)


if __name__ == "__main__":
    main()
