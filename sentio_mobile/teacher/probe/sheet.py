"""probe.json: everything that is known about a probe but its numbers and its predictions."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from sentio_mobile._internal.records import Count, Finite, Name, Record, Sha256, Text, Versions
from sentio_mobile.metrics.bootstrap import Interval
from sentio_mobile.metrics.evaluation import SplitEvaluation
from sentio_mobile.models.encoders.base import EncoderInfo
from sentio_mobile.spec import AudioSpec, DataOrigin, Uncertainty
from sentio_mobile.teacher.probe.config import Input, ProbeRecipe, Regressor
from sentio_mobile.teacher.probe.members import Part

Songs = Literal["train", "all"]
"""The songs of a prepared folder that a probe is trained on: its training split, or all of its songs."""


class MemberSheet(Record, frozen=True, kw_only=True):
    """One member of a probe."""

    output: Literal["valence", "arousal"]  # what it predicts
    regressor: Regressor  # its kind
    input: Input  # what it hears
    parts: Annotated[tuple[Part, ...], Meta(min_length=1, max_length=3)]  # the parts of that, side by side
    settings: Annotated[dict[Name, Finite], Meta(max_length=16)]  # its settings, chosen by cross-validation
    weight: Annotated[float, Meta(gt=0, le=100)]  # what its prediction is multiplied with in the sum


class AucTable(Record, frozen=True, kw_only=True):
    """Areas under the ROC curve: 1 is always right, 0.5 is chance. Undefined where songs are all high or all low."""

    high: Text  # what makes a song high: a file of weak labels, or labels above 0
    valence: Interval  # high against low valence
    arousal: Interval  # high against low arousal
    valence_when_calm: Interval  # valence, within songs of low arousal
    valence_when_energetic: Interval  # valence, within songs of high arousal


class OutputControl(Record, frozen=True, kw_only=True):
    """A Ridge regression out of fold, on the labels of one output and on shuffled ones."""

    ccc: Annotated[float, Meta(ge=-1, le=1)]  # its CCC on the labels
    shuffled: Annotated[float, Meta(ge=-1, le=1)]  # 95th percentile of its CCC on shuffled labels
    informative: bool  # whether its CCC and the probe's are above that


class ShuffleControl(Record, frozen=True, kw_only=True):
    """Whether labels say more than shuffled ones."""

    shuffles: Count  # number of shuffles
    valence: OutputControl
    arousal: OutputControl


class ProbeEvaluation(Record, frozen=True, kw_only=True):
    """What a probe's out-of-fold predictions show: each by an ensemble that was chosen without the song's group."""

    folds: Count  # outer folds
    groups: Count  # groups of songs
    clips: Count  # windows of the songs
    songs: SplitEvaluation  # metrics on the songs' first windows, with the predictions themselves
    auc: AucTable  # high against low
    control: ShuffleControl  # shuffled labels
    warnings: Annotated[tuple[Text, ...], Meta(max_length=16)] = ()  # what a user must know before using the probe


class ProbeSheet(Record, frozen=True, kw_only=True):
    """probe.json of a probe's folder."""

    schema: Literal[1] = 1  # version of this record
    encoder: EncoderInfo  # encoder whose embeddings it takes
    audio: AudioSpec  # front end and length of the clips
    members: Annotated[tuple[MemberSheet, ...], Meta(min_length=2, max_length=64)]  # regressors of both outputs
    offsets: tuple[Finite, Finite]  # what is added to the sums of valence and of arousal
    recipe: ProbeRecipe  # settings that it was made with
    evaluation: ProbeEvaluation  # out-of-fold metrics on the songs that it was trained on
    uncertainty: Uncertainty | None  # intervals from the out-of-fold errors; None for too few songs
    trained_on: Songs  # songs of the prepared folder
    data: DataOrigin  # where they come from
    embeddings_sha256: Sha256  # hash of the file of embeddings
    tensors_sha256: Sha256  # hash of probe.safetensors
    predictions_sha256: Sha256  # hash of predictions.csv
    versions: Versions  # packages that made it
