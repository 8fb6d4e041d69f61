"""Artifacts answer on emulated ARM64, all inputs of one in one process: starting it takes longer than an input."""

from __future__ import annotations

import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import read_json, write_json
from sentio_mobile._internal.subprocesses import run_logged
from sentio_mobile.bundle.arm64 import inside
from sentio_mobile.bundle.arm64.place import EMULATORS, default_place, find_tools, require_ready
from sentio_mobile.errors import BundleError, ConversionError, InputError, OutputError
from sentio_mobile.spec import Artifact, ModelSpec

CPU = "cortex-a76"
"""A phone's large core of 2018: the oldest with the dot products that quantized kernels are written for."""

FORMATS = tuple(inside.OPENERS)
"""The formats that have a runtime for ARM64 Linux."""


@dataclass(frozen=True)
class Arm64:
    """A userland that stands, ready to answer; `Arm64.at` finds it.

    Attributes:
        root: the userland's root folder.
        emulator: the program that runs it.
        logs: folder for one log an artifact, with the answers as they come.
        timeout_s: seconds after which an artifact that has not answered all of its inputs is given up.
    """

    root: Path
    emulator: str
    logs: Path
    timeout_s: float = 1800.0

    @classmethod
    def at(cls, place: Path | None = None, timeout_s: float = 1800.0) -> Arm64:
        """The userland at `place`, by default in the user's cache folder; logs go beside it.

        Raises:
            InputError: none stands there, it is not of the versions that are installed here, or there is no emulator.
        """
        place = (place or default_place()).absolute()
        require_ready(place)
        (emulator,) = find_tools(EMULATORS[0])
        return cls(place, emulator, place.with_name(f"{place.name}-logs"), timeout_s)

    def answers(self, artifact: Artifact, spec: ModelSpec, inputs: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        """What an artifact says to each input, [inputs, 2].

        Args:
            artifact: one of a format in `FORMATS`. One that takes integers is fed, and read, by its own quantization.
            spec: names its input and output; the form is the artifact's.
            inputs: each in the shape that the artifact takes.

        Raises:
            InputError: its format has no runtime here.
            BundleError: its runtime does not take it.
            ConversionError: the emulated process died or did not end; the message names the log.
            OutputError: the log cannot be written.
        """
        if artifact.format not in FORMATS:
            raise InputError(f"{artifact.label} cannot run on ARM64 Linux; {', '.join(FORMATS)} can")
        log = self.logs / f"{artifact.path.name}.log"
        with tempfile.TemporaryDirectory(prefix="sentio-arm64-") as name:
            scratch = Path(name).resolve()
            given, answers = scratch / "inputs.npy", scratch / "answers.npy"
            np.save(given, np.stack(inputs))
            task = {
                "format": artifact.format,
                "path": str(artifact.path.resolve()),
                "input_name": spec.in_form(artifact.form).input_name,
                "output_name": spec.output_name,
                "inputs": str(given),
                "answers": str(answers),
                "modules": [],
                "packages": [],
            }
            result = emulate(
                self.emulator,
                self.root,
                task=task,
                log=log,
                timeout_s=self.timeout_s,
                scratch=scratch,
                what=artifact.label,
            )
            if "error" in result:
                raise BundleError(f"{artifact.path} does not run on ARM64: {result['error']}; the log is {log}")
            said: NDArray[np.float32] = np.load(answers)
            return said


def emulate(
    emulator: str, root: Path, *, task: dict[str, Any], log: Path, timeout_s: float, scratch: Path, what: str
) -> dict[str, Any]:
    """Run `inside` on a task in the userland at `root`.

    Args:
        emulator: the program that runs ARM64 code.
        root: the userland's root folder.
        task: see `inside.main`.
        log: file for everything that it prints.
        timeout_s: seconds after which it is killed.
        scratch: its working folder.
        what: the words for the task in messages.

    Raises:
        ConversionError: it died or did not end.
        OutputError: `log` cannot be written.
    """
    write_json(scratch / "task.json", task)
    (scratch / inside.RESULT).unlink(missing_ok=True)
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {error.filename}: {error.strerror}; choose another place") from error
    # This machine's environment is not for the other: library paths and processor names of x86 are in it.
    clean = ["env", "-i", "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", f"TMPDIR={scratch}"]
    python = [emulator, "-L", str(root), "-cpu", CPU, str(root / "usr" / "bin" / "python3"), "-I"]
    status = run_logged([*clean, *python, inside.__file__, str(scratch / "task.json")], log, timeout_s, scratch)
    if (scratch / inside.RESULT).is_file():
        return read_json(scratch / inside.RESULT, InputError)
    if status is None:
        cause = f"no end after {timeout_s:g} s"
    else:
        cause = f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    raise ConversionError(f"{what} on ARM64 failed: {cause}; the log is {log}")
