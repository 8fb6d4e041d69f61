"""Record the figures of an evaluation.

    python benchmarks/research/record_evaluation.py evaluated/evaluation.json OUT.json

Songs, labels and predictions are left out, because the music may not be free to pass on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from sentio_mobile._internal.files import write_json
from sentio_mobile._internal.records import to_plain
from sentio_mobile.evaluation.results import read_evaluation


def main(arguments: Sequence[str] | None = None) -> None:
    """Write OUT.json without songs, labels and predictions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, metavar="evaluation.json")
    parser.add_argument("out", type=Path, metavar="OUT.json")
    options = parser.parse_args(arguments)
    record = to_plain(read_evaluation(options.source))
    del record["songs"], record["truth"]
    for model in record["models"]:
        del model["predicted"], model["worst_songs"]["songs"]
    write_json(options.out, record)


if __name__ == "__main__":
    main()
