"""What fewer bits save and cost: size, difference from PyTorch, and accuracy on test songs, for each precision.

python examples/compare_precisions.py student-ckpt prepared --format onnx --out compared
"""

from __future__ import annotations

import argparse
from pathlib import Path

import sentio_mobile


def main() -> None:
    """Export every precision that the format has, and print one row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="a student that `sentio-mobile distill` trained")
    parser.add_argument("data", type=Path, help="a folder that `sentio-mobile data prepare` wrote")
    parser.add_argument("--format", default="onnx", help="onnx, tflite or coreml")
    parser.add_argument("--precision", action="append", help="may be given more than once; all by default")
    parser.add_argument("--out", type=Path, default=Path("compared"))
    arguments = parser.parse_args()

    bundle = sentio_mobile.export(
        arguments.checkpoint,
        formats=[arguments.format],
        forms=["spectrogram"],
        precisions=arguments.precision or ["fp32", "fp16", "int8-dynamic", "int8"],
        data=arguments.data,
        # An artifact that fails its checks is shown here, not left out.
        keep_refused=True,
        out=arguments.out,
    )
    verified = sentio_mobile.verify(bundle, data=arguments.data)
    sizes = {artifact.precision: bundle.size(artifact) for artifact in bundle.artifacts}
    parity = {result.precision: result.max_diff for result in verified.results}
    print(f"{'precision':14} {'size':>12}  {'worst':>8}  mean CCC [95% interval]")
    for row in verified.accuracy:
        print(f"{row.precision:14} {sizes[row.precision]:>10,} B  {parity[row.precision]:>8.1e}  {row.ccc['mean']}")


if __name__ == "__main__":
    main()
