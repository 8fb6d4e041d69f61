"""A probe and its folder: `probe.json`, `probe.safetensors` and `predictions.csv`. Nothing in it can run code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from sentio_mobile._internal.files import is_file, sha256
from sentio_mobile._internal.records import read_record
from sentio_mobile.data.pseudo_labels import PseudoLabels, read_pseudo_labels
from sentio_mobile.errors import CheckpointError, InputError
from sentio_mobile.models.encoders.base import EncoderInfo
from sentio_mobile.spec import OUTPUTS
from sentio_mobile.teacher.ensemble.features import FEATURE_NAMES
from sentio_mobile.teacher.probe.cv import Ensemble, predict_ensembles
from sentio_mobile.teacher.probe.members import Member, inputs_of
from sentio_mobile.teacher.probe.sheet import MemberSheet, ProbeSheet

SHEET, TENSORS, PREDICTIONS = "probe.json", "probe.safetensors", "predictions.csv"

_MAX_DEPTH = 64
"""Depth of the deepest tree that is read."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A teacher that predicts from an encoder's embeddings.

    Attributes:
        folder: Its folder.
        sheet: What is known about it.
        ensembles: Its regressors, for each output.
        out_of_fold: Predictions for its training clips, each by regressors that never heard the clip's group.
    """

    folder: Path
    sheet: ProbeSheet
    ensembles: tuple[Ensemble, ...]
    out_of_fold: PseudoLabels

    @property
    def needs_features(self) -> bool:
        """Whether it also hears the 164 audio features."""
        return any("features" in member.parts for member in self.sheet.members)

    @property
    def parameters(self) -> int:
        """Number of the members' numbers."""
        return sum(
            values.size for one in self.ensembles for member in one.members for values in member.tensors.values()
        )

    def require_encoder(self, info: EncoderInfo, where: str) -> None:
        """Check that embeddings come from the encoder that the probe was made for.

        Args:
            info: The encoder of the embeddings.
            where: Where they stand, for the message.

        Raises:
            InputError: They come from another one.
        """
        own = self.sheet.encoder
        if (info.name, info.size, info.digest) != (own.name, own.size, own.digest):
            what = info.name if info.name != own.name else "another version of it"
            raise InputError(
                f"{where}: comes from {what}, and the probe {self.folder} was made for the encoder {own.name}; "
                f"embed the songs with --encoder {own.name}, or make a new probe"
            )

    def predict(
        self, embeddings: NDArray[np.floating], features: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Predict valence and arousal of clips.

        Args:
            embeddings: Embeddings of the probe's encoder [clips, time, size].
            features: The 164 audio features [clips, 164]; needed if `needs_features`.

        Returns:
            [clips, 2] in [-1, 1].

        Raises:
            InputError: Shapes do not fit, or features are missing.
            CheckpointError: Its numbers are so large that a prediction is none.
        """
        size = self.sheet.encoder.size
        if embeddings.ndim != 3 or embeddings.shape[2] != size or not embeddings.shape[1]:
            raise InputError(f"embeddings must have the shape (clips, time, {size}), not {embeddings.shape}")
        if self.needs_features:
            if features is None:
                raise InputError(f"the probe {self.folder} also hears the 164 audio features; give the music itself")
            if features.shape != (len(embeddings), len(FEATURE_NAMES)):
                raise InputError(f"features must have the shape {(len(embeddings), len(FEATURE_NAMES))}")
        inputs = inputs_of(embeddings, features if self.needs_features else None)
        with np.errstate(all="ignore"):
            predicted = predict_ensembles(self.ensembles, inputs)
        if not np.isfinite(predicted).all():
            raise CheckpointError(f"{self.folder}: predicts NaN; its numbers or the embeddings are damaged")
        return predicted

    @classmethod
    def load(cls, folder: Path) -> Probe:
        """Read a probe.

        Raises:
            CheckpointError: The folder holds no probe, or something in it is damaged or was changed.
        """
        if not is_file(folder / SHEET):
            raise CheckpointError(
                f"{folder} is no probe: it has no {SHEET}; make one with `sentio-mobile teacher probe`"
            )
        sheet = read_record(ProbeSheet, folder / SHEET, CheckpointError)
        for name, digest in ((TENSORS, sheet.tensors_sha256), (PREDICTIONS, sheet.predictions_sha256)):
            if not is_file(folder / name) or sha256(folder / name) != digest:
                raise CheckpointError(f"{folder / name} is missing or was changed; make the probe again")
        try:
            tensors = load_file(folder / TENSORS)
        except (SafetensorError, OSError, ValueError) as error:
            raise CheckpointError(f"{folder / TENSORS} is damaged; make the probe again") from error
        members = [_member(number, one, tensors, sheet, folder) for number, one in enumerate(sheet.members)]
        ensembles = tuple(
            Ensemble(
                members=tuple(m for m, s in zip(members, sheet.members, strict=True) if s.output == output),
                weights=tuple(s.weight for s in sheet.members if s.output == output),
                offset=offset,
            )
            for output, offset in zip(OUTPUTS, sheet.offsets, strict=True)
        )
        if not all(one.members for one in ensembles):
            raise CheckpointError(f"{folder / SHEET}: members must predict valence and arousal; make the probe again")
        try:
            out_of_fold = read_pseudo_labels(folder / PREDICTIONS)
        except InputError as error:
            raise CheckpointError(str(error)) from error
        return cls(folder=folder, sheet=sheet, ensembles=ensembles, out_of_fold=out_of_fold)


def is_probe(folder: Path) -> bool:
    """Whether a folder holds a probe."""
    return is_file(folder / SHEET)


def tensors_of(ensembles: Sequence[Ensemble]) -> dict[str, NDArray[Any]]:
    """The numbers of all members by name, as probe.safetensors has them."""
    members = [member for one in ensembles for member in one.members]
    return {
        f"{number}.{name}": np.ascontiguousarray(values)
        for number, member in enumerate(members)
        for name, values in member.tensors.items()
    }


_SHAPES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ridge": {"weights": ("inputs",), "bias": ("one",)},
    "svr": {"vectors": ("vectors", "inputs"), "weights": ("vectors",), "bias": ("one",), "gamma": ("one",)},
    "mlp": {
        "hidden_weights": ("inputs", "hidden"),
        "hidden_bias": ("hidden",),
        "weights": ("hidden",),
        "bias": ("one",),
    },
    "xgboost": {
        **dict.fromkeys(("columns", "thresholds", "low", "high", "leaves"), ("trees", "nodes")),
        "bias": ("one",),
        "depth": ("one",),
    },
}
"""Names of the sides of each tensor, by regressor: sides of one name are equal."""

_WHOLE = frozenset({"columns", "low", "high", "depth"})
"""Tensors of whole numbers; all others are floating point."""


def _member(
    number: int, sheet: MemberSheet, tensors: Mapping[str, NDArray[Any]], probe: ProbeSheet, folder: Path
) -> Member:
    """One member, after a check that its numbers fit each other and its inputs."""
    fault = CheckpointError(f"{folder / TENSORS}: the numbers of member {number} do not fit; make the probe again")
    widths = {"mean": probe.encoder.size, "sd": probe.encoder.size, "features": len(FEATURE_NAMES)}
    sides = {"one": 1, "inputs": sum(widths[part] for part in sheet.parts)}
    shapes = {"centre": ("inputs",), "scale": ("inputs",), **_SHAPES[sheet.regressor]}
    own: dict[str, NDArray[Any]] = {}
    for name, names in shapes.items():
        values = tensors.get(f"{number}.{name}")
        if values is None or values.ndim != len(names) or not np.isfinite(values).all():
            raise fault
        if values.dtype.kind not in ("iu" if name in _WHOLE else "f"):
            raise fault
        if any(sides.setdefault(side, length) != length for side, length in zip(names, values.shape, strict=True)):
            raise fault
        own[name] = values
    if not (own["scale"] > 0).all():
        raise fault
    if sheet.regressor == "xgboost":
        limits = {"columns": sides["inputs"], "low": sides["nodes"], "high": sides["nodes"], "depth": _MAX_DEPTH}
        if sides["nodes"] < 1 or any(
            (own[name] < 0).any() or (own[name] >= limit).any() for name, limit in limits.items()
        ):
            raise fault
    return Member(regressor=sheet.regressor, parts=sheet.parts, tensors=own)
