"""The ratio of updates, and the detection of a collapse."""

import pytest

from sentio_mobile.teacher.gan.balance import CollapseGuard, UpdateBalance
from sentio_mobile.teacher.gan.config import GanTraining

SETTINGS = GanTraining(epochs=50, steps=10, patience=3)


def count_updates(balance: UpdateBalance, accuracy: float, steps: int) -> tuple[int, int]:
    """The numbers of updates of discriminator and generator."""
    discriminated = generated = 0
    for _ in range(steps):
        discriminate, generate = balance.updates()
        discriminated, generated = discriminated + discriminate, generated + generate
        balance.advance(accuracy)
    return discriminated, generated


def test_update_balance_in_range_updates_both_in_each_step() -> None:
    assert count_updates(UpdateBalance((0.7, 0.8)), 0.75, 200) == (200, 200)


def test_update_balance_strong_discriminator_rests_and_returns() -> None:
    balance = UpdateBalance((0.7, 0.8))
    discriminated, generated = count_updates(balance, 0.99, 300)
    assert generated == 300
    assert discriminated < 60
    count_updates(balance, 0.75, 30)
    assert count_updates(balance, 0.75, 30) == (30, 30)


def test_update_balance_rests_longer_farther_from_the_range() -> None:
    turns = [
        count_updates(UpdateBalance((0.7, 0.8), accuracy), accuracy, 120)[0] for accuracy in (0.8, 0.84, 0.92, 1.0)
    ]
    assert turns == sorted(turns, reverse=True)
    assert len(set(turns)) == 4


def test_update_balance_weak_discriminator_makes_the_generator_rest() -> None:
    discriminated, generated = count_updates(UpdateBalance((0.7, 0.8)), 0.4, 300)
    assert discriminated == 300
    assert generated < 60


def test_update_balance_restored_state_continues_equally() -> None:
    first = UpdateBalance((0.7, 0.8))
    count_updates(first, 0.9, 33)
    second = UpdateBalance((0.7, 0.8))
    second.restore(first.state())
    assert count_updates(first, 0.6, 50) == count_updates(second, 0.6, 50)
    assert first.state() == second.state()


@pytest.mark.parametrize(
    ("accuracy", "diversity", "fault"),
    [
        (0.99, 0.8, "99% of the clips correctly, more than 95%"),
        (0.51, 0.8, "51% of the clips correctly, less than 55%"),
        (0.75, 0.01, "0.01 times as much as real clips"),
    ],
)
def test_collapse_guard_reports_a_lasting_fault_alone(accuracy: float, diversity: float, fault: str) -> None:
    guard = CollapseGuard(SETTINGS)
    reasons = [guard.after_epoch(accuracy, diversity) for _ in range(6)]
    assert reasons[:5] == [None] * 5
    assert reasons[5] is not None
    assert fault in reasons[5]
    interrupted = CollapseGuard(SETTINGS)
    assert not any(interrupted.after_epoch(*((0.75, 0.8) if i % 3 == 2 else (accuracy, diversity))) for i in range(30))


def test_collapse_guard_lets_good_training_continue() -> None:
    guard = CollapseGuard(SETTINGS)
    assert not any(guard.after_epoch(0.85, 0.6) for _ in range(40))
