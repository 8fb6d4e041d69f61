"""How long work tells what it is doing, without knowing who listens."""

from typing import Protocol


class Progress(Protocol):
    """Something that shows how far a piece of work has come; the command line draws bars with it."""

    def start(self, what: str, total: int) -> None:
        """Begin a piece of work of `total` steps."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """`n` more steps are done; `note` is a few words on the state of the work."""

    def finish(self) -> None:
        """The piece of work is over, whether or not it reached its total."""


class NoProgress:
    """Shows nothing: what library calls use unless they are given something else."""

    def start(self, what: str, total: int) -> None:
        """Show nothing."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """Show nothing."""

    def finish(self) -> None:
        """Show nothing."""
