"""What the steps of a training cost on this machine: a short benchmark before it begins."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from sentio_mobile._internal.records import replace
from sentio_mobile._internal.workers import usable_cores
from sentio_mobile.errors import InputError
from sentio_mobile.models.encoders.base import AudioEncoder, load_encoder
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.pipeline.config import NO_ENCODER, TrainRecipe
from sentio_mobile.pipeline.plan import Costs
from sentio_mobile.training.precision import with_real_precision


def open_encoder(recipe: TrainRecipe) -> AudioEncoder | None:
    """The encoder of a training; None where it uses none.

    Raises:
        InputError: There is no such encoder, or it is not installed; the message says what to do.
    """
    if recipe.encoder == NO_ENCODER:
        return None
    try:
        return load_encoder(recipe.encoder)
    except InputError as error:
        raise InputError(f"{error}, or train without an encoder: --encoder {NO_ENCODER}") from error


def on_this_machine(recipe: TrainRecipe) -> TrainRecipe:
    """The recipe with the number format that training has on this machine, where the recipe leaves it open."""
    student = recipe.distill
    return replace(recipe, distill=replace(student, training=with_real_precision(student.training)))


def measure_costs(recipe: TrainRecipe, encoder: AudioEncoder | None) -> Costs:
    """Time an embedding, a prediction and a training step of the student on this machine; takes a few seconds.

    Threads are taken to share a prediction and a step evenly.
    """
    embedding_s = 0.0
    if encoder is not None:
        noise = np.random.default_rng(0).standard_normal(round(recipe.audio.seconds * encoder.info.sample_rate))
        embedding_s = _core_seconds(lambda: encoder.embed((0.1 * noise).astype(np.float32)))
    student = recipe.distill
    audio = replace(recipe.audio, image_size=student.image_size or recipe.audio.image_size)
    network = build(spec_of(student.model, audio))
    images = torch.randn(student.training.batch_size, 3, *audio.image_size)

    def hear() -> None:
        with torch.inference_mode():
            network.eval()(images[:1])

    threads = torch.get_num_threads()
    hearing_s = _core_seconds(hear) / threads
    if student.head_only:
        return Costs(embedding_s=embedding_s, hearing_s=hearing_s, step_s=0.0, cores=usable_cores())
    bf16 = with_real_precision(student.training).precision == "bf16-mixed"

    optimizer = torch.optim.AdamW(network.train().parameters(), lr=0.0)

    def step() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            loss = network(images).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return Costs(
        embedding_s=embedding_s, hearing_s=hearing_s, step_s=_core_seconds(step) / threads, cores=usable_cores()
    )


def _core_seconds(work: Callable[[], object], times: int = 3) -> float:
    """Seconds of one core: what else the machine does at this moment says nothing about the next hour."""
    seconds, threads = [], torch.get_num_threads()
    # Threads that wait for each other take a core, too.
    torch.set_num_threads(1)
    try:
        for _ in range(times):
            start = time.process_time()
            work()
            seconds.append(time.process_time() - start)
    finally:
        torch.set_num_threads(threads)
    return min(seconds)
