"""`sentio-mobile teacher`: the commands that make a teacher, look into one, and let one label music."""

from __future__ import annotations

import rich_click as click

from sentio_mobile.cli.options import Group

COMMANDS = {
    "train": ("teacher_train", "Train a teacher on prepared songs."),
    "import": ("teacher_import", "Make a checkpoint from a transformer's weights that another program saved."),
    "embed": ("teacher_embed", "Write embeddings of prepared songs by a pretrained encoder."),
    "probe": ("teacher_probe", "Train a probe: regressors on the embeddings of a pretrained encoder."),
    "label": ("teacher_label", "Label music with the predictions of one teacher, or of several."),
    "ensemble": ("teacher_ensemble", "Label music with an ensemble of Ridge, SVR and XGBoost on 164 audio features."),
    "explain": ("explain", "Draw which parts of a song a teacher attends to, or what a probe predicts over time."),
    "gan": ("gan", "Train a GAN that generates log-mels, evaluate it, and draw samples from it."),
    "ablate": ("ablate", "Measure whether augmentation and GAN samples improve a teacher."),
}
"""The module of each command, and the first line of its help."""


@click.group(
    cls=Group,
    lazy={name: (f"sentio_mobile.cli.{module}", line) for name, (module, line) in COMMANDS.items()},
    renamed={"classic": "ensemble"},
)
def teacher() -> None:
    """Train the large model that a student learns from."""
