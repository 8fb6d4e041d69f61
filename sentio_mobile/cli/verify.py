"""`sentio-mobile verify` and `benchmark`: prove a bundle right, and measure it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

import sentio_mobile
from sentio_mobile.cli.options import PATH, Command, signature_option, threads_option
from sentio_mobile.cli.output import console, json_option, print_json
from sentio_mobile.spec import OUTPUTS

if TYPE_CHECKING:
    from sentio_mobile.bundle.verify import Verification


@click.command(cls=Command, epilog="Example: sentio-mobile verify bundle --songs prepared")
@click.argument("bundle", type=PATH)
@click.option(
    "--songs",
    type=PATH,
    help="A prepared folder, written by `data prepare`: on its test songs, each precision is compared with fp32.",
)
@click.option(
    "--music",
    type=PATH,
    help="The folder that --songs was prepared from: artifacts in the form waveform are compared on its sound.",
)
@click.option(
    "--arm64",
    "emulate",
    is_flag=True,
    help="Also run ONNX and TFLite artifacts on an emulated ARM64 processor, which `sentio-mobile arm64 setup` "
    "installs.",
)
@threads_option
@signature_option
@json_option
def verify(
    bundle: Path,
    songs: Path | None,
    music: Path | None,
    emulate: bool,
    threads: int,
    signature_key: Path | None,
) -> None:
    """Check a bundle's hashes, and compare every artifact with PyTorch.

    Every artifact runs on the golden vectors. Core ML artifacts run by Core ML on a Mac; elsewhere an interpreter of
    this project executes the saved package. The exit status is 1 when an artifact differs by more than its precision
    allows or loses accuracy on songs, or when the golden outputs are so similar that agreement would mean nothing.
    """
    from sentio_mobile.cli.progress_bars import ProgressBars

    with ProgressBars() as progress:
        found = sentio_mobile.verify(
            bundle,
            data=songs,
            music=music,
            threads=threads,
            arm64=emulate,
            require_signature=signature_key,
            progress=progress,
        )
    _show(found)
    print_json(found)
    if not found.passed:
        raise SystemExit(1)


@click.command(cls=Command, epilog="Example: sentio-mobile benchmark bundle --out measured")
@click.argument("bundle", type=PATH)
@click.option(
    "--out",
    type=PATH,
    default=Path("benchmark"),
    show_default=True,
    help="Folder for the report (HTML, Markdown, JUnit XML), summary.json, benchmark.json and verification.json.",
)
@click.option("--threads", type=click.IntRange(1), default=None, help="Threads that a model may use (default: 1).")
@click.option("--runs", type=click.IntRange(50), default=None, help="Timed runs of each artifact (default: 100).")
@click.option(
    "--adb",
    is_flag=False,
    flag_value="",
    metavar="[SERIAL]",
    help="Measure on a phone that adb sees, too: by the demo app on it, or by --adb-tool. SERIAL is for several "
    "phones. Write it behind BUNDLE.",
)
@click.option(
    "--adb-tool",
    type=PATH,
    help="TFLite's benchmark_model, built for the phone: it is copied there with each tflite artifact, and removed.",
)
@click.option(
    "--adb-app",
    metavar="ID",
    default="org.sentiomobile.demo",
    show_default=True,
    help="Identifier of the demo app on the phone, which `package android` made from this bundle.",
)
@click.option(
    "--ios-results",
    type=PATH,
    multiple=True,
    help="JSON that the iOS demo's benchmark shared, of this bundle. May be given several times.",
)
@click.option(
    "--android-results",
    type=PATH,
    multiple=True,
    help="The same of the Android demo, and phone.json of --adb.",
)
@click.option(
    "--peers",
    metavar="NAMES",
    help="Networks of timm, with commas between their names, and `plain`, this network by torch.onnx.export alone: "
    "each is made and timed in turns with the artifacts.",
)
@click.option(
    "--roofline",
    is_flag=True,
    help="Measure the machine's roofs, too (matrix products, copies of memory), and how near artifacts come to them.",
)
@signature_option
@json_option
def benchmark(
    bundle: Path,
    out: Path,
    threads: int | None,
    runs: int | None,
    adb: str | None,
    adb_tool: Path | None,
    adb_app: str,
    ios_results: tuple[Path, ...],
    android_results: tuple[Path, ...],
    peers: str | None,
    roofline: bool,
    signature_key: Path | None,
) -> None:
    """Measure latency, cold start, memory and size of every artifact, and check the budgets.

    Artifacts take turns in one process, so that other work on the machine slows all of them alike. Cold starts and
    memory are measured in fresh processes. A desktop's figures are not a phone's: --adb measures on one, and
    --ios-results reads what one has measured.

    The verdict is "ship", "fix" or "measure again", with the reason. A latency over its limit is inconclusive where
    other work kept the machine busy, or where the limit lies within the noise of the measurement. The exit status is 0
    to ship, 1 to fix, and 3 to measure again.
    """
    from sentio_mobile.benchmarks.peers import peer_names
    from sentio_mobile.benchmarks.report import REPORT
    from sentio_mobile.cli.progress_bars import ProgressBars
    from sentio_mobile.cli.results import exit_status, show_summary

    if adb_tool is not None and adb is None:
        raise click.UsageError("--adb-tool is for a phone that adb sees: give --adb, too.")
    with ProgressBars() as progress:
        summary = sentio_mobile.benchmark(
            bundle,
            out=out,
            threads=threads,
            runs=runs,
            adb=False if adb is None else adb or True,
            adb_tool=adb_tool,
            adb_app=adb_app,
            phone_results=(*ios_results, *android_results),
            peers=() if peers is None else peer_names(peers),
            roofline=roofline,
            require_signature=signature_key,
            progress=progress,
        )
    show_summary(summary)
    console.print(f"Report: {out / REPORT}", markup=False)
    print_json(summary)
    if status := exit_status(summary):
        raise SystemExit(status)


def _show(found: Verification) -> None:
    from sentio_mobile.cli.tables import short_labels, show_table

    names, shared = short_labels([(one.format, one.form, one.precision) for one in found.results])
    show_table(
        ("artifact", "processor", "worst", "allowed", "PSNR", "spread", "verdict"),
        [
            (
                name,
                result.processor,
                "-" if result.max_diff is None else f"{result.max_diff:.1e}",
                f"{result.tolerance:.0e}",
                "-" if result.psnr is None else f"{result.psnr:.0f} dB",
                "-" if result.std_ratio is None else f"{result.std_ratio:.0%}",
                result.verdict,
            )
            for name, result in zip(names, found.results, strict=True)
        ],
        droppable=("processor", "allowed", "PSNR", "spread"),
        note=shared,
    )
    if found.accuracy:
        names, shared = short_labels([(one.format, one.form, one.precision) for one in found.accuracy])
        console.print()
        console.print(
            f"On {found.accuracy[0].songs} {found.accuracy[0].split} songs, bootstrap 95% intervals over songs:",
            markup=False,
        )
        show_table(
            ("artifact", "mean CCC", "loss against fp32", "allowed", "verdict"),
            [
                (name, str(one.ccc["mean"]), one.loss["mean"].words(3), f"{one.max_loss:g}", one.verdict)
                for name, one in zip(names, found.accuracy, strict=True)
            ],
            droppable=("allowed",),
            note=shared,
        )
    reasons = [(f"{result.label} on {result.processor}", result.reason) for result in found.results]
    reasons += [(one.label, one.reason) for one in found.accuracy]
    for label, reason in reasons:
        if reason:
            console.print(f"{label}: {reason}", markup=False, soft_wrap=True)
    spread = ", ".join(f"{name} {sd:.2f}" for name, sd in zip(OUTPUTS, found.spread, strict=True))
    console.print(
        f"{found.vectors} golden vectors; standard deviation of their outputs: {spread}", markup=False, soft_wrap=True
    )
    if not found.spread_ok:
        console.print(
            f"[red]fail:[/] the golden outputs hardly differ (standard deviation under {found.min_spread}), so that "
            "agreement on them proves nothing. Export a model that tells songs apart.",
            soft_wrap=True,
        )
    console.print(_sentence(found), style="bold", markup=False, soft_wrap=True)


def _sentence(found: Verification) -> str:
    """The outcome of a verification in a sentence."""
    ran = [result for result in found.results if result.verdict != "not run"]
    wrong = [f"{one.label} on {one.processor}" for one in ran if one.verdict == "fail"]
    wrong += [f"{one.label} on songs" for one in found.accuracy if one.verdict == "fail"]
    if wrong:
        return f"Fail: not what the trained network is: {', '.join(wrong)}."
    if not found.spread_ok:
        return "Fail: the golden outputs are too much alike to prove anything."
    if not ran:
        return "Not verified: none of the artifacts can run here."
    left = len(found.results) - len(ran)
    worst = max(result.max_diff or 0.0 for result in ran)
    on_songs = " and on songs" if found.accuracy else ""
    words = "1 artifact predicts" if len(ran) == 1 else f"{len(ran)} artifacts predict"
    others = f"; {left} could not run here" if left else ""
    return f"Pass: {words} what PyTorch does on golden vectors{on_songs}, {worst:.1e} off at most{others}."
