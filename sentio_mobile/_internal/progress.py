"""Progress of long work: a small protocol, so that the work does not depend on how progress is shown."""

from typing import Protocol


class Progress(Protocol):
    """Shows how far a piece of work has come. The command line draws bars with it."""

    def start(self, what: str, total: int) -> None:
        """Start a piece of work.

        Args:
            what: What is done, in a few words.
            total: Number of steps.
        """

    def advance(self, n: int = 1, note: str = "") -> None:
        """Record that `n` more steps are done.

        Args:
            n: Number of steps.
            note: The state of the work, in a few words.
        """

    def say(self, line: str) -> None:
        """Tell what has been reached, for who reads lines, as in a log, and sees no bar.

        Args:
            line: A line, such as the metrics of an epoch.
        """

    def finish(self) -> None:
        """End the piece of work, whether or not it reached its total."""


class NoProgress:
    """Shows nothing. Library calls use it by default."""

    def start(self, what: str, total: int) -> None:
        """Do nothing."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """Do nothing."""

    def say(self, line: str) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""
