"""Build a bundle from a checkpoint: convert, check, describe, hash. Reading a bundle needs none of this."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentio_mobile._internal.files import new_folder, sha256, write_bytes, write_text
from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import replace, write_record
from sentio_mobile._internal.subprocesses import kill_logged
from sentio_mobile._internal.without_folders import values_without_folders, without_folders
from sentio_mobile.bundle.about import About
from sentio_mobile.bundle.bundle import CARD, EVALUATION, GOLDEN
from sentio_mobile.bundle.golden import make_golden
from sentio_mobile.bundle.manifest import MANIFEST, ArtifactEntry, Manifest, Provenance, check_licence, hash_files
from sentio_mobile.bundle.model_card import model_card
from sentio_mobile.bundle.sbom import SBOM, bill_of_materials
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.song_audio import find_window_audio
from sentio_mobile.errors import CheckpointError, ConversionError, InputError, PrecisionError
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.export.conversion import ConversionJob, ConversionResult, convert
from sentio_mobile.export.gates import GateResult, gate_split, run_gates
from sentio_mobile.formats.base import require_packages
from sentio_mobile.formats.registry import get_format
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.checkpoint import WEIGHTS, Checkpoint, package_versions
from sentio_mobile.models.times import without_times
from sentio_mobile.quantization.calibration import Calibration, collect_calibration
from sentio_mobile.quantization.layer_choice import layer_weights
from sentio_mobile.quantization.options import KEEP_FLOAT_PRECISIONS
from sentio_mobile.spec import PRECISIONS, Artifact, Precision

PARALLEL_CONVERSIONS = 2
"""Conversions that run at the same time: each takes up to 2 GB."""


@dataclass(frozen=True)
class BuildResult:
    """What did not get into a bundle: the reason in one line, by the artifact's label."""

    failed: Mapping[str, str]
    refused: Mapping[str, str]


def build_bundle(
    checkpoint: Path,
    recipe: ExportRecipe,
    *,
    out: Path,
    data: PreparedData | None = None,
    music: Path | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
    keep_refused: bool = False,
    about: About | None = None,
) -> BuildResult:
    """Export a checkpoint to a new bundle. A conversion that fails does not affect the others.

    Args:
        checkpoint: The checkpoint folder.
        recipe: Formats, forms, precisions, and the model's name.
        out: The bundle to write; conversion logs go to the folder `<out>-logs` beside it.
        data: Prepared songs: activation ranges are measured on training songs, accuracy on validation songs.
        music: The folder that they were prepared from: the accuracy of the form `waveform` is measured on their sound.
        progress: Advances as conversions are done.
        overwrite: Whether an existing `out` is replaced.
        keep_refused: Whether artifacts that are not what their precision promises get into the bundle, which says so.
        about: What the model's maker says of it, for the model card.

    Raises:
        CheckpointError: The checkpoint cannot be read, or its network predicts no numbers.
        InputError: No chosen format has a chosen precision, a precision needs songs and `data` is None, or a layer of
            `keep_float` does not exist.
        MissingExtraError: A format's packages are not installed.
        DataError: `music` is not what the songs were prepared from.
        ConversionError: Every conversion failed; nothing is written.
        PrecisionError: Every artifact was refused; nothing is written.
        OutputError: `out` cannot be written.
    """
    progress = progress or NoProgress()
    check_licence(recipe.licence)
    jobs = list(_jobs(recipe, data is not None))
    for job in jobs:
        require_packages(format_ := get_format(job.format), format_.converters)
    loaded = Checkpoint.load(checkpoint)
    if data is not None and music is not None:
        # Conversions take minutes, so a wrong folder is reported before them.
        find_window_audio(data, gate_split(data), music, pooled=loaded.spec.pooling is not None)
    trained = sum(p.numel() for p in loaded.model.parameters())
    fold_norms(loaded.model)
    layer_weights(loaded.model, recipe.keep_float)
    calibration = None if data is None else collect_calibration(data, loaded.spec)
    stem = _stem(recipe, loaded)
    jobs = [replace(job, stem=stem, keep_float=recipe.keep_float) for job in jobs]
    with new_folder(out, overwrite) as part:
        golden = make_golden(loaded.model, loaded.spec, progress)
        if wrong := int((~np.isfinite(golden.output)).any(axis=1).sum()):
            raise CheckpointError(
                f"{checkpoint}: predicts no numbers (NaN) for {wrong} of {len(golden.output)} sounds; its training "
                "diverged: train it again"
            )
        golden.save(part / GOLDEN)
        evaluation = replace(loaded.evaluation, history=without_times(loaded.history))
        write_record(part / EVALUATION, evaluation)
        logs = out.with_name(f"{out.name}-logs")
        artifacts, failed = _convert_all(
            checkpoint,
            jobs,
            folder=part,
            logs=logs,
            timeout_s=recipe.timeout_s,
            calibration=calibration,
            progress=progress,
        )
        if not artifacts:
            raise ConversionError("no format could be converted; " + "; ".join(failed.values()))
        results = run_gates(
            artifacts, loaded, golden=golden, data=data, progress=progress, keep_float=recipe.keep_float, music=music
        )
        refused = {
            result.artifact.label: f"{result.artifact.label} is refused: {result.refusal}"
            for result in results
            if result.refusal
        }
        if not keep_refused:
            results = [result for result in results if not result.refusal]
            _remove([a for a in artifacts if a.label in refused])
        if not results:
            raise PrecisionError("every artifact was refused; " + "; ".join(refused.values()))
        manifest = Manifest(
            name=recipe.name,
            release=recipe.release,
            licence=recipe.licence,
            spec=loaded.spec,
            parameters=sum(p.numel() for p in loaded.model.parameters()),
            parameters_trained=trained,
            artifacts=tuple(_entry(result, part) for result in results),
            # For whoever opens the bundle; the user sees where the logs are.
            failed={label: without_folders(why, part, logs.parent) for label, why in failed.items()},
            refused={label: without_folders(why, part) for label, why in refused.items()},
            files=hash_files(part),
            provenance=Provenance(
                checkpoint_sha256=sha256(checkpoint / WEIGHTS),
                recipe=values_without_folders(loaded.recipe),
                data=loaded.data,
                calibration=None if calibration is None else calibration.origin,
                keep_float=recipe.keep_float,
            ),
            versions=package_versions(),
            about=about,
        )
        write_text(part / CARD, model_card(manifest, evaluation))
        # The card has the hashes of the other files, and the bill of materials that of the card too.
        write_bytes(part / SBOM, bill_of_materials(replace(manifest, files=hash_files(part))))
        write_record(part / MANIFEST, replace(manifest, files=hash_files(part)))
    return BuildResult(failed, refused)


def _jobs(recipe: ExportRecipe, has_songs: bool) -> Iterator[ConversionJob]:
    """One conversion for each format and form that has any of the precisions."""
    _check_keep_float(recipe)
    if unused := set(recipe.precisions_of).difference(recipe.formats):
        raise InputError(
            f"precisions_of names {min(unused)}, which is none of the formats ({', '.join(recipe.formats)})"
        )
    available = set()
    for name in recipe.formats:
        format_ = get_format(name)
        wanted = recipe.precisions_of.get(name, recipe.precisions)
        if lacking := [p for p in recipe.precisions_of.get(name, ()) if p not in _precisions_of(name, recipe)]:
            have = ", ".join(_precisions_of(name, recipe))
            raise InputError(f"{name} has no {lacking[0]} in a chosen form, only {have}")
        for form in recipe.forms:
            precisions = tuple(p for p in wanted if p in format_.precisions_of(form))
            if not has_songs and (uncalibrated := [p for p in precisions if p in format_.calibrated]):
                raise InputError(
                    f"{name} {uncalibrated[0]} measures ranges on songs: give the folder that `data prepare` wrote as "
                    "--data"
                )
            available |= set(precisions)
            if precisions:
                yield ConversionJob(format=name, form=form, precisions=precisions)
    if lacking := [p for p in recipe.precisions if p not in available]:
        have = "; ".join(f"{name}: {', '.join(_precisions_of(name, recipe))}" for name in recipe.formats)
        raise InputError(f"no chosen format has {lacking[0]} in a chosen form ({have})")


def _precisions_of(name: str, recipe: ExportRecipe) -> list[Precision]:
    """The precisions that a format has in any of the chosen forms."""
    format_ = get_format(name)
    return [p for p in PRECISIONS if any(p in format_.precisions_of(form) for form in recipe.forms)]


def _check_keep_float(recipe: ExportRecipe) -> None:
    if not recipe.keep_float:
        return
    if "int8-full" in recipe.precisions:
        raise InputError("int8-full leaves no layer in floating point: export it without --keep-float")
    if not set(KEEP_FLOAT_PRECISIONS).intersection(recipe.precisions):
        raise InputError(
            f"--keep-float is for the precisions {' and '.join(KEEP_FLOAT_PRECISIONS)}: choose one of them"
        )


def _stem(recipe: ExportRecipe, loaded: Checkpoint) -> str:
    """Beginning of file names: name, architecture, release, and the CCC on test songs if it is known."""
    test = loaded.evaluation.test
    ccc = None if test is None else test.ccc["mean"].value
    measured = "" if ccc is None else f"-ccc{ccc:.2f}"
    return f"{recipe.name}-{loaded.spec.architecture}-v{recipe.release}{measured}"


def _convert_all(
    checkpoint: Path,
    jobs: list[ConversionJob],
    *,
    folder: Path,
    logs: Path,
    timeout_s: float,
    calibration: Calibration | None,
    progress: Progress,
) -> tuple[list[Artifact], dict[str, str]]:
    """Artifacts in the order of the jobs, and the reasons of those that failed, by their labels."""
    progress.start("converting", sum(len(job.precisions) for job in jobs))

    def run(job: ConversionJob) -> ConversionResult:
        is_calibrated = any(precision in get_format(job.format).calibrated for precision in job.precisions)
        try:
            result = convert(
                checkpoint,
                job,
                folder=folder,
                log=logs / f"{job.format}-{job.form}.log",
                timeout_s=timeout_s,
                calibration=calibration if is_calibrated else None,
            )
        except ConversionError as error:
            result = ConversionResult((), dict.fromkeys(job.precisions, str(error)))
        progress.advance(len(job.precisions), note=f"{job.format} {job.form}")
        return result

    pool = ThreadPoolExecutor(PARALLEL_CONVERSIONS)
    futures = [pool.submit(run, job) for job in jobs]
    try:
        results = [(job, future.result()) for job, future in zip(jobs, futures, strict=True)]
    finally:
        # After an interrupt or a full disk there is nothing to wait for.
        pool.shutdown(wait=False, cancel_futures=True)
        while wait(futures, timeout=0.05).not_done:
            kill_logged()
    progress.finish()
    failed = {f"{job.format} {job.form} {p}": why for job, result in results for p, why in result.failures.items()}
    return [artifact for _, result in results for artifact in result.artifacts], failed


def _entry(result: GateResult, part: Path) -> ArtifactEntry:
    """The manifest's entry of an artifact."""
    artifact = result.artifact
    return ArtifactEntry(
        format=artifact.format,
        precision=artifact.precision,
        form=artifact.form,
        path=artifact.path.relative_to(part).as_posix(),
        varies=get_format(artifact.format).varies,
        parity=result.parity,
        accuracy=result.accuracy,
    )


def _remove(artifacts: list[Artifact]) -> None:
    for artifact in artifacts:
        if artifact.path.is_dir():
            shutil.rmtree(artifact.path)
        else:
            artifact.path.unlink()
