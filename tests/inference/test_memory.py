"""A trajectory over a long file needs no more memory than one over a short file."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

PEAK = """
import sys
import sentio_mobile

model = sentio_mobile.load(sys.argv[1])
for path in sys.argv[2:]:
    count = sum(1 for _ in model.trajectory(path, every=60))
    print(count, next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of memory from Linux's /proc")
def test_forty_minutes_need_what_five_need(bundle: Path, tmp_path: Path) -> None:
    minute = (0.1 * np.sin(np.arange(60 * 22050) ** 1.5 / 2000)).astype(np.float32)
    for name, minutes in (("short", 5), ("long", 40)):
        with soundfile.SoundFile(tmp_path / f"{name}.wav", "w", 22050, 1, "PCM_U8") as file:
            for _ in range(minutes):
                file.write(minute)
    command = [sys.executable, "-c", PEAK, bundle, tmp_path / "short.wav", tmp_path / "long.wav"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    (few, small), (many, large) = (map(int, line.split()) for line in result.stdout.splitlines())
    assert (few, many) == (5, 40)
    # 35 minutes more are 185 MB of PCM.
    assert large - small < 30_000, f"{small} kB for 5 minutes, {large} kB for 40"
