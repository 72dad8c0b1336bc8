"""Which attention head of a prior follows the words, and where it looks (paper, section 5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import LYRICS, PRIME
from jukebox_studio.model.prior import Prior
from jukebox_studio.training.codes import CodedTrack, CodeWindows

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
    """[n_ctx]: what is sung at each code, as of `labels.sung_places`."""


def lyric_layers(prior: Prior) -> list[int]:
    """The layers that look at the lyrics. JukeboxError for a model without any."""
    kinds = prior.config.transformer.kinds
    layers = [i for i, kind in enumerate(kinds) if kind in (LYRICS, PRIME)]
    if prior.config.lyrics is None or not layers:
        raise JukeboxError(f"{prior.config.name} has no layer that looks at words.")
    return layers


def sung_windows(windows: CodeWindows, most_per_track: int) -> list[SungWindow]:
    """Windows of all tracks whose words are timed, at least half of whose codes are sung."""
    assert windows.config.lyrics is not None
    found = []
    for track in windows.tracks:
        for _, start in windows.spread(track, most_per_track):
            batch = windows.collate([(track, start)])
            assert batch.sung is not None
            sung = batch.sung[0].double().numpy()
            if np.isfinite(sung).mean() >= 0.5:
                tokens = batch.y[0, -windows.config.lyrics.n_tokens :].numpy()
                found.append(SungWindow(track, start, tokens, sung))
    return found


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
