"""Valence and arousal from the tags of an encoder: a teacher that needs nobody's labels of emotion.

Listeners of a tagging site wrote words such as "happy", "Mellow" and "metal" on songs, and an encoder such as musicnn
learned to give each word a probability. Here a table says where each word lies on the plane of valence and arousal,
and a clip lies where its words are.

The positions of words of mood follow the circumplex of affect (Russell 1980, "A circumplex model of affect", Journal of
Personality and Social Psychology 39): happy near pleasant, excited up and right, angry and tense up and left, sad down
and left, calm and relaxed down and right. Genres lie where listeners place typical music of theirs (compare Eerola &
Vuoskoski 2011, "A comparison of the discrete and dimensional models of emotion in music"; norms of words such as
Warriner, Kuperman & Brysbaert 2013 order the same words alike). All numbers are this project's own and were written
down by meaning, before any prediction was compared with a label. They must never be fitted to labels: a fitted table is
a probe, which `teacher probe` makes better.

    z[k]    mean over the time steps of a clip of the log-odds of tag k, standardized over a reference of clips
    a       sum over k of weight[k] * arousal[k] * z[k], divided by its standard deviation over the reference
    v       the same with valence[k], less what a straight line of a explains of it over the reference: the axes of the
            plane are at right angles, but the words are not, since most angry words are loud and most calm words gentle
    output  tanh(SPREAD * v), tanh(SPREAD * a)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.files import is_file
from sentio_mobile._internal.records import Count, Finite, Name, Record, Sha256, read_record
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.errors import DataError, RecordError
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings

SHIPPED = ROOT / "teacher" / "tags"
"""References that come with this package, one file for an encoder."""

SPREAD = 0.5
"""Standard deviation of each output over the reference, before tanh: ratings of songs spread about as much."""

LEAST_CLIPS = 50
"""Clips that a reference needs: means and standard deviations of fewer say more about those clips than about music."""

MOOD, GENRE = 2.0, 1.0
"""Weights of a word that says a feeling, and of one from which a feeling is only likely."""

Position = tuple[float, float]

MOODS: Mapping[str, Position] = {
    # Pleasant and lively, from Russell's "happy" to "excited".
    "happy": (0.9, 0.3),
    "party": (0.6, 0.7),
    "catchy": (0.5, 0.4),
    "sexy": (0.4, 0.1),
    # Pleasant and quiet, Russell's "calm", "relaxed" and "serene". People also write "Mellow" on sad songs.
    "easy listening": (0.5, -0.6),
    "chill": (0.4, -0.6),
    "chillout": (0.4, -0.6),
    "mellow": (0.3, -0.7),
    # What moves people may be glad or sad, and is seldom loud.
    "beautiful": (0.1, -0.4),
    # Russell's "sad".
    "sad": (-0.9, -0.4),
}
"""Where words of mood lie: valence and arousal."""

GENRES: Mapping[str, Position] = {
    # Aggressive, towards Russell's "angry" and "tense".
    "metal": (-0.6, 0.8),
    "heavy metal": (-0.6, 0.8),
    "punk": (-0.3, 0.8),
    "hard rock": (-0.2, 0.7),
    # Loud guitars, with any feeling; less bright the further from the charts.
    "rock": (-0.1, 0.5),
    "alternative rock": (-0.2, 0.4),
    "alternative": (-0.2, 0.2),
    "indie rock": (0.0, 0.3),
    "classic rock": (0.1, 0.4),
    "progressive rock": (-0.1, 0.2),
    # Made for dancing.
    "dance": (0.5, 0.6),
    "house": (0.3, 0.6),
    "electro": (0.1, 0.6),
    "funk": (0.6, 0.5),
    "hip-hop": (0.1, 0.4),
    # Bright songs.
    "pop": (0.4, 0.2),
    "indie pop": (0.3, 0.1),
    "soul": (0.4, -0.1),
    "rnb": (0.3, 0.0),
    "country": (0.3, 0.0),
    "oldies": (0.4, -0.1),
    "60s": (0.3, 0.0),
    # Quiet music; jazz is warm, the acoustic guitar and the ballad have any feeling.
    "jazz": (0.3, -0.4),
    "blues": (0.0, -0.2),
    "folk": (0.0, -0.5),
    "acoustic": (0.0, -0.5),
    "instrumental": (-0.1, -0.3),
    # Without tune or beat: still, and dark more often than bright.
    "ambient": (-0.2, -0.8),
    "experimental": (-0.4, 0.0),
}
"""Where typical music of a genre lies: valence and arousal.

Left out, because any feeling is as likely: eras (70s, 80s, 90s, 00s), voices (female vocalists, female vocalist, male
vocalists), guitar, indie, and electronic and electronica, which are dance and ambient music alike.
"""

Statistics = Annotated[tuple[Finite, ...], Meta(min_length=1, max_length=4096)]
Deviations = Annotated[tuple[Annotated[float, Meta(gt=0, le=1e300)], ...], Meta(min_length=1, max_length=4096)]
Deviation = Annotated[float, Meta(gt=0, le=1e300)]

_LEAST, _MOST = 1e-5, 1 - 2**-11
"""Half precision holds probabilities between these; log-odds of 0 and 1 are infinite."""


class TagReference(Record, frozen=True, kw_only=True):
    """The clips that tags are compared with: what is usual in music, so that the plane's middle means something."""

    encoder: Name  # the encoder that gave the tags
    encoder_sha256: Sha256  # its digest
    tags: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=4096)]  # its tags, in the order of its outputs
    mean: Statistics  # mean of each tag's log-odds over the clips
    sd: Deviations  # standard deviation of each tag's log-odds over the clips
    valence_sd: Deviation  # standard deviation of the weighted sum for valence
    arousal_sd: Deviation  # standard deviation of the weighted sum for arousal
    correlation: Annotated[float, Meta(gt=-1, lt=1)]  # correlation of the two sums
    clips: Count  # number of the clips
    embeddings_sha256: Sha256  # SHA-256 of the file of their embeddings

    def check(self) -> None:
        """Each tag has a mean and a standard deviation."""
        for name in ("mean", "sd"):
            if len(getattr(self, name)) != len(self.tags):
                raise RecordError(f"{name} has {len(getattr(self, name))} values for {len(self.tags)} tags")


def tag_reference(clips: ClipEmbeddings) -> TagReference:
    """Measure what is usual in music.

    Args:
        clips: Clips of much and varied music. No labels are needed.

    Raises:
        DataError: They have no tags, are too few, or do not differ.
    """
    if len(clips.checksums) < LEAST_CLIPS:
        raise DataError(
            f"{clips.path}: has {len(clips.checksums)} clips; {LEAST_CLIPS} or more are needed to know what is usual"
        )
    odds = _log_odds(clips)
    mean, sd = odds.mean(axis=0), odds.std(axis=0)
    if not (sd > 0).all():
        same = [name for name, one in zip(clips.tag_names, sd, strict=True) if not one > 0]
        raise DataError(f"{clips.path}: the clips do not differ in {', '.join(same[:3])}; give varied music")
    sums = (odds - mean) / sd @ _weights(clips.tag_names)
    valence_sd, arousal_sd = sums.std(axis=0)
    if not min(valence_sd, arousal_sd) > 0:
        raise DataError(
            f"{clips.path}: no tag of {clips.info.name} tells valence or arousal; use the encoder musicnn-msd"
        )
    return TagReference(
        encoder=clips.info.name,
        encoder_sha256=clips.info.digest,
        tags=tuple(clips.tag_names),
        mean=tuple(mean.tolist()),
        sd=tuple(sd.tolist()),
        valence_sd=float(valence_sd),
        arousal_sd=float(arousal_sd),
        correlation=float((sums[:, 0] * sums[:, 1]).mean() / (valence_sd * arousal_sd)),
        clips=len(odds),
        embeddings_sha256=clips.digest,
    )


def shipped_reference(encoder: str) -> TagReference:
    """The reference for an encoder that comes with this package.

    Raises:
        DataError: There is none.
    """
    path = SHIPPED / f"{encoder}.json"
    if not is_file(path):
        known = sorted(one.stem for one in SHIPPED.glob("*.json"))
        raise DataError(f"there is no reference for the tags of {encoder}, only for those of {', '.join(known)}")
    return read_record(TagReference, path, DataError)


def tag_predictions(clips: ClipEmbeddings, reference: TagReference) -> NDArray[np.float32]:
    """Predict valence and arousal of clips from their tags.

    Args:
        clips: Clips with the tags of the reference's encoder.
        reference: What is usual in music.

    Returns:
        Valence and arousal in [-1, 1] of each clip [clips, 2]; 0 is the reference's mean.

    Raises:
        DataError: The clips have no tags, or those of another encoder.
    """
    odds = _log_odds(clips)
    if (clips.info.digest, tuple(clips.tag_names)) != (reference.encoder_sha256, reference.tags):
        raise DataError(
            f"{clips.path}: has tags of {clips.info.name}, and the reference those of {reference.encoder} with other "
            "weights or tags; embed both with one encoder"
        )
    sums = (odds - np.array(reference.mean)) / np.array(reference.sd) @ _weights(reference.tags)
    valence, arousal = sums.T / np.array([[reference.valence_sd], [reference.arousal_sd]])
    valence = (valence - reference.correlation * arousal) / np.sqrt(1 - reference.correlation**2)
    return np.tanh(SPREAD * np.stack([valence, arousal], axis=1)).astype(np.float32)


def _log_odds(clips: ClipEmbeddings) -> NDArray[np.float64]:
    """Mean log-odds of each tag over the time steps of each clip [clips, tags]."""
    if clips.tags is None:
        raise DataError(
            f"{clips.path}: holds no tags; embed the music with an encoder that has them, such as musicnn-msd"
        )
    probabilities = np.clip(clips.tags.astype(np.float64), _LEAST, _MOST)
    return np.asarray(np.log(probabilities / (1 - probabilities)).mean(axis=1))


def _weights(tags: Sequence[str]) -> NDArray[np.float64]:
    """What each tag adds to the sums for valence and for arousal [tags, 2]; 0 for a tag without a position."""
    table = {name: (MOOD * valence, MOOD * arousal) for name, (valence, arousal) in MOODS.items()}
    table |= {name: (GENRE * valence, GENRE * arousal) for name, (valence, arousal) in GENRES.items()}
    return np.array([table.get(tag.lower(), (0.0, 0.0)) for tag in tags])
