"""A model that can be opened again, by this process and by workers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sentio_mobile._internal.files import is_file, sha256
from sentio_mobile.bundle.manifest import MANIFEST
from sentio_mobile.errors import InputError
from sentio_mobile.formats.registry import DEFAULT_FORMAT
from sentio_mobile.inference.default_model import default_bundle
from sentio_mobile.inference.predictor import Predictor
from sentio_mobile.inference.teacher_model import CHECKPOINT_SHEET, PROBE_SHEET, is_teacher, open_teacher
from sentio_mobile.spec import Form, Precision


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """Which model predicts.

    Attributes:
        folder: A bundle, or the folder of a probe or of a checkpoint; None for the model that comes with this package.
        format_name: Which of a bundle's formats.
        form: Which form of it; by default the faster of those that the bundle has.
        precision: Which precision of it; by default the highest that the bundle has.
        threads: Threads that the model may use, at least 1.
        key: A public key whose owner must have signed the bundle; None to ask for no signature.
        every: Seconds from one window of a song to the next; None for the first clip alone. It decides which form is
            faster.
    """

    folder: Path | None = None
    format_name: str = DEFAULT_FORMAT
    form: Form | None = None
    precision: Precision | None = None
    threads: int = 1
    key: Path | None = None
    every: float | None = None

    def open(self) -> Predictor:
        """Load the model.

        Raises:
            InputError: There is no format of this name, a probe's encoder is not installed, or a format, a form or a
                signature is asked of what is no bundle.
            CheckpointError: The probe or the checkpoint is damaged.
            BundleError: The bundle is damaged, or lacks the format or form, or its artifact asks for an operator that
                no export uses, or this installation has no default model.
            CheckFailedError: The bundle's signature does not hold.
            MissingExtraError: The format's packages are not installed.
        """
        folder = self.folder or default_bundle()
        if is_teacher(folder):
            if self.format_name != DEFAULT_FORMAT or self.form is not None or self.precision is not None:
                raise InputError(
                    f"{folder}: is no bundle, so that it has no formats, forms and precisions; give it without them"
                )
            if self.key is not None:
                raise InputError(f"{folder}: is no bundle, so that it has no signature; leave it out, or give a bundle")
            return open_teacher(folder, self.threads)
        return Predictor.open(
            folder,
            format_name=self.format_name,
            threads=self.threads,
            form=self.form,
            precision=self.precision,
            key=self.key,
            every=self.every,
        )

    @property
    def sha256(self) -> str:
        """Hash of the sheet that lists the model's files and their hashes."""
        folder = self.folder or default_bundle()
        sheets = [folder / name for name in (MANIFEST, PROBE_SHEET, CHECKPOINT_SHEET) if is_file(folder / name)]
        return sha256(sheets[0])
