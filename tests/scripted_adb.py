"""A phone that is not there: an `adb` that behaves as a scenario says, for tests of what talks to phones.

It answers as adb 29 and 35 do, in words and exit status. The phone's file system is a folder, and its shell is this
machine's `sh`, so that a command with a fault fails here, too. What stands in for TFLite's `benchmark_model` prints
its lines; the times are the scenario's.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(sys.argv[0]).resolve().parent
PHONE = HERE / "phone"

BENCHMARK_MODEL = """#!/bin/sh
for flag in "$@"; do case "$flag" in
  --graph=*) graph=${flag#*=};; --num_runs=*) runs=${flag#*=};; --warmup_runs=*) warm=${flag#*=};;
esac; done
echo "INFO: STARTING!"
[ -s "$graph" ] || { echo "ERROR: Failed to mmap model $graph."; exit 1; }
n=$(cat count 2>/dev/null || echo 0)
[ "$n" = "%(fails_at)s" ] && { echo "ERROR: Node number 3 (CONV_2D) failed to invoke."; exit 1; }
echo $((n + 1)) > count
first=$((%(base_us)s + n * %(slope_us)s + n * 7919 %% 300)); second=$((first + 200 - n * 31 %% 400))
low=$first; high=$second; [ $second -lt $first ] && low=$second && high=$first
echo "INFO: Loaded model $graph"
echo "INFO: Initialized session in 12.345ms."
echo "INFO: count=$warm first=99999 curr=99999 min=99999 max=99999 avg=99999 std=0"
ends="min=$low max=$high avg=$first std=1 p5=$low median=$high p95=$high"
if [ $first = $second ]; then echo "INFO: count=$runs curr=$first(all same)"
else echo "INFO: count=$runs first=$first curr=$second $ends"
fi
echo "INFO: Inference timings in us: Init: 12345, First inference: 99999, Warmup (avg): 99999, Inference (avg): $first"
"""

PROGRAMS = {
    "getprop": 'grep "^$1=" "$PHONE_HERE/props" | cut -d= -f2-',
    "pm": 'grep -q "^$2\\$" "$PHONE_HERE/apps" && echo "package:/data/app/$2/base.apk" || exit 1',
    "input": "true",
    "pidof": '[ -f "$PHONE_HERE/running" ] && echo 4242 || exit 1',
    "am": """
if [ "$1" = start ]; then
  does=$(cat "$PHONE_HERE/app_does")
  [ "$does" = absent ] && { echo "Error type 3"; echo "Error: Activity class does not exist."; exit 0; }
  echo "Starting: Intent { cmp=demo }"; echo "Status: ok"
  case "$does" in
    measures) mkdir -p "$PHONE_HERE/phone/sdcard/Android/data/$APP/files"
      cp "$PHONE_HERE/answer.json" "$PHONE_HERE/phone/sdcard/Android/data/$APP/files/phone.json";;
    hangs) touch "$PHONE_HERE/running";;
  esac
fi""",
}


def main(arguments: list[str]) -> int:
    """Answer as adb does."""
    script = json.loads((HERE / "script.json").read_text())
    if arguments[:1] == ["devices"]:
        print("List of devices attached")
        for line in script["devices"]:
            print(line)
        return 0
    assert arguments[0] == "-s"
    serial, verb, *rest = arguments[1:]
    done = HERE / "done"
    count = int(done.read_text()) if done.exists() else 0
    done.write_text(str(count + 1))
    if count >= script["lost_after"]:
        print(f"error: device '{serial}' not found", file=sys.stderr)
        return 1
    if verb == "get-state":
        print("device")
        return 0
    if verb == "push":
        return push(Path(rest[0]), rest[1], script)
    if verb == "pull":
        return pull(rest[0], Path(rest[1]))
    assert verb == "shell"
    return shell(rest[0], script)


def at(place: str) -> Path:
    """Where a path of the phone lies on this machine."""
    return PHONE / place.lstrip("/")


def push(path: Path, place: str, script: dict) -> int:
    """Copy to the phone. What is called `benchmark_model` becomes the double of it."""
    if at(place).name in script["no_room_for"]:
        print(f"adb: error: failed to copy '{path}' to '{place}': remote write failed: No space left on device")
        return 1
    if at(place).name == "benchmark_model":
        at(place).write_text(BENCHMARK_MODEL % script["tool"])
    else:
        shutil.copyfile(path, at(place))
    print(f"{path}: 1 file pushed, 0 skipped. 30.1 MB/s ({path.stat().st_size} bytes in 0.010s)")
    return 0


def pull(place: str, path: Path) -> int:
    """Copy from the phone."""
    if not at(place).exists():
        print(f"adb: error: failed to stat remote object '{place}': No such file or directory")
        return 1
    shutil.copyfile(at(place), path)
    return 0


def shell(command: str, script: dict) -> int:
    """Run a command with the phone's programs, its paths being those of the folder."""
    for root in ("/data", "/sdcard"):
        command = command.replace(f" {root}/", f" {PHONE}{root}/")
    environment = {
        "PATH": f"{HERE}/programs:{os.environ['PATH']}",
        "PHONE_HERE": str(HERE),
        "APP": script["apps"][0] if script["apps"] else "",
    }
    return subprocess.run(["sh", "-c", command], env=environment, stderr=subprocess.STDOUT, check=False).returncode


def prepare(folder: Path, script: dict) -> None:
    """Lay the double out in a folder, which then goes on the PATH."""
    tool = {"base_us": 20_000, "slope_us": 0, "fails_at": "never", **script.get("tool", {})}
    whole = {"lost_after": 10**9, "no_room_for": [], "apps": [], "app_does": "measures", **script, "tool": tool}
    programs = folder / "programs"
    programs.mkdir()
    for name, body in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (programs / name).chmod(0o755)
    for root in ("data/local/tmp", "sdcard"):
        (folder / "phone" / root).mkdir(parents=True)
    (folder / "script.json").write_text(json.dumps(whole))
    (folder / "props").write_text("".join(f"{key}={value}\n" for key, value in whole["props"].items()))
    (folder / "apps").write_text("".join(f"{app}\n" for app in whole["apps"]))
    (folder / "app_does").write_text(whole["app_does"])
    # Without the packages of this Python, which take longer to find than the double to answer.
    text = f"#!{sys.executable} -IS\n" + Path(__file__).read_text()
    (folder / "adb").write_text(text)
    (folder / "adb").chmod(0o755)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
