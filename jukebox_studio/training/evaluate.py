"""What a bundle is worth on held-out tracks: reconstruction, and bits per code."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from jukebox_studio.bundle import Bundle
from jukebox_studio.model.labels import LabelTables
from jukebox_studio.model.load import load_prior, load_vqvae
from jukebox_studio.model.vqvae import VQVAE
from jukebox_studio.training.codes import CodedTrack, CodeWindows, encode_tracks
from jukebox_studio.training.data import Sound
from jukebox_studio.training.losses import DEFAULT_STFT, spectral_convergence
from jukebox_studio.training.ngram import NGram
from jukebox_studio.training.prior import mean_bits

Told = Callable[[str], None]


@dataclass(frozen=True)
class LevelReport:
    """Measures of one level, averaged over tracks within an artist, then over artists."""

    level: int
    hop_samples: int
    bits_per_second: float
    """What the codes alone take at log2(codebook size) each."""
    convergence_db: float
    """Spectral convergence of the reconstruction; lower is better."""
    codes_used: float
    """Share of the codebook that the held-out tracks use."""
    prior_bits: float
    frequency_bits: float
    """Bits per code of a model that knows only how frequent each training code is."""
    ngram_bits: float
    """The same of an interpolated 4-gram, over the same windows."""
    by_artist: dict[str, dict[str, float]] = field(repr=False)


@dataclass(frozen=True)
class EvaluationReport:
    bundle: str
    split: str
    tracks: int
    seconds: float
    levels: tuple[LevelReport, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def evaluate(
    bundle: Bundle,
    tables: LabelTables,
    train: Sequence[Sound],
    held_out: Sequence[Sound],
    *,
    split: str,
    cache: Path,
    windows_per_track: int = 8,
    batch_size: int = 4,
    told: Told = lambda _: None,
) -> EvaluationReport:
    """All measures of a bundle; `train` is needed for the baselines alone."""
    vqvae = load_vqvae(bundle)
    told("encoding the held-out tracks")
    held = encode_tracks(vqvae, held_out, cache)
    told("encoding the training tracks")
    known = encode_tracks(vqvae, train, cache)
    levels = []
    for level in range(vqvae.config.levels):
        told(f"level {level}")
        rows: dict[str, list[dict[str, float]]] = {}
        prior = load_prior(bundle, level)
        windows = CodeWindows(held, prior.config, tables, seed=0)
        sequences = [np.asarray(t.levels[level]) for t in known]
        size = vqvae.config.codebook_size
        frequency, ngram = NGram(sequences, size, 1), NGram(sequences, size, 4)
        used = np.zeros(size, dtype=bool)
        for sound, track in zip(held_out, held, strict=True):
            used[np.asarray(track.levels[level])] = True
            row = {"convergence": _convergence(vqvae, sound, track, level)}
            if len(track.levels[level]) >= prior.config.n_ctx:
                spread = windows.spread(track, windows_per_track)
                batches = _batches(windows, spread, batch_size)
                starts = [start for _, start in spread]
                row |= {
                    "prior": mean_bits(prior, batches),
                    "frequency": _window_bits(frequency, track, level, starts, prior.config.n_ctx),
                    "ngram": _window_bits(ngram, track, level, starts, prior.config.n_ctx),
                }
            rows.setdefault(track.track.artist, []).append(row)
        by_artist = {artist: _mean(found) for artist, found in sorted(rows.items())}
        mean = _mean(list(by_artist.values()))
        hop = vqvae.config.hop_samples(level)
        levels.append(
            LevelReport(
                level=level,
                hop_samples=hop,
                bits_per_second=vqvae.config.sample_rate_hz / hop * math.log2(size),
                convergence_db=20 * math.log10(mean["convergence"]),
                codes_used=float(used.mean()),
                prior_bits=mean["prior"],
                frequency_bits=mean["frequency"],
                ngram_bits=mean["ngram"],
                by_artist=by_artist,
            )
        )
    seconds = sum(len(s.samples) / s.rate_hz for s in held_out)
    return EvaluationReport(bundle.manifest.name, split, len(held), seconds, tuple(levels))


def _batches(
    windows: CodeWindows, rows: Sequence[tuple[CodedTrack, int]], size: int
) -> Iterator[Any]:
    for i in range(0, len(rows), size):
        yield windows.collate(rows[i : i + size])


def _window_bits(
    model: NGram, track: CodedTrack, level: int, starts: Sequence[int], n_ctx: int
) -> float:
    """Mean bits per code over the same windows as the prior's, each begun without context."""
    codes = np.asarray(track.levels[level])
    return float(np.mean([model.bits(codes[s : s + n_ctx]).mean() for s in starts]))


@torch.no_grad()
def _convergence(vqvae: VQVAE, sound: Sound, track: CodedTrack, level: int) -> float:
    """Spectral convergence of a track's reconstruction, a ratio; mean over ten-second pieces."""
    hop = vqvae.config.hop_samples(level)
    codes = torch.from_numpy(np.asarray(track.levels[level]).astype(np.int64))[None]
    size = max(1, 10 * vqvae.config.sample_rate_hz // hop)
    found, at = [], 0
    for piece in vqvae.decode_pieces(codes, level, size):
        length = piece.shape[1]
        original = sound.samples[at : at + length].astype(np.float32) / 32767
        at += length
        if length > DEFAULT_STFT.n_fft:
            target = torch.from_numpy(original)[None, :, None]
            found.append(float(spectral_convergence(target, piece).item()))
    return float(np.mean(found))


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    keys = {key for row in rows for key in row}
    return {key: float(np.mean([row[key] for row in rows if key in row])) for key in sorted(keys)}
