"""Large counts in few digits, the same wherever they are told."""

from __future__ import annotations


def millions(count: int) -> str:
    """A count of weights: "7.33 M", and small ones in full."""
    return f"{count / 1e6:.2f} M" if count >= 1e5 else f"{count:,}"


def parameters_in_words(folded: int, trained: int | None = None) -> str:
    """A network's weights: "7.33 M trained, 7.31 M folded".

    Folding puts each batch normalization into the layer before it, which an exported file has fewer weights for.

    Args:
        folded: Weights after that.
        trained: Weights that were trained; None where that is not known.
    """
    if trained is None or trained == folded:
        return millions(folded)
    return f"{millions(trained)} trained, {millions(folded)} folded"


def count(n: int, thing: str) -> str:
    """`1 gate`, `3 gates`."""
    return f"{n:,} {thing}" if n == 1 else f"{n:,} {thing}s"
