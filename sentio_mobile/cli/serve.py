"""`sentio-mobile serve`: a bundle's model in the browser, or a teacher for programs, on this machine only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import rich_click as click

from sentio_mobile._internal.stopping import Stopped
from sentio_mobile.cli.options import PATH, Command, claim_output, signature_option
from sentio_mobile.cli.output import console, errors, stderr
from sentio_mobile.packaging.platforms import WEB
from sentio_mobile.spec import Precision

if TYPE_CHECKING:
    from sentio_mobile._internal.local_server import LocalServer


@click.command(
    cls=Command,
    epilog="Example: sentio-mobile serve bundle --open\n\n"
    "A teacher for programs: sentio-mobile serve --teacher teacher-ckpt --log log/server.jsonl",
)
@click.argument("bundle", type=PATH, required=False)
@click.option(
    "--teacher",
    type=PATH,
    metavar="CHECKPOINT",
    help="Answer songs by a teacher, as JSON: a checkpoint, a probe, or the folder of a run.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="TCP port; 0 takes any that is free."
)
@click.option(
    "--precision",
    type=click.Choice(WEB.precisions),
    help=f"The artifact's precision; by default the first of {', '.join(WEB.precisions)} that the bundle has.",
)
@click.option(
    "--log",
    type=PATH,
    metavar="FILE",
    help="With --teacher: add each prediction to a log for `monitor`, a .jsonl file. Sound is never kept.",
)
@click.option(
    "--log-songs",
    type=click.Choice(("name", "hash")),
    help="How the log names songs: by the name that was sent (default), or by the hash of the file alone.",
)
@click.option("--open", "open_it", is_flag=True, help="Open the page in the browser.")
@click.option("--threads", type=click.IntRange(1), help="Threads that the teacher may use; by default 1.")
@signature_option
def serve(
    bundle: Path | None,
    teacher: Path | None,
    port: int,
    precision: Precision | None,
    log: Path | None,
    log_songs: Literal["name", "hash"] | None,
    open_it: bool,
    threads: int | None,
    signature_key: Path | None,
) -> None:
    """Try a bundle's model in the browser, or let a teacher answer programs, on this machine only.

    Drop a song on the page or use the microphone. The page runs the bundle's ONNX waveform model, and audio stays in
    the browser. It is served on 127.0.0.1 until Ctrl-C. A wheel has the page built; in a checkout,
    npm builds it the first time.

    With --teacher there is no page, but `POST /predict`: send one song as the body, or several as a form, and get JSON.

        curl --data-binary @song.mp3 "http://127.0.0.1:8000/predict?song=song.mp3"

        curl -F song=@a.mp3 -F song=@b.mp3 http://127.0.0.1:8000/predict

    A request may have 64 MiB and 64 songs. They are heard in a process that can write nothing and reach nothing.
    """
    if (bundle is None) == (teacher is None):
        raise click.UsageError("give a BUNDLE for the page, or --teacher for programs")
    if teacher is not None:
        if precision is not None or open_it or signature_key is not None:
            raise click.UsageError("--precision, --open and --require-signature are for a BUNDLE; a teacher has none")
        if log_songs and not log:
            raise click.UsageError("--log-songs is for a --log")
        _serve_teacher(teacher, port, threads or 1, log=log, hashed=log_songs == "hash")
    elif bundle is not None:
        if threads is not None:
            raise click.UsageError("--threads is for --teacher; the browser decides for a BUNDLE")
        if log or log_songs:
            raise click.UsageError("--log is for --teacher; on the page of a BUNDLE a user switches the log on")
        _serve_page(bundle, port, precision, open_it=open_it, key=signature_key)


def _serve_page(bundle: Path, port: int, precision: Precision | None, *, open_it: bool, key: Path | None) -> None:
    from sentio_mobile._internal.files import scratch_folder
    from sentio_mobile.bundle.sign import open_trusted
    from sentio_mobile.packaging.built_page import built_page
    from sentio_mobile.packaging.select_artifacts import select_artifacts
    from sentio_mobile.packaging.server import Server, read_headers
    from sentio_mobile.packaging.trim_bundle import trim_bundle

    opened = open_trusted(bundle, key)
    artifacts = select_artifacts(opened, WEB, precision=precision)
    opened.check_operators(artifacts)
    page = built_page(WEB.template, say=lambda line: console.print(line, markup=False, soft_wrap=True))
    with scratch_folder() as folder:
        trim_bundle(opened, artifacts, folder)
        with Server(page, folder, read_headers(WEB.template), port) as server:
            if open_it:
                click.launch(server.url)
            _serve(server, f"{artifacts[0].label} of {bundle}")


def _serve_teacher(place: Path, port: int, threads: int, *, log: Path | None, hashed: bool) -> None:
    from contextlib import ExitStack

    from sentio_mobile._internal.files import scratch_folder
    from sentio_mobile.errors import InputError
    from sentio_mobile.inference.log import LogFile, check_log
    from sentio_mobile.inference.model_of import finished_model
    from sentio_mobile.inference.opening import ModelChoice
    from sentio_mobile.inference.teacher_model import is_teacher
    from sentio_mobile.inference.teacher_process import TeacherProcess
    from sentio_mobile.inference.teacher_server import ServedModel, TeacherServer

    if log is not None:
        check_log(log)
        claim_output(log, force=True, file=True)
    with ExitStack() as stack:
        folder, note = finished_model(place, stack.enter_context(scratch_folder()))
        if note:
            _say(f"note: {note}")
        if not is_teacher(folder):
            raise InputError(f"{folder}: is no teacher; give a checkpoint or a probe (`serve BUNDLE` serves a bundle)")
        about = ServedModel(model=place.resolve().name, sha256=ModelChoice(folder=folder).sha256)
        process = stack.enter_context(TeacherProcess(folder, threads=threads))
        lines = None
        if log is not None:
            lines = stack.enter_context(LogFile(log, model=about.model[:200] or "teacher", model_sha256=about.sha256))
        server = stack.enter_context(TeacherServer(process, about, port, log=lines, hashed=hashed, say=_warn))
        _serve(server, f"{place} answers POST /predict")
        if server.fault is not None:
            raise server.fault


def _say(line: str) -> None:
    stderr.print(line, markup=False, soft_wrap=True)


def _warn(line: str) -> None:
    errors.print(line, style="yellow", markup=False, soft_wrap=True)


def _serve(server: LocalServer, what: str) -> None:
    """Serve until Ctrl-C or SIGTERM; either way what is held for it is removed."""
    for line in (f"{what}: {server.url}", "Press Ctrl-C to stop."):
        console.print(line, markup=False, soft_wrap=True)
    try:
        server.serve_forever()
    except (KeyboardInterrupt, Stopped):
        console.print("Stopped.")
