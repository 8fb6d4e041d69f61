"""`python -m sentio_mobile.benchmarks.plain_export CHECKPOINT OUT`: what PyTorch's exporter makes of a network alone.

This is what somebody writes who has no toolkit: no norms are folded and no constants are shared, in the exporter's own
operator set. spec.json, in the working folder, says the form.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from sentio_mobile._internal.records import read_record
from sentio_mobile._internal.subprocesses import end_with_parent
from sentio_mobile.formats.forms import in_form
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.spec import ModelSpec


def main(checkpoint: Path, out: Path) -> None:
    """Export the checkpoint's network to one file."""
    spec = read_record(ModelSpec, Path("spec.json"))
    model = in_form(Checkpoint.load(checkpoint).model, spec).eval()
    torch.onnx.export(
        model,
        (torch.zeros(*spec.input_shape),),
        out,
        input_names=[spec.input_name],
        output_names=[spec.output_name],
        external_data=False,
    )


if __name__ == "__main__":
    end_with_parent()
    main(Path(sys.argv[1]), Path(sys.argv[2]))
