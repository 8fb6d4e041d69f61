"""The notebook that this project grew out of: Hugging Face's encoder under `vit.`, and the head that ours still is.

Its models were fed mels in decibels with zero mean and unit deviation a clip.
"""

from __future__ import annotations

import dataclasses

from sentio_mobile.teacher.import_weights.huggingface import HUGGING_FACE, HUGGING_FACE_5

NOTEBOOK = dataclasses.replace(
    HUGGING_FACE, name="the original notebook's", prefixes=("vit.",), head=True, normalization="zscore"
)
NOTEBOOK_5 = dataclasses.replace(
    NOTEBOOK,
    name=f"{NOTEBOOK.name}, transformers 5",
    block_prefix=HUGGING_FACE_5.block_prefix,
    block=HUGGING_FACE_5.block,
    inside=HUGGING_FACE_5.inside,
)
