"""A system that cannot limit what artifacts do is never silent about it."""

import pytest

from sentio_mobile._internal import sandbox


@pytest.mark.parametrize(
    ("here", "told"),
    [((), ["files, network and other programs"]), (("seccomp",), ["files"]), (("landlock", "seccomp"), [])],
)
def test_missing_limits_are_told_once(
    here: tuple[str, ...], told: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sandbox, "protections", lambda: here)
    sandbox.tell_of_missing_limits.cache_clear()
    for _ in range(2):
        sandbox.tell_of_missing_limits()
    sandbox.tell_of_missing_limits.cache_clear()
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == len(told)
    for line, words in zip(lines, told, strict=True):
        assert f"does not limit what artifacts do with {words}:" in line
