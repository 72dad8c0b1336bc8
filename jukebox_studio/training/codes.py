"""Tracks as codes: what a prior learns from, and the windows it is shown."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import PriorConfig
from jukebox_studio.model.labels import (
    SILENT,
    UNKNOWN,
    UNKNOWN_LENGTH,
    Labeller,
    LabelTables,
    Version,
    clean_lyrics,
    even_times,
    fit_timing,
    normalize_artist,
    normalize_genre,
    pauses_of,
    sung_places,
    sung_window,
    tokenize,
    window_tokens,
)
from jukebox_studio.model.vqvae import VQVAE
from jukebox_studio.training.data import Sound, Track, artist_weights, save_array

Codes = NDArray[np.int16]


@dataclass(frozen=True)
class CodedTrack:
    """One track as codes, mapped from a cache: int16 Array[T] per level."""

    track: Track
    levels: dict[int, Codes]
    total_samples: int
    """Length of the track, cut to whole codes of the top level."""


def encode_tracks(
    vqvae: VQVAE,
    sounds: Sequence[Sound],
    cache: Path,
    told: Callable[[int, int], None] | None = None,
    levels: Sequence[int] | None = None,
) -> list[CodedTrack]:
    """Every track in codes of `levels` (default: all), kept in `cache` under the weights' hash."""
    cache.mkdir(parents=True, exist_ok=True)
    hop = vqvae.config.hop_samples(vqvae.config.levels - 1)
    chosen = range(vqvae.config.levels) if levels is None else levels
    names = {level: _weights_hash(vqvae, level) for level in chosen}
    tracks = []
    for i, sound in enumerate(sounds):
        total = len(sound.samples) // hop * hop
        mapped = {}
        for level, name in names.items():
            key = hashlib.sha256(f"{sound.track.path.resolve()}|{total}".encode()).hexdigest()[:16]
            path = cache / f"{key}-{name}.npy"
            if not path.is_file():
                audio = torch.from_numpy(sound.samples[:total].astype(np.float32) / 32767)
                with torch.no_grad():
                    codes = vqvae.encode_chunked(audio[None, :, None], level)[0]
                save_array(path, codes.numpy().astype(np.int16))
            mapped[level] = np.load(path, mmap_mode="r")
        tracks.append(CodedTrack(sound.track, mapped, total))
        if told:
            told(i + 1, len(sounds))
    return tracks


def _weights_hash(vqvae: VQVAE, level: int) -> str:
    digest = hashlib.sha256()
    for module in (vqvae.encoders[level], vqvae.codebook(level)):
        for tensor in module.state_dict().values():
            digest.update(tensor.contiguous().numpy().tobytes())
    return f"l{level}-{digest.hexdigest()[:12]}"


def make_tables(tracks: Sequence[Track]) -> LabelTables:
    """Label tables (v2 spellings) of the artists and genre words of some tracks; 0 is unknown."""
    artists = sorted({normalize_artist(t.artist, "v2") for t in tracks} - {"unknown", ""})
    genres = sorted({w for t in tracks for w in normalize_genre(t.genre, "v2")} - {"unknown", ""})

    def table(names: list[str]) -> dict[str, int]:
        return {"unknown": UNKNOWN} | {name: i for i, name in enumerate(names, start=1)}

    return LabelTables("v2", table(artists), table(genres))


@dataclass(frozen=True)
class Dropout:
    """The chance that a window is not told something, each by itself, and what is told wrong.

    Not told, the model also learns what music is like without, which guidance needs; the original
    dropped none.
    """

    artist: float = 0.1
    genres: float = 0.1
    lyrics: float = 0.1
    timing: float = 0.1
    plan: float = 0.2
    """Of what is sung when, where the words are known; half as often only up to some code, as when
    words are known from where a render begins."""
    wrong_codes: float = 0.0
    """The largest share of a window's codes, and of those above, that are shown as others; each
    window has a share of its own, from 0 up. A model that could always trust what came before never
    learns to stand its own mistakes, nor to listen to words and style."""


LYRICS_SHIFT = 1 / 20
"""How far, as a share of its length, a lyric window is moved in training at the most: at rendering
time nobody knows the exact place either, but more would hide it."""
LENGTH_SPREAD = 0.1
"""Standard deviation of the log of what a song's length is told as, with its place in it: else its
exact length would be its name."""
PLAN_SPREAD, PLAN_STEADY_SECONDS = 0.3, 0.37
"""Standard deviation of how many characters a plan is off, and for about how long alike: what
people plan is never so exact."""


@dataclass(frozen=True)
class SungText:
    """All lyric tokens of a track, and where in the track each is sung."""

    tokens: NDArray[np.int64]
    pauses: NDArray[np.bool_]
    """Array[characters]: which are spaces."""
    sung_at_seconds: NDArray[np.float64] | None
    """Array[characters], never falling; None without timed words."""

    @classmethod
    def of(cls, track: Track, version: Version) -> SungText | None:
        """None where the words are not known."""
        if track.lyrics is None:
            return None
        text = clean_lyrics(track.lyrics, version)
        tokens, pauses = np.array(tokenize(text, version), dtype=np.int64), pauses_of(text)
        if not track.words:
            return cls(tokens, pauses, None)
        # Each word is found after the one before; what is between goes in a straight line.
        at, places, times = 0, [], []
        for word in track.words:
            cleaned = clean_lyrics(word.text, version)
            found = text.find(cleaned, at) if cleaned else -1
            if found < 0:
                continue
            at = found + len(cleaned)
            places += [*range(found, at), at - 1e-3]
            times += even_times(cleaned, word.start_seconds, word.end_seconds).tolist()
            times.append(word.end_seconds)
        if not places:
            return cls(tokens, pauses, None)
        sung = np.interp(np.arange(len(tokens)), places, times)
        return cls(tokens, pauses, np.maximum.accumulate(sung))


@dataclass(frozen=True)
class Batch:
    """Windows of codes with what the prior is told of them."""

    codes: Tensor
    """Tensor[B, n_ctx] int64."""
    shown: Tensor
    """Tensor[B, n_ctx]: the same, but for those that are told wrong."""
    above: Tensor | None
    """Tensor[B, n_ctx / ratio] as shown, where the model has a conditioner."""
    y: Tensor
    """Tensor[B, fields]."""
    sung: Tensor | None
    """Tensor[B, n_ctx] float: what is sung at each code, as of `labels.sung_places`. None for a
    prior without lyrics."""
    plan: Tensor | None
    """Tensor[B, n_ctx]: so much of it as the prior is told."""


class CodeWindows:
    """Random windows of a set of coded tracks. The window of (seed, step, row) never changes."""

    def __init__(
        self,
        tracks: Sequence[CodedTrack],
        config: PriorConfig,
        tables: LabelTables,
        seed: int,
        evenness: float = 1.0,
        dropout: Dropout | None = None,
    ) -> None:
        self.config = config
        self.labeller = Labeller.for_prior(config, tables)
        self.tracks = [t for t in tracks if len(t.levels[config.level]) >= config.n_ctx]
        if not self.tracks:
            raise JukeboxError(
                f"No track is as long as a window of {config.name}, "
                f"{config.sample_length / config.sample_rate_hz:.1f} s. Add longer tracks."
            )
        self.seed = seed
        self.dropout = dropout
        self.ratio = config.conditioner.codes_per_code_above if config.conditioner else 1
        self._texts = {
            t.track.path: SungText.of(t.track, tables.version)
            for t in (self.tracks if config.lyrics else [])
        }
        lengths = [(t.track.artist, float(t.total_samples)) for t in self.tracks]
        self._weights = artist_weights(lengths, evenness)

    def batch(self, step: int, size: int) -> Batch:
        """The windows of a training step."""
        rng = np.random.default_rng([self.seed, step])
        rows = []
        for index in rng.choice(len(self.tracks), size, p=self._weights):
            codes = self.tracks[index].levels[self.config.level]
            latest = (len(codes) - self.config.n_ctx) // self.ratio
            rows.append((self.tracks[index], int(rng.integers(latest + 1)) * self.ratio))
        return self.collate(rows, rng if self.dropout else None)

    def even(self, most_per_track: int, size: int) -> Iterator[Batch]:
        """Windows spread evenly over every track, told everything: for validation."""
        rows = [row for track in self.tracks for row in self.spread(track, most_per_track)]
        for i in range(0, len(rows), size):
            yield self.collate(rows[i : i + size])

    def spread(self, track: CodedTrack, most: int) -> list[tuple[CodedTrack, int]]:
        """At most `most` windows of a track, from its first to its last code."""
        latest = (len(track.levels[self.config.level]) - self.config.n_ctx) // self.ratio
        count = min(most, 1 + latest * self.ratio // self.config.n_ctx)
        starts = np.linspace(0, latest, count).astype(int)
        return [(track, int(start) * self.ratio) for start in starts]

    def collate(
        self, rows: Sequence[tuple[CodedTrack, int]], rng: np.random.Generator | None = None
    ) -> Batch:
        """The windows that start at the given codes of the given tracks; labels drop with `rng`."""
        level, n_ctx = self.config.level, self.config.n_ctx

        def stack(parts: list[Codes]) -> Tensor:
            return torch.from_numpy(np.stack(parts).astype(np.int64))

        above = None
        if self.config.conditioner:
            length = n_ctx // self.ratio
            above = stack(
                [t.levels[level + 1][s // self.ratio : s // self.ratio + length] for t, s in rows]
            )
        told = [self._label(t, s, rng) for t, s in rows]
        codes = shown = stack([t.levels[level][s : s + n_ctx] for t, s in rows])
        if rng is not None and self.dropout is not None and self.dropout.wrong_codes:
            shares = rng.random(len(rows)) * self.dropout.wrong_codes
            shown = _some_wrong(codes, shares, rng)
            above = None if above is None else _some_wrong(above, shares, rng)
        sung = plan = None
        if self.config.lyrics:
            sung = torch.from_numpy(np.stack([found for _, found in told])).float()
            plan = sung if rng is None else self._planned(sung, rng)
        return Batch(
            codes=codes,
            shown=shown,
            above=above,
            y=torch.from_numpy(np.stack([y for y, _ in told])),
            sung=sung,
            plan=plan,
        )

    def _planned(self, sung: Tensor, rng: np.random.Generator) -> Tensor:
        """What is told of Tensor[B, n_ctx] in training."""
        count, n_ctx = sung.shape
        known_from = np.zeros(count)
        if self.dropout is not None:
            chances, share = rng.random(count), self.dropout.plan
            known_from[chances < 1.5 * share] = rng.random(count)[chances < 1.5 * share]
            known_from[chances < share] = 1.0
        rate, hop = self.config.sample_rate_hz, self.config.hop_samples
        alike = max(1, round(PLAN_STEADY_SECONDS * rate / hop))
        steady = np.arange(0, n_ctx + alike, alike)
        off = [
            np.interp(np.arange(n_ctx), steady, PLAN_SPREAD * rng.standard_normal(len(steady)))
            for _ in range(count)
        ]
        known = np.arange(n_ctx) >= known_from[:, None] * n_ctx
        told = sung + torch.from_numpy(np.stack(off)).float()
        return torch.where(torch.from_numpy(known), told, math.nan)

    def _label(
        self, track: CodedTrack, start: int, rng: np.random.Generator | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The label [fields] of a window, and what is sung at each of its codes, [n_ctx]."""
        artist, genre = track.track.artist, track.track.genre
        text = self._texts.get(track.track.path)
        shift, longer, timing_known = 0.0, 1.0, True
        if rng is not None and self.dropout is not None:
            # Always as many draws, so that one choice does not shift the next.
            draws = rng.random(6)
            artist = "unknown" if draws[0] < self.dropout.artist else artist
            genre = "unknown" if draws[1] < self.dropout.genres else genre
            text = None if draws[2] < self.dropout.lyrics else text
            shift = 2 * draws[3] - 1
            longer = math.exp(LENGTH_SPREAD * NormalDist().inv_cdf(draws[4] or 0.5))
            timing_known = draws[5] >= self.dropout.timing
        start_samples = start * self.config.hop_samples
        total, offset = fit_timing(
            self.config, round(longer * track.total_samples), round(longer * start_samples)
        )
        y = self.labeller.label(
            artist=artist,
            genre=genre,
            lyrics=track.track.lyrics if text is not None else None,
            total_samples=total,
            offset_samples=offset,
        ).y
        if not timing_known:
            y[0] = UNKNOWN_LENGTH
        sung = np.full(self.config.n_ctx, np.nan)
        lyrics = self.config.lyrics
        if lyrics and text is not None and text.sung_at_seconds is not None:
            indices = self._timed_indices(text, start_samples, shift)
            y[-lyrics.n_tokens :] = window_tokens(tuple(text.tokens.tolist()), indices)
            sung = self._sung(track, text, indices, start)
        elif text is not None and not len(text.tokens):
            sung[:] = SILENT
        return y, sung

    def _timed_indices(self, text: SungText, start_samples: int, shift: float) -> NDArray[np.int64]:
        """The lyric window around what is sung in the middle of a window of music.

        `shift` (-1 to 1) moves it by up to LYRICS_SHIFT.
        """
        assert self.config.lyrics is not None
        assert text.sung_at_seconds is not None
        n_tokens = self.config.lyrics.n_tokens
        middle = (start_samples + self.config.sample_length / 2) / self.config.sample_rate_hz
        return sung_window(
            text.sung_at_seconds,
            n_tokens,
            middle,
            round(shift * LYRICS_SHIFT * n_tokens),
            centred=self.config.lyrics.centred,
        )

    def _sung(
        self, track: CodedTrack, text: SungText, indices: NDArray[np.int64], start: int
    ) -> NDArray[np.float64]:
        """The place in the lyric window of what is sung at each code of a window."""
        assert text.sung_at_seconds is not None
        config, words = self.config, track.track.words
        at = start + np.arange(config.n_ctx) + 0.5
        seconds = at * config.hop_samples / config.sample_rate_hz
        sung_at = np.append(text.sung_at_seconds, words[-1].end_seconds)
        places = sung_places(sung_at, text.pauses, indices, seconds)
        return np.where(seconds < words[0].start_seconds, SILENT, places)


def _some_wrong(codes: Tensor, shares: NDArray[np.float64], rng: np.random.Generator) -> Tensor:
    """Tensor[B, T] with `shares` [B] of each row taken from other places of the batch."""
    wrong = torch.from_numpy(rng.random(codes.shape) < shares[:, None])
    others = codes.flatten()[torch.from_numpy(rng.integers(codes.numel(), size=codes.shape))]
    return torch.where(wrong, others, codes)
