"""From a CSV of rated songs to an app project.

    python examples/train_and_ship.py songs.csv --platform android --out runs/moods

The CSV has the columns path, valence_mean and arousal_mean (1 to 9), and optionally group and song_id.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import sentio_mobile


def main() -> None:
    """Train, export, verify and package."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path, help="the CSV, or DEAM's root folder")
    parser.add_argument("--platform", choices=["android", "ios", "web"], default="android")
    parser.add_argument("--teacher", default="vit_small", help="recipe of the teacher (a name or a .toml file)")
    parser.add_argument("--student", default="mobilevit", help="recipe of the student (a name or a .toml file)")
    parser.add_argument("--out", type=Path, default=Path("runs/moods"), help="folder for everything that is written")
    arguments = parser.parse_args()
    out: Path = arguments.out

    data = sentio_mobile.prepare(arguments.songs, out=out / "prepared", fractions=(0.6, 0.2, 0.2))
    teacher = sentio_mobile.train_teacher(data=data, recipe=arguments.teacher, out=out / "teacher")
    sentio_mobile.distill(teacher=teacher, data=data, recipe=arguments.student, out=out / "student")

    # The first format that each platform runs, with the front end inside the model.
    formats = {"android": "tflite", "ios": "coreml", "web": "onnx"}
    bundle = sentio_mobile.export(
        out / "student", formats=[formats[arguments.platform]], forms=["waveform"], out=out / "bundle"
    )
    if not sentio_mobile.verify(bundle).passed:
        raise SystemExit(f"{out / 'bundle'} is not verified; `sentio-mobile verify {out / 'bundle'}` says why")
    project = sentio_mobile.package(
        bundle, platform=arguments.platform, app_id="org.example.moods", app_name="Moods", out=out / "app"
    )
    print(f"Project: {out / 'app'}")
    for step in project.next_steps:
        print(f"  {step}")


if __name__ == "__main__":
    main()
