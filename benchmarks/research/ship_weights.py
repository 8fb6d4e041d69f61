"""Write a student's weights as first weights that the package ships: half precision, and a sheet.

    python benchmarks/research/ship_weights.py CHECKPOINT NAME --trained-on TEXT --licence NAME [--out distill/weights]

Prints the size, and how far predictions with the written weights are from those of the checkpoint.
`distill/weights/README.md` is the card of the weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.first_weights import SHIPPED, first_weights_for, load_first_weights, write_first_weights
from sentio_mobile.models.registry import build


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the weights, read them again, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("name", help="mobilevit or mobilevit_xs, as the recipe is called")
    parser.add_argument("--trained-on", required=True, help="music and teacher, in a sentence")
    parser.add_argument("--licence", required=True, help="licence of the weights")
    parser.add_argument("--out", type=Path, default=SHIPPED)
    options = parser.parse_args(arguments)
    checkpoint = Checkpoint.load(options.checkpoint)
    sheet = write_first_weights(
        options.out, checkpoint, name=options.name, trained_on=options.trained_on, licence=options.licence
    )
    path = options.out / f"{options.name}.safetensors"
    megabytes = path.stat().st_size / 1e6
    print(f"{path}: {sheet.parameters:,} weights, {megabytes:.1f} MB; off by {error(checkpoint, options.out):.1e}")


def error(checkpoint: Checkpoint, folder: Path) -> float:
    """The largest difference between predictions of the checkpoint and of the written weights, for random images."""
    weights = first_weights_for(checkpoint.spec, folder)
    assert weights is not None
    model = build(checkpoint.spec).eval()
    load_first_weights(model, weights)
    images = torch.randn(4, *checkpoint.spec.input_shape[1:], generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return float((model(images) - checkpoint.model(images)).abs().max())


if __name__ == "__main__":
    main()
