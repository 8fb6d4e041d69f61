"""A convolutional recurrent network over the spectrogram's time axis: a row of the comparison, and a teacher."""

from __future__ import annotations

import itertools

import torch
from torch import nn

from sentio_mobile.models.config import CRNNSettings
from sentio_mobile.spec import OUTPUTS


class CRNN(nn.Module):
    """Convolutions over time whose channels are the picture's bands, a bidirectional LSTM, and the mean over time.

    The shape is the one that Choi et al. (2017) tag music with, with one-dimensional convolutions. Input
    [batch, 3, height, width], output [batch, 2] in [-1, 1].
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
        """Valence and arousal; the three channels are equal, so one of them says all."""
        heard = self.convolutions(image[:, 0])
        return self.head(self.recurrent(heard.transpose(1, 2))[0].mean(dim=1))
