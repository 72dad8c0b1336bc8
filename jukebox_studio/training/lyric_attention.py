"""Which attention head of a prior follows the words, and where it looks (paper, section 5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import LYRICS, PRIME
from jukebox_studio.model.prior import Prior
from jukebox_studio.training.codes import CodedTrack, CodeWindows, SungText

NEAR_CHARACTERS = 5
"""A head is right where it looks no further than this from the character that is sung."""

Weights = NDArray[np.float32]


@dataclass(frozen=True)
class HeadScore:
    """How well one head follows the words of timed windows."""

    layer: int
    head: int
    near: float
    """Share of its attention that lies near the character that is sung, while one is."""
    by_chance: float
    """The same for a head that looks at all characters alike."""
    centre_error: float
    """How far the centre of its attention lies from that character, in characters."""


@dataclass(frozen=True)
class SungWindow:
    """A window of music with the place of each of its codes in the words."""

    track: CodedTrack
    start: int
    tokens: NDArray[np.int64]
    """The lyric window [N]; 0 is padding."""
    sung: NDArray[np.float64]
    """[n_ctx]: the index in `tokens` of what is sung at each code; NaN where nobody sings, or
    what is sung lies outside."""


def lyric_layers(prior: Prior) -> list[int]:
    """The layers that look at the lyrics. JukeboxError for a model without any."""
    kinds = prior.config.transformer.kinds
    layers = [i for i, kind in enumerate(kinds) if kind in (LYRICS, PRIME)]
    if prior.config.lyrics is None or not layers:
        raise JukeboxError(f"{prior.config.name} has no layer that looks at words.")
    return layers


def sung_windows(windows: CodeWindows, most_per_track: int) -> list[SungWindow]:
    """Windows of all tracks whose words are timed, at least half of whose codes are sung."""
    config = windows.config
    assert config.lyrics is not None
    found = []
    for track in windows.tracks:
        text = SungText.of(track.track, windows.labeller.tables.version)
        if text is None or text.sung_at_seconds is None:
            continue
        for _, start in windows.spread(track, most_per_track):
            y = windows.collate([(track, start)]).y[0].numpy()
            tokens = y[-config.lyrics.n_tokens :]
            sung = _sung_indices(track, text, tokens, start, windows)
            if np.isfinite(sung).mean() >= 0.5:
                found.append(SungWindow(track, start, tokens, sung))
    return found


def _sung_indices(
    track: CodedTrack,
    text: SungText,
    tokens: NDArray[np.int64],
    start: int,
    windows: CodeWindows,
) -> NDArray[np.float64]:
    config = windows.config
    assert text.sung_at_seconds is not None
    at = start + np.arange(config.n_ctx) + 0.5
    seconds = at * config.hop_samples / config.sample_rate_hz
    singing = np.zeros(len(seconds), dtype=bool)
    for word in track.track.words:
        singing |= (seconds >= word.start_seconds) & (seconds < word.end_seconds)
    characters = np.searchsorted(text.sung_at_seconds, seconds, side="right") - 1
    indices = characters - _first_character(text.tokens, tokens)
    singing &= (characters >= 0) & (indices >= 0) & (indices < len(tokens))
    return np.where(singing, indices, np.nan)


def _first_character(text: NDArray[np.int64], tokens: NDArray[np.int64]) -> int:
    """Which character of the text stands first in the window; negative where padding does."""
    padding = len(tokens) - len(text)
    if padding >= 0:
        return -padding
    every = np.lib.stride_tricks.sliding_window_view(text, len(tokens))
    return int(np.flatnonzero((every == tokens).all(axis=1))[0])


def attention(prior: Prior, windows: CodeWindows, window: SungWindow) -> dict[int, Weights]:
    """What each code gives to each character, by lyric layer: {layer: Array[heads, n_ctx, N]}."""
    batch = windows.collate([(window.track, window.start)])
    layers = lyric_layers(prior)
    found = prior.attention_weights(batch.codes, batch.y, batch.above, layers=layers)
    return {layer: weights[0].float().numpy() for layer, weights in found.items()}


def score_heads(
    prior: Prior, windows: CodeWindows, chosen: Sequence[SungWindow]
) -> list[HeadScore]:
    """Every head of every lyric layer, the best first; the best belongs into
    `LyricsConfig.alignment_layer` and `alignment_head`."""
    if not chosen:
        raise JukeboxError("No held-out track has timed words, so no head can be chosen by them.")
    totals: dict[tuple[int, int], list[tuple[float, float, float]]] = {}
    for window in chosen:
        sung = np.isfinite(window.sung)
        at = window.sung[sung]
        characters = np.arange(len(window.tokens))
        near = np.abs(characters - at[:, None]) <= NEAR_CHARACTERS
        for layer, weights in attention(prior, windows, window).items():
            for head, looks in enumerate(weights[:, sung]):
                looks = looks / np.maximum(looks.sum(axis=1, keepdims=True), 1e-9)
                totals.setdefault((layer, head), []).append(
                    (
                        float((looks * near).sum(axis=1).mean()),
                        float(near.mean()),
                        float(np.abs(looks @ characters - at).mean()),
                    )
                )
    scores = [
        HeadScore(layer, head, *(float(n) for n in np.mean(found, axis=0)))
        for (layer, head), found in totals.items()
    ]
    return sorted(scores, key=lambda score: -score.near)
