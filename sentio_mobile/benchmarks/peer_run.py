"""A bundle's artifacts and its peers, timed in turns: one table of size, operations, latency and accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import scratch_folder
from sentio_mobile._internal.progress import Progress
from sentio_mobile.benchmarks.latency import percentiles_of, ratio_of, time_in_turns
from sentio_mobile.benchmarks.peers import PEER_PRECISIONS, PeerFiles, costs_of, make_peer, peer_spec
from sentio_mobile.benchmarks.results import PeerComparison, PeerRow
from sentio_mobile.benchmarks.summary import artifact_ccc
from sentio_mobile.errors import InputError, SentioError
from sentio_mobile.formats.base import Runner, require_packages
from sentio_mobile.formats.process import RuntimeProcess
from sentio_mobile.formats.registry import get_format
from sentio_mobile.models.registry import build
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.spec import Artifact, Form, ModelSpec, Precision

if TYPE_CHECKING:
    from sentio_mobile.bundle.bundle import Bundle

PEER_FORMATS = ("onnx", "tflite")
"""The formats that peers are made in, where the bundle has them."""


def check_peers(bundle: Bundle, names: Sequence[str]) -> dict[str, ModelSpec]:
    """The specs of peers by their names, before anything is measured.

    Raises:
        InputError: The bundle has no artifact to hold them against, or there is no such network.
        MissingExtraError: timm is not installed.
    """
    spec = bundle.spec.in_form(_form(bundle))
    return {name: peer_spec(name, spec) for name in names}


def compare_with_peers(
    bundle: Bundle, names: Sequence[str], *, threads: int, runs: int, warm_up: int, progress: Progress
) -> PeerComparison:
    """Make peers, and time them in turns with the bundle's artifacts of the same form.

    Args:
        bundle: The bundle.
        names: Names of timm's networks, or `plain`.
        threads: Threads that each runtime may use.
        runs: Timed runs of each file, at least 50.
        warm_up: Runs of each file before the timed ones.
        progress: Updated for each peer and each round.

    Raises:
        InputError: As of `check_peers`.
        MissingExtraError: timm is not installed.
        BundleError: The bundle's golden vectors are damaged.
    """
    specs, form = check_peers(bundle, names), _form(bundle)
    own = [artifact for artifact in bundle.artifacts if artifact.form == form]
    wanted = _wanted(own)
    golden, spec = bundle.golden(), bundle.spec.in_form(form)
    images = golden.images(spec.audio)
    inputs = golden.inputs(spec)
    with scratch_folder() as place:
        made = []
        progress.start("peers", len(specs))
        for number, (name, found) in enumerate(specs.items()):
            progress.advance(0, note=name)
            folder = place / str(number)
            folder.mkdir()
            made.append(make_peer(name, found, images, wanted=wanted, folder=folder))
            progress.advance()
        progress.finish()
        with RuntimeProcess(bundle.folder, Path(place)) as process:
            runners, reasons = _open(process, own, made, spec=spec, threads=threads)
            feeds = dict.fromkeys(runners, inputs)
            times = time_in_turns(runners, feeds, runs=runs, warm_up=warm_up, progress=progress)
        base = _base(own, times)
        rows = _rows(bundle, own, made, base=base, images=images, times=times, reasons=reasons)
    return PeerComparison(base=base, form=form, threads=threads, runs=runs, rows=rows)


def _form(bundle: Bundle) -> Form:
    """The form that is compared: `spectrogram` where the bundle has it, so that networks are compared alone.

    Raises:
        InputError: The bundle has nothing to compare.
    """
    forms = {artifact.form for artifact in bundle.artifacts if artifact.format in PEER_FORMATS}
    if not forms:
        raise InputError(f"{bundle.folder} has no {' or '.join(PEER_FORMATS)} artifact to hold peers against")
    return "spectrogram" if "spectrogram" in forms else "waveform"


def _wanted(own: Sequence[Artifact]) -> dict[str, tuple[Precision, ...]]:
    """What is made of a peer: fp32, and int8 where the bundle has it, in the formats that the bundle has."""
    have = {(artifact.format, artifact.precision) for artifact in own}
    formats = [name for name in PEER_FORMATS if any(name == one for one, _ in have)]
    return {name: tuple(one for one in PEER_PRECISIONS if one == "fp32" or (name, one) in have) for name in formats}


def _key(name: str, artifact: Artifact) -> str:
    return f"{name} {artifact.format} {artifact.precision}"


def _open(
    process: RuntimeProcess, own: Sequence[Artifact], made: Sequence[PeerFiles], *, spec: ModelSpec, threads: int
) -> tuple[dict[str, Runner], dict[str, str]]:
    """Everything that can be timed here, and why the others cannot."""
    runners: dict[str, Runner] = {}
    reasons: dict[str, str] = {}
    files = [("", artifact, spec) for artifact in own]
    files += [(peer.name, artifact, peer.spec) for peer in made for artifact in peer.artifacts]
    for name, artifact, found in files:
        try:
            format_ = get_format(artifact.format)
            require_packages(format_, format_.runtimes)
            if not format_.timed_here:
                raise InputError(f"the {artifact.format} runtime does not exist here")
            runners[_key(name, artifact)] = process.open(artifact, found, threads, own=bool(name))
        except SentioError as error:
            reasons[_key(name, artifact)] = str(error)
    return runners, reasons


def _base(own: Sequence[Artifact], times: dict[str, NDArray[np.float64]]) -> str | None:
    """The artifact that all ratios are to: ONNX in fp32 where it was timed, else the first that was."""
    timed = [artifact for artifact in own if _key("", artifact) in times]
    first = [artifact for artifact in timed if (artifact.format, artifact.precision) == ("onnx", "fp32")]
    return next((artifact.label for artifact in (*first, *timed)), None)


def _rows(
    bundle: Bundle,
    own: Sequence[Artifact],
    made: Sequence[PeerFiles],
    *,
    base: str | None,
    images: NDArray[np.float32],
    times: dict[str, NDArray[np.float64]],
    reasons: dict[str, str],
) -> tuple[PeerRow, ...]:
    ccc = artifact_ccc(bundle)
    base_times = next((times[_key("", artifact)] for artifact in own if artifact.label == base), None)
    example = next(iter(Calibration(images[:1]).inputs(bundle.spec)))
    parameters, operations = costs_of(build(bundle.spec), example)

    def row(name: str, artifact: Artifact, size: int, cost: tuple[int, int]) -> PeerRow:
        key = _key(name, artifact)
        found = times.get(key)
        return PeerRow(
            name=name or bundle.spec.architecture,
            own=not name,
            format=artifact.format,
            precision=artifact.precision,
            parameters=cost[0],
            multiply_accumulates=cost[1],
            size=size,
            latency=None if found is None else percentiles_of(found),
            ratio=None if found is None or base_times is None else ratio_of(found, base_times),
            ccc=None if name else ccc.get(artifact.label),
            reason=reasons.get(key, ""),
        )

    rows = [row("", artifact, bundle.size(artifact), (parameters, operations)) for artifact in own]
    for peer in made:
        cost = (peer.parameters, peer.multiply_accumulates)
        rows += [row(peer.name, artifact, artifact.path.stat().st_size, cost) for artifact in peer.artifacts]
        rows += [_failed(peer, what, why) for what, why in peer.failed.items()]
    return tuple(rows)


def _failed(peer: PeerFiles, what: str, why: str) -> PeerRow:
    format_name, _, precision = what.partition(" ")
    return PeerRow(
        name=peer.name,
        own=False,
        format=format_name,
        precision="int8" if precision == "int8" else "fp32",
        parameters=peer.parameters,
        multiply_accumulates=peer.multiply_accumulates,
        reason=why[:4096],
    )
