"""`sentio-mobile`, which `python -m sentio_mobile` is too: a command line that can be stopped before it is loaded.

To load it takes a third of a second, and more where a disk is slow or the machine is busy. Python's own answer to a
signal would be a traceback, or a status that says nothing; so this module imports nothing that takes time. Nothing was
written yet, so that the process can end at once.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

_LINES = {signal.SIGINT: b"stopped\n", signal.SIGTERM: b"stopped by SIGTERM\n"}


def main() -> None:
    """Load the command line and run it.

    Ctrl-C and SIGTERM end the process with one line while it is loaded, and while Python takes itself down when the
    command is done. In between, `stoppable` answers them.
    """
    for number in _LINES:
        # What a shell starts in the background is told to ignore interrupts.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    from sentio_mobile.cli import main as command_line

    command_line(prog_name="sentio-mobile")


def _end(number: int, frame: FrameType | None) -> None:
    os.write(2, _LINES[signal.Signals(number)])
    os._exit(128 + number)


if __name__ == "__main__":
    main()
