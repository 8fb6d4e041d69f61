"""What a student is worth: its answers, and those of its teacher for the same songs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.metrics.agreement import evaluate, retention
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.training.fit import predict


def evaluate_student(student: Checkpoint, teacher: Checkpoint, data: PreparedData, seed: int) -> dict[str, Any]:
    """Metrics on validation and test songs, how much of the teacher's CCC is kept, and the teacher itself."""
    test, val = data.split("test"), data.split("val")
    answers = predict(student.model, student.spec, data, "test")
    taught = predict(teacher.model.cpu(), teacher.spec, data, "test")
    return {
        "val": evaluate(val.song_ids, val.labels, predict(student.model, student.spec, data, "val"), seed),
        "test": evaluate(test.song_ids, test.labels, answers, seed),
        "retention": asdict(retention(test.labels, answers, taught, seed)),
        "teacher": {
            "test": evaluate(test.song_ids, test.labels, taught, seed),
            "spec": teacher.spec.to_dict(),
            "parameters": sum(p.numel() for p in teacher.model.parameters()),
            "history": teacher.history,
            "data": teacher.data,
        },
    }
