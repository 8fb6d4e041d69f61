"""The process that predicts uploaded songs: it opens the teacher, gives up its rights, and hears files from strangers.

`TeacherProcess` starts it and talks to it. Decoders and the network run here, where nothing can be written, no other
file can be read, and no network can be reached; see `sentio_mobile._internal.sandbox`.
"""

from __future__ import annotations

import sys
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from sentio_mobile._internal.connected_process import receive
from sentio_mobile._internal.records import json_bytes, replace
from sentio_mobile._internal.sandbox import address_space, limit_cpu, limit_memory, restrict
from sentio_mobile._internal.subprocesses import end_with_parent
from sentio_mobile.errors import AudioError, SentioError
from sentio_mobile.inference.opening import ModelChoice
from sentio_mobile.inference.predictor import Predictor
from sentio_mobile.inference.teacher_process import Answer, Ask

MEMORY = 2 << 30
"""Bytes that a song may take, beside the teacher."""


def main(folder: Path, scratch: Path, threads: int, descriptor: int) -> None:
    """Say that the teacher is open, or why not; then answer until the other side is gone.

    Args:
        folder: The teacher.
        scratch: The folder of uploaded files, the only one that is read from then on.
        threads: Threads that the teacher may use.
        descriptor: The process's end of the connection.
    """
    end_with_parent()
    connection = Connection(descriptor)
    try:
        predictor = ModelChoice(folder=folder, threads=threads).open()
        audio = predictor.spec.audio
        # What a network loads at its first prediction, it loads while it may.
        predictor.predict_pcm(np.zeros(audio.n_samples, np.float32), audio.sample_rate)
    except SentioError as error:
        connection.send_bytes(json_bytes(Answer(fault=str(error))))
        return
    restrict([scratch])
    limit_memory(address_space() + MEMORY)
    connection.send_bytes(json_bytes(Answer()))
    while True:
        try:
            ask = receive(connection, Ask, "the server")
        except EOFError:
            return
        limit_cpu(ask.limit_s)
        connection.send_bytes(json_bytes(_answer(predictor, ask)))


def _answer(predictor: Predictor, ask: Ask) -> Answer:
    try:
        emotion = replace(predictor.predict(Path(ask.path)), song=ask.song)
    except AudioError as error:
        return Answer(fault=str(error).replace(ask.path, ask.song))
    except MemoryError:
        return Answer(fault=f"{ask.song}: needs more memory than a song may take")
    except Exception as error:  # Decoders and networks raise anything.
        return Answer(fault=f"{ask.song}: cannot be predicted ({type(error).__name__})")
    return Answer(
        prediction=emotion.to_prediction(),
        level_db=emotion.level_db,
        notes=tuple(f"{ask.song}: {note}" for note in emotion.notes),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
