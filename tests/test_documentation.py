"""The command that builds the documentation fails where a link leads nowhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sentio_mobile._internal.resources import ROOT

pytest.importorskip("mkdocs")


@pytest.mark.parametrize("link", ["[more](none.md)", "[more](index.md#none)"])
def test_make_docs_fails_where_a_link_leads_nowhere(tmp_path: Path, link: str) -> None:
    flags = re.search(r"-m mkdocs build (.+)", (ROOT / "Makefile").read_text())
    assert flags
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# Start\n\n{link}\n")
    validation = re.search(r"^validation:\n(?:  .+\n)+", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert validation
    (tmp_path / "mkdocs.yml").write_text(f"site_name: toy\ntheme: mkdocs\n{validation[0]}")
    words = [sys.executable, "-m", "mkdocs", "build", *flags[1].split()]
    run = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 1, run.stderr
    assert "none" in run.stderr
