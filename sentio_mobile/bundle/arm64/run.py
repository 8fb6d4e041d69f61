"""Run artifacts on emulated ARM64: all inputs of one in one process, because starting it takes longer than an input."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta, field
from numpy.typing import NDArray

from sentio_mobile._internal.files import scratch_folder
from sentio_mobile._internal.records import Name, Record, Text, read_record, write_record
from sentio_mobile._internal.subprocesses import run_logged
from sentio_mobile.bundle.arm64 import inside
from sentio_mobile.bundle.arm64.place import EMULATORS, Versions, default_place, find_tools, require_ready
from sentio_mobile.errors import BundleError, ConversionError, InputError, OutputError
from sentio_mobile.spec import Artifact, ModelSpec

CPU = "cortex-a76"
"""A phone's large core of 2018: the oldest with the dot products that quantized kernels are written for."""

FORMATS = tuple(inside.OPENERS)
"""The formats that have a runtime for ARM64 Linux."""

Names = Annotated[tuple[Name, ...], Meta(max_length=64)]


class ArtifactRun(Record, frozen=True, kw_only=True):
    """An artifact to run on inputs."""

    # The artifact's format.
    format: Name
    # The artifact's file.
    path: Text
    # Name of its input.
    input_name: Name
    # Name of its output.
    output_name: Name
    # A .npy file of inputs.
    inputs: Text
    # The .npy file to write the outputs to.
    outputs: Text


class EmulatedTask(Record, frozen=True, kw_only=True):
    """A task for the process inside the userland."""

    # Modules to import.
    modules: Names = ()
    # Packages to report the versions of.
    packages: Names = ()
    # The artifact to run; null to import only.
    artifact: ArtifactRun | None = None


class EmulatedResult(Record, frozen=True, kw_only=True):
    """What the process inside the userland reports: the machine that ran it, or an error."""

    # The processor's architecture.
    machine: Name | None = None
    # Python's version.
    python: Name | None = None
    # Versions of the packages.
    versions: Versions = field(default_factory=dict)
    # First line of the runtime's message.
    error: Annotated[str, Meta(max_length=65_536)] | None = None


@dataclass(frozen=True)
class Arm64:
    """A complete userland that runs artifacts; `Arm64.at` finds it.

    Attributes:
        root: The root folder of the userland.
        emulator: The program that runs it.
        logs: A folder for one log an artifact, with the outputs as they come.
        timeout_s: Seconds after which an artifact that has not finished all of its inputs is stopped.
    """

    root: Path
    emulator: str
    logs: Path
    timeout_s: float = 1800.0

    @classmethod
    def at(cls, place: Path | None = None, timeout_s: float = 1800.0) -> Arm64:
        """Find the userland at `place`, by default in the user's cache folder. Logs are written beside it.

        Raises:
            InputError: There is none, it is of other versions than those installed here, or there is no emulator.
        """
        place = (place or default_place()).absolute()
        require_ready(place)
        (emulator,) = find_tools(EMULATORS[0])
        return cls(place, emulator, place.with_name(f"{place.name}-logs"), timeout_s)

    def run(self, artifact: Artifact, spec: ModelSpec, inputs: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Run an artifact on each input.

        Args:
            artifact: An artifact of a format in `FORMATS`. One that takes integers is quantized and dequantized by its
                own scale and zero point.
            spec: The spec of the model, in either form, for the names of input and output.
            inputs: Inputs in the shape that the artifact takes.

        Returns:
            Outputs [inputs, 2].

        Raises:
            InputError: The format has no runtime here.
            BundleError: The runtime does not accept the artifact.
            ConversionError: The emulated process died or did not end; the message names the log.
            OutputError: The log cannot be written.
        """
        if artifact.format not in FORMATS:
            raise InputError(f"{artifact.label} cannot run on ARM64 Linux; {', '.join(FORMATS)} can")
        log = self.logs / f"{artifact.path.name}.log"
        with scratch_folder() as folder:
            scratch = folder.resolve()
            input_file, output_file = scratch / "inputs.npy", scratch / "outputs.npy"
            np.save(input_file, np.stack(inputs))
            task = ArtifactRun(
                format=artifact.format,
                path=str(artifact.path.resolve()),
                input_name=spec.in_form(artifact.form).input_name,
                output_name=spec.output_name,
                inputs=str(input_file),
                outputs=str(output_file),
            )
            result = emulate(
                self.emulator,
                self.root,
                task=EmulatedTask(artifact=task),
                log=log,
                timeout_s=self.timeout_s,
                scratch=scratch,
                name=artifact.label,
            )
            if result.error is not None:
                raise BundleError(f"{artifact.path} does not run on ARM64: {result.error}; the log is {log}")
            outputs: NDArray[np.float32] = np.load(output_file)
            return outputs


def emulate(
    emulator: str, root: Path, *, task: EmulatedTask, log: Path, timeout_s: float, scratch: Path, name: str
) -> EmulatedResult:
    """Run `inside` on a task in the userland at `root`.

    Args:
        emulator: The program that runs ARM64 code.
        root: The root folder of the userland.
        task: The task.
        log: A file for everything that the process prints.
        timeout_s: Seconds after which the process is killed.
        scratch: The working folder of the process.
        name: The name of the task in messages.

    Raises:
        ConversionError: The process died or did not end.
        OutputError: `log` cannot be written.
    """
    write_record(scratch / "task.json", task)
    (scratch / inside.RESULT).unlink(missing_ok=True)
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {error.filename}: {error.strerror}; choose another place") from error
    # This machine's environment does not apply there: it has library paths and processor names of x86.
    clean = ["env", "-i", "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", f"TMPDIR={scratch}"]
    python = [emulator, "-L", str(root), "-cpu", CPU, str(root / "usr" / "bin" / "python3"), "-I"]
    status = run_logged([*clean, *python, inside.__file__, str(scratch / "task.json")], log, timeout_s, scratch)
    if (scratch / inside.RESULT).is_file():
        return read_record(EmulatedResult, scratch / inside.RESULT)
    if status is None:
        cause = f"no end after {timeout_s:g} s"
    else:
        cause = f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    raise ConversionError(f"{name} on ARM64 failed: {cause}; the log is {log}")
