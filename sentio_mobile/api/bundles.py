"""A bundle is made, used and put into an app: `export`, `load` and `package`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sentio_mobile.api.inputs import require_data, to_bundle, to_data
from sentio_mobile.errors import InputError
from sentio_mobile.formats.registry import DEFAULT_FORMAT, MAIN_FORMATS
from sentio_mobile.spec import FORMS, Form, Precision

if TYPE_CHECKING:
    from sentio_mobile._internal.progress import Progress
    from sentio_mobile.bundle.bundle import Bundle
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
    require_data(music, data)
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
