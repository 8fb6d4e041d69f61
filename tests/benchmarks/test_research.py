"""Every research script can be imported, and explains its usage."""

import importlib
import inspect
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "research"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))


def load(script: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import a script as Python does when it is run: the scripts of its folder can be imported by name."""
    monkeypatch.syspath_prepend(str(FOLDER))
    module = importlib.import_module(script)
    # The names are common, so they must not stay importable for other tests.
    for name in SCRIPTS:
        sys.modules.pop(name, None)
    return module


@pytest.mark.parametrize("script", SCRIPTS)
def test_research_script_usage(
    script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = load(script, monkeypatch)
    if not hasattr(module, "main"):
        assert any(f"from {script} import" in path.read_text() for path in FOLDER.glob("*.py")), "nothing imports it"
        return
    assert script in inspect.getdoc(module), "the docstring must give the command"
    with pytest.raises(SystemExit) as exit_status:
        module.main(["--help"])
    assert exit_status.value.code == 0
    usage = capsys.readouterr().out
    assert usage.startswith("usage:")
    with pytest.raises(SystemExit) as exit_status:
        module.main([])
    assert exit_status.value.code == 2
