"""The end of commands that judge: the decision in bold, where its page is, the record as JSON, and the exit status."""

from __future__ import annotations

from pathlib import Path

from sentio_mobile.cli.output import console, print_json

EXIT_STATUS = {"pass": 0, "quiet": 0, "fail": 1, "fired": 1, "open": 3}
"""By verdict or state. 2 is a wrong input's."""


def end_with(found: object, *, verdict: str, headline: str, page: Path | None) -> None:
    """Print how a judgement ends, and end the command with its status.

    Args:
        found: What was found, a record for `--json`.
        verdict: A key of `EXIT_STATUS`.
        headline: The decision, in a sentence.
        page: The page that was written; None where there is none.

    Raises:
        SystemExit: The status is not 0.
    """
    console.print(headline, style="bold", markup=False, soft_wrap=True)
    if page is not None:
        console.print(f"Page: {page} (open it in a browser)", markup=False, soft_wrap=True)
    print_json(found)
    if status := EXIT_STATUS[verdict]:
        raise SystemExit(status)
