"""Where a Swift compiler is, and how to run it: on the PATH, or in the folder that `install_swift.sh` made."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ABSENT = "no swift on the PATH, and tests/packaging/ios/install_swift.sh was not run"


def default_place() -> Path:
    """`sentio-mobile/swift` in the user's cache folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (cache if cache.is_absolute() else Path.home() / ".cache") / "sentio-mobile" / "swift"


@dataclass(frozen=True)
class Swift:
    """A place to work in, and what to put before a command.

    Attributes:
        folder: seen from outside; files are copied there.
        inside: the same folder as the compiler sees it.
        root: the file system that the compiler lives in; None where it is on the PATH.
    """

    folder: Path
    inside: str
    root: Path | None

    def run(self, command: str, seconds: float) -> subprocess.CompletedProcess[str]:
        """Run a shell command in the folder; output and errors come together."""
        line = f"cd {self.inside} && {command}"
        arguments = ["sh", "-c", line]
        if self.root is not None:
            # The compiler finds its libraries by /proc, which a name space of its own keeps away from everybody else.
            outer = 'mount -t proc proc "$0/proc" && exec chroot "$0" sh -c "$1"'
            arguments = ["unshare", "--mount", "--fork", "--kill-child", "sh", "-c", outer, str(self.root), line]
        return subprocess.run(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False
        )


@contextmanager
def swift(temporary: Path) -> Iterator[Swift | None]:
    """A compiler with an empty folder to work in; None where there is no compiler."""
    name = f"work-{uuid.uuid4().hex}"
    if shutil.which("swift"):
        folder = temporary / name
        folder.mkdir()
        yield Swift(folder, str(folder), None)
        return
    root = default_place()
    if not (root / "usr/bin/swift").is_symlink() or os.geteuid() != 0 or not shutil.which("unshare"):
        yield None
        return
    folder = root / name
    folder.mkdir()
    try:
        yield Swift(folder, f"/{name}", root)
    finally:
        shutil.rmtree(folder)
