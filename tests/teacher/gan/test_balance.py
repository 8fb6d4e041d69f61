"""The ratio of updates, and what counts as a collapse."""

import pytest

from sentio_mobile.teacher.gan.balance import Balance, Watch
from sentio_mobile.teacher.gan.config import GanTraining

SETTINGS = GanTraining(epochs=50, steps=10, patience=3)


def play(balance: Balance, accuracy: float, steps: int) -> tuple[int, int]:
    """Updates of discriminator and generator in some steps."""
    discriminated = generated = 0
    for _ in range(steps):
        discriminate, generate = balance.turns()
        discriminated, generated = discriminated + discriminate, generated + generate
        balance.advance(accuracy)
    return discriminated, generated


def test_within_its_range_both_learn_in_each_step() -> None:
    assert play(Balance((0.7, 0.8)), 0.75, 200) == (200, 200)


def test_a_discriminator_that_is_too_good_rests_and_learns_again_soon_after() -> None:
    balance = Balance((0.7, 0.8))
    discriminated, generated = play(balance, 0.99, 300)
    assert generated == 300
    assert discriminated < 60
    play(balance, 0.75, 30)
    assert play(balance, 0.75, 30) == (30, 30)


def test_the_farther_the_rarer() -> None:
    turns = [play(Balance((0.7, 0.8), accuracy), accuracy, 120)[0] for accuracy in (0.8, 0.84, 0.92, 1.0)]
    assert turns == sorted(turns, reverse=True)
    assert len(set(turns)) == 4


def test_a_discriminator_that_is_lost_gets_more_turns() -> None:
    discriminated, generated = play(Balance((0.7, 0.8)), 0.4, 300)
    assert discriminated == 300
    assert generated < 60


def test_a_restored_balance_goes_on_alike() -> None:
    first = Balance((0.7, 0.8))
    play(first, 0.9, 33)
    second = Balance((0.7, 0.8))
    second.restore(first.state())
    assert play(first, 0.6, 50) == play(second, 0.6, 50)
    assert first.state() == second.state()


@pytest.mark.parametrize(
    ("accuracy", "diversity", "fault"),
    [
        (0.99, 0.8, "99% of the clips right, more than 95%"),
        (0.51, 0.8, "51% of the clips right, less than 55%"),
        (0.75, 0.01, "0.01 times as much as real clips"),
    ],
)
def test_a_collapse_is_one_that_lasts(accuracy: float, diversity: float, fault: str) -> None:
    watch = Watch(SETTINGS)
    told = [watch.after_epoch(accuracy, diversity) for _ in range(6)]
    assert told[:5] == [None] * 5
    assert told[5] is not None
    assert fault in told[5]
    broken = Watch(SETTINGS)
    assert not any(broken.after_epoch(*((0.75, 0.8) if i % 3 == 2 else (accuracy, diversity))) for i in range(30))


def test_training_that_goes_well_is_not_stopped() -> None:
    watch = Watch(SETTINGS)
    assert not any(watch.after_epoch(0.85, 0.6) for _ in range(40))
