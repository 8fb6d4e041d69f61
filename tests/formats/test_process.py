"""What an artifact's runtime can do in its process, shown by a format whose runtime tries everything."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sentio_mobile._internal.sandbox import protections
from sentio_mobile._internal.subprocesses import environment
from sentio_mobile.errors import BundleError
from sentio_mobile.formats.process import RuntimeProcess, open_artifact
from sentio_mobile.spec import Artifact, AudioSpec, ModelSpec

HOSTILE = '''
"""A format whose files name what its runtime does."""

import os
import socket
import subprocess
import time
from dataclasses import dataclass

import numpy as np

from sentio_mobile.formats.base import Format


@dataclass(frozen=True, kw_only=True)
class Hostile(Format):
    name: str = "hostile"
    suffix: str = ".hostile"

    def convert(self, model, spec):
        raise NotImplementedError

    def operators(self, path):
        return ()

    def stored_numbers(self, path):
        return {}

    def open(self, path, spec, threads=1):
        deed, _, place = path.read_text().partition(" ")
        if deed == "cannot":
            raise RuntimeError("no such \\x1b[31mmodel\\nsecond line")
        return lambda inputs: DEEDS[deed](place, inputs)


def spin():
    while True:
        pass


DEEDS = {
    "add": lambda place, inputs: inputs.reshape(1, -1)[:, :2] + 1,
    "write": lambda place, inputs: open(place, "w"),
    "truncate": lambda place, inputs: os.truncate(place, 0),
    "remove": lambda place, inputs: os.remove(place),
    "read": lambda place, inputs: np.frombuffer(open(place, "rb").read(8), np.uint8)[None],
    "link": lambda place, inputs: os.symlink("/", place),
    "connect": lambda place, inputs: socket.create_connection(("127.0.0.1", int(place)), 1),
    "execute": lambda place, inputs: subprocess.run(["/bin/true"]),
    "signal": lambda place, inputs: os.kill(int(place), 0),
    "environment": lambda place, inputs: np.array([["SECRET" in os.environ, 0]]),
    "memory": lambda place, inputs: np.ones(1 << 31)[:2],
    "spin": lambda place, inputs: spin(),
    "sleep": lambda place, inputs: time.sleep(1000),
    "crash": lambda place, inputs: os.abort(),
    "lie": lambda place, inputs: os.write(int(place), b"\\0\\0\\0\\4null"),
    "threads": lambda place, inputs: np.array([[len(os.listdir("/proc/self/task")), 0]]),
}
FORMAT = Hostile()
'''

SPEC = ModelSpec(architecture="mobilevit", audio=AudioSpec(image_size=(2, 2)))
INPUTS = np.zeros((1, 3, 2, 2), np.float32)


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The format, as an installed package of this process and of those that it starts."""
    site = tmp_path_factory.mktemp("site")
    (site / "hostile_format.py").write_text(HOSTILE)
    facts = site / "hostile_format-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile-format\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[sentio_mobile.formats]\nhostile = hostile_format:FORMAT\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        patch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
        yield


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundle")


@pytest.fixture(scope="module")
def process(bundle: Path, installed: None) -> Iterator[RuntimeProcess]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET", "a key")
        with RuntimeProcess(bundle) as made:
            yield made


def artifact(folder: Path, deed: str) -> Artifact:
    path = folder / f"{abs(hash(deed))}.hostile"
    path.write_text(deed)
    return Artifact("hostile", "fp32", "spectrogram", path)


def test_artifact_runs_and_time_is_measured_inside(process: RuntimeProcess, bundle: Path) -> None:
    run = process.open(artifact(bundle, "add"), SPEC)
    assert run(INPUTS).tolist() == [[1, 1]]
    assert 0 < run.seconds(INPUTS) < 1
    run.close()


linux = pytest.mark.skipif(protections() != ("landlock", "seccomp"), reason="this system has no Landlock or no seccomp")


@linux
@pytest.mark.parametrize("deed", ["write", "truncate", "remove", "read", "link"])
def test_runtime_touches_no_file(process: RuntimeProcess, bundle: Path, tmp_path: Path, deed: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("a diary")
    place = tmp_path / "new" if deed == "link" else victim
    run = process.open(artifact(bundle, f"{deed} {place}"), SPEC)
    with pytest.raises(BundleError, match=r"^/.*\.hostile: .*Permission denied"):
        run(INPUTS)
    assert victim.read_text() == "a diary"
    assert list(tmp_path.iterdir()) == [victim]


@linux
@pytest.mark.parametrize("deed", ["connect 1", "execute", "signal {own}"])
def test_runtime_reaches_no_network_program_or_process(process: RuntimeProcess, bundle: Path, deed: str) -> None:
    run = process.open(artifact(bundle, deed.format(own=os.getpid())), SPEC)
    with pytest.raises(BundleError, match=r"Operation not permitted|Permission denied"):
        run(INPUTS)


def test_runtime_gets_no_secrets(process: RuntimeProcess, bundle: Path) -> None:
    assert process.open(artifact(bundle, "environment"), SPEC)(INPUTS).tolist() == [[0, 0]]


@linux
def test_limits_hold_for_every_thread(process: RuntimeProcess, bundle: Path) -> None:
    # Threads that were there before the limits would not have them: the process's own are counted, with the watcher.
    assert process.open(artifact(bundle, "threads"), SPEC)(INPUTS)[0, 0] <= 3


@linux
def test_artifact_that_takes_all_memory_is_stopped(process: RuntimeProcess, bundle: Path) -> None:
    run = process.open(artifact(bundle, "memory"), SPEC)
    with pytest.raises(BundleError, match=r"more memory than an artifact may take|Unable to allocate"):
        run(INPUTS)


def test_artifact_that_cannot_be_loaded_is_one_line(process: RuntimeProcess, bundle: Path) -> None:
    with pytest.raises(BundleError) as fault:
        process.open(artifact(bundle, "cannot"), SPEC)
    assert str(fault.value).endswith(r".hostile: no such \x1b[31mmodel")


def test_crash_harms_one_artifact(process: RuntimeProcess, bundle: Path) -> None:
    before = process.open(artifact(bundle, "add"), SPEC)
    run = process.open(artifact(bundle, "crash"), SPEC)
    with pytest.raises(BundleError, match=r"its hostile runtime killed by signal 6 \(SIGABRT\); do not use it"):
        run(INPUTS)
    with pytest.raises(BundleError, match="its process has ended; load it again"):
        before(INPUTS)
    assert process.open(artifact(bundle, "add"), SPEC)(INPUTS).tolist() == [[1, 1]]


def test_endless_work_is_stopped(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentio_mobile.formats.process.RUN_LIMIT_S", 1)
    run = open_artifact(artifact(bundle, "spin"), SPEC)
    with pytest.raises(BundleError, match="took too much time or memory"):
        run(INPUTS)


def test_silence_is_ended(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentio_mobile.formats.process.RUN_LIMIT_S", 1)
    monkeypatch.setattr("sentio_mobile.formats.process.WALL_FACTOR", 1)
    run = open_artifact(artifact(bundle, "sleep"), SPEC)
    with pytest.raises(BundleError, match="gave no answer for 1 s"):
        run(INPUTS)


def test_process_ends_with_its_runner(bundle: Path) -> None:
    run = open_artifact(artifact(bundle, "add"), SPEC)
    child = run.process._process.pid
    os.kill(child, 0)
    del run
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_process_ends_with_its_parent(bundle: Path) -> None:
    made = artifact(bundle, "add")
    code = (
        "from pathlib import Path; import time; from sentio_mobile.formats.process import *; "
        "from sentio_mobile.spec import *; "
        f"run = open_artifact(Artifact('hostile', 'fp32', 'spectrogram', Path({str(made.path)!r})), "
        "ModelSpec(architecture='mobilevit')); print(run.process._process.pid, flush=True); time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", code], env=environment(), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        deadline = time.monotonic() + 20
        while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not Path(f"/proc/{child}").exists()
