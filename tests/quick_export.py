"""Exporting small networks for tests, without a worker process and without rendering music."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from sentio_mobile._internal.progress import Progress
from sentio_mobile.audio.image import clip_to_image, to_input
from sentio_mobile.bundle.bundle import Bundle, open_bundle
from sentio_mobile.bundle.golden import Golden, clip_of_excerpt
from sentio_mobile.export import build as build_module
from sentio_mobile.export.build import build_bundle
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.export.conversion import ConversionJob, ConversionResult
from sentio_mobile.formats.base import write_artifact
from sentio_mobile.formats.forms import in_form
from sentio_mobile.formats.registry import get_format
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.spec import ModelSpec


def export_quickly(checkpoint: Path, out: Path, recipe: ExportRecipe) -> Bundle:
    """Export a checkpoint; golden vectors are tones in noise, and conversions run in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build_module, "make_golden", quick_golden)
        patch.setattr(build_module, "convert", _convert)
        built = build_bundle(checkpoint, recipe, out=out)
    assert not built.failed
    return open_bundle(out)


def quick_golden(model: nn.Module, spec: ModelSpec, progress: Progress | None = None) -> Golden:
    """Golden vectors from tones in noise: rendering music takes most of a minute."""
    random, time = np.random.default_rng(0), np.arange(spec.audio.n_samples)
    tones = [np.sin(time * step) * 10_000 + random.normal(0, 10**i, len(time)) for i, step in enumerate((0.01, 0.1, 1))]
    excerpt = np.stack([*tones, tones[0] * (time < 9000), tones[1] * (time > 9000), tones[2] / 50]).astype(np.int16)
    length = np.full(len(excerpt), spec.audio.n_samples, dtype=np.int32)
    image = np.stack([clip_to_image(clip_of_excerpt(one, length[0], spec.audio), spec.audio) for one in excerpt])
    with torch.inference_mode():
        inputs = np.concatenate([to_input(one, spec) for one in image])
        return Golden(excerpt=excerpt, length=length, image=image, output=model(torch.from_numpy(inputs)).numpy())


def _convert(checkpoint: Path, job: ConversionJob, *, folder: Path, **_: object) -> ConversionResult:
    """Convert in this process: one of its own takes seconds to import torch."""
    loaded = Checkpoint.load(checkpoint)
    fold_norms(loaded.model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec, format_ = loaded.spec.in_form(job.form), get_format(job.format)
        converted = format_.convert(in_form(loaded.model, spec), spec)
        return ConversionResult(
            tuple(write_artifact(format_, converted, spec=spec, folder=folder, precision=p) for p in job.precisions),
            {},
        )
