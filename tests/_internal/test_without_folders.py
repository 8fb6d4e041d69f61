from pathlib import Path

import pytest

from sentio_mobile._internal.without_folders import values_without_folders, without_folders


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/jane/out/a.onnx: is damaged", "a.onnx: is damaged"),
        ("failed; the log is /mnt/x/out-logs/onnx.log", "failed; the log is onnx.log"),
        ('File "/usr/lib/python3/torch/nn.py", line 3', 'File "nn.py", line 3'),
        ("checkpoint:/home/jane/teacher#layer=6", "checkpoint:teacher#layer=6"),
        ("open(file:///home/jane/a.pt)", "open(a.pt)"),
        ("see https://example.org/a/b.html", "see https://example.org/a/b.html"),
        ("and/or, 1/2, out/a.onnx, ../a/b.onnx, ~/a/b", "and/or, 1/2, out/a.onnx, ../a/b.onnx, ~/a/b"),
        ("ends in /home/jane/", "ends in "),
    ],
)
def test_without_folders_leaves_names_and_other_text(text: str, shown: str) -> None:
    assert without_folders(text) == shown


def test_without_folders_knows_folders_with_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/Jane Doe")
    assert without_folders("/home/Jane Doe/a.wav: is silent") == "a.wav: is silent"
    assert without_folders("/home/Jane Doe/customer/project/a.wav: is silent") == "a.wav: is silent"
    assert without_folders("/disk 2/My Music/x/a.wav: is silent", Path("/disk 2/My Music")) == "x/a.wav: is silent"


def test_values_without_folders_are_the_same_but_for_texts() -> None:
    values = {"epochs": 3, "encoder": {"name": "checkpoint:/home/jane/t"}, "music": ["/a/b/c", None, 0.5], "ema": True}
    expected = {"epochs": 3, "encoder": {"name": "checkpoint:t"}, "music": ["c", None, 0.5], "ema": True}
    assert values_without_folders(values) == expected
