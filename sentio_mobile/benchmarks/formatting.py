"""Figures as text, the same in the report and on the command line."""

from __future__ import annotations

from sentio_mobile.metrics.bootstrap import Interval

MB = 1_000_000
"""Bytes in a MB of budgets and tables: 10^6, as in a data plan; not the MiB of a file manager."""

DESKTOP = "desktop, not a phone"
"""Added to every measured time, whatever the machine."""


def megabytes(size: float) -> str:
    """Bytes as `29.3 MB`, and in no other unit: sizes below one another are compared."""
    digits = 1 if size >= MB / 10 else 2 if size >= MB / 100 else 4
    return f"{size / MB:.{digits}f} MB"


def milliseconds(value: float) -> str:
    """Milliseconds with the digits that are meaningful: `0.42 ms`, `31.4 ms`, `812 ms`."""
    return f"{value:.2f} ms" if value < 10 else f"{value:.1f} ms" if value < 100 else f"{value:,.0f} ms"


def times(value: float) -> str:
    """0.4213 as `0.42 x`."""
    return f"{value:.2f} x"


def operations(value: float) -> str:
    """Multiply-accumulates: `295 M`, `1.15 G`."""
    return f"{value / 1e9:.2f} G" if value >= 1e9 else f"{value / 1e6:.1f} M" if value < 1e8 else f"{value / 1e6:.0f} M"


def share(value: float) -> str:
    """0.8549 as `85.5%`: with one digit more than a gate's limit, so that rounding cannot move a value across it."""
    return f"{value:.1%}"


def interval(figure: Interval | None) -> str:
    """A figure with its 95% interval; `not known` where it was not measured."""
    return "not known" if figure is None else str(figure)
