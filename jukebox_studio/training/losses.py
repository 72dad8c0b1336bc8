"""Losses of the VQ-VAE (paper, section 3.3 and appendix B.1). Audio is Tensor[B, T, C].

Every distance is divided by the bandwidth of the data, so that its weight does not depend on how
loud the music is.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

Reconstruction = Literal["l1", "l2", "linf", "lmix"]


@dataclass(frozen=True)
class Stft:
    """A short-time Fourier transform; all three in samples."""

    n_fft: int
    hop: int
    window: int


DEFAULT_STFT = Stft(2048, 256, 1536)
MULTI_STFT = (Stft(2048, 240, 1200), Stft(1024, 120, 600), Stft(512, 50, 240))


@dataclass(frozen=True)
class Bandwidth:
    """Scale of a data set: variance, mean magnitude, mean norm of the magnitude spectrogram."""

    l2: float
    l1: float
    spec: float


@dataclass(frozen=True)
class LossConfig:
    """Weights of the VQ-VAE's loss; defaults as published."""

    reconstruction: Reconstruction = "lmix"
    lmix_l1: float = 0.0
    lmix_l2: float = 1.0
    lmix_linf: float = 0.02
    linf_k: int = 2048
    spectral: float = 0.0
    multispectral: float = 1.0
    commit: float = 0.02
    log_mel: float = 0.0
    """Not in the paper: `log_mel_distance`, which hears what lies above the loudest bands."""
    stft: Stft = DEFAULT_STFT
    multi_stft: Sequence[Stft] = MULTI_STFT


def bandwidth(items: Iterable[np.ndarray], n_samples: int, stft: Stft = DEFAULT_STFT) -> Bandwidth:
    """Bandwidth of audio arrays [T, C], read in order until `n_samples` values were seen.

    Raises ValueError when the items hold no sample at all.
    """
    seen = count = 0
    total = total_abs = total_square = spec = 0.0
    for item in items:
        if seen >= n_samples:
            break
        samples = torch.from_numpy(np.asarray(item, dtype=np.float64))
        spec += float(spectrogram(samples.mean(-1).unsqueeze(0), stft).norm())
        count += 1
        seen += samples.numel()
        total += float(samples.sum())
        total_abs += float(samples.abs().sum())
        total_square += float(samples.square().sum())
    if not seen:
        raise ValueError("The bandwidth of no audio is undefined.")
    mean = total / seen
    return Bandwidth(l2=total_square / seen - mean**2, l1=total_abs / seen, spec=spec / count)


def spectrogram(audio: Tensor, stft: Stft) -> Tensor:
    """Magnitudes Tensor[B, n_fft / 2 + 1, frames] of Tensor[B, T]: Hann window, reflected ends."""
    window = torch.hann_window(stft.window, dtype=audio.dtype, device=audio.device)
    spectrum = torch.stft(
        audio,
        stft.n_fft,
        stft.hop,
        stft.window,
        window,
        center=True,
        pad_mode="reflect",
        return_complex=True,
    )
    return torch.view_as_real(spectrum).norm(dim=-1)


def _mono(audio: Tensor) -> Tensor:
    return audio.float().mean(-1)


def frobenius(x: Tensor) -> Tensor:
    """Frobenius norm per item: Tensor[B, ...] -> Tensor[B]."""
    return x.flatten(1).square().sum(-1).sqrt()


def spectral_loss(target: Tensor, output: Tensor, stft: Stft = DEFAULT_STFT) -> Tensor:
    """Distance of magnitude spectrograms, Tensor[B]."""
    return frobenius(spectrogram(_mono(target), stft) - spectrogram(_mono(output), stft))


def multispectral_loss(
    target: Tensor, output: Tensor, stfts: Sequence[Stft] = MULTI_STFT
) -> Tensor:
    """Mean of `spectral_loss` over several resolutions, Tensor[B]."""
    return sum((spectral_loss(target, output, s) for s in stfts), torch.zeros(())) / len(stfts)


def spectral_convergence(
    target: Tensor, output: Tensor, stft: Stft = DEFAULT_STFT, floor: float = 2e-3
) -> Tensor:
    """`spectral_loss` over the norm of the target's spectrogram, Tensor[B]; 0 for silence."""
    norm = frobenius(spectrogram(_mono(target), stft))
    residual = spectral_loss(target, output, stft)
    return residual * (norm > floor) / norm.clamp(min=floor)


def log_magnitude_loss(
    target: Tensor, output: Tensor, stft: Stft = DEFAULT_STFT, floor: float = 1e-4
) -> Tensor:
    """Mean absolute difference of log magnitudes, a scalar."""
    a = (spectrogram(_mono(target), stft) + floor).log()
    b = (spectrogram(_mono(output), stft) + floor).log()
    return (a - b).abs().mean()


@functools.cache
def mel_filters(n_fft: int, bands: int, rate_hz: int) -> Tensor:
    """Triangular bands, even in mel (O'Shaughnessy 1987), as Tensor[bands, n_fft / 2 + 1].

    Each has unit area over bins, so that noise weighs the same in all.
    """

    def mel(hz: np.ndarray) -> np.ndarray:
        return 2595.0 * np.log10(1.0 + hz / 700.0)

    bins = mel(np.linspace(0, rate_hz / 2, n_fft // 2 + 1))
    edges = np.linspace(bins[0], bins[-1], bands + 2)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    filters = np.clip(np.minimum(rising, falling), 0.0, None)
    # The lowest bands may be narrower than a bin: those hear the bin nearest to their middle.
    empty = filters.sum(1) < 1e-6
    nearest = np.abs(bins[None] - edges[1:-1, None]).argmin(1)
    filters[empty, nearest[empty]] = 1.0
    return torch.from_numpy(filters / filters.sum(1, keepdims=True)).float()


def log_mel_distance(
    target: Tensor,
    output: Tensor,
    rate_hz: int,
    stfts: Sequence[Stft] = MULTI_STFT,
    bands: int = 64,
    floor: float = 1e-3,
) -> Tensor:
    """Mean absolute difference of log10 mel magnitudes over several resolutions, Tensor[B]."""
    total = torch.zeros((), device=target.device)
    for stft in stfts:
        a, b = (
            log_mel(spectrogram(_mono(x), stft), rate_hz, bands, floor) for x in (target, output)
        )
        total = total + (a - b).abs().flatten(1).mean(-1)
    return total / len(stfts)


def log_mel(magnitudes: Tensor, rate_hz: int, bands: int = 64, floor: float = 1e-3) -> Tensor:
    """Log10 mel magnitudes Tensor[B, bands, frames] of Tensor[B, n_fft / 2 + 1, frames]."""
    filters = mel_filters(2 * (magnitudes.shape[1] - 1), bands, rate_hz)
    return (filters.to(magnitudes.device) @ magnitudes).clamp(min=floor).log10()


def reconstruction_loss(
    kind: Reconstruction, target: Tensor, output: Tensor, scale: Bandwidth, config: LossConfig
) -> Tensor:
    """Distance in samples over the data's bandwidth, a scalar.

    `linf` is the mean of the `linf_k` largest squared errors of each item; `lmix` the weighted sum.
    """
    if kind == "l1":
        return (output - target).abs().mean() / scale.l1
    if kind == "l2":
        return (output - target).square().mean() / scale.l2
    if kind == "linf":
        squares = (output - target).square().flatten(1)
        return squares.topk(config.linf_k, dim=1).values.mean() / scale.l2
    parts: list[tuple[float, Reconstruction]] = [
        (config.lmix_l1, "l1"),
        (config.lmix_l2, "l2"),
        (config.lmix_linf, "linf"),
    ]
    mixed = torch.zeros((), device=target.device)
    for weight, part in parts:
        if weight:
            mixed = mixed + weight * reconstruction_loss(part, target, output, scale, config)
    return mixed
