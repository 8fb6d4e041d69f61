"""Options of the commands that train: settings in place of the recipe's, the seed, the hardware, and who is told."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import rich_click as click

from sentio_mobile.training.config import LOGGERS, require_logger

if TYPE_CHECKING:
    from sentio_mobile.training.trainer import Hardware

_Command = Callable[..., Any]

set_option = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting in place of the recipe's, such as training.epochs=5; `recipe schema` lists the keys. May be given "
    "more than once.",
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    help="Random seed of all that is drawn, in place of the recipe's.",
)
_ACCELERATOR = click.option(
    "--accelerator",
    type=click.Choice(["auto", "cpu", "gpu", "mps"]),
    default="auto",
    show_default=True,
    help="Hardware to train on.",
)


def _known_logger(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not ctx.resilient_parsing:
        require_logger(value)
    return value


_LOGGER = click.option(
    "--logger",
    type=click.Choice(list(LOGGERS)),
    default="csv",
    show_default=True,
    callback=_known_logger,
    help="Who is told of each epoch besides metrics.csv in the folder `<out>.training`; its files are in `<out>.logs`.",
)


@dataclass(frozen=True)
class TrainingOptions:
    """What the options say.

    Attributes:
        changes: Settings in place of the recipe's.
        seed: Random seed in place of the recipe's; None leaves it.
        accelerator: Hardware, by Lightning's name.
        logger: Who is told of the metrics.
    """

    changes: tuple[str, ...] = ()
    seed: int | None = None
    accelerator: str = "auto"
    logger: str = "csv"

    @property
    def hardware(self) -> Hardware:
        """Where networks are trained."""
        from sentio_mobile.training.trainer import Hardware

        return Hardware(accelerator=self.accelerator, logger=self.logger)


def training_options(command: _Command) -> _Command:
    """Options `--set`, `--seed`, `--accelerator` and `--logger`; the command gets them as one argument, `training`."""
    return _with_options(command, _LOGGER, _ACCELERATOR, seed_option, set_option)


def training_options_without_seed(command: _Command) -> _Command:
    """The same without `--seed`, for a command that trains with several."""
    return _with_options(command, _LOGGER, _ACCELERATOR, set_option)


def _with_options(command: _Command, *options: Callable[[_Command], _Command]) -> _Command:
    @functools.wraps(command)
    def run(*args: Any, changes: tuple[str, ...], accelerator: str, logger: str, **others: Any) -> Any:
        training = TrainingOptions(changes, others.pop("seed", None), accelerator, logger)
        return command(*args, training=training, **others)

    for option in options:
        option(run)
    return run
