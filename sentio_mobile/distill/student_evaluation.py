"""Evaluation of a student: its metrics, and those of its teacher on the same songs."""

from __future__ import annotations

from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.metrics.agreement import retention
from sentio_mobile.metrics.evaluation import Evaluation, TeacherEvaluation, evaluate
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.training.fit import predict


def evaluate_student(student: Checkpoint, teacher: Checkpoint, data: PreparedData, seed: int) -> Evaluation:
    """Evaluate a student and its teacher on validation and test songs.

    Args:
        student: The student.
        teacher: Its teacher.
        data: Prepared songs.
        seed: Random seed for the bootstrap.
    """
    val, test = data.split("val"), data.split("test")
    student_test = predict(student.model, student.spec, data, "test")
    teacher_test = predict(teacher.model.cpu(), teacher.spec, data, "test")
    return Evaluation(
        val=evaluate(val.song_ids, val.labels, predict(student.model, student.spec, data, "val"), seed),
        test=evaluate(test.song_ids, test.labels, student_test, seed),
        retention=retention(test.labels, student_test, teacher_test, seed),
        teacher=TeacherEvaluation(
            test=evaluate(test.song_ids, test.labels, teacher_test, seed),
            spec=teacher.spec,
            parameters=sum(p.numel() for p in teacher.model.parameters()),
            history=teacher.history,
            data=teacher.data,
        ),
    )
