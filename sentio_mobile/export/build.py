"""A checkpoint becomes a bundle. Apart from reading one, which needs no PyTorch."""

from __future__ import annotations

import itertools
from pathlib import Path

from sentio_mobile.errors import ConversionError
from sentio_mobile.export.bundle import EVALUATION, GOLDEN, MANIFEST, SCHEMA
from sentio_mobile.export.make_golden import make_golden
from sentio_mobile.export.protocol import get_format, require
from sentio_mobile.export.worker import convert
from sentio_mobile.files import new_folder, sha256, write_json
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.progress import Progress, Silent
from sentio_mobile.spec import FORMS, Artifact, Form
from sentio_mobile.training.checkpoint import WEIGHTS, Checkpoint, package_versions


def build_bundle(
    checkpoint: Path,
    formats: tuple[str, ...],
    out: Path,
    forms: tuple[Form, ...] = FORMS,
    timeout_s: float = 600.0,
    progress: Progress | None = None,
    replace: bool = False,
) -> dict[str, str]:
    """Export a checkpoint to a new bundle. A conversion that fails costs itself and leaves the others.

    Args:
        checkpoint: a checkpoint folder.
        formats: names of formats.
        out: the bundle to write; conversion logs go to the folder `<out>-logs` beside it.
        forms: what each format is fed: the picture of a log-mel, PCM, or each of them in a file of its own.
        timeout_s: time limit for each conversion.
        progress: shown as conversions are done.
        replace: an existing `out` gives way.

    Returns:
        For each format and form that failed, the reason in one line.

    Raises:
        CheckpointError: the checkpoint cannot be read.
        MissingExtraError: a format's packages are not installed.
        ConversionError: every conversion failed; nothing is written.
        OutputError: `out` cannot be written.
    """
    progress = progress or Silent()
    for format_ in map(get_format, formats):
        require(format_, format_.converters)
    loaded = Checkpoint.load(checkpoint)
    fold_norms(loaded.model)
    failures: dict[str, str] = {}
    artifacts: list[Artifact] = []
    with new_folder(out, replace) as part:
        make_golden(loaded.model, loaded.spec, progress).save(part / GOLDEN)
        write_json(part / EVALUATION, {**loaded.evaluation, "history": loaded.history})
        logs = out.with_name(f"{out.name}-logs")
        progress.start("converting", len(formats) * len(forms))
        for name, form in itertools.product(formats, forms):
            progress.advance(0, note=f"{name} {form}")
            try:
                artifacts.append(convert(checkpoint, name, form, part, logs / f"{name}-{form}.log", timeout_s))
            except ConversionError as error:
                failures[f"{name} {form}"] = str(error)
            progress.advance()
        progress.finish()
        if not artifacts:
            raise ConversionError("no format could be converted; " + "; ".join(failures.values()))
        files = sorted(file for file in part.rglob("*") if file.is_file())
        manifest = {
            "schema": SCHEMA,
            "spec": loaded.spec.to_dict(),
            "parameters": sum(p.numel() for p in loaded.model.parameters()),
            "artifacts": [
                {
                    "format": a.format,
                    "precision": a.precision,
                    "form": a.form,
                    "path": a.path.relative_to(part).as_posix(),
                }
                for a in artifacts
            ],
            "failed": failures,
            "files": {
                file.relative_to(part).as_posix(): {"sha256": sha256(file), "bytes": file.stat().st_size}
                for file in files
            },
            "provenance": {
                "checkpoint_sha256": sha256(checkpoint / WEIGHTS),
                "recipe": loaded.recipe,
                "data": loaded.data,
            },
            "versions": package_versions(),
        }
        write_json(part / MANIFEST, manifest)
    return failures
