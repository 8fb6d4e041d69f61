"""Who a student follows, by what its recipe learns from a teacher and by what there is."""

from __future__ import annotations

from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.followed.base import Followed
from sentio_mobile.distill.followed.network import FollowedNetwork
from sentio_mobile.distill.followed.nobody import FollowedNobody
from sentio_mobile.distill.followed.predictions import FollowedPredictions
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.training.sources import ExtraData


def choose_followed(
    teacher: Checkpoint | None, recipe: DistillRecipe, extra: ExtraData, *, convert: bool = False
) -> Followed:
    """A network if there is one, otherwise pseudo-labels; nobody if the recipe learns nothing from either.

    Args:
        teacher: The network.
        recipe: How the student is distilled.
        extra: The pseudo-labels, and the music that they are for.
        convert: Whether the network may use its own normalization and image size.
    """
    if not recipe.follows_a_teacher:
        return FollowedNobody()
    if teacher is not None:
        return FollowedNetwork(teacher, convert)
    if extra.pseudo_labels is not None:
        return FollowedPredictions(extra.pseudo_labels)
    return FollowedNobody()
