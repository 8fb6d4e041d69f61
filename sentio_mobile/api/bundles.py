"""From a student to an app: `load`, `export`, `verify`, `benchmark` and `package`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sentio_mobile.api.inputs import to_bundle, to_data
from sentio_mobile.errors import InputError
from sentio_mobile.formats.registry import DEFAULT_FORMAT, MAIN_FORMATS
from sentio_mobile.spec import FORMS, Form, Precision

if TYPE_CHECKING:
    from sentio_mobile._internal.progress import Progress
    from sentio_mobile.benchmarks.summary import Summary
    from sentio_mobile.bundle.bundle import Bundle
    from sentio_mobile.bundle.verify import Verification
    from sentio_mobile.data.prepared import PreparedData
    from sentio_mobile.inference.predictor import Predictor
    from sentio_mobile.packaging.project import PackagedProject


def load(
    bundle: str | Path | None = None,
    *,
    format: str = DEFAULT_FORMAT,
    form: Form | None = None,
    precision: Precision | None = None,
    threads: int = 1,
    require_signature: str | Path | None = None,
) -> Predictor:
    """Load a model to predict the emotion of music: from a bundle, or a teacher from its folder.

    Example:
        ```python
        import sentio_mobile

        emotion = sentio_mobile.load("bundle").predict("song.mp3")
        print(emotion.valence, emotion.arousal)
        ```

    Args:
        bundle: A bundle folder. Its hashes are checked. By default the model that comes with this package. The folder
            of a probe or of a checkpoint works too, and so does that of a run, or of a training that is not over; then
            `format`, `form` and `precision` stay as they are.
        format: Which of its formats to run, such as "torchscript", "onnx", "tflite" or "coreml".
        form: The model's input, "spectrogram" or "waveform". By default the faster for clips: "waveform", where the
            bundle has it in that precision. For windows that overlap (`trajectory`) "spectrogram" is faster.
        precision: The precision, such as "fp32" or "int8". By default the highest that the bundle has.
        threads: Threads that the model may use, 1 or more.
        require_signature: A public key, as PEM: only a bundle that its owner signed is opened.

    Returns:
        A predictor: `predict(path)` and `predict_pcm(pcm, sample_rate)` for the first 30 s of a song,
        `trajectory(path, every)` for one window after another, `stream(blocks, sample_rate)` for live sound, and
        `check_device()` to compare this machine with the reference outputs.

    Raises:
        InputError: There is no format of this name, a probe's encoder is not installed, or a format, a form or a
            signature is asked of what is no bundle.
        CheckpointError: The probe or the checkpoint is damaged.
        BundleError: The bundle is damaged, or lacks the format or form, or its artifact asks for an operator that no
            export uses, or this installation has no default model.
        CheckFailedError: The bundle's signature does not hold.
        MissingExtraError: The format's packages are not installed.
    """
    from sentio_mobile._internal.files import scratch_folder
    from sentio_mobile.inference.model_of import finished_model
    from sentio_mobile.inference.opening import ModelChoice

    key = None if require_signature is None else Path(require_signature)
    with scratch_folder() as scratch:
        folder = None if bundle is None else finished_model(Path(bundle), scratch)[0]
        return ModelChoice(
            folder=folder, format_name=format, form=form, precision=precision, threads=threads, key=key
        ).open()


def export(
    checkpoint: str | Path,
    *,
    out: str | Path,
    formats: Sequence[str] = MAIN_FORMATS,
    forms: Sequence[Form] = FORMS,
    precisions: Sequence[Precision] = ("fp32",),
    data: str | Path | PreparedData | None = None,
    music: str | Path | None = None,
    name: str = "emotion",
    release: str = "1",
    licence: str = "unknown",
    keep_float: Sequence[str] = (),
    timeout_s: float = 600.0,
    keep_refused: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Bundle:
    """Export a checkpoint to a bundle: mobile formats, golden vectors, a model card and hashes.

    Example:
        ```python
        import sentio_mobile

        bundle = sentio_mobile.export("student-ckpt", formats=["tflite", "coreml"], out="bundle")
        ```

    Args:
        checkpoint: A checkpoint folder.
        out: The bundle folder to write. Conversion logs go to `<out>-logs` beside it.
        formats: Formats to write: "torchscript", "ptl", "executorch", "onnx", "ort", "tflite", "coreml", "mlmodel", or
            those that other packages add. The default is one for each runtime.
        forms: Inputs of the models: "spectrogram" (log-mel image), "waveform" (PCM), or both.
        precisions: Precisions to write: "fp32", "fp16", "int8-dynamic", "int8", "int8-full". One that a format does not
            have in a form is left out.
        data: A prepared folder. The int8 precisions need it: ranges are measured on training songs, and the loss of CCC
            on validation songs.
        music: The folder that `data` was prepared from: the loss of the form "waveform" is measured on its sound.
        name: The model's name in file names: letters, digits, dots and underscores.
        release: The model's version in file names.
        licence: The model's licence, an SPDX identifier.
        keep_float: Layers left in floating point by "int8" and "int8-dynamic".
        timeout_s: Seconds that the conversions of one format and form may take.
        keep_refused: Whether artifacts that fail their precision's checks are kept. The bundle names them.
        overwrite: Whether an existing `out` is overwritten.
        progress: Receives the progress, conversion by conversion.

    Returns:
        The bundle, opened. Its manifest names the conversions that failed and the artifacts that were refused.

    Raises:
        CheckpointError: The checkpoint cannot be read.
        InputError: No chosen format has a chosen precision, or `data` is needed.
        MissingExtraError: The packages of a format are not installed.
        ConversionError: Every conversion failed.
        PrecisionError: Every artifact was refused.
        OutputError: `out` exists, or cannot be written.
    """
    from sentio_mobile._internal.files import require_free
    from sentio_mobile.export.config import ExportRecipe

    require_free(Path(out), overwrite)
    _require_data(music, data)
    recipe = ExportRecipe(
        formats=tuple(dict.fromkeys(formats)),
        forms=tuple(forms),
        precisions=tuple(precisions),
        name=name,
        release=release,
        licence=licence,
        keep_float=tuple(dict.fromkeys(keep_float)),
        timeout_s=timeout_s,
    )
    songs = None if data is None else to_data(data)
    # Torch takes seconds to import, so wrong arguments are reported before it is.
    from sentio_mobile.export.build import build_bundle

    build_bundle(
        Path(checkpoint),
        recipe,
        out=Path(out),
        data=songs,
        music=None if music is None else Path(music),
        progress=progress,
        overwrite=overwrite,
        keep_refused=keep_refused,
    )
    return to_bundle(out)


def verify(
    bundle: str | Path | Bundle,
    *,
    data: str | Path | PreparedData | None = None,
    music: str | Path | None = None,
    threads: int = 1,
    arm64: bool = False,
    require_signature: str | Path | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Check a bundle: every hash, and every artifact against PyTorch's outputs on the golden vectors.

    Example:
        ```python
        import sentio_mobile

        assert sentio_mobile.verify("bundle").passed
        ```

    Args:
        bundle: A bundle folder, or what `export` returned.
        data: A prepared folder: on its test songs, each precision is compared with fp32.
        music: The folder that `data` was prepared from: artifacts in the form "waveform" are compared on its sound.
        threads: Threads that a runtime may use, 1 or more.
        arm64: Whether ONNX and TFLite artifacts also run on an emulated ARM64 processor, which
            `sentio-mobile arm64 setup` installs.
        require_signature: A public key, as PEM: only a bundle that its owner signed is opened.
        progress: Receives the progress, artifact by artifact.

    Returns:
        The result of every artifact; `passed` is the verdict.

    Raises:
        BundleError: The bundle is damaged, asks for an operator that no export uses, or has no fp32 artifact to compare
            with.
        CheckFailedError: The bundle's signature does not hold.
        DataError: The songs were prepared for another front end.
    """
    from sentio_mobile.bundle.arm64.run import Arm64
    from sentio_mobile.bundle.verify import verify as verify_bundle

    _require_data(music, data)
    songs = None if data is None else to_data(data)
    emulated = Arm64.at() if arm64 else None
    opened = to_bundle(bundle, require_signature)
    sound = None if music is None else Path(music)
    return verify_bundle(opened, threads, songs=songs, music=sound, arm64=emulated, progress=progress)


def benchmark(
    bundle: str | Path | Bundle,
    *,
    out: str | Path,
    threads: int | None = None,
    runs: int | None = None,
    adb: bool | str = False,
    adb_tool: str | Path | None = None,
    adb_app: str = "org.sentiomobile.demo",
    phone_results: Sequence[str | Path] = (),
    peers: Sequence[str] = (),
    roofline: bool = False,
    require_signature: str | Path | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Measure latency, cold start, memory and size of every artifact on this machine, and write a report.

    Phones are measured where they are asked for, and what they have measured is reported beside this machine.

    Example:
        ```python
        import sentio_mobile

        print(sentio_mobile.benchmark("bundle", out="measured").headline)
        ```

    Args:
        bundle: A bundle folder, or what `export` returned.
        out: Folder for report.html, report.md, junit.xml, summary.json, benchmark.json and verification.json.
        threads: Threads that a model may use, 1 or more. The default is that of benchmarks/budgets.toml.
        runs: Timed runs of each artifact, 50 or more. The default is that of benchmarks/budgets.toml.
        adb: Whether a phone that adb sees measures, too, by the demo app or by a tool; the phone's serial number where
            there are several.
        adb_tool: TFLite's `benchmark_model`, built for the phone. It times the artifacts of the format tflite.
        adb_app: Identifier of the demo app on the phone, which times its own artifact where there is no tool.
        phone_results: Files that the benchmark of a demo app wrote, on iOS or Android.
        peers: Networks that are timed in turns with the bundle's artifacts: names of timm's, or "plain" for the
            bundle's own as `torch.onnx.export` alone writes it.
        roofline: Whether the machine's roofs are measured, too, and how near to them the artifacts come.
        require_signature: A public key, as PEM: only a bundle that its owner signed is opened.
        progress: Receives the progress, artifact by artifact.

    Returns:
        The summary; `decision` is "ship", "fix" or "measure again", and `reason` says why.

    Raises:
        InputError: `threads` or `runs` is too small, a phone is not ready or was lost, the figures of a phone are of
            other files, or there is no such peer.
        MissingExtraError: Peers of timm are asked for, and it is not installed.
        BundleError: The bundle is damaged, or asks for an operator that no export uses.
        CheckFailedError: The bundle's signature does not hold, or an artifact failed on the phone.
        OutputError: `out` cannot be written.
    """
    from sentio_mobile.benchmarks.on_phone import PhoneJob
    from sentio_mobile.benchmarks.phones import read_phone_benchmark
    from sentio_mobile.benchmarks.run import verify_and_report

    if adb_tool is not None and adb is False:
        raise InputError("adb_tool is for a phone that adb sees: say adb=True, or the phone's serial number")
    opened = to_bundle(bundle, require_signature)
    job = PhoneJob(
        serial=adb if isinstance(adb, str) else None, tool=None if adb_tool is None else Path(adb_tool), app=adb_app
    )
    return verify_and_report(
        opened,
        Path(out),
        threads=threads,
        runs=runs,
        progress=progress,
        phones=[read_phone_benchmark(Path(path), opened) for path in phone_results],
        phone_job=None if adb is False else job,
        peers=peers,
        roofline=roofline,
    )


def package(
    bundle: str | Path | Bundle,
    *,
    platform: Literal["android", "ios", "web"],
    out: str | Path,
    app_id: str = "org.sentiomobile.demo",
    app_name: str = "Sentio",
    formats: Sequence[str] = (),
    form: Form | None = None,
    precision: Precision | None = None,
    require_signature: str | Path | None = None,
    overwrite: bool = False,
) -> PackagedProject:
    """Write an app project with a bundle's model inside, for Android Studio, Xcode or Vite.

    Example:
        ```python
        import sentio_mobile

        project = sentio_mobile.package(
            "bundle", platform="android", out="moods", app_id="org.example.moods"
        )
        print(project.next_steps)
        ```

    Args:
        bundle: A bundle folder, or what `export` returned. Its hashes are checked.
        platform: "android" (Gradle, Kotlin), "ios" (Xcode, Swift) or "web" (Vite, TypeScript).
        out: The project folder to write.
        app_id: The reverse-DNS identifier of the app.
        app_name: The name under the app's icon, 1 to 50 characters.
        formats: Formats to ship; the app runs the first that it can. The default is the platform's first that the
            bundle has.
        form: The model's input, "waveform" by default.
        precision: The artifacts' precision. The default is the first of the platform's that the bundle has: the
            smallest that it runs well, and for iOS fp16, which runs on iOS 15.
        require_signature: A public key, as PEM: only a bundle that its owner signed is opened.
        overwrite: Whether an existing `out` is overwritten.

    Returns:
        The artifacts, the size of each part, notes, and what to do next.

    Raises:
        InputError: There is no such platform, or it does not run such artifacts, or the id or name is not allowed.
        BundleError: The bundle is damaged, has no such artifact, or one that asks for an operator that no export uses.
        CheckFailedError: The bundle's signature does not hold.
        OutputError: `out` exists, or cannot be written.
    """
    from sentio_mobile._internal.files import require_free
    from sentio_mobile.packaging.platforms import PLATFORMS, App
    from sentio_mobile.packaging.project import package as write_project

    platforms = {one.name: one for one in PLATFORMS}
    if platform not in platforms:
        raise InputError(f"unknown platform {platform!r}; known: {', '.join(platforms)}")
    app = App(id=app_id, name=app_name)
    require_free(Path(out), overwrite)
    return write_project(
        to_bundle(bundle, require_signature),
        platforms[platform],
        out=Path(out),
        app=app,
        formats=formats,
        form=form,
        precision=precision,
        overwrite=overwrite,
    )


def _require_data(music: object, data: object) -> None:
    if music is not None and data is None:
        raise InputError("music is the sound of prepared songs, and there are none: give their prepared folder, too")
