"""Record what one `sentio-mobile train` cost and what its model is worth, without songs, labels and predictions.

    python benchmarks/research/record_training.py RUN OUT.json COMMAND

RUN is the folder of a finished run, and COMMAND what somebody would type to repeat it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sentio_mobile._internal.files import write_json

MODELS = ("teacher", "student", "int8")


def record(run: Path, command: str) -> dict[str, Any]:
    """The figures of a run folder: seconds by stage, CCC out of fold, artifacts, gates, and the machine."""
    estimate, summary, stages, benchmark = (
        json.loads((run / f"{name}.json").read_text()) for name in ("estimate", "summary", "run", "benchmark")
    )
    seconds: dict[str, float] = {}
    for name, stage in stages.items():
        # The folds are five times the same stages.
        kind = "/".join("*" if part.isdigit() else part for part in name.split("/"))
        seconds[kind] = round(seconds.get(kind, 0.0) + stage["seconds"], 1)
    return {
        "command": command,
        "minutes": round(sum(stage["seconds"] for stage in stages.values()) / 60, 1),
        "seconds_by_stage": seconds,
        "how": estimate["how"],
        "judged": estimate["judged"],
        "kept": estimate["kept"],
        **{model: {part: estimate[model][part] for part in ("n", "bootstrap", "metrics")} for model in MODELS},
        "retention": estimate["retention"],
        "decision": summary["decision"],
        "reason": summary["reason"],
        "artifacts": summary["artifacts"],
        "machine": benchmark["machine"],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("command")
    options = parser.parse_args(arguments)
    found = record(options.run, options.command)
    write_json(options.out, found)
    print(f"{found['minutes']} minutes; {found['reason']}")


if __name__ == "__main__":
    main()
