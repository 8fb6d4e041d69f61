"""Features and attention keep their meaning when they are resampled to another token grid."""

import pytest
import torch

from sentio_mobile.distill.layer_mapping import resample_attention, resample_features

WIDE, SQUARE = (2, 4), (4, 4)


def test_resample_same_grid() -> None:
    features, attention = torch.randn(2, 17, 3), torch.softmax(torch.randn(2, 17, 17), dim=-1)
    assert resample_features(features, SQUARE, SQUARE) is features
    assert resample_attention(attention, SQUARE, SQUARE) is attention


def test_resample_features_coarser_grid() -> None:
    features = torch.randn(2, 17, 3)
    coarse = resample_features(features, SQUARE, WIDE)
    assert torch.equal(coarse[:, 0], features[:, 0])
    image = features[:, 1:].view(2, 4, 4, 3)
    expected = (image[:, 0::2] + image[:, 1::2]) / 2
    torch.testing.assert_close(coarse[:, 1:].view(2, 2, 4, 3), expected)


@pytest.mark.parametrize("grid", [(2, 4), (3, 5), (8, 14), (7, 1)])
def test_resample_attention_rows_and_position(grid: tuple[int, int]) -> None:
    attention = torch.softmax(4 * torch.randn(3, 17, 17), dim=-1)
    moved = resample_attention(attention, SQUARE, grid)
    assert moved.shape == (3, 1 + grid[0] * grid[1], 1 + grid[0] * grid[1])
    torch.testing.assert_close(moved.sum(dim=-1), torch.ones(3, 1 + grid[0] * grid[1]))
    torch.testing.assert_close(moved[:, 0, 0], attention[:, 0, 0])
    # The class token's centre of gravity along time, as a share of the duration.
    resampled_centre = (moved[:, 0, 1:].view(3, *grid).sum(dim=1) * (torch.arange(grid[1]) + 0.5) / grid[1]).sum(dim=1)
    original_centre = (attention[:, 0, 1:].view(3, 4, 4).sum(dim=1) * (torch.arange(4) + 0.5) / 4).sum(dim=1)
    if grid[1] >= 4:
        torch.testing.assert_close(resampled_centre, original_centre, atol=0.03, rtol=0)


def test_resample_finer_and_back() -> None:
    features, attention = torch.randn(2, 9, 3), torch.softmax(torch.randn(2, 9, 9), dim=-1)
    torch.testing.assert_close(resample_features(resample_features(features, WIDE, (4, 8)), (4, 8), WIDE), features)
    back = resample_attention(resample_attention(attention, WIDE, (4, 8)), (4, 8), WIDE)
    torch.testing.assert_close(back, attention)
