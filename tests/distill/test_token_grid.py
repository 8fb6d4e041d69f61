"""What a teacher says on its own grid is the same thing on the student's."""

import pytest
import torch

from sentio_mobile.distill.token_grid import attention_on, features_on

WIDE, SQUARE = (2, 4), (4, 4)


def test_the_same_grid_changes_nothing() -> None:
    features, attention = torch.randn(2, 17, 3), torch.softmax(torch.randn(2, 17, 17), dim=-1)
    assert features_on(SQUARE, features, SQUARE) is features
    assert attention_on(SQUARE, attention, SQUARE) is attention


def test_a_coarser_token_holds_the_mean_of_those_that_it_covers() -> None:
    features = torch.randn(2, 17, 3)
    coarse = features_on(WIDE, features, SQUARE)
    assert torch.equal(coarse[:, 0], features[:, 0])
    picture = features[:, 1:].view(2, 4, 4, 3)
    wanted = (picture[:, 0::2] + picture[:, 1::2]) / 2
    torch.testing.assert_close(coarse[:, 1:].view(2, 2, 4, 3), wanted)


@pytest.mark.parametrize("grid", [(2, 4), (3, 5), (8, 14), (7, 1)])
def test_attention_stays_a_distribution_and_what_is_looked_at_stays_in_place(grid: tuple[int, int]) -> None:
    attention = torch.softmax(4 * torch.randn(3, 17, 17), dim=-1)
    moved = attention_on(grid, attention, SQUARE)
    assert moved.shape == (3, 1 + grid[0] * grid[1], 1 + grid[0] * grid[1])
    torch.testing.assert_close(moved.sum(dim=-1), torch.ones(3, 1 + grid[0] * grid[1]))
    torch.testing.assert_close(moved[:, 0, 0], attention[:, 0, 0])
    # The class token's centre of gravity along time, in parts of the whole.
    ours = (moved[:, 0, 1:].view(3, *grid).sum(dim=1) * (torch.arange(grid[1]) + 0.5) / grid[1]).sum(dim=1)
    theirs = (attention[:, 0, 1:].view(3, 4, 4).sum(dim=1) * (torch.arange(4) + 0.5) / 4).sum(dim=1)
    if grid[1] >= 4:
        torch.testing.assert_close(ours, theirs, atol=0.03, rtol=0)


def test_going_to_a_finer_grid_and_back_loses_nothing() -> None:
    features, attention = torch.randn(2, 9, 3), torch.softmax(torch.randn(2, 9, 9), dim=-1)
    torch.testing.assert_close(features_on(WIDE, features_on((4, 8), features, WIDE), (4, 8)), features)
    back = attention_on(WIDE, attention_on((4, 8), attention, WIDE), (4, 8))
    torch.testing.assert_close(back, attention)
