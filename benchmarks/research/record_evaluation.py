"""Keep the figures of an evaluation: `python benchmarks/research/record_evaluation.py evaluated/evaluation.json
OUT.json`.

Songs, labels and answers stay out of the record: what was evaluated on need not be free to pass on.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.records import to_plain
from sentio_mobile.evaluation.results import read_evaluation


def main() -> None:
    """Read, leave out, write."""
    source, out = map(Path, sys.argv[1:])
    record = to_plain(read_evaluation(source))
    del record["songs"], record["truth"]
    for model in record["models"]:
        del model["predicted"], model["worst_songs"]["songs"]
    write_json(out, record)


if __name__ == "__main__":
    main()
