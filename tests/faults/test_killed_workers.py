"""A process that did a part of the work is killed: one line or another try, and the same command ends as always."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from quick_export import quick_golden
from support import Sentio, tree

from sentio_mobile.data import reading
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.errors import OutputError
from sentio_mobile.export import build as build_module
from sentio_mobile.spec import AudioSpec

from .conftest import Commands

SHORT = AudioSpec(seconds=1.0)
PATIENCE_S = 120


@contextmanager
def killing(words: str, when: Callable[[], bool] = lambda: True) -> Iterator[list[int]]:
    """Kill, once, the first process of this one whose command line has these words, as soon as `when` says so."""
    killed: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not killed and not over.wait(0.005):
            for child in psutil.Process().children(recursive=True):
                try:
                    if words in " ".join(child.cmdline()) and when():
                        child.kill()
                        killed.append(child.pid)
                        return
                except psutil.Error:
                    continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join(PATIENCE_S)


def noises(folder: Path, number: int, seconds: float = 1.0) -> Path:
    folder.mkdir()
    for i in range(number):
        sound = 0.1 * np.random.default_rng(i).standard_normal(int(22_050 * seconds))
        soundfile.write(folder / f"{i:02}.wav", sound, 22_050)
    return folder


@pytest.mark.exhaustive
def test_prepare_whose_worker_is_killed_reads_its_files_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    music = noises(tmp_path / "music", 16)
    assert prepare(music, tmp_path / "whole", recipe=DataRecipe(), audio=SHORT) == []
    monkeypatch.setattr(reading, "useful_workers", lambda _: 2)
    with killing("spawn_main") as killed:
        assert prepare(music, tmp_path / "data", recipe=DataRecipe(), audio=SHORT) == []
    assert killed
    # The store's journal has the files' places and times of change, which are the same files here.
    assert tree(tmp_path / "data") == tree(tmp_path / "whole")


@pytest.mark.exhaustive
def test_export_whose_converter_is_killed_says_so_and_can_be_repeated(
    command: Commands, sentio: Sentio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_module, "make_golden", quick_golden)
    results = tmp_path / "results"
    results.mkdir()
    assert sentio(*command("export", results / "whole")).exit_code == 0
    with killing("sentio_mobile.export.worker") as killed:
        result = sentio(*command("export", results / "out"))
    assert killed
    assert result.exit_code == 1, result.output
    line = result.stderr.splitlines()[-1]
    assert line.startswith("Error: no format could be converted; torchscript spectrogram conversion failed: killed by")
    assert line.endswith(f"the log is {results / 'out-logs' / 'torchscript-spectrogram.log'}")
    assert {path.name for path in results.iterdir()} == {"whole", "whole-logs", "out-logs"}
    assert sentio(*command("export", results / "out")).exit_code == 0
    assert tree(results / "out") == tree(results / "whole")


@pytest.mark.parametrize(
    ("processes", "words"),
    [(1, "sentio_mobile.formats.worker"), pytest.param(2, "spawn_main", marks=pytest.mark.exhaustive)],
    ids=["runtime", "worker"],
)
def test_predict_of_a_folder_that_loses_a_process_goes_on(
    processes: int, words: str, sentio: Sentio, tmp_path: Path
) -> None:
    music, out = noises(tmp_path / "music", 6), tmp_path / "out.csv"
    line = ["predict", music, "--workers", processes, "--out"]
    assert sentio(*line, tmp_path / "whole.csv").exit_code == 0
    part = out.with_name("out.csv.part")
    with killing(words, lambda: part.exists() and part.read_bytes().count(b"\n") > 2) as killed:
        result = sentio(*line, out)
    assert killed
    assert "Traceback" not in result.stderr
    if result.exit_code:
        assert (result.exit_code, result.stderr.count("Error: ")) == (2, 1), result.output
        assert not out.exists()
        kept = part.read_bytes().count(b"\n") - 1
        assert kept > 1
        assert sentio(*line, out).exit_code == 0
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not part.exists()


def test_prepare_whose_folder_is_deleted_meanwhile_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    music, out = noises(tmp_path / "music", 8), tmp_path / "data"

    class Deleting:
        """Progress at whose third song the folder is deleted."""

        done = 0

        def start(self, what: str, total: int) -> None: ...

        def advance(self, n: int = 1, note: str = "") -> None:
            self.done += n
            if self.done == 3:
                shutil.rmtree(out)

        def finish(self) -> None: ...

    with pytest.raises(OutputError, match="was deleted while it was being written; give the command again") as found:
        prepare(music, out, recipe=DataRecipe(), audio=SHORT, progress=Deleting())
    assert "\n" not in str(found.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["music"]
    prepare(music, out, recipe=DataRecipe(), audio=SHORT)
    prepare(music, tmp_path / "whole", recipe=DataRecipe(), audio=SHORT)
    assert tree(out) == tree(tmp_path / "whole")
