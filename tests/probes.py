"""What tests of probes share: a toy encoder's facts, and settings of a probe that is made in a moment."""

from collections.abc import Callable

from sentio_mobile.models.encoders.base import EncoderInfo
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings
from sentio_mobile.teacher.probe.config import ProbeRecipe

SIZE, STEPS = 6, 4

QUICK = ProbeRecipe(regressors=("ridge",), inputs=("embedding",), folds=4, inner_folds=2, shuffles=20)
"""One kind of member, few folds."""

MakeEmbeddings = Callable[..., ClipEmbeddings]


def toy_info(**changes: str) -> EncoderInfo:
    """An encoder that does not exist."""
    facts = {"name": "toy", "licence": "MIT", "source": "a test", "digest": "a" * 64, **changes}
    return EncoderInfo(sample_rate=8000, window_s=7.5, hop_s=7.5, size=SIZE, parameters=1, **facts)
