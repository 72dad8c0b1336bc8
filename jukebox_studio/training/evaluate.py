"""What a bundle is worth on held-out tracks: reconstruction, and bits per code."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from jukebox_studio.bundle import Bundle
from jukebox_studio.model.labels import LabelTables
from jukebox_studio.model.load import load_prior, load_vqvae
from jukebox_studio.model.vqvae import VQVAE
from jukebox_studio.training.averages import Averages, Measured
from jukebox_studio.training.codes import CodedTrack, CodeWindows, encode_tracks
from jukebox_studio.training.data import Sound, Track
from jukebox_studio.training.kept import Kept
from jukebox_studio.training.losses import DEFAULT_STFT, log_mel_distance, spectral_convergence
from jukebox_studio.training.ngram import NGram
from jukebox_studio.training.prior import mean_bits

Told = Callable[[str], None]
LevelPart = Literal["reconstruction", "bits"]

NGRAM_ORDERS = 4


@dataclass(frozen=True)
class LevelReport:
    """Measures of one level: means over tracks within an artist, then over artists.

    NaN stands for what was not asked for.
    """

    level: int
    hop_samples: int
    bits_per_second: float
    """What the codes alone take at log2(codebook size) each."""
    convergence_db: float
    """Spectral convergence of the reconstruction; lower is better."""
    mel_distance: float
    """`log_mel_distance` of the reconstruction, over three resolutions; lower is better."""
    codes_used: float
    """Share of the codebook that the held-out tracks use."""
    prior_bits: float
    frequency_bits: float
    """Bits per code of a model that knows only how frequent each training code is."""
    ngram_bits: float
    """The same of the best interpolated n-gram of orders 1 to 4, over the same windows."""
    ngram_bits_by_order: tuple[float, ...]
    below_ngram: float
    """The share of the best n-gram's bits that the prior saves."""
    averages: Averages = field(repr=False)
    """All of it, for music and singing apart and by artist; `convergence` is a ratio there."""


@dataclass(frozen=True)
class EvaluationReport:
    bundle: str
    split: str
    tracks: int
    seconds: float
    levels: tuple[LevelReport, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def is_sung(track: Track) -> bool:
    """Whether somebody sings words that are known."""
    return bool(track.words or track.lyrics)


def evaluate(
    bundle: Bundle,
    tables: LabelTables,
    train: Sequence[Sound],
    held_out: Sequence[Sound],
    *,
    split: str,
    cache: Path,
    parts: Collection[LevelPart] = ("reconstruction", "bits"),
    windows_per_track: int = 8,
    batch_size: int = 4,
    kept: Kept | None = None,
    told: Told = lambda _: None,
) -> EvaluationReport:
    """Reconstruction and bits of every level; `train` is needed for the baselines of the bits.

    kept: reconstructions that an earlier run has measured, with the same VQ-VAE.
    """
    vqvae = load_vqvae(bundle)
    told("encoding the held-out tracks")
    held = encode_tracks(vqvae, held_out, cache)
    levels = []
    for level in range(vqvae.config.levels):
        bits: Bits | None = None
        if "bits" in parts:
            told(f"level {level}: encoding the training tracks, counting n-grams")
            known = encode_tracks(vqvae, train, cache, levels=[level])
            bits = Bits(bundle, tables, level, held, known, windows_per_track, batch_size)
        told(f"level {level}: measuring {len(held)} tracks")
        rows = []
        for sound, track in zip(held_out, held, strict=True):
            values: dict[str, float] = {}
            if "reconstruction" in parts:
                piece = f"{level}/{sound.track.path.resolve()}/{len(sound.samples)}"
                measure = partial(reconstruction, vqvae, sound, track, level)
                values |= kept.of(piece, measure) if kept else measure()
            if bits:
                values |= bits.of(track)
            name = track.track.path.name
            rows.append(Measured(track.track.artist, name, is_sung(track.track), values))
        levels.append(_level_report(vqvae, level, held, Averages.of(rows), parts))
    if kept:
        kept.write()
    seconds = sum(len(s.samples) / s.rate_hz for s in held_out)
    return EvaluationReport(bundle.manifest.name, split, len(held), seconds, tuple(levels))


def _level_report(
    vqvae: VQVAE,
    level: int,
    held: Sequence[CodedTrack],
    averages: Averages,
    parts: Collection[LevelPart],
) -> LevelReport:
    size = vqvae.config.codebook_size
    used = np.zeros(size, dtype=bool)
    for track in held:
        used[np.asarray(track.levels[level])] = True
    orders = tuple(averages.get(f"ngram_{n}") for n in range(1, NGRAM_ORDERS + 1))
    hop = vqvae.config.hop_samples(level)
    return LevelReport(
        level=level,
        hop_samples=hop,
        bits_per_second=vqvae.config.sample_rate_hz / hop * math.log2(size),
        convergence_db=decibels(averages.get("convergence")),
        mel_distance=averages.get("mel_distance"),
        codes_used=float(used.mean()) if "reconstruction" in parts else math.nan,
        prior_bits=averages.get("prior"),
        frequency_bits=orders[0],
        ngram_bits=min(orders),
        ngram_bits_by_order=orders,
        below_ngram=1.0 - averages.get("prior") / min(orders),
        averages=averages,
    )


def decibels(ratio: float) -> float:
    return 20 * math.log10(ratio) if ratio > 0 else math.nan


class Bits:
    """Bits per code of a level's prior and of n-grams, over the same windows."""

    def __init__(
        self,
        bundle: Bundle,
        tables: LabelTables,
        level: int,
        held: Sequence[CodedTrack],
        known: Sequence[CodedTrack],
        windows_per_track: int,
        batch_size: int,
    ) -> None:
        self.level = level
        self.prior = load_prior(bundle, level)
        self.windows = CodeWindows(held, self.prior.config, tables, seed=0)
        sequences = [np.asarray(t.levels[level]) for t in known]
        self.ngram = NGram(sequences, self.prior.config.codebook_size, NGRAM_ORDERS)
        self.windows_per_track = windows_per_track
        self.batch_size = batch_size

    def of(self, track: CodedTrack) -> dict[str, float]:
        """Nothing for a track shorter than a window."""
        codes, n_ctx = np.asarray(track.levels[self.level]), self.prior.config.n_ctx
        if len(codes) < n_ctx:
            return {}
        spread = self.windows.spread(track, self.windows_per_track)
        values = {"prior": mean_bits(self.prior, self._batches(spread))}
        # Each window begun without context, as the prior's is.
        orders = np.mean(
            [self.ngram.bits_by_order(codes[s : s + n_ctx]).mean(axis=1) for _, s in spread], axis=0
        )
        return values | {f"ngram_{n}": float(bits) for n, bits in enumerate(orders, start=1)}

    def _batches(self, rows: Sequence[tuple[CodedTrack, int]]) -> Iterator[Any]:
        for i in range(0, len(rows), self.batch_size):
            yield self.windows.collate(rows[i : i + self.batch_size])


@torch.no_grad()
def reconstruction(vqvae: VQVAE, sound: Sound, track: CodedTrack, level: int) -> dict[str, float]:
    """Spectral convergence (a ratio) and mel distance of a track; means over ten-second pieces."""
    rate, hop = vqvae.config.sample_rate_hz, vqvae.config.hop_samples(level)
    codes = torch.from_numpy(np.asarray(track.levels[level]).astype(np.int64))[None]
    size = max(1, 10 * rate // hop)
    convergence, mel, at = [], [], 0
    for piece in vqvae.decode_pieces(codes, level, size):
        length = piece.shape[1]
        original = sound.samples[at : at + length].astype(np.float32) / 32767
        at += length
        if length > DEFAULT_STFT.n_fft:
            target = torch.from_numpy(original)[None, :, None]
            convergence.append(float(spectral_convergence(target, piece).item()))
            mel.append(float(log_mel_distance(target, piece, rate).item()))
    if not convergence:
        return {}
    return {
        "convergence": float(np.mean(convergence)),
        "mel_distance": float(np.mean(mel)),
    }
