"""What a bundle is worth on this machine and on phones: `verify` and `benchmark`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sentio_mobile.api.inputs import require_data, to_bundle, to_data
from sentio_mobile.errors import InputError

if TYPE_CHECKING:
    from sentio_mobile._internal.progress import Progress
    from sentio_mobile.benchmarks.summary import Summary
    from sentio_mobile.bundle.bundle import Bundle
    from sentio_mobile.bundle.verify import Verification
    from sentio_mobile.data.prepared import PreparedData


def verify(
    bundle: str | Path | Bundle,
    *,
    data: str | Path | PreparedData | None = None,
    music: str | Path | None = None,
    threads: int = 1,
    arm64: bool = False,
    require_signature: str | Path | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Check a bundle: every hash, and every artifact against PyTorch's outputs on the golden vectors.

    Example:
        ```python
        import sentio_mobile

        assert sentio_mobile.verify("bundle").passed
        ```

    Args:
        bundle: A bundle folder, or what `export` returned.
        data: A prepared folder: on its test songs, each precision is compared with fp32.
        music: The folder that `data` was prepared from: artifacts in the form "waveform" are compared on its sound.
        threads: Threads that a runtime may use, 1 or more.
        arm64: Whether ONNX and TFLite artifacts also run on an emulated ARM64 processor, which
            `sentio-mobile arm64 setup` installs.
        require_signature: A public key, as PEM: only a bundle that its owner signed is opened.
        progress: Receives the progress, artifact by artifact.

    Returns:
        The result of every artifact; `passed` is the verdict.

    Raises:
        BundleError: The bundle is damaged, asks for an operator that no export uses, or has no fp32 artifact to compare
            with.
        CheckFailedError: The bundle's signature does not hold.
        DataError: The songs were prepared for another front end.
    """
    from sentio_mobile.bundle.arm64.run import Arm64
    from sentio_mobile.bundle.verify import verify as verify_bundle

    require_data(music, data)
    songs = None if data is None else to_data(data)
    emulated = Arm64.at() if arm64 else None
    opened = to_bundle(bundle, require_signature)
    sound = None if music is None else Path(music)
    return verify_bundle(opened, threads, songs=songs, music=sound, arm64=emulated, progress=progress)


def benchmark(
    bundle: str | Path | Bundle,
    *,
    out: str | Path,
    threads: int | None = None,
    runs: int | None = None,
    adb: bool | str = False,
    adb_tool: str | Path | None = None,
    adb_app: str = "org.sentiomobile.demo",
    phone_results: Sequence[str | Path] = (),
    peers: Sequence[str] = (),
    roofline: bool = False,
    require_signature: str | Path | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Measure latency, cold start, memory and size of every artifact on this machine, and write a report.

    Phones are measured where they are asked for, and what they have measured is reported beside this machine.

    Example:
        ```python
        import sentio_mobile

        print(sentio_mobile.benchmark("bundle", out="measured").headline)
        ```

    Args:
        bundle: A bundle folder, or what `export` returned.
        out: Folder for report.html, report.md, junit.xml, summary.json, benchmark.json and verification.json.
        threads: Threads that a model may use, 1 or more. The default is that of benchmarks/budgets.toml.
        runs: Timed runs of each artifact, 50 or more. The default is that of benchmarks/budgets.toml.
        adb: Whether a phone that adb sees measures, too, by the demo app or by a tool; the phone's serial number where
            there are several.
        adb_tool: TFLite's `benchmark_model`, built for the phone. It times the artifacts of the format tflite.
        adb_app: Identifier of the demo app on the phone, which times its own artifact where there is no tool.
        phone_results: Files that the benchmark of a demo app wrote, on iOS or Android.
        peers: Networks that are timed in turns with the bundle's artifacts: names of timm's, or "plain" for the
            bundle's own as `torch.onnx.export` alone writes it.
        roofline: Whether the machine's roofs are measured, too, and how near to them the artifacts come.
        require_signature: A public key, as PEM: only a bundle that its owner signed is opened.
        progress: Receives the progress, artifact by artifact.

    Returns:
        The summary; `decision` is "ship", "fix" or "measure again", and `reason` says why.

    Raises:
        InputError: `threads` or `runs` is too small, a phone is not ready or was lost, the figures of a phone are of
            other files, or there is no such peer.
        MissingExtraError: Peers of timm are asked for, and it is not installed.
        BundleError: The bundle is damaged, or asks for an operator that no export uses.
        CheckFailedError: The bundle's signature does not hold, or an artifact failed on the phone.
        OutputError: `out` cannot be written.
    """
    from sentio_mobile.benchmarks.on_phone import PhoneJob
    from sentio_mobile.benchmarks.phones import read_phone_benchmark
    from sentio_mobile.benchmarks.run import verify_and_report

    if adb_tool is not None and adb is False:
        raise InputError("adb_tool is for a phone that adb sees: say adb=True, or the phone's serial number")
    opened = to_bundle(bundle, require_signature)
    job = PhoneJob(
        serial=adb if isinstance(adb, str) else None, tool=None if adb_tool is None else Path(adb_tool), app=adb_app
    )
    return verify_and_report(
        opened,
        Path(out),
        threads=threads,
        runs=runs,
        progress=progress,
        phones=[read_phone_benchmark(Path(path), opened) for path in phone_results],
        phone_job=None if adb is False else job,
        peers=peers,
        roofline=roofline,
    )
