"""Codes that hold what is heard rather than the waveform: for a top level that can be predicted.

Not in the paper. Trained as published, an autoencoder of a long hop spends its codes on the phase
of what it encodes, which no prior can predict and no ear misses. Here a small head reads the log
mel spectrogram from the codes, and the encoder and codebook learn from the head; the decoder learns
to make sound of the same codes, and only a share of its gradient reaches them. On the starter's
data a 2-gram then needs 6.2 bits for a code where it needed 8.0, at the same log mel distance of
the decoded sound (docs/starter.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from jukebox_studio.model.vqvae import ResidualStack
from jukebox_studio.training.losses import mel_filters

_FLOOR = 1e-3
_VARIANCE = 0.25
"""Of a log10 mel magnitude over music, roughly: brings the head's loss to the size of others."""


@dataclass(frozen=True)
class Heard:
    """How codes are to learn from what is heard."""

    weight: float = 2.0
    """Of the head's loss."""
    decoder_share: float = 0.1
    """Of the decoder's gradient that reaches encoder and codebook; 1 is the published way."""


def shared_gradient(vectors: Tensor, share: float) -> Tensor:
    """`vectors`, of whose gradient only `share` goes on backwards."""
    return vectors.detach() + share * (vectors - vectors.detach())


class MelHead(nn.Module):
    """Log mel magnitudes from quantised vectors: Tensor[B, emb, T] -> Tensor[B, bands, T].

    Two resolutions: 80 bands over a window of four hops, and the lowest 24 of 60 over eight, which
    tells bass notes apart.
    """

    def __init__(self, emb_width: int, hop_samples: int, rate_hz: int, width: int = 192) -> None:
        super().__init__()
        self.hop_samples = hop_samples
        short, long = 4 * hop_samples, 8 * hop_samples
        self.resolutions = (
            (short, mel_filters(2 * short, 80, rate_hz)),
            (long, mel_filters(2 * long, 60, rate_hz)[:24]),
        )
        bands = sum(len(filters) for _, filters in self.resolutions)
        self.model = nn.Sequential(
            nn.Conv1d(emb_width, width, 3, 1, 1),
            ResidualStack(width, (1, 3, 9)),
            nn.ReLU(),
            nn.Conv1d(width, bands, 1),
        )

    def forward(self, vectors: Tensor) -> Tensor:
        out: Tensor = self.model(vectors)
        return out

    @torch.no_grad()
    def target(self, audio: Tensor) -> Tensor:
        """What the head should read: Tensor[B, T, 1] -> Tensor[B, bands, T / hop]."""
        # Half a hop on, so that the middle of a window is the middle of a code.
        mono = audio[:, self.hop_samples // 2 :, 0]
        found = []
        for window, filters in self.resolutions:
            spectrum = torch.stft(
                mono,
                2 * window,
                self.hop_samples,
                window,
                torch.hann_window(window),
                center=True,
                pad_mode="reflect",
                return_complex=True,
            ).abs()
            found.append((filters @ spectrum).clamp(min=_FLOOR).log10())
        return torch.cat(found, dim=1)

    def loss(self, vectors: Tensor, audio: Tensor) -> Tensor:
        """Mean squared error in units of the variance of music, a scalar."""
        return (self(vectors).float() - self.target(audio)).square().mean() / _VARIANCE
