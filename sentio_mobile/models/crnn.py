"""A convolutional recurrent network over time: a baseline of the comparison, and a possible teacher."""

from __future__ import annotations

import itertools

import torch
from torch import nn

from sentio_mobile.models.config import CRNNSettings
from sentio_mobile.spec import OUTPUTS


class CRNN(nn.Module):
    """One-dimensional convolutions over time, a bidirectional LSTM, and the mean over time.

    The architecture follows the music tagger of Choi et al. (2017), with convolutions over time alone; the mel bands
    are the input channels.

    Args:
        settings: Widths and depth.
        image_size: Height and width of the image, in pixels.
    """

    def __init__(self, settings: CRNNSettings, image_size: tuple[int, int]) -> None:
        super().__init__()
        widths = (image_size[0], *settings.conv_widths)
        self.convolutions = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv1d(before, after, 3, padding=1, bias=False),
                    nn.BatchNorm1d(after),
                    nn.ReLU(),
                    nn.MaxPool1d(2),
                    nn.Dropout(settings.dropout),
                )
                for before, after in itertools.pairwise(widths)
            )
        )
        self.recurrent = nn.LSTM(
            widths[-1],
            settings.lstm_width,
            settings.lstm_layers,
            batch_first=True,
            bidirectional=True,
            dropout=settings.dropout if settings.lstm_layers > 1 else 0.0,
        )
        self.head = nn.Sequential(
            nn.Dropout(settings.dropout), nn.Linear(2 * settings.lstm_width, len(OUTPUTS)), nn.Tanh()
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, height, width], three equal channels -> valence and arousal [batch, 2] in [-1, 1]."""
        features = self.convolutions(image[:, 0])
        return self.head(self.recurrent(features.transpose(1, 2))[0].mean(dim=1))
