"""What every training run does about Lightning: where it runs, where its state lies, what it says."""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sentio_mobile.errors import OutputError


@dataclass(frozen=True)
class Hardware:
    """Where training runs, in Lightning's words: devices of each node, nodes, strategy and accelerator."""

    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    accelerator: str = "auto"


ONE_DEVICE = Hardware()


def claim_work_folder(work: Path, key: str) -> None:
    """Make `work` the folder of the run that `key` tells from any other; another run's state gives way.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        if work.exists() and not (work / key).exists():
            shutil.rmtree(work)
        work.mkdir(parents=True, exist_ok=True)
        (work / key).touch()
    except OSError as error:
        raise OutputError(f"cannot write {work}: {error.strerror}; choose a folder that you can write to") from error


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning's advice off the terminal: loaders read a memory map, and workers would only copy it about."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for advice in (
                r".*does not have many workers.*",
                r".*Checkpoint directory .* exists.*",
                r".*`isinstance.treespec.*",
            ):
                warnings.filterwarnings("ignore", message=advice)
            yield
    finally:
        logger.setLevel(level)
