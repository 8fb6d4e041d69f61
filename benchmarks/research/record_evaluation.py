"""Keep the figures of an evaluation: `python benchmarks/research/record_evaluation.py evaluated/evaluation.json
OUT.json`.

Songs, labels and answers stay out of the record: what was evaluated on need not be free to pass on.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sentio_mobile._internal.files import read_json, write_json
from sentio_mobile.errors import DataError


def main() -> None:
    """Read, leave out, write."""
    source, out = map(Path, sys.argv[1:])
    said = {name: value for name, value in read_json(source, DataError).items() if name not in ("songs", "truth")}
    for model in said["models"]:
        del model["predicted"]
        del model["misses"]["songs"]
    write_json(out, said)


if __name__ == "__main__":
    main()
